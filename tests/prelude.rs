//! The prelude's own tests: unit tests and doc tests, in a nested `cargo test`.
//!
//! The prelude cannot be a default member of the workspace, for it needs libtorch before it
//! compiles. This test gets libtorch through the kernel's set-up code, takes over what the
//! prepared folder has compiled (torch-sys alone takes minutes) and runs the rest. What of the prelude
//! is built only where libtorch has CUDA is compiled here against the headers, which every libtorch has.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use torchbook_kernel::setup::kernel_folder::copy_folder;
use torchbook_kernel::setup::libtorch::CLEARED_VARIABLES;
use torchbook_kernel::setup::prepared::{RUSTFLAGS, TARGET};
use torchbook_kernel::setup::{Cache, Environment, Reporter, datasets::Dataset, ready};

#[test]
fn the_preludes_tests_and_doc_tests_pass() {
    let made_ready = |arguments: &[&str]| {
        let status = Command::new(env!("CARGO_BIN_EXE_torchbook"))
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "torchbook {arguments:?} failed");
    };
    // In the program itself, which can load libtorch in a child to check it.
    made_ready(&["build-environment"]);
    made_ready(&["data", "mnist"]);
    let environment = Environment::of_process();
    let prepared = ready::prelude(&environment, &Reporter::stderr()).unwrap();
    let cache = Cache::of(&environment).unwrap();
    let mnist = Dataset::Mnist
        .ensure(&cache, &environment, &Reporter::stderr())
        .unwrap();

    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = workspace.join("target/prelude");
    if !target.exists() {
        copy_folder(&prepared.evcxr_folder().join("target"), &target, &|_| true).unwrap();
    }
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--package", "torchbook-prelude", "--target", TARGET])
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", RUSTFLAGS)
        // libtorch's generator of random numbers is the process's: a test that seeds it failed now
        // and then beside one that draws. One after the other takes hardly longer.
        .env("RUST_TEST_THREADS", "1")
        .env("TORCHBOOK_MNIST_DIR", mnist)
        .envs(
            prepared
                .build_environment()
                .iter()
                .map(|(name, value)| (name, value)),
        );
    for name in CLEARED_VARIABLES {
        command.env_remove(name);
    }
    assert!(
        command.status().unwrap().success(),
        "the prelude's tests failed, see above"
    );
}

/// Runs a program and returns what it prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Where CUDA's headers are that libtorch's own include and the layout without CUDA lacks: 134 kB.
fn cuda_headers(workspace: &Path) -> Option<PathBuf> {
    let folder = workspace.join("target/cuda-headers");
    let headers = folder.join("nvidia/cu13/include");
    if !headers.join("crt/host_config.h").exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(&folder)
            .arg("nvidia-cuda-crt==13.0.88");
        if !pip.status().is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "pip brings no nvidia-cuda-crt"
            );
            eprintln!("skipped: pip brings no nvidia-cuda-crt, whose headers CUDA's include");
            return None;
        }
    }
    Some(headers)
}

#[test]
fn what_needs_cuda_compiles_without_it() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let Some(headers) = cuda_headers(workspace) else {
        return;
    };
    let text = output(Command::new(env!("CARGO_BIN_EXE_torchbook")).arg("build-environment"));
    let libtorch = text
        .lines()
        .find_map(|line| line.strip_prefix("export LIBTORCH='")?.strip_suffix('\''))
        .expect("where libtorch lies");
    let libtorch = Path::new(libtorch);
    let object = tempfile::NamedTempFile::new().unwrap();
    output(
        Command::new("g++")
            .args(["-std=c++17", "-c", "-I"])
            .arg(libtorch.join("include"))
            .arg("-I")
            .arg(libtorch.with_file_name("nvidia/cu13/include"))
            .arg("-I")
            .arg(headers)
            .arg(workspace.join("prelude/native/torchbook_cuda.cpp"))
            .arg("-o")
            .arg(object.path()),
    );
    // It is linked with libtorch alone: a call of CUDA's runtime would be undefined there.
    let undefined = output(
        Command::new("nm")
            .args(["--undefined-only"])
            .arg(object.path()),
    );
    let names = undefined
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let runtime: Vec<&str> = names.filter(|name| name.starts_with("cu")).collect();
    assert!(runtime.is_empty(), "{runtime:?}");
    let defined = output(
        Command::new("nm")
            .args(["--defined-only"])
            .arg(object.path()),
    );
    let recorder = ["new", "free", "enter", "leave", "begin", "end", "replay"];
    let recorder = recorder.map(|name| format!("recorder_{name}"));
    for name in recorder.iter().map(String::as_str).chain(["device_name"]) {
        let name = format!(" T torchbook_cuda_{name}\n");
        assert!(defined.contains(&name), "{name:?} in {defined}");
    }
}
