//! Loads a libtorch once, in a child process, to see that it can be loaded.
//!
//! A child, because libtorch starts threads and takes over signal handling and memory as soon as it is
//! loaded, and because a broken one can end the process that tries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::setup::command::ask;
use crate::setup::{Environment, Result, SetupError};

/// The hidden subcommand of torchbook that runs [`check_libtorch_main`].
pub const SUBCOMMAND: &str = "check-libtorch";

/// The program that loads libtorch for a check.
#[derive(Clone, Debug)]
pub struct Checker {
    /// What to start; nothing if this program could not find itself.
    pub program: Option<PathBuf>,
    /// Arguments before the folder with the libraries.
    pub arguments: Vec<OsString>,
}

impl Checker {
    /// This program, in its hidden role.
    pub fn this_program() -> Self {
        Self {
            program: std::env::current_exe().ok(),
            arguments: vec![SUBCOMMAND.into()],
        }
    }

    /// Loads the libtorch in `lib_dir`.
    ///
    /// # Errors
    /// [`SetupError::LibtorchDoesNotLoad`] with the dynamic linker's words.
    pub fn check(&self, lib_dir: &Path, environment: &Environment, remedy: &str) -> Result<()> {
        let Some(program) = &self.program else {
            tracing::warn!("libtorch is not checked: this program does not know its own path");
            return Ok(());
        };
        let mut command = environment.command(program);
        command.args(&self.arguments).arg(lib_dir);
        match ask(&mut command, "Loading libtorch", remedy) {
            Ok(_) => Ok(()),
            Err(SetupError::CommandFailed { status, output, .. }) => {
                Err(SetupError::LibtorchDoesNotLoad {
                    lib_dir: lib_dir.to_path_buf(),
                    remedy: remedy.to_owned(),
                    // A crash leaves no words, only a signal.
                    output: if output.is_empty() {
                        status.to_string()
                    } else {
                        output
                    },
                })
            }
            Err(other) => Err(other),
        }
    }
}

/// The child's side: loads the libtorch in `lib_dir`, and prints what the dynamic linker says
/// against it.
pub fn check_libtorch_main(lib_dir: &Path) -> ExitCode {
    match load(lib_dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn load(lib_dir: &Path) -> std::result::Result<(), String> {
    for name in ["libc10.so", "libtorch_cpu.so", "libtorch_cuda.so"] {
        let path = lib_dir.join(name);
        if name == "libtorch_cuda.so" && !path.exists() {
            continue;
        }
        // SAFETY: the initialisers of libtorch run in a process that does nothing else.
        let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) };
        // Never unloaded: its threads may be running.
        library
            .map(std::mem::forget)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::fakes;

    fn check_with(script: &str) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let program = fakes::program(folder.path(), "checker", script);
        let checker = Checker {
            program: Some(program),
            arguments: vec![SUBCOMMAND.into()],
        };
        checker.check(
            Path::new("/some/lib"),
            &Environment::empty(),
            "Get another one.",
        )
    }

    #[test]
    fn the_child_gets_the_folder_behind_the_subcommand() {
        check_with(r#"[ "$1 $2" = "check-libtorch /some/lib" ]"#).unwrap();
    }

    #[test]
    fn the_dynamic_linkers_words_reach_the_user() {
        let error = check_with("echo 'libgomp.so.1: not found' >&2; exit 1").unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("libtorch in /some/lib could not be loaded. Get another one."),
            "{message}"
        );
        assert!(message.contains("| libgomp.so.1: not found"), "{message}");
    }

    #[test]
    fn a_crash_is_reported_by_its_signal() {
        let message = check_with("kill -SEGV $$").unwrap_err().to_string();
        assert!(message.contains("signal: 11"), "{message}");
    }

    #[test]
    fn a_folder_without_libraries_is_refused_by_the_first_one() {
        let folder = tempfile::tempdir().unwrap();
        let message = load(folder.path()).unwrap_err();
        assert!(message.contains("libc10.so"), "{message}");
    }
}
