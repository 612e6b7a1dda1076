//! What a build that is given up must not cost: the state in which cargo found everything fresh.
//!
//! Before cargo starts its first compiler it empties the fingerprints of all that it means to build,
//! and it deletes a library before it lets rustc write the new one. After a refusal
//! ([`super::guard`]) or an interrupt it would so take the prelude for stale, and every later cell
//! would be refused. The copies are files, because an interrupt ends this program too.

use crate::setup::prepared::TARGET;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Copies of what cargo may spoil in a kernel's target folder.
pub struct Kept {
    folder: PathBuf,
    target: PathBuf,
}

impl Kept {
    /// Keeps them in `folder`, which is on the same disk; what an interrupted build has left there
    /// is put back first.
    ///
    /// # Errors
    /// When something cannot be linked or copied.
    pub fn new(folder: &Path, target: &Path) -> io::Result<Kept> {
        let kept = Kept {
            folder: folder.to_path_buf(),
            target: target.to_path_buf(),
        };
        kept.put_back()?;
        fs::create_dir_all(folder)?;
        // One file for all fingerprints: hundreds, made and removed with each build, would keep the
        // disk busy for longer than cargo.
        let partial = kept.fingerprints().with_extension("partial");
        let mut archive = tar::Builder::new(fs::File::create(&partial)?);
        for profile in profiles() {
            kept.keep_libraries(&profile.join("deps"))?;
            for unit in names(&target.join(&profile).join(".fingerprint")) {
                // The cells' own is to be stale.
                if unit.starts_with("ctx-") {
                    continue;
                }
                let unit = profile.join(".fingerprint").join(unit);
                for name in names(&target.join(&unit)) {
                    if !name.contains('.') {
                        let place = unit.join(name);
                        archive.append_path_with_name(target.join(&place), &place)?;
                    }
                }
            }
        }
        archive.into_inner()?;
        fs::rename(partial, kept.fingerprints())?;
        Ok(kept)
    }

    /// The build was completed: what it has replaced is gone.
    ///
    /// # Errors
    /// When the copies cannot be removed.
    pub fn forget(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }

    /// The build was not completed.
    ///
    /// # Errors
    /// When something cannot be put back.
    pub fn restore(self) -> io::Result<()> {
        self.put_back()
    }

    fn fingerprints(&self) -> PathBuf {
        self.folder.join("fingerprints.tar")
    }

    fn keep_libraries(&self, place: &Path) -> io::Result<()> {
        let (from, to) = (self.target.join(place), self.folder.join(place));
        fs::create_dir_all(&to)?;
        for name in names(&from).iter().filter(|name| is_library(name)) {
            fs::hard_link(from.join(name), to.join(name))?;
        }
        Ok(())
    }

    fn put_back(&self) -> io::Result<()> {
        for profile in profiles() {
            let place = profile.join("deps");
            for name in names(&self.folder.join(&place)) {
                let file = self.target.join(&place).join(&name);
                if !file.exists() {
                    // The same file with its old time, by which cargo goes.
                    fs::hard_link(self.folder.join(&place).join(&name), file)?;
                }
            }
        }
        if let Ok(archive) = fs::File::open(self.fingerprints()) {
            for entry in tar::Archive::new(archive).entries()? {
                let mut entry = entry?;
                let file = self.target.join(entry.path()?);
                if !fs::metadata(&file).is_ok_and(|now| now.len() > 0) {
                    entry.unpack(file)?;
                }
            }
        }
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn profiles() -> [PathBuf; 2] {
    [PathBuf::from("debug"), Path::new(TARGET).join("debug")]
}

fn is_library(name: &str) -> bool {
    [".rlib", ".rmeta", ".so"]
        .iter()
        .any(|extension| name.ends_with(extension))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_an_abandoned_build_has_spoilt_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (copies, target) = (folder.path().join("kept"), folder.path().join("target"));
        let deps = target.join(TARGET).join("debug/deps");
        let fingerprints = target.join(TARGET).join("debug/.fingerprint");
        for (unit, text) in [
            ("torchbook-prelude-1", "abc"),
            ("ctx-2", "cells"),
            ("foo-3", "new"),
        ] {
            fs::create_dir_all(fingerprints.join(unit)).unwrap();
            fs::write(fingerprints.join(unit).join("lib"), text).unwrap();
            fs::write(fingerprints.join(unit).join("lib.json"), "{}").unwrap();
        }
        fs::create_dir_all(&deps).unwrap();
        fs::write(deps.join("libtorchbook.rlib"), "library").unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let before = inode(&deps.join("libtorchbook.rlib"));

        let spoil = || {
            fs::write(fingerprints.join("torchbook-prelude-1/lib"), "").unwrap();
            fs::write(fingerprints.join("ctx-2/lib"), "").unwrap();
            fs::write(fingerprints.join("foo-3/lib"), "built").unwrap();
            fs::remove_file(deps.join("libtorchbook.rlib")).unwrap();
        };
        let check = || {
            let said = |unit: &str| fs::read_to_string(fingerprints.join(unit)).unwrap();
            assert_eq!(said("torchbook-prelude-1/lib"), "abc");
            assert_eq!(said("ctx-2/lib"), "");
            assert_eq!(said("foo-3/lib"), "built");
            assert_eq!(inode(&deps.join("libtorchbook.rlib")), before);
        };
        let kept = Kept::new(&copies, &target).unwrap();
        spoil();
        kept.restore().unwrap();
        check();
        // Nobody was left to restore it: the next build does.
        drop(Kept::new(&copies, &target).unwrap());
        spoil();
        let kept = Kept::new(&copies, &target).unwrap();
        check();
        kept.forget().unwrap();
        assert!(!copies.exists());
    }
}
