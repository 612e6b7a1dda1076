//! The prepared folder damaged or deleted, before a kernel starts and while one runs.
//!
//! Building it from nothing takes minutes. Here a relative of it is left, from which another version
//! of the prelude would start: so only the prelude itself is built.

use crate::cells::{alone, shown};
use crate::client::Client;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder that kernels of this build start from, as its path stands in a kernel's process.
fn prepared_folder(client: &Client) -> PathBuf {
    let settings = client.kernel_folder().join("tools/settings.json");
    let settings: serde_json::Value = serde_json::from_slice(&fs::read(settings).unwrap()).unwrap();
    let answers = PathBuf::from(settings["shared_answers"].as_str().unwrap());
    answers.parent().unwrap().to_path_buf()
}

/// Replaces a file by its first half, as a full disk or lost power leave it. Links to it elsewhere
/// stay whole.
fn damage(file: &Path) {
    let content = fs::read(file).unwrap();
    fs::remove_file(file).unwrap();
    fs::write(file, &content[..content.len() / 2]).unwrap();
}

fn library(prepared: &Path) -> PathBuf {
    prepared.join("evcxr/target/x86_64-unknown-linux-gnu/debug/deps/libtorchbook.so")
}

#[test]
fn a_damaged_or_deleted_prepared_folder_is_made_again() {
    let _alone = alone();
    let mut running = Client::real();
    assert_eq!(running.run("let kept = 20;").reply["status"], "ok");
    let prepared = prepared_folder(&running);
    let whole = fs::metadata(library(&prepared)).unwrap().len();

    damage(&library(&prepared));
    let mut after_damage = Client::real();
    let sum = after_damage
        .run("Tensor::ones([2], (Kind::Float, Device::Cpu)).sum(Kind::Float).double_value(&[])");
    assert_eq!(shown(&sum), [r#"result [1] {"text/plain":"2.0"}"#]);
    assert_eq!(fs::metadata(library(&prepared)).unwrap().len(), whole);
    assert!(after_damage.shut_down().success());

    // Deleted, as far as the kernel that runs can see.
    let name = prepared.file_name().unwrap().to_str().unwrap();
    let (dependencies, _) = name.split_once('-').unwrap();
    let relative = prepared.with_file_name(format!("{dependencies}-deletedbytest"));
    // What a run that failed here has left.
    let _ = fs::remove_dir_all(&relative);
    fs::rename(&prepared, &relative).unwrap();
    let user = tempfile::tempdir().unwrap();
    fs::create_dir(user.path().join("src")).unwrap();
    let manifest =
        "[package]\nname = \"users\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(user.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(
        user.path().join("src/lib.rs"),
        "pub fn two() -> i32 { 2 }\n",
    )
    .unwrap();
    let plain = running.run("kept + 1");
    assert_eq!(shown(&plain), [r#"result [2] {"text/plain":"21"}"#]);
    let with_dependency = running.run(&format!(
        ":dep users = {{ path = {:?} }}\nkept + users::two()",
        user.path()
    ));
    assert!(
        shown(&with_dependency)
            .iter()
            .any(|line| line.contains(r#""text/plain":"22""#)),
        "{with_dependency:?}"
    );
    // libtorchbook.so is the one that is loaded: this uses it, and variables that it made.
    let tensor = running.run("Tensor::ones([2], (Kind::Float, Device::Cpu)).size1().unwrap()");
    assert_eq!(shown(&tensor), [r#"result [4] {"text/plain":"2"}"#]);

    let mut next = Client::real();
    assert_eq!(
        shown(&next.run("1 + 1")),
        [r#"result [1] {"text/plain":"2"}"#]
    );
    assert_eq!(fs::metadata(library(&prepared)).unwrap().len(), whole);
    fs::remove_dir_all(relative).unwrap();
    assert!(next.shut_down().success());
    assert!(running.shut_down().success());
}
