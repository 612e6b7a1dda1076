//! What the prepared folder must hold to be of use, and what is built again where it does not.
//!
//! Cargo trusts what it finds: of a library that lost bytes, on a disk that was full or lost power,
//! it only looks at the time. So the sizes are written down when the folder is complete, every kernel
//! looks at them (a thousand files, some milliseconds), and what is damaged is taken from cargo.
//! [`super::prepared`] lets it build again.

use super::cache::Marker;
use super::{Result, SetupError};
use crate::stand_in::recording::write_whole;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Written last: the folder is complete.
pub const COMPLETE: &str = "complete";
/// Folders below the prepared one without which it is of no use.
const NEEDED: [&str; 3] = ["Cargo.lock", "evcxr/target", "sources"];
/// What cargo checks or makes itself where it is not as it should be.
const CARGOS_OWN: [&str; 2] = [".fingerprint", "incremental"];

/// Says that a folder is complete now. All of it is on the disk before.
///
/// # Errors
/// [`SetupError::Io`] if something cannot be read or written.
pub fn complete(folder: &Path, what: &str) -> Result<()> {
    let mut marker = Marker {
        what: what.to_owned(),
        ..Marker::default()
    };
    for name in NEEDED {
        add(&folder.join(name), folder, &mut marker)?;
    }
    let synchronised = File::open(folder)
        .and_then(|folder| rustix::fs::syncfs(folder).map_err(std::io::Error::from));
    let path = folder.join(COMPLETE);
    synchronised
        .and_then(|()| write_whole(&path, &serde_json::to_string(&marker)?))
        .map_err(|source| SetupError::io("write", &path, source))
}

/// Whether a folder is complete, and everything in it as it was then.
pub fn is_intact(folder: &Path) -> bool {
    marker(folder).is_some_and(|marker| marker.damaged(folder).is_empty())
}

/// Whether what was compiled in a folder can be trusted by another one; also where an earlier version
/// has written down no sizes.
pub fn may_be_copied(folder: &Path) -> bool {
    let is_damaged = |marker: Marker| !marker.damaged(folder).is_empty();
    folder.join(COMPLETE).is_file() && !marker(folder).is_some_and(is_damaged)
}

fn marker(folder: &Path) -> Option<Marker> {
    serde_json::from_slice(&fs::read(folder.join(COMPLETE)).ok()?).ok()
}

fn add(path: &Path, folder: &Path, marker: &mut Marker) -> Result<()> {
    let failed = |source| SetupError::io("read", path, source);
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if metadata.is_dir() {
        if !CARGOS_OWN.contains(&&*name) {
            for entry in fs::read_dir(path).map_err(failed)? {
                add(&entry.map_err(failed)?.path(), folder, marker)?;
            }
        }
    } else if metadata.is_file()
        && !name.starts_with(".cargo-")
        && let Ok(relative) = path.strip_prefix(folder)
    {
        let relative = relative.to_string_lossy().into_owned();
        marker.files.insert(relative, metadata.len());
    }
    Ok(())
}

/// Takes damaged files away, so that cargo makes them again; nothing where all is well.
///
/// # Errors
/// [`SetupError::Io`] if something cannot be removed.
pub fn forget_damaged(folder: &Path) -> Result<()> {
    let Some(marker) = marker(folder) else {
        return Ok(());
    };
    for path in marker.damaged(folder) {
        tracing::warn!(path = %path.display(), "damaged in the prepared folder, built again");
        for removed in [Some(path.clone()), script_fingerprint(&path)]
            .into_iter()
            .flatten()
        {
            let result = match removed.is_dir() {
                true => fs::remove_dir_all(&removed),
                false => fs::remove_file(&removed),
            };
            if let Err(source) = result
                && source.kind() != std::io::ErrorKind::NotFound
            {
                return Err(SetupError::io("remove", &removed, source));
            }
        }
    }
    // Last: killed before, the next one finds the same files missing.
    let complete = folder.join(COMPLETE);
    fs::remove_file(&complete).map_err(|source| SetupError::io("remove", &complete, source))
}

/// Cargo does not know what a build script has written: of `build/NAME/out/…` this names
/// `.fingerprint/NAME`, without which the script runs again.
fn script_fingerprint(path: &Path) -> Option<PathBuf> {
    let script = path
        .ancestors()
        .find(|ancestor| ancestor.parent().is_some_and(|p| p.ends_with("build")))?;
    let profile = script.parent()?.parent()?;
    Some(profile.join(".fingerprint").join(script.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 6] = [
        "Cargo.lock",
        "sources/prelude/src/lib.rs",
        "evcxr/target/debug/deps/liba-1.rlib",
        "evcxr/target/debug/build/b-2/out/libb.a",
        "evcxr/target/debug/.fingerprint/b-2/lib-b",
        "evcxr/target/debug/.fingerprint/a-1/lib-a",
    ];

    fn complete() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "content").unwrap();
        }
        super::complete(folder.path(), "test").unwrap();
        folder
    }

    #[test]
    fn what_cargo_checks_itself_is_not_recorded() {
        let folder = complete();
        assert!(is_intact(folder.path()) && may_be_copied(folder.path()));
        let marker = marker(folder.path()).unwrap();
        assert_eq!(marker.files.len(), 4, "{marker:?}");
    }

    #[test]
    fn a_damaged_library_and_what_a_script_wrote_are_made_again() {
        for (damaged, gone, stays) in [
            (FILES[2], FILES[2], FILES[5]),
            (FILES[3], FILES[4], FILES[2]),
        ] {
            let folder = complete();
            let at = |name: &str| folder.path().join(name);
            fs::write(at(damaged), "").unwrap();
            assert!(!is_intact(folder.path()) && !may_be_copied(folder.path()));
            forget_damaged(folder.path()).unwrap();
            assert!(!at(damaged).exists() && !at(gone).exists() && at(stays).exists());
            // Made again, it is not complete before somebody says so.
            fs::write(at(damaged), "content").unwrap();
            assert!(!is_intact(folder.path()) && !may_be_copied(folder.path()));
        }
    }
}
