//! The folder of links that stand in for tools, and what the links must know.
//!
//! The kernel makes it ([`Tools::create`]), puts it where tools are looked for ([`Tools::enter`])
//! and says later, when set-up has found them, where the real tools are ([`Tools::describe`]).

use super::crates;
use super::guard::Refusal;
use crate::setup::Toolchain;
use crate::setup::prepared::TARGET;
use crate::setup::std_sources;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names under which this program stands in.
pub const NAMES: [&str; 3] = ["cargo", "rustc", "rustup"];
/// Names the folder to every process below the kernel.
const VARIABLE: &str = "TORCHBOOK_TOOLS";
/// Holds the user's CARGO_HOME while ours is set.
const CARGO_HOME_BEFORE: &str = "TORCHBOOK_CARGO_HOME";

/// One kernel's folder of stand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    folder: PathBuf,
}

/// What a stand-in must know, written by the kernel once set-up is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// The real cargo.
    pub cargo: PathBuf,
    /// The real rustc.
    pub rustc: PathBuf,
    /// Folder of the toolchain.
    pub sysroot: PathBuf,
    /// As `rustc --version` prints it.
    pub version: String,
    /// This program, under its own name.
    pub program: PathBuf,
    /// evcxr's folder of this kernel.
    pub evcxr: PathBuf,
    /// Answers that all kernels with the same prepared folder share.
    pub shared_answers: PathBuf,
}

impl Settings {
    /// The kernel's folder.
    pub fn kernel(&self) -> &Path {
        self.evcxr.parent().unwrap_or(&self.evcxr)
    }

    /// Where cargo puts what it builds for cells.
    pub fn target_debug(&self) -> PathBuf {
        self.evcxr.join("target").join(TARGET).join("debug")
    }

    /// The prepared folder that this kernel's was copied from.
    pub fn prepared(&self) -> PathBuf {
        self.shared_answers
            .parent()
            .map_or_else(PathBuf::new, Path::to_path_buf)
    }

    /// The toolchain's folder as rust-analyzer is to see it: in the one that answers questions, or in
    /// the one inside evcxr, which is asked for types alone.
    pub fn analysed_sysroot(&self, answers_questions: bool) -> PathBuf {
        let own = self.prepared().join(if answers_questions {
            std_sources::WHOLE
        } else {
            std_sources::SIGNATURES
        });
        if own.exists() {
            own
        } else {
            self.sysroot.clone()
        }
    }

    /// Whether a folder has sources of std that [`Settings::analysed_sysroot`] has named.
    pub fn is_of_std(&self, folder: &Path) -> bool {
        let sysroots = [true, false].map(|whole| self.analysed_sysroot(whole));
        sysroots.iter().any(|sysroot| folder.starts_with(sysroot))
    }

    /// Where a package's signatures are, for the rust-analyzer inside evcxr. With the answers that name
    /// them, so that they go together.
    pub fn signatures(&self, package: &str) -> PathBuf {
        let all = self.shared_answers.join(std_sources::CRATE_SIGNATURES);
        all.join(package)
    }

    /// The compiler command of cells that depend on the prelude alone, or of evcxr's own first cell,
    /// which depends on nothing: for all kernels. None for other cells.
    pub fn shared_recording(&self) -> Option<PathBuf> {
        let name = match self.dependencies().as_slice() {
            [] => "compiler-alone.json",
            [one] if one.contains("torchbook-prelude") => "compiler-with-prelude.json",
            _ => return None,
        };
        Some(self.shared_answers.join(name))
    }

    /// Whether the user has left the level of optimisation to the kernel.
    pub fn level_is_by_cell(&self) -> bool {
        let manifest = std::fs::read_to_string(self.evcxr.join("Cargo.toml")).unwrap_or_default();
        let level = format!("opt-level = {}", crates::LEVEL_BY_CELL);
        manifest.lines().any(|line| line == level)
    }

    /// The lines below `[dependencies]` in the manifest of the cells' crate.
    fn dependencies(&self) -> Vec<String> {
        let manifest = std::fs::read_to_string(self.evcxr.join("Cargo.toml")).unwrap_or_default();
        let lines = manifest
            .lines()
            .skip_while(|line| *line != "[dependencies]")
            .skip(1)
            .filter(|line| !line.trim().is_empty());
        lines.map(str::to_owned).collect()
    }
}

impl Tools {
    /// Makes the folder with its links.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(folder: &Path) -> io::Result<Tools> {
        let tools = Tools {
            folder: folder.to_path_buf(),
        };
        std::fs::create_dir_all(folder.join("bin"))?;
        std::fs::create_dir_all(tools.answers())?;
        std::fs::create_dir_all(tools.empty_sysroot().join("lib/rustlib/src/rust/library"))?;
        crates::create_empty_libraries(&tools.empty_libraries())?;
        std::fs::write(tools.starting_file(), "")?;
        let program = std::env::current_exe()?;
        for name in NAMES {
            symlink(&program, tools.link(name))?;
        }
        Ok(tools)
    }

    /// The folder that the kernel above this process made.
    pub fn of_environment() -> Option<Tools> {
        let folder = PathBuf::from(std::env::var_os(VARIABLE)?);
        Some(Tools { folder })
    }

    /// Puts the stand-ins before the real tools for this process and what it starts.
    ///
    /// # Safety
    /// No other thread may run: the environment is written.
    pub unsafe fn enter(&self) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.bin()).chain(std::env::split_paths(&path));
        let joined = std::env::join_paths(folders).unwrap_or(path);
        let before = std::env::var_os("CARGO_HOME").unwrap_or_default();
        // SAFETY: the caller's promise.
        unsafe {
            std::env::set_var("PATH", joined);
            // rust-analyzer looks for cargo in $CARGO_HOME/bin before anywhere else.
            std::env::set_var("CARGO_HOME", &self.folder);
            std::env::set_var(CARGO_HOME_BEFORE, before);
            std::env::set_var(VARIABLE, &self.folder);
        }
    }

    /// Takes the stand-ins out of a command's environment: for real tools and users' programs.
    pub fn restore_environment(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", self.without_links(&path));
        if std::env::var_os("CARGO_HOME").is_some_and(|home| Path::new(&home) == self.folder) {
            match std::env::var_os(CARGO_HOME_BEFORE) {
                Some(home) if !home.is_empty() => command.env("CARGO_HOME", home),
                _ => command.env_remove("CARGO_HOME"),
            };
        }
        command.env_remove(CARGO_HOME_BEFORE).env_remove(VARIABLE);
    }

    fn without_links(&self, path: &OsStr) -> OsString {
        let bin = self.bin();
        let kept = std::env::split_paths(path).filter(|folder| *folder != bin);
        std::env::join_paths(kept).unwrap_or_else(|_| path.to_owned())
    }

    /// The stand-in of a tool.
    pub fn link(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// Where all of it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Answers of this kernel alone.
    pub fn answers(&self) -> PathBuf {
        self.folder.join("answers")
    }

    /// Libraries without content.
    pub fn empty_libraries(&self) -> PathBuf {
        self.folder.join("empty-libraries")
    }

    /// Where cells are compiled.
    pub fn crates(&self) -> PathBuf {
        self.folder.join("crates")
    }

    /// The compiler command of this kernel's cells.
    pub fn recording(&self) -> PathBuf {
        self.folder.join("recording.json")
    }

    /// The named pipe through which the kernel hears what cargo does.
    pub fn progress_pipe(&self) -> PathBuf {
        self.folder.join("progress")
    }

    /// Copies for the case that a build is given up, on the same disk as evcxr's folder.
    pub fn kept(&self) -> PathBuf {
        self.folder.join("kept")
    }

    /// The lock file with which cells were compiled last.
    pub fn good_lock(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// Says from the kernel whether the prelude's library may be replaced now.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn allow_rebuild(&self, allowed: bool) -> io::Result<()> {
        let file = self.allowed_file();
        match allowed {
            true => std::fs::write(file, ""),
            false => match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// Whether the kernel allows it.
    pub fn may_rebuild(&self) -> bool {
        self.allowed_file().exists()
    }

    /// Whether the prelude, or what it is made of, was built again since this was last asked.
    pub fn take_rebuilt(&self) -> bool {
        std::fs::remove_file(self.rebuilt_file()).is_ok()
    }

    /// What was refused since this was last asked.
    pub fn take_refusal(&self) -> Option<Refusal> {
        let text = std::fs::read(self.refusal_file()).ok()?;
        // Unreadable or not, it is told once.
        let _ = std::fs::remove_file(self.refusal_file());
        serde_json::from_slice(&text).ok()
    }

    /// Nothing of the user's has been compiled yet: what is compiled is the same in every kernel.
    pub fn is_starting(&self) -> bool {
        self.starting_file().exists()
    }

    /// From now on, cells are the user's.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn has_started(&self) -> io::Result<()> {
        std::fs::remove_file(self.starting_file())
    }

    fn starting_file(&self) -> PathBuf {
        self.folder.join("starting")
    }

    fn allowed_file(&self) -> PathBuf {
        self.folder.join("rebuild-allowed")
    }

    /// Exists once something of the prelude's is built again.
    pub fn rebuilt_file(&self) -> PathBuf {
        self.folder.join("rebuilt")
    }

    /// Holds a [`Refusal`].
    pub fn refusal_file(&self) -> PathBuf {
        self.folder.join("refused.json")
    }

    /// As [`Tools::folder`] told.
    pub fn at(folder: PathBuf) -> Tools {
        Tools { folder }
    }

    /// A toolchain's folder without std.
    pub fn empty_sysroot(&self) -> PathBuf {
        self.folder.join("empty-sysroot")
    }

    /// Tells the stand-ins where the real tools are; from now on they give quick answers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn describe(
        &self,
        toolchain: &Toolchain,
        evcxr: PathBuf,
        shared_answers: PathBuf,
    ) -> io::Result<()> {
        std::fs::create_dir_all(&shared_answers)?;
        let settings = Settings {
            program: std::env::current_exe()?,
            cargo: toolchain.cargo.clone(),
            rustc: toolchain.rustc.clone(),
            sysroot: toolchain.sysroot.clone(),
            version: toolchain.version.clone(),
            evcxr,
            shared_answers,
        };
        std::fs::write(self.settings_file(), serde_json::to_vec(&settings)?)
    }

    /// What [`Tools::describe`] wrote; none before.
    pub fn settings(&self) -> Option<Settings> {
        serde_json::from_slice(&std::fs::read(self.settings_file()).ok()?).ok()
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("settings.json")
    }
}
