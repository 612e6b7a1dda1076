//! Who decides where several have set the same.

use super::*;

/// Settings from a file of this text, beside an environment and a command line.
fn load(text: &str, variables: &[(&str, &str)], command_line: &[(&str, &str)]) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let mut environment = Environment::empty().with(FILE_VARIABLE, &path);
    for (name, value) in variables {
        environment = environment.with(*name, *value);
    }
    let command_line: Vec<_> = command_line
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    Settings::load(&command_line, &environment)
}

fn threads(settings: &Settings) -> (String, Origin) {
    let found = settings
        .values
        .iter()
        .find(|effective| effective.setting.key == "threads")
        .unwrap();
    (found.value.clone(), found.origin.clone())
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_file() {
    let file = "threads = 1";
    let variable = [("OMP_NUM_THREADS", "2")];
    let asked = [("threads", "3")];
    let nothing = load("", &[], &[]);
    assert_eq!(threads(&nothing).1, Origin::Default);
    assert_eq!(nothing.get("threads"), None);
    assert_eq!(
        threads(&load(file, &[], &[])),
        ("1".into(), Origin::File(1))
    );
    assert_eq!(
        threads(&load(file, &variable, &[])),
        ("2".into(), Origin::Environment)
    );
    let all = load(file, &variable, &asked);
    assert_eq!(threads(&all), ("3".into(), Origin::CommandLine));
    assert_eq!(all.variables(), [("OMP_NUM_THREADS", "3".to_owned())]);
}

#[test]
fn a_value_that_cannot_be_used_is_told_and_the_next_place_decides() {
    let settings = load("threads = 2", &[("OMP_NUM_THREADS", "many")], &[]);
    assert_eq!(threads(&settings), ("2".into(), Origin::File(1)));
    assert_eq!(
        settings.problems,
        ["OMP_NUM_THREADS is \"many\", expected a whole number, 1 or more; it is not used"]
    );
    assert_eq!(settings.start_up.notices, settings.problems);
    assert_eq!(settings.refused, ["OMP_NUM_THREADS"]);
    let settings = load("\ndevice = \"gpu\"", &[], &[]);
    assert!(
        settings.problems[0].contains("config.toml:2: device is \"gpu\", expected auto"),
        "{:?}",
        settings.problems
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let environment = Environment::empty().with(FILE_VARIABLE, "/no/such/file.toml");
    let settings = Settings::load(&[], &environment);
    assert!(settings.problems[0].contains("/no/such/file.toml"));
    let environment = Environment::empty().with("HOME", "/no/such/home");
    let settings = Settings::load(&[], &environment);
    assert!(settings.problems.is_empty());
    assert_eq!(
        settings.file,
        Some("/no/such/home/.config/torchbook/config.toml".into())
    );
}

#[test]
fn an_unknown_name_on_the_command_line_is_told() {
    let settings = load("", &[], &[("thread", "1")]);
    assert!(settings.problems[0].contains("did you mean threads?"));
}

#[test]
fn the_device_is_what_cuda_shows_to_cells() {
    let shown =
        |device, visible| load(&format!("device = {device:?}"), &[], &[]).visible_devices(visible);
    assert_eq!(shown("auto", None), None);
    assert_eq!(shown("cuda", None), None);
    assert_eq!(shown("cpu", Some("0,1")), Some(String::new()));
    assert_eq!(shown("cuda:1", None), Some("1".into()));
    assert_eq!(shown("cuda:1", Some("4,6")), Some("6".into()));
}

#[test]
fn offline_holds_for_cargo_too() {
    let variables = load("offline = true", &[], &[]).variables();
    assert_eq!(
        variables,
        [
            ("TORCHBOOK_OFFLINE", "1".to_owned()),
            ("CARGO_NET_OFFLINE", "true".to_owned())
        ]
    );
}
