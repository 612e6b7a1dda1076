//! A private Jupyter for tests: pinned Python packages below `target/jupyter`, with this kernel
//! installed as a user would install it.
//!
//! Nothing of the user's own Jupyter is read or written: home, configuration, data and runtime
//! folders are a test's own. Only the caches of torchbook and the Rust toolchain are shared.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use torchbook_kernel::setup::{Cache, Environment};

/// The exact packages; a change here makes the environment anew.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The oldest Python that all of them run on.
const OLDEST_PYTHON: &str = "(3, 11)";

/// The environment, and a home of its own for what Jupyter keeps about its user.
pub struct Jupyter {
    virtual_environment: PathBuf,
    home: tempfile::TempDir,
}

impl Jupyter {
    /// The environment with the kernel installed. Where this machine has no Python for it the
    /// reason is printed and there is none.
    ///
    /// # Panics
    /// Without Python where `CI=true`, and when making the environment or the kernel fails.
    pub fn ready() -> Option<Jupyter> {
        let virtual_environment = virtual_environment()?;
        let jupyter = Jupyter {
            virtual_environment,
            home: tempfile::tempdir().unwrap(),
        };
        // What takes minutes the first time happens here, with its progress on stderr.
        let installed = jupyter
            .command(env!("CARGO_BIN_EXE_torchbook"))
            .args(["install", "--sys-prefix"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(installed.success(), "`torchbook install` failed, see above");
        Some(jupyter)
    }

    /// A command that sees this environment and no other one.
    pub fn command(&self, program: impl Into<OsString>) -> Command {
        let home = self.home.path();
        let user = Environment::of_process();
        let of_user = |variable: &str, folder: &str| {
            let in_home = || user.path("HOME").unwrap_or_default().join(folder);
            user.path(variable).unwrap_or_else(in_home)
        };
        let mut path = OsString::from(self.virtual_environment.join("bin"));
        path.push(":");
        path.push(user.get("PATH").unwrap_or_default());

        let mut command = Command::new(program.into());
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if ["JUPYTER", "PYTHON", "PYTEST_", "XDG_", "IPYTHON"]
                .iter()
                .any(|start| name_text.starts_with(start))
            {
                command.env_remove(&name);
            }
        }
        command
            .env("CARGO_HOME", of_user("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", of_user("RUSTUP_HOME", ".rustup"))
            .env("TORCHBOOK_CACHE", Cache::of(&user).unwrap().root())
            .env("VIRTUAL_ENV", &self.virtual_environment)
            .env("PATH", path)
            .env("HOME", home)
            .env("JUPYTER_CONFIG_DIR", home.join("jupyter/config"))
            .env("JUPYTER_DATA_DIR", home.join("jupyter/data"))
            .env("JUPYTER_RUNTIME_DIR", home.join("jupyter/runtime"))
            .env("IPYTHONDIR", home.join("ipython"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The folder that goes with this value.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

/// Prints why a test does not run, and fails it where it has to run.
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "CI=true, and {reason}"
    );
    // Unlike `eprintln!` this is not kept back for tests that pass.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// `target/`, where what tests make is kept between runs.
pub fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    workspace.join("target")
}

fn virtual_environment() -> Option<PathBuf> {
    let check =
        format!("import ensurepip, sys, venv; sys.exit(sys.version_info < {OLDEST_PYTHON})");
    let suitable = Command::new("python3")
        .args(["-c", &check])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !suitable {
        skip("there is no python3, 3.11 or newer, with venv and pip");
        return None;
    }
    let root = target().join("jupyter");
    fs::create_dir_all(&root).unwrap();
    let folder = root.join("venv");
    let complete = root.join("requirements.txt");
    // Until this file is closed, other tests wait for the environment to be complete.
    let lock = File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    // Programs in an environment know where it is: one that was copied would use the other's.
    let wanted_text = format!("# {}\n{REQUIREMENTS}", folder.display());
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == wanted_text) {
        return Some(folder);
    }
    let wanted = root.join("wanted.txt");
    fs::write(&wanted, wanted_text).unwrap();
    succeeds(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    );
    succeeds(
        Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .arg("--requirement")
            .arg(&wanted),
    );
    fs::rename(&wanted, &complete).unwrap();
    Some(folder)
}

/// Runs a command that has to succeed.
pub fn succeeds(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} failed, see above");
}
