//! The kernel as Jupyter's own programs see it: installed in a private Jupyter, driven by Python.
//!
//! | file | what drives the kernel |
//! |---|---|
//! | `test_messages.py` | jupyter_kernel_test: every message it knows |
//! | `test_clients.py` | jupyter_client: several clients and kernels, interrupts, floods, crashes |
//! | `test_console.py` | jupyter console, in a terminal |
//! | `test_vscode.py` | jupyter_client in the order of VS Code's messages |
//! | `test_gateway.py` | jupyter-kernel-gateway, over its websocket |
//! | `test_notebooks.py` | nbclient, nbconvert, papermill, nbval |
//!
//! `kernel.py` is the client that the tests share, `conftest.py` what pytest needs to know.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

#[path = "../jupyter/mod.rs"]
mod jupyter;

use jupyter::Jupyter;
use std::path::Path;
use std::sync::Mutex;

/// Real kernels run one at a time: two compilers at once make libtorch crawl.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs one file of Python tests.
#[track_caller]
fn passes(file: &str) {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(jupyter) = Jupyter::ready() else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let status = jupyter
        .command("python")
        .args(["-m", "pytest", "--config-file"])
        .arg(folder.join("pytest.ini"))
        .arg(folder.join(file))
        .env("TORCHBOOK_NOTEBOOKS", folder.join("../../notebooks"))
        .current_dir(jupyter.home())
        .status()
        .unwrap();
    assert!(status.success(), "{file} failed, see above");
}

#[test]
fn every_message_of_jupyter_kernel_test() {
    passes("test_messages.py");
}

#[test]
fn several_clients_and_kernels() {
    passes("test_clients.py");
}

#[test]
fn a_terminals_console() {
    passes("test_console.py");
}

#[test]
fn the_messages_of_vscode() {
    passes("test_vscode.py");
}

#[test]
fn a_gateways_websocket() {
    passes("test_gateway.py");
}

#[test]
fn the_programs_that_execute_notebooks() {
    passes("test_notebooks.py");
}
