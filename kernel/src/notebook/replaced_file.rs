//! A file replaced as a whole: written beside itself, then renamed. What goes into it is
//! [`super::document`]'s.
//!
//! A writer that is killed leaves its part behind. Every writer holds a lock on its own, which ends with
//! it: what is not locked belongs to nobody, and the next writer in that folder removes it.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

const PREFIX: &str = ".torchbook-";
const SUFFIX: &str = ".ipynb.tmp";

/// Puts the bytes in the place of the file; a reader sees the old file or the new one, never a part.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = resolve_links(path);
    let mut file = part_beside(&target)?;
    file.write_all(bytes)?;
    if let Ok(metadata) = fs::metadata(&target) {
        fs::set_permissions(file.path(), metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

/// Fails early where [`replace`] would fail after an hour of training.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    let target = resolve_links(path);
    if target.exists() {
        fs::OpenOptions::new().append(true).open(&target)?;
    }
    part_beside(&target).map(drop)
}

/// A link stays a link: the file it points to is replaced.
fn resolve_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A new file, locked, in the same folder: a rename is atomic only within one file system.
fn part_beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    remove_leftovers(folder);
    loop {
        let part = Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            // Temporary files are private by default; a new notebook is not (the umask applies).
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        // A file system without locks has none for those that remove, either.
        let _ = part.as_file().lock();
        // Between its creation and the lock, the file was anybody's.
        if part.as_file().metadata()?.nlink() > 0 {
            return Ok(part);
        }
    }
}

/// Removes the parts of writers that are gone. What cannot be removed stays: it does no harm.
fn remove_leftovers(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_part(&entry.file_name())) {
        if let Some(_lock) = lock_of_nobody(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_part(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// The lock of a part whose writer is gone.
fn lock_of_nobody(part: &Path) -> Option<File> {
    // Anything but a file was not left by a writer, and a FIFO would be waited for.
    if !fs::symlink_metadata(part).ok()?.is_file() {
        return None;
    }
    let file = File::open(part).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        let text = |name: std::ffi::OsString| name.into_string().unwrap();
        names.into_iter().map(text).collect()
    }

    #[test]
    fn a_new_file_is_readable_as_the_umask_says() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let file = folder.path().join("book.ipynb");
        replace(&file, b"new").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book.ipynb");
        let mut living = part_beside(&file).unwrap();
        let left = folder.path().join(".torchbook-left.ipynb.tmp");
        let others = folder.path().join(".torchbook-notes.ipynb");
        for path in [&left, &others] {
            fs::write(path, "half of").unwrap();
        }

        replace(&file, b"new").unwrap();
        let part = living.path().file_name().unwrap().to_str().unwrap();
        let mut expected = [part, ".torchbook-notes.ipynb", "book.ipynb"];
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);

        living.write_all(b"newer").unwrap();
        living.persist(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"newer");
    }

    #[test]
    fn looking_whether_a_file_can_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".torchbook-left.ipynb.tmp"), "").unwrap();
        check_replaceable(&folder.path().join("book.ipynb")).unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
