//! Which prepared folders are used by a process that lives, and when each was used last.
//!
//! A file in the folder says both: its time is the last use, and every process that uses the folder
//! holds a shared lock on it. Removing is [`super::clean`]'s business.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::prepared_contents::COMPLETE;

/// Its time of change is the time of the last use.
const USED: &str = "used";

/// A claim on a prepared folder; it ends with its last clone, or with the process.
#[derive(Debug, Clone)]
pub struct InUse {
    // Closing the file unlocks it.
    _lock: Arc<File>,
}

impl InUse {
    /// Claims a folder, waiting while it is being removed: look afterwards whether it is still there.
    /// There is no claim where the folder cannot be written, and then nobody else can remove it.
    pub fn claim(folder: &Path) -> Option<InUse> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(USED))
            .ok()?;
        file.lock_shared().ok()?;
        // Only the order of removal depends on it.
        let _ = file.set_modified(SystemTime::now());
        Some(InUse {
            _lock: Arc::new(file),
        })
    }
}

/// The right to remove a folder that nobody uses, as long as the value lives.
#[derive(Debug)]
pub struct Unused {
    _lock: File,
}

impl Unused {
    /// Nothing where a living process uses the folder.
    pub fn claim(folder: &Path) -> Option<Unused> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(USED))
            .ok()?;
        file.try_lock().ok()?;
        Some(Unused { _lock: file })
    }
}

/// When a prepared folder was used last, or built.
pub fn last_use(folder: &Path) -> SystemTime {
    [USED, COMPLETE]
        .iter()
        .filter_map(|name| fs::metadata(folder.join(name)).ok()?.modified().ok())
        .max()
        .or_else(|| fs::metadata(folder).ok()?.modified().ok())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_not_for_removal_until_its_last_user_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let one = InUse::claim(folder.path()).unwrap();
        let another = InUse::claim(folder.path()).unwrap();
        drop(one);
        assert!(Unused::claim(folder.path()).is_none());
        drop(another);
        assert!(Unused::claim(folder.path()).is_some());
    }

    #[test]
    fn the_last_use_is_the_latest_of_building_and_using() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        let file = File::create(folder.path().join(COMPLETE)).unwrap();
        file.set_modified(long_ago).unwrap();
        assert_eq!(last_use(folder.path()), long_ago);
        InUse::claim(folder.path()).unwrap();
        assert!(last_use(folder.path()) > long_ago);
    }
}
