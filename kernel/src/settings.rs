//! What a user can set, where it was set, and which of several places decides.
//!
//! One order for everything: the command line (`--set NAME=VALUE`), the environment, the file, the
//! default. What is decided becomes an environment variable of this process, so each part of the
//! program reads its own variable and asks nobody where it came from. [`file`] reads the file,
//! [`catalogue`] says what settings there are.

pub mod catalogue;
pub mod file;

use crate::setup::Environment;
use catalogue::{SETTINGS, Setting};
use std::fmt;
use std::path::PathBuf;

/// Names the file, where it is not in the usual place.
pub const FILE_VARIABLE: &str = "TORCHBOOK_CONFIG";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `--set` on the command line.
    CommandLine,
    /// An environment variable.
    Environment,
    /// A line of the file.
    File(usize),
    /// Nobody has set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::Environment => f.write_str("environment"),
            Origin::File(line) => write!(f, "file, line {line}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A setting with the value that holds.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Which one.
    pub setting: &'static Setting,
    /// Its value; the default in words where nobody has set it.
    pub value: String,
    /// Who has set it.
    pub origin: Origin,
}

/// What a user's cells start with, beside the prelude.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartUp {
    /// Crates, as evcxr's `:dep` takes them: `rand = "0.9"`.
    pub dependencies: Vec<String>,
    /// Cells that run before the first one of the notebook.
    pub cells: Vec<String>,
    /// How much cells are optimised; decided by cell where it is not set.
    pub opt_level: Option<String>,
    /// Things to tell in the notebook, such as mistakes in the file.
    pub notices: Vec<String>,
}

/// All settings of this process.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The file, whether it is there or not; nothing where there is no home folder.
    pub file: Option<PathBuf>,
    /// Every setting.
    pub values: Vec<Effective>,
    /// What cells start with.
    pub start_up: StartUp,
    /// What is wrong, with place and remedy. The settings in question keep their defaults.
    pub problems: Vec<String>,
    /// Variables whose values cannot be used: whoever reads them shall not see them.
    pub refused: Vec<&'static str>,
}

impl Settings {
    /// Reads the file and decides between it, the environment and the command line.
    pub fn load(command_line: &[(String, String)], environment: &Environment) -> Settings {
        let path = file_of(environment);
        let mut settings = Settings {
            file: path.clone(),
            ..Settings::default()
        };
        let read = match &path {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => file::read(path, &text),
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound
                        && environment.get(FILE_VARIABLE).is_none() =>
                {
                    file::Read::default()
                }
                Err(error) => file::Read::of_problem(format!(
                    "the settings in {} cannot be read: {error}",
                    path.display()
                )),
            },
            None => file::Read::default(),
        };
        settings.problems = read.problems;
        settings.start_up.dependencies = read.dependencies;
        settings.start_up.cells = read.cells;
        for (key, _) in command_line {
            if catalogue::find(key).is_none() {
                settings
                    .problems
                    .push(format!("--set {key}: {}", catalogue::unknown(key)));
            }
        }
        for setting in SETTINGS {
            let asked = command_line.iter().rfind(|(key, _)| key == setting.key);
            let variable = environment
                .get(setting.variable)
                .map(|value| value.to_string_lossy().into_owned());
            let in_file = read.values.iter().find(|value| value.key == setting.key);
            let choices = [
                asked.map(|(_, value)| (value.clone(), Origin::CommandLine)),
                variable.map(|value| (value, Origin::Environment)),
                in_file.map(|found| (found.value.clone(), Origin::File(found.line))),
            ];
            settings.decide(setting, choices);
        }
        settings.start_up.notices = settings.problems.clone();
        settings.start_up.opt_level = settings
            .get("opt_level")
            .filter(|level| *level != "auto")
            .map(str::to_owned);
        settings
    }

    /// The first choice with a value that can be used.
    fn decide(&mut self, setting: &'static Setting, choices: [Option<(String, Origin)>; 3]) {
        for (value, origin) in choices.into_iter().flatten() {
            match setting.kind.check(&value) {
                Ok(value) => {
                    self.values.push(Effective {
                        setting,
                        value,
                        origin,
                    });
                    return;
                }
                Err(expected) => {
                    let place = match &origin {
                        Origin::CommandLine => format!("--set {}", setting.key),
                        Origin::Environment => setting.variable.to_owned(),
                        _ => format!("{}: {}", self.place(&origin), setting.key),
                    };
                    if origin == Origin::Environment {
                        self.refused.push(setting.variable);
                    }
                    self.problems.push(format!(
                        "{place} is {value:?}, expected {expected}; it is not used"
                    ));
                }
            }
        }
        self.values.push(Effective {
            setting,
            value: setting.default.to_owned(),
            origin: Origin::Default,
        });
    }

    fn place(&self, origin: &Origin) -> String {
        let file = self.file.as_deref().unwrap_or(std::path::Path::new(""));
        match origin {
            Origin::File(line) => format!("{}:{line}", file.display()),
            other => other.to_string(),
        }
    }

    /// Adds something to tell, here and in the notebook.
    pub fn tell(&mut self, problem: String) {
        self.start_up.notices.push(problem.clone());
        self.problems.push(problem);
    }

    /// A setting's value, if somebody has set it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|effective| effective.setting.key == key && effective.origin != Origin::Default)
            .map(|effective| effective.value.as_str())
    }

    /// The environment variables that make everything else see these settings.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables: Vec<_> = self
            .values
            .iter()
            .filter(|effective| effective.origin != Origin::Default)
            .map(|effective| (effective.setting.variable, effective.value.clone()))
            .collect();
        if self.get("offline") == Some("1") {
            variables.push(("CARGO_NET_OFFLINE", "true".into()));
        }
        variables
    }

    /// `CUDA_VISIBLE_DEVICES` for the cells, where the device is not left to the machine; `visible`
    /// is its value so far. What CUDA does not show, no library in the cells can use.
    pub fn visible_devices(&self, visible: Option<&str>) -> Option<String> {
        match self.get("device")? {
            "cpu" => Some(String::new()),
            device => {
                let place: usize = device.strip_prefix("cuda:")?.parse().ok()?;
                let shown = visible.map(|devices| devices.split(',').nth(place));
                Some(match shown {
                    None => place.to_string(),
                    Some(device) => device.unwrap_or_default().to_owned(),
                })
            }
        }
    }
}

/// The file with a user's settings.
fn file_of(environment: &Environment) -> Option<PathBuf> {
    environment.path(FILE_VARIABLE).or_else(|| {
        let named = environment
            .path("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute());
        let home = environment.path("HOME").map(|home| home.join(".config"));
        Some(named.or(home)?.join("torchbook/config.toml"))
    })
}

#[cfg(test)]
mod tests;
