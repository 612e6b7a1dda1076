//! Cells run whatever the home, the environment and the network are.

use crate::jupyter::skip;
use crate::machine::{Machine, alone_and_prepared, both, succeeds, tools};
use std::fs;
use std::process::Command;

const CELLS: [&str; 2] = [
    "let t = Tensor::from_slice(&[1i64, 2, 3]);",
    "t.sum(Kind::Int64).int64_value(&[]) + 36",
];

/// Runs a command that ends with `torchbook`, on a notebook whose last cell says 42.
#[track_caller]
fn runs(machine: &Machine, command: &mut Command) {
    let notebook = machine.notebook("book.ipynb", &CELLS);
    let text = succeeds(command.arg("run").arg(notebook));
    assert!(text.contains("42"), "{text}");
}

#[test]
fn a_home_and_a_notebook_with_spaces_and_korean_letters() {
    let _alone = alone_and_prepared();
    let machine = Machine::with_home("나의 집 (home)");
    let notebook = machine.notebook("나의 집 (home)/내 책 1/두 번째 책.ipynb", &CELLS);
    let executed = machine.home.join("결과 1.ipynb");
    let mut command = machine.torchbook();
    succeeds(
        command
            .arg("run")
            .arg(notebook)
            .arg("--output")
            .arg(&executed),
    );
    assert!(fs::read_to_string(executed).unwrap().contains("42"));
}

#[test]
fn no_home() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    runs(&machine, machine.torchbook().env_remove("HOME"));
}

#[test]
fn a_home_that_cannot_be_written() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    // Not even root can make a folder below a file.
    runs(&machine, machine.torchbook().env("HOME", "/dev/null/home"));
}

#[test]
fn a_service_without_a_path() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    let mut command = machine.torchbook();
    runs(&machine, command.env_clear().envs(tools()));
}

#[test]
fn no_network_once_everything_is_prepared() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    let isolated = Command::new("unshare")
        .args(["-n", "ip", "link", "set", "lo", "up"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !isolated {
        return skip("this user cannot make a network of its own (unshare -n, as root)");
    }
    let mut command = machine.command("unshare");
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    command.args(["-n", "sh", "-c", script, env!("CARGO_BIN_EXE_torchbook")]);
    runs(&machine, &mut command);
}

#[test]
fn what_is_missing_is_told_where_the_network_is_forbidden() {
    let machine = Machine::new();
    let output = machine
        .torchbook()
        .args(["--set", "offline=true", "data", "mnist"])
        .env("TORCHBOOK_CACHE", machine.folder().join("empty"))
        .output()
        .unwrap();
    let text = both(&output);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("MNIST is not there") && text.contains("offline"),
        "{text}"
    );
}

#[test]
fn settings_reach_the_cells_and_mistakes_the_notebook() {
    let _alone = alone_and_prepared();
    let machine = Machine::new();
    let folder = machine.home.join(".config/torchbook");
    fs::create_dir_all(&folder).unwrap();
    let log = machine.folder().join("log.json");
    let settings = format!(
        "device = \"cpu\"\nthreads = 1\ncolour = \"red\"\nopt_level = 1\n\
         log = \"warn\"\nlog_format = \"json\"\nlog_file = {:?}\n\
         startup = [\"let answer = 40;\", \"fn plus_two(x: i32) -> i32 {{ x + 2 }}\"]\n",
        log.to_str().unwrap()
    );
    fs::write(folder.join("config.toml"), settings).unwrap();
    let cells = [
        "plus_two(answer)",
        "(std::env::var(\"CUDA_VISIBLE_DEVICES\"), torchbook::tch::get_num_threads())",
    ];
    let notebook = machine.notebook("book.ipynb", &cells);
    let executed = machine.folder().join("executed.ipynb");
    let mut command = machine.torchbook();
    succeeds(
        command
            .arg("run")
            .arg(notebook)
            .arg("--output")
            .arg(&executed),
    );
    let text = fs::read_to_string(executed).unwrap();
    assert!(text.contains("\"42\""), "{text}");
    assert!(text.contains("(Ok(\\\"\\\"), 1)"), "{text}");
    assert!(
        text.contains("config.toml:3: there is no setting"),
        "{text}"
    );
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |line: &serde_json::Value| line["fields"]["message"].to_string().contains("colour");
    assert!(lines.iter().any(told), "{log}");
}
