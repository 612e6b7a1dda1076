//! Sources as rust-analyzer reads them: without what no variable of a cell is made of.
//!
//! A toolchain's `core` has 20 MB of functions in it that stand for single instructions of processors.
//! rust-analyzer reads the parts for this machine before it can tell the type of a first variable: a
//! tenth of its work. Here the toolchain's sources are linked without them; the vector types stay.
//! The rust-analyzer inside evcxr, which every first cell waits for, is asked for types alone: it
//! gets [`super::signatures`] of std and of the prelude's crates. The other one shows documentation.

use super::signatures::signatures;
use std::fs;
use std::io;
use std::path::Path;

/// Place in a prepared folder of a toolchain's folder with all that questions are answered from.
pub const WHOLE: &str = "std-sources";
/// The same with signatures only.
pub const SIGNATURES: &str = "std-signatures-2";
/// Place, beside the answers that name it, of the signatures of the prelude's crates. The number says how
/// signatures are made: raise it, and the other one, when that changes.
pub const CRATE_SIGNATURES: &str = "signatures-2";
/// Where a toolchain has std's sources.
const LIBRARY: &str = "lib/rustlib/src/rust/library";
/// Below it, the instructions of processors.
const INSTRUCTIONS: &str = "stdarch";
/// In there, what has the modules' structure and the types.
const KEPT: [&str; 3] = ["mod.rs", "macros.rs", "simd.rs"];

/// How much of each source there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Signatures,
}

/// Makes both folders in a prepared one look like the toolchain in `sysroot`, with these sources
/// only, unless they are there.
///
/// # Errors
/// When something cannot be read or written; what is there is complete.
pub fn ensure(sysroot: &Path, prepared: &Path) -> io::Result<()> {
    for (name, form) in [(WHOLE, Form::Whole), (SIGNATURES, Form::Signatures)] {
        let folder = prepared.join(name);
        if !folder.exists() {
            make(&folder, |aside| {
                write(&sysroot.join(LIBRARY), &aside.join(LIBRARY), form, false)
            })?;
        }
    }
    Ok(())
}

/// Writes the signatures of a crate's sources into `folder`, unless they are there.
///
/// # Errors
/// When something cannot be read or written; nothing is there then.
pub fn ensure_signatures(package: &Path, folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    make(folder, |aside| {
        fs::copy(package.join("Cargo.toml"), aside.join("Cargo.toml"))?;
        let (sources, to) = (package.join("src"), aside.join("src"));
        write(&sources, &to, Form::Signatures, false)
    })
}

/// Made aside and renamed: a folder is complete once it is there.
fn make(folder: &Path, fill: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let aside = tempfile::Builder::new()
        .prefix("sources-")
        .tempdir_in(parent)?;
    fill(aside.path())?;
    match fs::rename(aside.path(), folder) {
        // Another kernel was quicker.
        Err(_) if folder.exists() => Ok(()),
        result => result,
    }
}

fn write(from: &Path, to: &Path, form: Form, are_instructions: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), to.join(&name));
        let is_left_out = are_instructions && !KEPT.iter().any(|kept| name == *kept);
        if entry.file_type()?.is_dir() {
            let are_instructions = are_instructions || name == INSTRUCTIONS;
            write(&source, &target, form, are_instructions)?;
        } else if !is_left_out {
            write_file(&source, &target, form)?;
        }
    }
    Ok(())
}

fn write_file(from: &Path, to: &Path, form: Form) -> io::Result<()> {
    if form == Form::Signatures
        && from.extension().is_some_and(|extension| extension == "rs")
        && let Ok(text) = fs::read_to_string(from)
    {
        return fs::write(to, signatures(&text));
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
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
        let (sysroot, prepared) = (machine.path().join("sysroot"), machine.path().join("p"));
        let vectors = "stdarch/crates/core_arch/src/x86";
        let function = "fn f() -> u8 { 1 }";
        for name in [
            "Cargo.toml",
            "core/src/lib.rs",
            "core/src/mod.rs",
            &format!("{vectors}/mod.rs"),
            &format!("{vectors}/avx.rs"),
        ] {
            write(&sysroot.join(LIBRARY).join(name), function);
        }
        ensure(&sysroot, &prepared).unwrap();
        let short = "fn f() -> u8 {loop{}}";
        for (name, expected) in [(WHOLE, function), (SIGNATURES, short)] {
            let library = prepared.join(name).join(LIBRARY);
            let read = |name: &str| fs::read_to_string(library.join(name)).ok();
            assert_eq!(read("core/src/lib.rs").as_deref(), Some(expected));
            assert_eq!(read("Cargo.toml").as_deref(), Some(function));
            assert!(read("core/src/mod.rs").is_some());
            assert!(read(&format!("{vectors}/mod.rs")).is_some());
            assert_eq!(read(&format!("{vectors}/avx.rs")), None);
        }
        // Once is enough.
        fs::remove_dir_all(&sysroot).unwrap();
        ensure(&sysroot, &prepared).unwrap();
    }

    #[test]
    fn a_crates_signatures_are_its_manifest_and_sources() {
        let machine = tempfile::tempdir().unwrap();
        let (package, folder) = (machine.path().join("a-1.0"), machine.path().join("s/a"));
        write(&package.join("Cargo.toml"), "[package]");
        write(&package.join("src/lib.rs"), "pub fn f() { g() }");
        write(&package.join("tests/t.rs"), "");
        ensure_signatures(&package, &folder).unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        assert_eq!(read("src/lib.rs").as_deref(), Some("pub fn f() {loop{}}"));
        assert_eq!(read("Cargo.toml").as_deref(), Some("[package]"));
        assert!(!folder.join("tests").exists());
    }

    #[test]
    fn without_sources_nothing_is_left_behind() {
        let machine = tempfile::tempdir().unwrap();
        let prepared = machine.path().join("prepared");
        assert!(ensure(&machine.path().join("nowhere"), &prepared).is_err());
        assert_eq!(fs::read_dir(&prepared).unwrap().count(), 0);
    }
}
