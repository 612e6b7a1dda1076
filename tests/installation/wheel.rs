//! `pip install` of the wheel makes the kernel appear in Jupyter, and Jupyter starts it.

use crate::jupyter::{Jupyter, succeeds, target};
use crate::machine::{Machine, alone_and_prepared};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the wheel and returns its path.
fn wheel(machine: &Machine) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/wheel.py");
    let made = crate::machine::succeeds(
        machine
            .command("python3")
            .arg(script)
            .arg(env!("CARGO_BIN_EXE_torchbook"))
            .arg("--output")
            .arg(machine.folder().join("dist")),
    );
    PathBuf::from(made.trim())
}

#[test]
fn jupyter_finds_and_starts_the_kernel_of_an_installed_wheel() {
    let _alone = alone_and_prepared();
    // Only its packages are used, from an environment that has nothing but the wheel.
    if Jupyter::ready().is_none() {
        return;
    }
    let machine = Machine::new();
    let wheel = wheel(&machine);
    let name = wheel.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("torchbook-0.1.0-py3-none-manylinux_2_"),
        "{name}"
    );
    let environment = machine.folder().join("my venv");
    succeeds(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    );
    let python = environment.join("bin/python");
    succeeds(
        machine
            .command(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-index",
                "--disable-pip-version-check",
            ])
            .arg(&wheel),
    );
    let packages = fs::read_dir(target().join("jupyter/venv/lib"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("site-packages"))
        .next()
        .unwrap();
    // `jupyter kernelspec` and `jupyter execute`, without the scripts of that name, which belong to
    // the other environment. This one is not activated: its programs are not on PATH.
    let jupyter = |start: &str, arguments: &[&str]| {
        let mut command = machine.command(&python);
        command.env("PYTHONPATH", &packages);
        crate::machine::succeeds(command.args(["-c", start]).args(arguments))
    };
    let listed = jupyter(
        "from jupyter_client.kernelspecapp import KernelSpecApp as App; App.launch_instance()",
        &["list"],
    );
    let place = environment.join("share/jupyter/kernels/torchbook");
    assert!(listed.contains(place.to_str().unwrap()), "{listed}");
    let notebook = machine.notebook("book.ipynb", &["6 * 7"]);
    let path = notebook.to_str().unwrap();
    jupyter(
        "from nbclient.cli import main; main()",
        &["--inplace", "--kernel_name=torchbook", path],
    );
    assert!(fs::read_to_string(&notebook).unwrap().contains("\"42\""));
    succeeds(machine.command(&python).args([
        "-m",
        "pip",
        "uninstall",
        "--quiet",
        "--yes",
        "torchbook",
    ]));
    assert!(!place.exists());
}
