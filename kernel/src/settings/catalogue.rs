//! The settings there are: name, variable, default, and which values they take.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file and for `--set`.
    pub key: &'static str,
    /// The environment variable that sets it.
    pub variable: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What holds where nobody has set it, in words.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// Which values a setting takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or folder; `~/` is the home folder.
    Path,
    /// A whole number from this on.
    Count(u32),
    /// Threads, as OpenMP takes them: a number, or several for levels within each other.
    Threads,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    Device,
}

impl Kind {
    /// The value as the environment variable has it, or what was expected.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn check(self, value: &str) -> Result<String, String> {
        let value = value.trim();
        let unchanged = Ok(value.to_owned());
        match self {
            Kind::Text => unchanged,
            Kind::Path => match (value.strip_prefix("~/"), dirs::home_dir()) {
                (Some(rest), Some(home)) => Ok(home.join(rest).to_string_lossy().into_owned()),
                _ if value.is_empty() => Err("a path".into()),
                _ => unchanged,
            },
            Kind::Count(least) => match value.parse::<u32>() {
                Ok(count) if count >= least => unchanged,
                _ => Err(format!("a whole number, {least} or more")),
            },
            Kind::Threads => {
                let is_number = |part: &str| part.parse::<u32>().is_ok_and(|count| count > 0);
                match value.split(',').all(is_number) {
                    true => unchanged,
                    false => Err("a whole number, 1 or more".into()),
                }
            }
            Kind::Switch => match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok("1".into()),
                "false" | "0" | "no" | "off" => Ok("0".into()),
                _ => Err("true or false".into()),
            },
            Kind::OneOf(words) if words.contains(&value) => unchanged,
            Kind::OneOf(words) => Err(format!("one of {}", words.join(", "))),
            Kind::Device => {
                let number = value.strip_prefix("cuda:").map(str::parse::<u32>);
                match (value, number) {
                    ("auto" | "cpu" | "cuda", _) | (_, Some(Ok(_))) => unchanged,
                    _ => Err("auto, cpu, cuda or cuda:N".into()),
                }
            }
        }
    }
}

/// All of them, in the order in which they are shown.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "device",
        variable: "TORCHBOOK_DEVICE",
        kind: Kind::Device,
        default: "auto",
        about: "where models learn: auto (a GPU where there is one), cpu, cuda or cuda:N",
    },
    Setting {
        key: "threads",
        variable: "OMP_NUM_THREADS",
        kind: Kind::Threads,
        default: "one per core",
        about: "threads of libtorch",
    },
    Setting {
        key: "opt_level",
        variable: "TORCHBOOK_OPT_LEVEL",
        kind: Kind::OneOf(&["auto", "0", "1", "2", "3"]),
        default: "auto",
        about: "optimisation of cells; auto optimises those with long loops",
    },
    Setting {
        key: "cache",
        variable: "TORCHBOOK_CACHE",
        kind: Kind::Path,
        default: "torchbook in the user's cache folder",
        about: "where libtorch, data and the built prelude are kept",
    },
    Setting {
        key: "libtorch",
        variable: "TORCHBOOK_LIBTORCH",
        kind: Kind::OneOf(&["auto", "cpu", "cuda"]),
        default: "auto",
        about: "which libtorch is installed; auto is CUDA where there is an NVIDIA GPU",
    },
    Setting {
        key: "libtorch_folder",
        variable: "LIBTORCH",
        kind: Kind::Path,
        default: "none",
        about: "a libtorch 2.11 to use instead of an installed one",
    },
    Setting {
        key: "python_torch",
        variable: "LIBTORCH_USE_PYTORCH",
        kind: Kind::Switch,
        default: "only if it is 2.11 and nothing else is installed",
        about: "use the libtorch of the torch that python3 imports",
    },
    Setting {
        key: "offline",
        variable: "TORCHBOOK_OFFLINE",
        kind: Kind::Switch,
        default: "false",
        about: "never use the network, and say what is missing instead",
    },
    Setting {
        key: "output_limit_mb",
        variable: "TORCHBOOK_OUTPUT_LIMIT_MB",
        kind: Kind::Count(0),
        default: "32",
        about: "text that one cell may print; 0 for no limit",
    },
    Setting {
        key: "history",
        variable: "TORCHBOOK_HISTORY",
        kind: Kind::Path,
        default: "torchbook/history.sqlite in the user's data folder",
        about: "the file with the history of cells; :memory: keeps none",
    },
    Setting {
        key: "keep_prepared",
        variable: crate::setup::clean::KEEP_VARIABLE,
        kind: Kind::Count(1),
        default: "3",
        about: "versions of the built prelude that are kept",
    },
    Setting {
        key: "keep_days",
        variable: crate::setup::clean::DAYS_VARIABLE,
        kind: Kind::Count(1),
        default: "30",
        about: "days after which a version that was not used is removed",
    },
    Setting {
        key: "log",
        variable: "TORCHBOOK_LOG",
        kind: Kind::Text,
        default: "error",
        about: "what is logged: error, warn, info, debug, or torchbook_kernel=debug,warn",
    },
    Setting {
        key: "log_file",
        variable: "TORCHBOOK_LOG_FILE",
        kind: Kind::Path,
        default: "stderr",
        about: "the file that the log is added to",
    },
    Setting {
        key: "log_format",
        variable: "TORCHBOOK_LOG_FORMAT",
        kind: Kind::OneOf(&["text", "json"]),
        default: "text",
        about: "how the log is written",
    },
];

/// The setting of this name.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// What to say of a name that is none.
pub fn unknown(key: &str) -> String {
    let names = SETTINGS
        .iter()
        .map(|setting| setting.key)
        .chain(["startup", "dependencies"]);
    let likeness =
        |name: &&str| (similar::TextDiff::from_chars(key, *name).ratio() * 1000.0) as u32;
    let nearest = names
        .max_by_key(likeness)
        .filter(|name| likeness(name) > 600);
    match nearest {
        Some(name) => format!("there is no setting {key:?}; did you mean {name}?"),
        None => format!("there is no setting {key:?}; `torchbook config` lists those there are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert!(unknown("devcie").ends_with("did you mean device?"));
        assert!(unknown("colour").contains("torchbook config"));
    }

    #[test]
    fn values_are_checked_by_kind() {
        assert_eq!(Kind::Switch.check("True"), Ok("1".into()));
        assert_eq!(Kind::Switch.check("no"), Ok("0".into()));
        assert!(Kind::Switch.check("perhaps").is_err());
        assert_eq!(Kind::Device.check("cuda:1"), Ok("cuda:1".into()));
        assert!(Kind::Device.check("gpu").is_err());
        assert!(Kind::Count(1).check("0").is_err());
        let home = dirs::home_dir().unwrap();
        assert_eq!(
            Kind::Path.check("~/cache"),
            Ok(home.join("cache").to_string_lossy().into_owned())
        );
    }
}
