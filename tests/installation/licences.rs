//! Licences of everything that is built into the program and the prelude, and promised versions.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Licences that MIT and Apache-2.0 programs can be shipped with.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args([
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
            "--manifest-path",
        ])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "Cargo.lock does not fit, or crates are missing: {said}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether an SPDX expression offers a choice of allowed licences only: any of `OR`, all of `AND`.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let is_known = |licence: &str| ALLOWED.contains(&licence.trim());
    // Parentheses only ever enclose choices here, so AND binds last.
    if expression.contains('(') {
        return plain
            .split(" AND ")
            .all(|part| part.split(" OR ").any(is_known));
    }
    plain
        .split(" OR ")
        .any(|part| part.split(" AND ").all(is_known))
}

#[test]
fn every_crate_has_a_licence_that_allows_shipping() {
    let metadata = metadata();
    let mut bad = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence) {
            bad.insert(format!("{}: {licence:?}", package["name"]));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn what_others_have_made_lies_beside_its_licence_and_the_wheel_carries_that() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wheel = include_str!("../../kernel/packaging/wheel.py");
    let folders = std::fs::read_dir(root.join("prelude/assets")).unwrap();
    for folder in folders.flatten() {
        let files = std::fs::read_dir(folder.path()).unwrap().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let licence = names.into_iter().find(|name| name.starts_with("LICENSE"));
        let licence = licence.unwrap_or_else(|| panic!("no licence in {folder:?}"));
        let name = folder.file_name().to_string_lossy().into_owned();
        let path = format!("prelude/assets/{name}/{licence}");
        assert!(wheel.contains(&path), "{path} is not in the wheel");
    }
}

#[test]
fn choices_and_sums_of_licences_are_told_apart() {
    assert!(is_allowed("MIT OR GPL-3.0") && is_allowed("MIT/Apache-2.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_allowed("MIT AND GPL-3.0") && !is_allowed("GPL-3.0") && !is_allowed(""));
}

#[test]
fn all_crates_come_from_one_registry_in_versions_the_lock_file_has_checksums_for() {
    let lock = include_str!("../../Cargo.lock");
    for package in lock.split("[[package]]").skip(1) {
        let is_ours = package.contains("name = \"torchbook");
        assert_eq!(package.contains("checksum = "), !is_ours, "{package}");
    }
}

#[test]
fn the_oldest_rust_is_the_same_everywhere_it_is_stated() {
    let metadata = metadata();
    let stated: BTreeSet<&str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package["source"].is_null())
        .map(|package| package["rust_version"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(stated, BTreeSet::from(["1.95"]));
    let parse = |version: &str| -> Vec<u32> {
        version
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    for package in metadata["packages"].as_array().unwrap() {
        let asked = package["rust_version"].as_str().unwrap_or("1.0");
        assert!(
            parse(asked) <= vec![1, 95, u32::MAX],
            "{} asks for {asked}",
            package["name"]
        );
    }
}
