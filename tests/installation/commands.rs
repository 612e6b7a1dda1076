//! `install`, `doctor`, `config`, `clean` and what the program says about itself.

use crate::machine::{Machine, alone_and_prepared, both, succeeds};
use serde_json::Value;
use std::fs;

#[test]
fn installing_twice_is_installing_once_and_uninstalling_leaves_nothing() {
    let machine = Machine::new();
    let install = |program: &str| {
        let mut command = machine.torchbook();
        command.args(["--set", "device=cpu", program, "--name", "deep"]);
        if program == "install" {
            command.args(["--no-prepare", "--display-name", "Deep", "--env", "A=b=c"]);
        }
        succeeds(&mut command)
    };
    let folder = machine.home.join(".local/share/jupyter/kernels/deep");
    assert_eq!(install("install").trim(), folder.to_str().unwrap());
    let written = fs::read_to_string(folder.join("kernel.json")).unwrap();
    install("install");
    assert_eq!(
        fs::read_to_string(folder.join("kernel.json")).unwrap(),
        written
    );
    let kernel: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(kernel["argv"][0], env!("CARGO_BIN_EXE_torchbook"));
    assert_eq!(kernel["argv"][2], "device=cpu");
    assert_eq!(
        (&kernel["display_name"], &kernel["env"]["A"]),
        (&"Deep".into(), &"b=c".into())
    );
    install("uninstall");
    assert!(!folder.exists());
    assert!(install("uninstall").contains("nothing to remove"));
}

#[test]
fn the_kernelspec_of_another_kernel_is_left_alone() {
    let machine = Machine::new();
    let folder = machine.folder().join("share/jupyter/kernels/python3");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kernel.json"), "{\"argv\": [\"python\"]}").unwrap();
    let output = machine
        .torchbook()
        .args(["uninstall", "--name", "python3", "--prefix"])
        .arg(machine.folder())
        .output()
        .unwrap();
    assert!(!output.status.success() && both(&output).contains("another kernel"));
    assert!(folder.exists());
}

#[test]
fn the_doctor_finds_a_prepared_machine_well() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    succeeds(machine.torchbook().args(["doctor", "--fix"]));
    let report: Value =
        serde_json::from_str(&succeeds(machine.torchbook().args(["doctor", "--json"]))).unwrap();
    assert_eq!(report["ok"], true, "{report:#}");
    let status = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == name);
        check.map(|check| check["status"].clone())
    };
    for name in [
        "rust",
        "rust-src",
        "c++",
        "glibc",
        "libtorch",
        "prelude",
        "kernelspec",
    ] {
        assert_eq!(status(name), Some("ok".into()), "{name}: {report:#}");
    }
}

#[test]
fn the_doctor_names_the_remedy_where_rust_is_missing() {
    let machine = Machine::new();
    let output = machine
        .torchbook()
        .arg("doctor")
        .env("PATH", machine.folder())
        .env("CARGO_HOME", machine.folder())
        .env("TORCHBOOK_CACHE", machine.folder().join("cache"))
        .output()
        .unwrap();
    let text = both(&output);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("BAD   rust") && text.contains("https://rustup.rs"),
        "{text}"
    );
}

#[test]
fn the_settings_are_shown_with_their_origins() {
    let machine = Machine::new();
    let file = machine.folder().join("my settings.toml");
    fs::write(&file, "threads = 3\nlog = \"info\"\noutput_limit_mb = 5\n").unwrap();
    let output = machine
        .torchbook()
        .args(["--set", "threads=2", "config"])
        .env("TORCHBOOK_CONFIG", file)
        .env("TORCHBOOK_LOG", "warn")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |key: &str| {
        let found = text.lines().find(|line| line.starts_with(key));
        found
            .unwrap_or(&text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line("threads"),
        "threads = 2 # command line (OMP_NUM_THREADS)"
    );
    assert_eq!(line("log ="), "log = warn # environment (TORCHBOOK_LOG)");
    assert_eq!(
        line("output_limit_mb"),
        "output_limit_mb = 5 # file, line 3 (TORCHBOOK_OUTPUT_LIMIT_MB)"
    );
    assert_eq!(
        line("offline"),
        "offline = false # default (TORCHBOOK_OFFLINE)"
    );
}

#[test]
fn cleaning_shows_first_and_removes_then() {
    let machine = Machine::new();
    let cache = machine.folder().join("cache");
    let partial = cache.join("libtorch/2.11.0-cpu.partial-1");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("file"), vec![1; 1 << 21]).unwrap();
    let clean = |arguments: &[&str]| {
        let mut command = machine.torchbook();
        command.env("TORCHBOOK_CACHE", &cache).arg("clean");
        succeeds(command.args(arguments))
    };
    assert!(clean(&["--dry-run"]).contains("2 MB would be freed"));
    assert!(partial.exists());
    assert!(clean(&[]).contains("2 MB freed"));
    assert!(!partial.exists());
}

#[test]
fn the_version_names_everything_that_matters() {
    let text = succeeds(Machine::new().torchbook().arg("--version"));
    for name in [
        "torchbook ",
        "evcxr 0.",
        "tch 0.",
        "libtorch 2.",
        "rustc",
        "Jupyter protocol 5.",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[test]
fn completions_and_manual_know_the_subcommands() {
    let machine = Machine::new();
    let man = succeeds(machine.torchbook().arg("man"));
    for shell in ["bash", "zsh", "fish"] {
        let completions = succeeds(machine.torchbook().args(["completions", shell]));
        for word in ["doctor", "uninstall", "dry-run"] {
            assert!(completions.contains(word), "{shell}: {word}");
        }
    }
    assert!(
        man.contains(".TH")
            && man.contains("torchbook\\-doctor")
            && man.contains("\\-\\-dry\\-run"),
        "{man}"
    );
}
