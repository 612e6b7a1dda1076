//! The cache folder: where it is, who may write to it, and how finished things get into it.
//!
//! Whatever is made for the cache is made in a sibling folder `NAME.partial-PID` and renamed to
//! `NAME` when it is complete and checked, under a lock that one process holds at a time. So a
//! folder of its final name is a finished one, whatever was killed when. What is put in is the
//! business of the neighbours ([`super::libtorch`], [`super::datasets`]).

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Environment, Reporter, Result, SetupError};

/// How often a process that waits for another looks whether that has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Written last into a folder that is made for the cache.
const MARKER_FILE: &str = "torchbook.json";

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `TORCHBOOK_CACHE`, else `torchbook` in the user's cache folder.
    ///
    /// # Errors
    /// [`SetupError::NoCacheFolder`] where neither is known.
    pub fn of(environment: &Environment) -> Result<Self> {
        let root = environment
            .path("TORCHBOOK_CACHE")
            .or_else(|| {
                let named = environment
                    .path("XDG_CACHE_HOME")
                    .filter(|path| path.is_absolute());
                let home = environment.path("HOME").map(|home| home.join(".cache"));
                Some(named.or(home).or_else(dirs::cache_dir)?.join("torchbook"))
            })
            .ok_or(SetupError::NoCacheFolder)?;
        // Child processes run in other folders.
        let root =
            std::path::absolute(&root).map_err(|source| SetupError::io("find", &root, source))?;
        Ok(Self { root })
    }

    /// A cache in the folder given.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache folder itself. It may not exist yet.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one libtorch.
    pub fn libtorch(&self, name: &str) -> PathBuf {
        self.root.join("libtorch").join(name)
    }

    /// The folder of a dataset's files.
    pub fn data(&self, dataset: &str) -> PathBuf {
        self.root.join("data").join(dataset)
    }

    /// The folder of one prepared prelude.
    pub fn prepared(&self, key: &str) -> PathBuf {
        self.root.join("prepared").join(key)
    }
}

/// The right to write one folder of the cache. It ends with the process at the latest.
#[derive(Debug)]
pub struct Lock {
    target: PathBuf,
    // Closing the file unlocks it.
    _file: File,
}

impl Lock {
    /// Waits until no other process is writing `target`, showing that it waits and for whom.
    ///
    /// `what` names the thing in that message.
    ///
    /// # Errors
    /// [`SetupError::Io`] if the folder cannot be written, or its file system has no locks.
    pub fn acquire(target: &Path, what: &str, reporter: &Reporter) -> Result<Self> {
        let path = with_suffix(target, ".lock");
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)
                .map_err(|source| SetupError::io("create", parent, source))?;
        }
        // The file is never removed: a process waiting for it would then hold a lock on nothing.
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| SetupError::io("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder =
                    holder(&mut file).map_or_else(String::new, |pid| format!(" (process {pid})"));
                let step = reporter.step(format!("{what}: waiting for another torchbook{holder}"));
                wait_for(&file, &path, what, reporter)?;
                step.succeed();
            }
            Err(TryLockError::Error(source)) => return Err(SetupError::io("lock", &path, source)),
        }
        // Only for the message above: a holder that cannot be named is no reason to fail.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", process::id()));
        Ok(Self {
            target: target.to_path_buf(),
            _file: file,
        })
    }

    /// A new, empty folder beside the target. What earlier, dead processes left there is removed:
    /// whoever holds the lock is alone.
    ///
    /// # Errors
    /// [`SetupError::Io`] or [`SetupError::DiskFull`].
    pub fn stage(&self) -> Result<Staging> {
        self.remove_leftovers()?;
        let path = with_suffix(&self.target, &format!(".partial-{}", process::id()));
        fs::create_dir(&path).map_err(|source| SetupError::io("create", &path, source))?;
        Ok(Staging {
            path,
            target: self.target.clone(),
        })
    }

    fn remove_leftovers(&self) -> Result<()> {
        let (Some(parent), Some(name)) = (self.target.parent(), self.target.file_name()) else {
            return Ok(());
        };
        let prefix = format!("{}.partial-", name.to_string_lossy());
        let entries =
            fs::read_dir(parent).map_err(|source| SetupError::io("list", parent, source))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let path = entry.path();
                fs::remove_dir_all(&path)
                    .map_err(|source| SetupError::io("remove", &path, source))?;
            }
        }
        Ok(())
    }
}

/// Waits for a lock of another process, unless the work is stopped: the system's own wait could not be.
fn wait_for(file: &File, path: &Path, what: &str, reporter: &Reporter) -> Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if reporter.is_stopped() => {
                let what = format!("{what}: waiting for another torchbook");
                return Err(SetupError::Interrupted { what });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_AGAIN),
            Err(TryLockError::Error(source)) => return Err(SetupError::io("lock", path, source)),
        }
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// A folder in the making. It is removed when it is dropped unpublished.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    target: PathBuf,
}

impl Staging {
    /// Where to make it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the marker and gives the folder its final name. Whatever had that name is removed.
    ///
    /// # Errors
    /// [`SetupError::Io`] or [`SetupError::DiskFull`].
    pub fn publish(self, marker: &Marker) -> Result<()> {
        marker.write(&self.path)?;
        let replace = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|source| SetupError::io("rename", from, source))
        };
        let old = with_suffix(&self.target, &format!(".partial-old-{}", process::id()));
        if self.target.exists() {
            // Renamed first: a folder that is half removed must not keep the final name.
            replace(&self.target, &old)?;
        }
        replace(&self.path, &self.target)?;
        // Where this fails, the next one to stage tries again.
        let _ = fs::remove_dir_all(&old);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a publication there is nothing of that name; after a failure it is only space.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What a finished folder of the cache holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// What was installed, for people.
    pub what: String,
    /// Facts worth keeping: versions, where it came from.
    pub details: BTreeMap<String, String>,
    /// Bytes of the files without which it is of no use, by path below the folder.
    pub files: BTreeMap<String, u64>,
}

impl Marker {
    /// A marker that vouches for these files of `folder`.
    ///
    /// # Errors
    /// [`SetupError::Io`] if one of them is missing.
    pub fn of(folder: &Path, what: &str, files: &[&str]) -> Result<Self> {
        let mut marker = Self {
            what: what.to_owned(),
            ..Self::default()
        };
        for name in files {
            let path = folder.join(name);
            let bytes = path
                .metadata()
                .map_err(|source| SetupError::io("find", &path, source))?
                .len();
            marker.files.insert((*name).to_owned(), bytes);
        }
        Ok(marker)
    }

    /// The marker of a folder, if the folder is finished and its files still have their sizes. A disk
    /// that lost power, or a person tidying up, can damage what was complete once.
    pub fn of_intact(folder: &Path) -> Option<Self> {
        let marker: Self =
            serde_json::from_slice(&fs::read(folder.join(MARKER_FILE)).ok()?).ok()?;
        marker.damaged(folder).is_empty().then_some(marker)
    }

    /// Files of the folder that are missing or have another size than when it was finished.
    pub fn damaged(&self, folder: &Path) -> Vec<PathBuf> {
        let is_damaged = |(path, bytes): &(PathBuf, &u64)| {
            !path.metadata().is_ok_and(|found| found.len() == **bytes)
        };
        self.files
            .iter()
            .map(|(name, bytes)| (folder.join(name), bytes))
            .filter(is_damaged)
            .map(|(path, _)| path)
            .collect()
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MARKER_FILE);
        let failed = |source| SetupError::io("write", &path, source);
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(failed)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
