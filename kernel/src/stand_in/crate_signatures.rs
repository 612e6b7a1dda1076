//! Signatures of the prelude and its crates in place of their sources.
//!
//! The rust-analyzer inside evcxr is asked for types alone, and every first cell waits until it has
//! read everything: [`std_sources`] writes what it reads instead. The crates of the user's are read as
//! they are; so is everything by the rust-analyzer that answers questions.

use super::metadata::{PRELUDE, PUBLIC_DEPENDENCIES, retain};
use super::tools::Settings;
use crate::setup::std_sources;
use serde_json::Value;
use std::io;
use std::path::Path;

/// Has the prelude and its crates read from their signatures, in what `cargo metadata` said.
///
/// # Errors
/// When they cannot be written; what is left is as it was.
pub fn show(metadata: &mut Value, settings: &Settings) -> io::Result<()> {
    for package in metadata["packages"].as_array_mut().into_iter().flatten() {
        let (Some(name), Some(version), Some(manifest)) = (
            package["name"].as_str(),
            package["version"].as_str(),
            package["manifest_path"].as_str(),
        ) else {
            continue;
        };
        let Some(sources) = Path::new(manifest).parent().map(Path::to_path_buf) else {
            continue;
        };
        let folder = if name == PRELUDE {
            settings.signatures(name)
        } else if PUBLIC_DEPENDENCIES.contains(&name) && !package["source"].is_null() {
            settings.signatures(&format!("{name}-{version}"))
        } else {
            continue;
        };
        std_sources::ensure_signatures(&sources, &folder)?;
        let place = |path: &Value| {
            let path = Path::new(path.as_str()?).strip_prefix(&sources).ok()?;
            Some(folder.join(path).to_str()?.into())
        };
        package["manifest_path"] = place(&package["manifest_path"]).unwrap_or_default();
        retain(&mut package["targets"], |target| {
            ["lib", "rlib", "dylib"]
                .iter()
                .any(|kind| target["kind"].to_string().contains(kind))
        });
        for target in package["targets"].as_array_mut().into_iter().flatten() {
            target["src_path"] = place(&target["src_path"]).unwrap_or_default();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_the_preludes_crates_signatures_are_shown() {
        let machine = tempfile::tempdir().unwrap();
        let at = |path: &str| machine.path().join(path);
        let mut packages = Vec::new();
        for (name, source) in [
            (PRELUDE, None),
            ("tch", Some("registry")),
            ("image", Some("registry")),
        ] {
            let sources = at(name).join("src");
            std::fs::create_dir_all(&sources).unwrap();
            std::fs::write(at(name).join("Cargo.toml"), "").unwrap();
            std::fs::write(sources.join("lib.rs"), "pub fn f() { 1 }").unwrap();
            packages.push(json!({
                "name": name, "version": "1.0.0", "source": source,
                "manifest_path": at(name).join("Cargo.toml"),
                "targets": [
                    { "kind": ["lib"], "src_path": sources.join("lib.rs") },
                    { "kind": ["example"], "src_path": at(name).join("examples/e.rs") },
                ],
            }));
        }
        let mut metadata = json!({ "packages": packages });
        let settings = Settings {
            cargo: at("cargo"),
            rustc: at("rustc"),
            sysroot: at("sysroot"),
            version: "rustc 1.95.0".into(),
            program: at("torchbook"),
            evcxr: at("kernel/evcxr"),
            shared_answers: at("answers"),
        };
        show(&mut metadata, &settings).unwrap();
        for (place, folder) in [
            (0, settings.signatures(PRELUDE)),
            (1, settings.signatures("tch-1.0.0")),
        ] {
            let package = &metadata["packages"][place];
            assert_eq!(package["manifest_path"], json!(folder.join("Cargo.toml")));
            assert_eq!(
                package["targets"],
                json!([{ "kind": ["lib"], "src_path": folder.join("src/lib.rs") }])
            );
            let shown = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
            assert_eq!(shown, "pub fn f() {loop{}}");
        }
        assert_eq!(metadata["packages"][2], packages[2], "the user's own");
    }
}
