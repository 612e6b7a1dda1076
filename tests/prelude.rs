//! The prelude's own tests: unit tests and doc tests, in a nested `cargo test`.
//!
//! The prelude cannot be a default member of the workspace, for it needs libtorch before it
//! compiles. This test gets libtorch through the kernel's set-up code, takes over what the
//! prepared folder has compiled (torch-sys alone takes minutes) and runs the rest.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::path::Path;
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
