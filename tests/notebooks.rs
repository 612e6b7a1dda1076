//! The notebooks: executed and compared with their stored outputs, as a user would, and what holds
//! of all of them without executing anything.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use torchbook_kernel::notebook::Notebook;

/// A reader's browser and a reviewer's diff should cope with each of them.
const LARGEST: u64 = 500_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks")
}

fn notebooks() -> Vec<PathBuf> {
    let mut notebooks: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ipynb"))
        .collect();
    notebooks.sort();
    assert!(!notebooks.is_empty(), "no notebooks in {:?}", folder());
    notebooks
}

fn sources(path: &Path) -> Vec<String> {
    let notebook = Notebook::read(path).unwrap();
    notebook.code_cells().map(|cell| cell.source).collect()
}

#[test]
fn the_notebooks_still_say_what_they_show() {
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notebooks.html");
    let status = Command::new(env!("CARGO_BIN_EXE_torchbook"))
        .arg("test")
        .arg(folder())
        .arg("--report")
        .arg(&report)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "a notebook differs from what it shows, see above and {}",
        report.display()
    );
}

#[test]
fn every_notebook_is_small_and_says_on_what_it_ran_and_how_long() {
    for path in notebooks() {
        let size = fs::metadata(&path).unwrap().len();
        assert!(size < LARGEST, "{path:?} has {size} bytes");
        let sources = sources(&path);
        let [first, .., last] = &sources[..] else {
            panic!("{path:?} has fewer than two cells");
        };
        assert!(first.contains("versions()"), "{path:?} begins with {first}");
        assert!(
            last.contains("start.elapsed()"),
            "{path:?} ends with {last}"
        );
    }
}

#[test]
fn translations_have_the_same_code() {
    let mut translations = 0;
    for path in notebooks() {
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".ko.ipynb") {
            let original = folder().join(format!("{name}.ipynb"));
            assert_eq!(sources(&path), sources(&original), "{path:?}");
            translations += 1;
        }
    }
    assert_eq!(translations, 2);
}
