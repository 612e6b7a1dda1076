//! The rustc command that cargo would run for the cells' crate, and how long it holds.
//!
//! Cargo runs once after each change of dependencies, with this program as its compiler wrapper
//! ([`run_if_recorder`]): that writes the command down instead of compiling cells. Until something
//! that cargo looks at changes ([`State`]), [`super::build`] runs the command itself.

use super::guard;
use super::tools::{Settings, Tools};
use crate::setup::Environment;
use crate::setup::prepared::TARGET;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Names the file the wrapper writes; only cargo that we start sees it.
pub const RECORD_VARIABLE: &str = "TORCHBOOK_RECORD";
/// A wrapper the user has chosen (`:sccache`), for all crates but the cells'.
pub const NEXT_WRAPPER_VARIABLE: &str = "TORCHBOOK_NEXT_WRAPPER";
/// Stands for the kernel's folder in recordings that kernels share.
const KERNEL_FOLDER: &str = "@KERNEL@";
/// The crate evcxr compiles cells as.
const CELL_CRATE: &str = "ctx";

/// A compiler command as cargo meant it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The compiler.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What cargo added to the environment for this crate.
    pub environment: BTreeMap<String, String>,
    /// What it was recorded in; set by [`super::build`] when cargo has ended.
    pub state: State,
}

/// Everything whose change lets cargo do something else than compile the cells' crate again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    words: Vec<String>,
    /// Manifests, lock file and configuration: path and content.
    pub files: Vec<(PathBuf, String)>,
    /// Compiler and libraries: path, size and time.
    stamps: Vec<(PathBuf, String)>,
    /// Variables that cargo reads, or that a build script or `env!` has asked for.
    variables: BTreeMap<String, Option<String>>,
}

impl Recording {
    /// Reads one, with paths below this kernel's folder.
    pub fn read(file: &Path, settings: &Settings) -> Option<Recording> {
        let text = fs::read_to_string(file).ok()?;
        let kernel = settings.kernel().to_string_lossy();
        serde_json::from_str(&text.replace(KERNEL_FOLDER, &kernel)).ok()
    }

    /// Writes it so that it holds for another kernel's folder too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path, settings: &Settings) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        let kernel = settings.kernel().to_string_lossy();
        write_whole(file, &text.replace(&*kernel, KERNEL_FOLDER))
    }

    /// Whether cargo would do nothing but run this command.
    pub fn holds(&self, settings: &Settings, words: &[&str], environment: &Environment) -> bool {
        let names = self.state.variables.keys().cloned().collect();
        self.state == State::now(settings, words, &self.arguments, names, environment)
    }

    /// The value after an argument such as `--out-dir`.
    pub fn argument(&self, name: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|word| word == name)?;
        self.arguments.get(at + 1).map(String::as_str)
    }
}

impl State {
    /// The state now, with the variables given and those cargo itself reads.
    pub fn now(
        settings: &Settings,
        words: &[&str],
        arguments: &[String],
        names: Vec<String>,
        environment: &Environment,
    ) -> State {
        let cargos = environment
            .names()
            .filter_map(|name| name.to_str())
            .filter(|name| is_cargos(name))
            .map(str::to_owned);
        let variables = names
            .into_iter()
            .chain(cargos)
            .map(|name| {
                let value = environment.get(&name);
                let value = value.map(|value| value.to_string_lossy().into());
                (name, value)
            })
            .collect();
        let libraries = arguments
            .windows(2)
            .filter(|pair| pair[0] == "--extern")
            .filter_map(|pair| pair[1].split_once('='))
            .map(|(_, path)| PathBuf::from(path));
        let stamped = [settings.rustc.clone(), settings.cargo.clone()];
        State {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            files: read_by_cargo(&settings.evcxr),
            stamps: stamped.into_iter().chain(libraries).map(stamp).collect(),
            variables,
        }
    }
}

/// What cargo reads beside sources: manifest, lock file, configuration of all folders above.
pub fn read_by_cargo(evcxr: &Path) -> Vec<(PathBuf, String)> {
    let own = ["Cargo.toml", "Cargo.lock"].map(|name| evcxr.join(name));
    let configurations = evcxr
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .flat_map(|folder| [folder.join("config.toml"), folder.join("config")]);
    own.into_iter()
        .chain(configurations)
        .filter_map(|file| Some((file.clone(), fs::read_to_string(file).ok()?)))
        .collect()
}

/// Tells whether a file is still the same without reading it.
fn stamp(path: PathBuf) -> (PathBuf, String) {
    let told = fs::metadata(&path).map_or_else(
        |error| error.kind().to_string(),
        |data| format!("{} {}.{}", data.len(), data.mtime(), data.mtime_nsec()),
    );
    (path, told)
}

/// Whether cargo reads this variable itself. Its home is the stand-ins' folder here, and what a kernel
/// under `cargo run` finds of another crate's is nothing to cargo.
fn is_cargos(name: &str) -> bool {
    let is_cargos = name.starts_with("CARGO") && name != "CARGO_HOME" && !is_for_the_crate(name);
    is_cargos || name.starts_with("RUSTC") || name.starts_with("RUSTFLAGS")
}

/// Variables that build scripts and `env!` in dependencies have asked for, as cargo knows them.
pub fn tracked_variables(target: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for profile in [target.join("debug"), target.join(TARGET).join("debug")] {
        for entry in entries(&profile.join("build")) {
            let said = fs::read_to_string(entry.join("output")).unwrap_or_default();
            names.extend(said.lines().filter_map(|line| {
                let name = line.strip_prefix("cargo:rerun-if-env-changed=");
                let name = name.or_else(|| line.strip_prefix("cargo::rerun-if-env-changed="));
                name.map(str::to_owned)
            }));
        }
        for entry in entries(&profile.join("deps")) {
            if entry.extension().is_some_and(|extension| extension == "d") {
                let said = fs::read_to_string(&entry).unwrap_or_default();
                names.extend(said.lines().filter_map(|line| {
                    let variable = line.strip_prefix("# env-dep:")?;
                    Some(variable.split('=').next().unwrap_or(variable).to_owned())
                }));
            }
        }
    }
    // Cargo sets these itself, for each crate.
    names.retain(|name| !name.starts_with("CARGO_") && !is_for_the_crate(name));
    names.sort_unstable();
    names.dedup();
    names
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Acts as cargo's compiler wrapper if cargo was told so by [`super::build`].
pub fn run_if_recorder() -> Option<ExitCode> {
    let file = PathBuf::from(std::env::var_os(RECORD_VARIABLE)?);
    let mut words = std::env::args_os().skip(1);
    let program = words.next()?;
    let arguments: Vec<OsString> = words.collect();
    let text: Option<Vec<String>> = arguments
        .iter()
        .map(|word| word.to_str().map(str::to_owned))
        .collect();
    if let Some(arguments) = text
        && is_cells(&arguments)
        && arguments
            .windows(2)
            .any(|pair| pair == ["--crate-type", "cdylib"])
        && arguments.iter().any(|word| word == "--emit=dep-info,link")
    {
        return Some(match record(&file, program.into(), arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("torchbook: cannot write {}: {error}", file.display());
                ExitCode::FAILURE
            }
        });
    }
    if let Some(code) = refused(&arguments) {
        return Some(code);
    }
    // Cargo is killed with its kernel and cannot take the compiler with it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let next = std::env::var_os(NEXT_WRAPPER_VARIABLE).filter(|next| !next.is_empty());
    let mut command = match next {
        Some(next) => {
            let mut command = Command::new(next);
            command.arg(&program);
            command
        }
        None => Command::new(&program),
    };
    command
        .args(arguments)
        .env_remove(RECORD_VARIABLE)
        .env_remove(guard::GUARD_VARIABLE)
        .env_remove(NEXT_WRAPPER_VARIABLE);
    let error = command.exec();
    eprintln!("torchbook: cannot run {}: {error}", program.display());
    Some(ExitCode::from(127))
}

fn is_cells(arguments: &[String]) -> bool {
    arguments
        .windows(2)
        .any(|pair| pair == ["--crate-name", CELL_CRATE])
}

/// Fails in place of a compiler that the guard does not let run.
fn refused(arguments: &[OsString]) -> Option<ExitCode> {
    let tools = Tools::at(PathBuf::from(std::env::var_os(guard::GUARD_VARIABLE)?));
    let settings = tools.settings()?;
    let arguments: Vec<String> = arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if is_cells(&arguments) {
        return None;
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let sources = variable("CARGO_MANIFEST_DIR");
    let compilation = guard::Compilation {
        arguments: &arguments,
        package: &variable("CARGO_PKG_NAME"),
        version: &variable("CARGO_PKG_VERSION"),
        sources: Path::new(&sources),
    };
    match guard::judge(&tools, &settings, &compilation) {
        Ok(guard::Verdict::Go) => None,
        Ok(guard::Verdict::Refused) => Some(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("torchbook: cannot tell what cargo builds: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Whether cargo sets this variable for the crate that is compiled, and not for itself.
fn is_for_the_crate(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "LD_LIBRARY_PATH",
        "OUT_DIR",
    ];
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Writes the command down and leaves what cargo looks for behind.
fn record(file: &Path, program: PathBuf, arguments: Vec<String>) -> io::Result<()> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_for_the_crate(name))
        .collect();
    let recording = Recording {
        program,
        arguments,
        environment,
        state: State::default(),
    };
    let folder = PathBuf::from(recording.argument("--out-dir").unwrap_or("."));
    let library = folder.join(format!("lib{CELL_CRATE}.so"));
    fs::write(&library, "")?;
    fs::write(
        folder.join(format!("{CELL_CRATE}.d")),
        format!("{}: src/lib.rs\n", library.display()),
    )?;
    write_whole(file, &serde_json::to_string(&recording)?)
}

/// Made aside and renamed: a reader finds all of it or nothing.
pub fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut partial = tempfile::NamedTempFile::new_in(folder)?;
    partial.write_all(text.as_bytes())?;
    partial.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A kernel's folder with a manifest, a compiler and one library, and what was recorded there.
    struct Folder {
        folder: TempDir,
        settings: Settings,
        recording: Recording,
        environment: Environment,
    }

    const WORDS: [&str; 1] = ["build"];

    impl Folder {
        fn new() -> Folder {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            fs::create_dir_all(at("evcxr/target/debug/build/user-1")).unwrap();
            for name in [
                "rustc",
                "cargo",
                "evcxr/Cargo.toml",
                "evcxr/Cargo.lock",
                "evcxr/liba.so",
            ] {
                fs::write(at(name), name).unwrap();
            }
            let said = "cargo:rerun-if-env-changed=ASKED\ncargo:rerun-if-env-changed=OUT_DIR\n";
            fs::write(at("evcxr/target/debug/build/user-1/output"), said).unwrap();
            let settings = Settings {
                cargo: at("cargo"),
                rustc: at("rustc"),
                sysroot: at("sysroot"),
                version: "rustc 1.95.0".into(),
                program: at("torchbook"),
                evcxr: at("evcxr"),
                shared_answers: at("shared"),
            };
            let arguments = vec![
                "--extern".into(),
                format!("a={}", at("evcxr/liba.so").display()),
            ];
            let environment = Environment::empty()
                .with("ASKED", "1")
                .with("NOT_ASKED", "1");
            let names = tracked_variables(&settings.evcxr.join("target"));
            let state = State::now(&settings, &WORDS, &arguments, names, &environment);
            let recording = Recording {
                program: settings.rustc.clone(),
                arguments,
                environment: BTreeMap::new(),
                state,
            };
            Folder {
                folder,
                settings,
                recording,
                environment,
            }
        }

        fn holds(&self) -> bool {
            self.recording
                .holds(&self.settings, &WORDS, &self.environment)
        }

        fn change(self, name: &str) -> Folder {
            fs::write(self.folder.path().join(name), "something else").unwrap();
            self
        }
    }

    #[test]
    fn a_recording_holds_until_something_that_cargo_reads_changes() {
        assert!(Folder::new().holds());
        for name in [
            "rustc",
            "cargo",
            "evcxr/Cargo.toml",
            "evcxr/Cargo.lock",
            "evcxr/liba.so",
        ] {
            assert!(!Folder::new().change(name).holds(), "{name}");
        }
        let configured = Folder::new();
        fs::create_dir(configured.folder.path().join(".cargo")).unwrap();
        assert!(!configured.change(".cargo/config.toml").holds());
    }

    #[test]
    fn only_variables_that_something_has_asked_for_count() {
        let mut folder = Folder::new();
        folder.environment = folder.environment.with("NOT_ASKED", "2");
        assert!(folder.holds());
        folder.environment = folder.environment.with("ASKED", "2");
        assert!(!folder.holds());
        let mut folder = Folder::new();
        folder.environment = folder.environment.with("RUSTFLAGS", "-O");
        assert!(!folder.holds());
        // A kernel that `cargo run` has started prepares for kernels that Jupyter starts.
        let mut folder = Folder::new();
        for name in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_BIN_EXE_torchbook",
            "OUT_DIR",
        ] {
            folder.environment = folder.environment.with(name, "of another crate");
        }
        assert!(folder.holds());
    }

    #[test]
    fn other_arguments_and_a_missing_library_need_cargo() {
        let folder = Folder::new();
        let others = ["build", "--offline"];
        assert!(
            !folder
                .recording
                .holds(&folder.settings, &others, &folder.environment)
        );
        fs::remove_file(folder.folder.path().join("evcxr/liba.so")).unwrap();
        assert!(!folder.holds());
    }

    #[test]
    fn another_kernel_reads_its_own_folder_from_it() {
        let mut folder = Folder::new();
        fs::create_dir(folder.folder.path().join(".cargo")).unwrap();
        fs::write(folder.folder.path().join(".cargo/config.toml"), "").unwrap();
        folder.recording.state.files = read_by_cargo(&folder.settings.evcxr);
        let file = folder.folder.path().join("recording.json");
        folder.recording.write(&file, &folder.settings).unwrap();
        assert_eq!(
            Recording::read(&file, &folder.settings),
            Some(folder.recording.clone())
        );
        // The configuration above evcxr's folder is a kernel's own, too.
        let (old, new) = (folder.folder.path(), tempfile::tempdir().unwrap());
        crate::setup::kernel_folder::copy_folder(old, new.path(), &|_| true).unwrap();
        let elsewhere = Settings {
            evcxr: new.path().join("evcxr"),
            rustc: new.path().join("rustc"),
            cargo: new.path().join("cargo"),
            ..folder.settings
        };
        let read = Recording::read(&file, &elsewhere).unwrap();
        let library = new.path().join("evcxr/liba.so");
        assert_eq!(read.arguments[1], format!("a={}", library.display()));
        assert!(read.holds(&elsewhere, &WORDS, &folder.environment));
    }
}
