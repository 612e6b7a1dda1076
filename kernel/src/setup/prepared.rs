//! The prepared folder: evcxr's folder with the prelude and all its dependencies built.
//!
//! Built once per toolchain, prelude source, libtorch and flags, then copied for each
//! kernel by [`super::kernel_folder`]. Everything in it is as evcxr 0.22 itself would
//! write it (manifest, flags, layout), so that cargo finds nothing to rebuild in a copy.

mod identity;

pub use identity::locked_version;

use super::cache::{Cache, Lock};
use super::cargo_records;
use super::command::run_with_progress;
use super::in_use::InUse;
use super::kernel_folder::{INCREMENTAL, copy_folder};
use super::libtorch::{CLEARED_VARIABLES, Libtorch};
use super::prepared_contents::{self, COMPLETE};
use super::std_sources;
use super::{Environment, Reporter, Result, SetupError, Toolchain};
use crate::stand_in::crates::LEVEL_BY_CELL;
use identity::{dependencies_key, sources_key};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The prelude's folder as it was when this binary was built.
static PRELUDE_SOURCES: &[(&str, &[u8])] =
    include!(concat!(env!("OUT_DIR"), "/prelude_sources.rs"));
/// Versions of the prelude's dependencies: those of the workspace.
static LOCK_FILE: &str = include_str!("../../../Cargo.lock");
/// Raise it when the layout of the folder changes in a way nothing else shows.
const LAYOUT: &str = "1";
/// The triple that everything is built for; the host is checked to be this one.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Flags evcxr passes for every crate.
pub const RUSTFLAGS: &str = "-Cprefer-dynamic";
/// The crate evcxr compiles cells as.
const CELL_CRATE: &str = "ctx";
/// Before anything was built.
const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

/// Profiles for everything but the cells: cargo reads them from the parent of evcxr's
/// folder, which evcxr never writes. So `:opt` changes the cells alone.
///
/// Crates that only run while something is compiled are left unoptimised: cargo would
/// spend half the build on them, and has no other way to tell them from the rest.
pub const PROFILES: &str = r#"[profile.dev.package]
"*" = { opt-level = 3 }
torch-sys = { opt-level = 1 }
syn = { opt-level = 0 }
proc-macro2 = { opt-level = 0 }
quote = { opt-level = 0 }
serde_derive = { opt-level = 0 }
thiserror-impl = { opt-level = 0 }
zerocopy-derive = { opt-level = 0 }
cc = { opt-level = 0 }
autocfg = { opt-level = 0 }
"#;

/// A complete prepared folder.
#[derive(Debug, Clone)]
pub struct Prepared {
    folder: PathBuf,
    toolchain: Toolchain,
    build_environment: Vec<(String, String)>,
    /// Keeps the folder from being removed as unused while any clone of this is alive.
    in_use: Option<InUse>,
}

impl Prepared {
    /// Finds the prepared folder for these parts, or builds it.
    ///
    /// # Errors
    /// [`SetupError`] when the build fails, with the end of what cargo said.
    pub fn ensure(
        cache: &Cache,
        toolchain: &Toolchain,
        libtorch: &Libtorch,
        environment: &Environment,
        reporter: &Reporter,
    ) -> Result<Prepared> {
        let dependencies = dependencies_key(toolchain, libtorch);
        let mut prepared = Prepared::at_its_place(cache, toolchain, libtorch);
        if prepared.claim() {
            return Ok(prepared);
        }
        let _lock = Lock::acquire(&prepared.folder, "The prelude", reporter)?;
        // Another process may have built it while we waited.
        if !prepared.is_complete() {
            prepared_contents::forget_damaged(&prepared.folder)?;
            prepared.start_from_relative(&dependencies)?;
            prepared.build(toolchain, environment, reporter)?;
        }
        prepared.claim();
        Ok(prepared)
    }

    /// The complete folder for these parts, if there is one. It is not kept from being removed.
    pub fn find(cache: &Cache, toolchain: &Toolchain, libtorch: &Libtorch) -> Option<Prepared> {
        let prepared = Prepared::at_its_place(cache, toolchain, libtorch);
        prepared.is_complete().then_some(prepared)
    }

    fn at_its_place(cache: &Cache, toolchain: &Toolchain, libtorch: &Libtorch) -> Prepared {
        let dependencies = dependencies_key(toolchain, libtorch);
        Prepared {
            folder: cache.prepared(&format!("{dependencies}-{}", sources_key())),
            toolchain: toolchain.clone(),
            build_environment: libtorch.env(),
            in_use: None,
        }
    }

    /// Marks the folder as used by this process; false where there is no complete one to use.
    fn claim(&mut self) -> bool {
        if self.is_complete() {
            self.in_use = InUse::claim(&self.folder);
        }
        // It may have been removed before it was claimed.
        self.is_complete()
    }

    /// The folder that is copied for evcxr.
    pub fn evcxr_folder(&self) -> PathBuf {
        self.folder.join("evcxr")
    }

    /// What only cargo reads of it, in one file; packed when it is first wanted.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub fn cargo_records(&self) -> io::Result<PathBuf> {
        let file = self.folder.join(cargo_records::NAME);
        if !file.exists() {
            cargo_records::pack(&self.evcxr_folder().join("target"), &file)?;
        }
        Ok(file)
    }

    /// Links the sources of std that rust-analyzer reads; without them, it reads the toolchain's.
    pub fn link_std_sources(&self) {
        if let Err(error) = std_sources::ensure(&self.toolchain.sysroot, &self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "first cells will take longer");
        }
    }

    /// What cargo and rustc told about it, for all kernels.
    pub fn answers(&self) -> PathBuf {
        self.folder.join("answers")
    }

    /// The toolchain it was built with.
    pub fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// The lock file with the versions everything was built with.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// Environment that cargo must see, or torch-sys would be rebuilt.
    pub fn build_environment(&self) -> &[(String, String)] {
        &self.build_environment
    }

    /// What evcxr executes before the user's first cell; `level` is how much cells are optimised,
    /// where the user has not left that to the kernel.
    pub fn start_up_cell(&self, level: Option<&str>) -> String {
        let mut lines: Vec<String> = self
            .build_environment
            .iter()
            .map(|(name, value)| format!(":build_env {name}={value}"))
            .collect();
        // evcxr takes mold or lld from the path; what is prepared was linked by the default.
        lines.push(":linker system".into());
        lines.push(format!(":opt {}", level.unwrap_or(LEVEL_BY_CELL)));
        lines.push(format!(":dep {}", self.dependency()));
        lines.push("use torchbook::*;".into());
        // The prelude's, with safe points: a glob would be ambiguous beside std's.
        lines.push(
            "use torchbook::cell_support::printing::{eprint, eprintln, print, println};".into(),
        );
        lines.join("\n")
    }

    fn dependency(&self) -> String {
        let path = self.sources();
        format!("torchbook = {{ package = \"torchbook-prelude\", path = {path:?} }}")
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("sources/prelude")
    }

    /// Writes the prelude's sources again if they were deleted under a running kernel: its manifest
    /// names them. Cargo takes them for older than what was built from them.
    ///
    /// # Errors
    /// [`SetupError::Io`] or [`SetupError::DiskFull`].
    pub fn restore_sources(&self) -> Result<()> {
        if self.sources().join("Cargo.toml").exists() {
            return Ok(());
        }
        tracing::warn!(folder = %self.folder.display(), "the prelude's sources were deleted");
        // The manifest comes last: until then they count as deleted.
        let (manifest, others): (Vec<_>, Vec<_>) = PRELUDE_SOURCES
            .iter()
            .partition(|(name, _)| *name == "Cargo.toml");
        for (name, content) in others.into_iter().chain(manifest) {
            let path = self.sources().join(name);
            write(&path, content)?;
            File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(LONG_AGO))
                .map_err(|source| SetupError::io("write", &path, source))?;
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        prepared_contents::is_intact(&self.folder)
    }

    /// Copies what another version of the prelude was built with, so that only the prelude
    /// itself remains to be built.
    fn start_from_relative(&self, dependencies: &str) -> Result<()> {
        if self.evcxr_folder().exists() {
            return Ok(());
        }
        let Some(parent) = self.folder.parent() else {
            return Ok(());
        };
        let mut relatives: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with(dependencies)
            })
            .map(|entry| entry.path())
            .filter(|path| prepared_contents::may_be_copied(path))
            .collect();
        relatives.sort_by_key(|path| {
            fs::metadata(path.join(COMPLETE))
                .and_then(|m| m.modified())
                .ok()
        });
        let Some(relative) = relatives.pop() else {
            return Ok(());
        };
        let is_wanted = |name: &str| !is_of_one_prelude(name);
        let copied = copy_folder(&relative.join("evcxr"), &self.evcxr_folder(), &is_wanted);
        if copied.is_err() {
            // Half a copy is worse than none: cargo would trust it.
            let _ = fs::remove_dir_all(self.evcxr_folder());
        }
        copied.map_err(|source| SetupError::io("copy", &relative, source))
    }

    /// Writes the folder and lets cargo build it. A build that was killed goes on where it
    /// stopped: cargo trusts only what it finished.
    fn build(
        &self,
        toolchain: &Toolchain,
        environment: &Environment,
        reporter: &Reporter,
    ) -> Result<()> {
        for (name, content) in PRELUDE_SOURCES {
            write(&self.sources().join(name), content)?;
        }
        // Packed from what was built before: a damaged folder is built again.
        let records = self.folder.join(cargo_records::NAME);
        match fs::remove_file(&records) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(SetupError::io("remove", &records, source));
            }
            _ => {}
        }
        write(&self.folder.join(".cargo/config.toml"), PROFILES.as_bytes())?;
        let evcxr = self.evcxr_folder();
        write(&evcxr.join("Cargo.toml"), self.manifest().as_bytes())?;
        write(&evcxr.join("Cargo.lock"), LOCK_FILE.as_bytes())?;
        write(&evcxr.join("src/lib.rs"), b"pub use torchbook::*;\n")?;
        self.cargo(
            "build",
            "Building the prelude (once, some minutes)",
            toolchain,
            environment,
            reporter,
        )?;
        // evcxr looks for a cell's errors with `cargo check`, which wants metadata of its own.
        self.cargo(
            "check",
            "Preparing quick error messages",
            toolchain,
            environment,
            reporter,
        )?;
        for folder in ["target/debug", &format!("target/{TARGET}/debug")] {
            let folder = evcxr.join(folder).join(INCREMENTAL);
            // Only space is lost where this fails.
            let _ = fs::remove_dir_all(folder);
        }
        let built = evcxr.join("Cargo.lock");
        fs::copy(&built, self.lock_file())
            .map_err(|source| SetupError::io("copy", &built, source))?;
        prepared_contents::complete(&self.folder, &toolchain.version)
    }

    /// Runs cargo in evcxr's folder exactly as evcxr does.
    fn cargo(
        &self,
        subcommand: &str,
        label: &str,
        toolchain: &Toolchain,
        environment: &Environment,
        reporter: &Reporter,
    ) -> Result<()> {
        let mut command = environment.command(&toolchain.cargo);
        command
            .args([subcommand, "--target", TARGET, "--message-format=short"])
            .current_dir(self.evcxr_folder())
            .env("CARGO_TARGET_DIR", "target")
            .env("CARGO_BUILD_BUILD_DIR", "target")
            .env("RUSTC", &toolchain.rustc)
            .env("RUSTFLAGS", RUSTFLAGS)
            .envs(
                self.build_environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        for name in CLEARED_VARIABLES {
            command.env_remove(name);
        }
        run_with_progress(&mut command, label, reporter)?
            .or_fail(
                "Read the compiler's message above. When it is mended, run the same command again: \
                 it goes on where it stopped.",
            )
            .map(drop)
    }

    /// The manifest evcxr writes for cells at level 0 with the prelude as dependency.
    fn manifest(&self) -> String {
        format!(
            "\n[package]\nname = \"{CELL_CRATE}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n\
             [profile.dev]\nopt-level = 0\ndebug = false\nstrip = \"debuginfo\"\nrpath = true\nlto = false\n\
             debug-assertions = true\ncodegen-units = 16\npanic = 'unwind'\nincremental = true\n\
             overflow-checks = true\n\n[dependencies]\n{}\n",
            self.dependency()
        )
    }
}

/// Whether a file or folder in cargo's target folder belongs to one version of the prelude or to the
/// cells' crate: another version compiles both anew, under other names.
fn is_of_one_prelude(name: &str) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name);
    name.starts_with("torchbook") || name.starts_with(CELL_CRATE)
}

/// Writes a file whose content is not already this one: cargo looks at the time it changed.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| SetupError::io("create", parent, source))?;
    }
    fs::write(path, content).map_err(|source| SetupError::io("write", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_builds_the_preludes_tests_with_the_same_profiles() {
        // Where one differs, tests/prelude.rs compiles torch-sys and tch a second time.
        let workspace = include_str!("../../../Cargo.toml");
        let cells = PROFILES.lines().filter(|line| line.contains("opt-level"));
        for line in cells {
            assert!(
                workspace.lines().any(|other| other == line),
                "{line} is not in Cargo.toml"
            );
        }
    }

    #[test]
    fn another_version_takes_over_the_dependencies_alone() {
        for name in [
            "libtorchbook.so",
            "torchbook-prelude-0a1b",
            "ctx-0a1b",
            "libctx.so",
        ] {
            assert!(is_of_one_prelude(name), "{name}");
        }
        for name in ["libtorch_sys-0a1b.rlib", "tch-0a1b", "deps", "debug"] {
            assert!(!is_of_one_prelude(name), "{name}");
        }
    }

    #[test]
    fn cells_start_with_the_environment_the_prelude_was_built_with() {
        let prepared = Prepared {
            folder: PathBuf::from("/prepared"),
            toolchain: Toolchain {
                rustc: "rustc".into(),
                cargo: "cargo".into(),
                version: "rustc 1.95.0".into(),
                sysroot: "/toolchain".into(),
                host: TARGET.into(),
            },
            build_environment: vec![("LIBTORCH".into(), "/lt".into())],
            in_use: None,
        };
        let cell = prepared.start_up_cell(Some("2"));
        assert!(cell.contains("\n:opt 2\n"), "{cell}");
        assert!(cell.starts_with(":build_env LIBTORCH=/lt\n"), "{cell}");
        assert!(
            cell.contains("path = \"/prepared/sources/prelude\""),
            "{cell}"
        );
    }
}
