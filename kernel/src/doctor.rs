//! `torchbook doctor`: what this machine has, what it lacks, and the command that mends it.
//!
//! It changes nothing. [`machine`] looks at what the system provides, [`installation`] at what
//! torchbook has put there.

mod installation;
mod machine;

use crate::settings::Settings;
use crate::setup::{Environment, Toolchain};
use serde_json::{Value, json};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Good,
    /// Cells run; something else is missing or odd.
    Warning,
    /// Cells cannot run.
    Bad,
}

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub remedy: String,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Finding {
        Finding {
            check,
            status: Status::Good,
            found: found.into(),
            remedy: String::new(),
        }
    }

    fn warning(
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            check,
            status: Status::Warning,
            found: found.into(),
            remedy: remedy.into(),
        }
    }

    fn bad(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding {
            status: Status::Bad,
            ..Finding::warning(check, found, remedy)
        }
    }

    /// A finding whose error names its remedy itself.
    fn of_error(check: &'static str, error: &crate::setup::SetupError) -> Finding {
        Finding::bad(check, error.to_string(), "")
    }
}

/// Looks at everything.
pub fn examine(settings: &Settings, environment: &Environment) -> Vec<Finding> {
    let toolchain = Toolchain::find(environment);
    let mut findings = vec![machine::host(), machine::glibc()];
    findings.extend(machine::rust(&toolchain));
    findings.push(machine::cxx(environment));
    findings.push(machine::gpu(settings));
    findings.extend(installation::cache(environment, toolchain.ok().as_ref()));
    findings.push(installation::kernelspecs(environment));
    findings.push(machine::jupyter(environment));
    findings.push(settings_finding(settings));
    findings
}

fn settings_finding(settings: &Settings) -> Finding {
    let set = settings.variables().len();
    if settings.problems.is_empty() {
        return Finding::good("settings", format!("{set} set, all understood"));
    }
    Finding::warning(
        "settings",
        settings.problems.join("; "),
        "`torchbook config` lists all settings with their values",
    )
}

/// For people: a line for each finding, and its remedy below it.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.status {
            Status::Good => "ok  ",
            Status::Warning => "warn",
            Status::Bad => "BAD ",
        };
        text.push_str(&format!(
            "{mark}  {:<12} {}\n",
            finding.check, finding.found
        ));
        if !finding.remedy.is_empty() {
            text.push_str(&format!("{:19}-> {}\n", "", finding.remedy));
        }
    }
    text
}

/// For programs.
pub fn json(findings: &[Finding]) -> Value {
    let checks: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let status = match finding.status {
                Status::Good => "ok",
                Status::Warning => "warning",
                Status::Bad => "bad",
            };
            json!({
                "check": finding.check,
                "status": status,
                "found": finding.found,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({ "torchbook": env!("CARGO_PKG_VERSION"), "ok": is_well(findings), "checks": checks })
}

/// Whether cells can run.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.status != Status::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_nothing_is_told_what_to_install_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::empty()
            .with("HOME", folder.path())
            .with("PATH", folder.path());
        let settings = Settings::load(&[], &environment);
        let findings = examine(&settings, &environment);
        let text = text(&findings);
        assert!(text.contains("BAD   rust"), "{text}");
        assert!(
            text.contains("rustup.rs") && text.contains("apt install g++"),
            "{text}"
        );
        assert!(text.contains("-> torchbook install"), "{text}");
        let json = json(&findings);
        assert_eq!(json["ok"], false);
        assert_eq!(json["checks"].as_array().unwrap().len(), findings.len());
        // Looking has changed nothing.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn mistakes_in_the_settings_are_a_warning() {
        let settings = Settings {
            problems: vec!["config.toml:2: there is no setting \"x\"".into()],
            ..Settings::default()
        };
        let finding = settings_finding(&settings);
        assert_eq!(finding.status, Status::Warning);
        assert!(finding.found.contains("config.toml:2") && finding.remedy.contains("config"));
        assert!(is_well(&[finding]));
    }
}
