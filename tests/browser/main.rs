//! The kernel as a person sees it: JupyterLab in a headless Chromium.
//!
//! | file | what it does |
//! |---|---|
//! | `session.mjs` | plays the person, with Playwright |
//! | `stored.mjs` | looks at the saved notebook where it is not trusted, and as a page of nbconvert |
//! | `notebook.mjs` | what a person does with an open notebook |
//! | `lab.mjs` | starts JupyterLab and the browser, and ends them |
//!
//! The screenshots are kept in `target/browser/`. `TORCHBOOK_CHROMIUM` names a browser other than
//! the first `chromium` in PATH.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

#[path = "../jupyter/mod.rs"]
mod jupyter;

use jupyter::{Jupyter, skip, succeeds, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use torchbook_kernel::setup::Environment;

#[test]
fn a_person_trains_in_jupyterlab() {
    let environment = Environment::of_process();
    let named = environment.path("TORCHBOOK_CHROMIUM");
    let Some(chromium) = named.or_else(|| environment.find_program("chromium")) else {
        return skip("there is no chromium");
    };
    if environment.find_program("node").is_none() || environment.find_program("npm").is_none() {
        return skip("there is no node with npm");
    }
    let Some(jupyter) = Jupyter::ready() else {
        return;
    };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser");
    let scripts = with_playwright(&sources);
    let screenshots = target().join("browser");
    for old in fs::read_dir(&screenshots).unwrap() {
        let old = old.unwrap().path();
        if old.extension().is_some_and(|extension| extension == "png") {
            fs::remove_file(old).unwrap();
        }
    }
    let notebooks = jupyter.home().join("notebooks");
    fs::create_dir(&notebooks).unwrap();
    succeeds(
        jupyter
            .command("node")
            .arg(scripts.join("session.mjs"))
            .env("TORCHBOOK_CHROMIUM", chromium)
            .env("TORCHBOOK_SCREENSHOTS", screenshots)
            .env(
                "TORCHBOOK_NOTEBOOK",
                sources.join("../../notebooks/02_mnist_cnn.ipynb"),
            )
            // Chromium has the other core; libtorch's threads would wait for it, spinning.
            .env("OMP_NUM_THREADS", "1")
            .current_dir(notebooks),
    );
}

/// A folder with the scripts and the packages that they import: node looks for packages beside
/// the script, and nothing is to be installed among the sources.
fn with_playwright(sources: &Path) -> PathBuf {
    let folder = target().join("browser/node");
    fs::create_dir_all(&folder).unwrap();
    for script in [
        "session.mjs",
        "stored.mjs",
        "notebook.mjs",
        "lab.mjs",
        "package.json",
    ] {
        fs::copy(sources.join(script), folder.join(script)).unwrap();
    }
    let wanted = fs::read_to_string(sources.join("package-lock.json")).unwrap();
    let installed = folder.join("installed.json");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    fs::write(folder.join("package-lock.json"), &wanted).unwrap();
    succeeds(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder),
    );
    fs::write(installed, wanted).unwrap();
    folder
}
