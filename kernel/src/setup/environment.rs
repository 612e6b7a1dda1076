//! A snapshot of the environment variables that set-up code reads and passes on.
//!
//! Set-up code asks this snapshot and never the process, so that a test can describe a whole machine
//! (no `cargo`, another `PATH`, a `LIBTORCH`) without touching the variables that other tests see.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variables at one moment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
        }
    }

    /// No variables at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The same with one variable set.
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A variable's value. One that is set to nothing counts as unset, as shells and Docker files
    /// often leave such variables behind.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.variables.keys().map(OsString::as_os_str)
    }

    /// A variable that names a file or folder.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Whether a switch such as `LIBTORCH_USE_PYTORCH` is on: set, and neither `0` nor `false`.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// The absolute path of a program in `PATH`, or of `name` itself where it has a slash in it.
    pub fn find_program(&self, name: impl AsRef<Path>) -> Option<PathBuf> {
        let name = name.as_ref();
        if name.components().count() > 1 {
            return is_executable(name).then(|| name.to_path_buf());
        }
        std::env::split_paths(self.get("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|candidate| is_executable(candidate))
    }

    /// What every login has and a service may lack: a home folder, and a path with the programs of the
    /// system and Rust's. `home` is the one that the system's list of users gives.
    pub fn missing(&self, home: Option<PathBuf>) -> Vec<(&'static str, OsString)> {
        let mut missing = Vec::new();
        let home = self.path("HOME").or_else(|| {
            let home = home?;
            missing.push(("HOME", home.clone().into_os_string()));
            Some(home)
        });
        let cargo_home = self
            .path("CARGO_HOME")
            .or_else(|| Some(home?.join(".cargo")));
        let tools = cargo_home.map(|home| home.join("bin"));
        let tools = tools.filter(|bin| is_executable(&bin.join("cargo")));
        let path = self.get("PATH").map(OsStr::to_owned);
        let has_path = path.is_some();
        let has_cargo = self.find_program("cargo").is_some();
        let mut path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        if let Some(tools) = tools.filter(|_| !has_cargo) {
            path.push(":");
            path.push(tools);
            missing.push(("PATH", path));
        } else if !has_path {
            missing.push(("PATH", path));
        }
        missing
    }

    /// A command that sees exactly these variables and is looked up in their `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables);
        command
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::fakes;

    #[test]
    fn a_variable_set_to_nothing_counts_as_unset() {
        let environment = Environment::empty().with("LIBTORCH", "");
        assert_eq!(environment.get("LIBTORCH"), None);
        assert!(!environment.is_on("LIBTORCH"));
    }

    #[test]
    fn switches_understand_zero_and_false_as_off() {
        for (value, on) in [("1", true), ("yes", true), ("0", false), ("False", false)] {
            assert_eq!(
                Environment::empty().with("SWITCH", value).is_on("SWITCH"),
                on,
                "{value}"
            );
        }
    }

    #[test]
    fn a_service_without_variables_gets_a_home_and_rusts_tools() {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join(".cargo/bin");
        std::fs::create_dir_all(&bin).unwrap();
        fakes::program(&bin, "cargo", "exit 0");
        let of_users = Some(home.path().to_path_buf());
        let path = OsString::from(format!("/usr/local/bin:/usr/bin:/bin:{}", bin.display()));
        assert_eq!(
            Environment::empty().missing(of_users.clone()),
            [("HOME", home.path().into()), ("PATH", path)]
        );
        let complete = Environment::empty()
            .with("HOME", home.path())
            .with("PATH", &bin);
        assert_eq!(complete.missing(of_users), []);
        let no_rust = Environment::empty()
            .with("HOME", "/nowhere")
            .with("PATH", "/bin");
        assert_eq!(no_rust.missing(None), []);
    }

    #[test]
    fn programs_are_found_in_the_snapshots_own_path_only() {
        let folder = tempfile::tempdir().unwrap();
        let program = fakes::program(folder.path(), "made-up-tool", "exit 0");
        std::fs::write(folder.path().join("plain-file"), "").unwrap();
        let environment = Environment::empty().with("PATH", folder.path());
        assert_eq!(
            environment.find_program("made-up-tool"),
            Some(program.clone())
        );
        assert_eq!(environment.find_program(&program), Some(program));
        assert_eq!(environment.find_program("plain-file"), None);
        assert_eq!(environment.find_program("sh"), None);
        assert_eq!(Environment::empty().find_program("sh"), None);
    }
}
