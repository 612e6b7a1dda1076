//! What tells one prepared folder from another: keys for its name, and the versions in it.
//!
//! Where the folder is and how it is made is [`super`]'s.

use super::{LAYOUT, LOCK_FILE, PRELUDE_SOURCES, PROFILES, RUSTFLAGS};
use crate::setup::Toolchain;
use crate::setup::libtorch::Libtorch;
use sha2::{Digest, Sha256};

/// Everything that changes how the prelude's dependencies are built.
pub fn dependencies_key(toolchain: &Toolchain, libtorch: &Libtorch) -> String {
    short_hash(&[
        LAYOUT.as_bytes(),
        toolchain.version.as_bytes(),
        toolchain.sysroot.as_os_str().as_encoded_bytes(),
        libtorch.key.as_bytes(),
        RUSTFLAGS.as_bytes(),
        PROFILES.as_bytes(),
    ])
}

/// The version of a package in the workspace's lock file; nothing for one that is not there.
pub fn locked_version(package: &str) -> &'static str {
    LOCK_FILE
        .split("[[package]]")
        .skip(1)
        .find(|entry| lock_value(entry, "name") == package)
        .map_or("", |entry| lock_value(entry, "version"))
}

/// The text that a package's entry in a lock file gives a key; nothing where it has none.
fn lock_value<'a>(entry: &'a str, key: &str) -> &'a str {
    entry
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .find_map(|(found, value)| (found == key).then(|| value.trim_matches('"')))
        .unwrap_or_default()
}

/// The prelude itself, and which versions it is built with: when those change, cargo builds
/// again what it must and keeps the rest.
pub fn sources_key() -> String {
    let fields: Vec<&[u8]> = PRELUDE_SOURCES
        .iter()
        .flat_map(|(name, content)| [name.as_bytes(), content])
        .chain([LOCK_FILE.as_bytes()])
        .collect();
    short_hash(&fields)
}

fn short_hash(fields: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::prepared::TARGET;

    #[test]
    fn another_toolchain_or_libtorch_has_folders_of_its_own() {
        let toolchain = Toolchain {
            rustc: "rustc".into(),
            cargo: "cargo".into(),
            version: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
            sysroot: "/toolchains/stable".into(),
            host: TARGET.into(),
        };
        let libtorch = Libtorch {
            dir: "/lt".into(),
            lib_dir: "/lt/lib".into(),
            version: "2.11.0".into(),
            cuda: false,
            key: "one".into(),
        };
        let key = dependencies_key(&toolchain, &libtorch);
        assert_eq!(key, dependencies_key(&toolchain.clone(), &libtorch));
        let updated = Toolchain {
            version: "rustc 1.95.1 (01f6ddf75 2026-05-20)".into(),
            ..toolchain.clone()
        };
        let another = Toolchain {
            sysroot: "/toolchains/1.95".into(),
            ..toolchain.clone()
        };
        let other_libtorch = Libtorch {
            key: "two".into(),
            ..libtorch.clone()
        };
        for changed in [
            dependencies_key(&updated, &libtorch),
            dependencies_key(&another, &libtorch),
            dependencies_key(&toolchain, &other_libtorch),
        ] {
            assert_ne!(changed, key);
        }
    }
}
