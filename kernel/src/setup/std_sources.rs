//! std's sources as rust-analyzer reads them: without what no variable of a cell is made of.
//!
//! A toolchain's `core` has 20 MB of functions in it that stand for single instructions of processors.
//! rust-analyzer reads the parts for this machine before it can tell the type of a first variable: a
//! tenth of its work. Here the toolchain's sources are linked without them; the vector types stay.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Its place in a prepared folder.
pub const NAME: &str = "std-sources";
/// Where a toolchain has std's sources.
const LIBRARY: &str = "lib/rustlib/src/rust/library";
/// Below it, the instructions of processors.
const INSTRUCTIONS: &str = "stdarch";
/// In there, what has the modules' structure and the types.
const KEPT: [&str; 3] = ["mod.rs", "macros.rs", "simd.rs"];

/// Makes `folder` look like the toolchain in `sysroot`, with these sources only, unless it is there.
///
/// # Errors
/// When it cannot be read or written; nothing is there then.
pub fn ensure(sysroot: &Path, folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix("std-").tempdir_in(parent)?;
    link(&sysroot.join(LIBRARY), &aside.path().join(LIBRARY), false)?;
    match fs::rename(aside.path(), folder) {
        // Another kernel was quicker.
        Err(_) if folder.exists() => Ok(()),
        result => result,
    }
}

fn link(from: &Path, to: &Path, are_instructions: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            link(&source, &target, are_instructions || name == INSTRUCTIONS)?;
        } else if !are_instructions || KEPT.iter().any(|kept| name == *kept) {
            fs::hard_link(&source, &target).or_else(|_| fs::copy(&source, &target).map(drop))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn instructions_are_left_out_and_everything_else_is_there() {
        let machine = tempfile::tempdir().unwrap();
        let (sysroot, folder) = (machine.path().join("sysroot"), machine.path().join("std"));
        let vectors = "stdarch/crates/core_arch/src/x86";
        for name in [
            "Cargo.toml",
            "core/src/lib.rs",
            "core/src/mod.rs",
            &format!("{vectors}/mod.rs"),
            &format!("{vectors}/avx.rs"),
        ] {
            write(&sysroot.join(LIBRARY).join(name), name);
        }
        ensure(&sysroot, &folder).unwrap();
        let library = folder.join(LIBRARY);
        let read = |name: &str| fs::read_to_string(library.join(name)).ok();
        assert_eq!(read("core/src/lib.rs").as_deref(), Some("core/src/lib.rs"));
        assert!(read("Cargo.toml").is_some() && read("core/src/mod.rs").is_some());
        assert!(read(&format!("{vectors}/mod.rs")).is_some());
        assert_eq!(read(&format!("{vectors}/avx.rs")), None);
        // Once is enough.
        fs::remove_dir_all(&sysroot).unwrap();
        ensure(&sysroot, &folder).unwrap();
    }

    #[test]
    fn without_sources_nothing_is_left_behind() {
        let machine = tempfile::tempdir().unwrap();
        let folder = machine.path().join("std");
        assert!(ensure(&machine.path().join("nowhere"), &folder).is_err());
        assert_eq!(fs::read_dir(machine.path()).unwrap().count(), 0);
    }
}
