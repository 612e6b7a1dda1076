//! What the cache holds, and the removal of what nobody uses.
//!
//! Each version of the prelude and each toolchain makes a prepared folder. The old ones go by
//! themselves when a kernel is prepared ([`remove_unused`]), and with everything else when a person
//! asks (`torchbook clean`). Whether a folder is in use is [`super::in_use`]'s to know.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::cache::Cache;
use super::in_use::{self, Unused};
use super::{Environment, Result, SetupError};

/// Variables with the limits of [`Keep`].
pub const KEEP_VARIABLE: &str = "TORCHBOOK_KEEP_PREPARED";
/// See [`KEEP_VARIABLE`].
pub const DAYS_VARIABLE: &str = "TORCHBOOK_KEEP_DAYS";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Folders with this in their name are being removed, or were when a process was killed.
const REMOVED: &str = ".removed-";
const PARTIAL: &str = ".partial-";

/// How many prepared folders are kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// This many, those used last.
    pub count: usize,
    /// None that was not used for this long.
    pub unused_for: Duration,
    /// Beyond the number, those used within this time stay: who goes back and forth between two
    /// versions must not build each time.
    pub grace: Duration,
    /// The oldest go until what is left is smaller.
    pub bytes: Option<u64>,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            count: 3,
            unused_for: 30 * DAY,
            grace: DAY,
            bytes: None,
        }
    }
}

impl Keep {
    /// The limits in the environment, or else the defaults: 3 folders, 30 days.
    pub fn of(environment: &Environment) -> Self {
        let number = |name| environment.get(name)?.to_str()?.parse::<u32>().ok();
        let mut keep = Self::default();
        if let Some(count) = number(KEEP_VARIABLE) {
            keep.count = count as usize;
        }
        if let Some(days) = number(DAYS_VARIABLE) {
            keep.unused_for = DAY * days;
        }
        keep
    }

    /// Which of these folders go, the least recently used first. Those in use are not asked here.
    fn exceeded<'a>(&self, entries: &'a [Entry], now: SystemTime) -> Vec<&'a Entry> {
        let mut newest_first: Vec<&Entry> = entries.iter().collect();
        newest_first.sort_by_key(|entry| std::cmp::Reverse(entry.last_use));
        let mut kept_bytes = 0;
        let mut going = Vec::new();
        for (place, entry) in newest_first.into_iter().enumerate() {
            let age = now.duration_since(entry.last_use).unwrap_or_default();
            let is_large = self
                .bytes
                .is_some_and(|most| kept_bytes + entry.bytes > most);
            let is_surplus = place >= self.count && age >= self.grace;
            if age >= self.unused_for || is_surplus || is_large {
                going.push(entry);
            } else {
                kept_bytes += entry.bytes;
            }
        }
        going.reverse();
        going
    }
}

/// What an entry of the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A prelude built with its dependencies.
    Prepared,
    /// A libtorch that torchbook has installed.
    Libtorch,
    /// A dataset.
    Data,
    /// The copy of a kernel, which removes it itself.
    Kernel,
    /// What a process that was killed left behind.
    Leftover,
}

impl Kind {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Prepared => "prelude",
            Kind::Libtorch => "libtorch",
            Kind::Data => "data",
            Kind::Kernel => "kernel",
            Kind::Leftover => "leftover",
        }
    }
}

/// One folder of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub path: PathBuf,
    /// Bytes on the disk; of files that several folders share, its part.
    pub bytes: u64,
    /// When it was used last, or made where that is not known.
    pub last_use: SystemTime,
    /// Whether a living process uses it.
    pub in_use: bool,
}

/// Everything that is in the cache.
pub fn inventory(cache: &Cache) -> Vec<Entry> {
    let mut entries = prepared(cache);
    let others = [
        (Kind::Libtorch, "libtorch"),
        (Kind::Data, "data"),
        (Kind::Kernel, "kernels"),
        (Kind::Prepared, "prepared"),
    ];
    for (kind, name) in others {
        for path in folders(&cache.root().join(name)) {
            let kind = if is_leftover(&path) {
                Kind::Leftover
            } else if kind == Kind::Prepared || path.ends_with("libtorch/checked") {
                continue;
            } else {
                kind
            };
            entries.push(Entry {
                kind,
                bytes: disk_use(&path),
                last_use: in_use::last_use(&path),
                in_use: kind == Kind::Kernel && is_locked(&path.join("lock")),
                path,
            });
        }
    }
    entries
}

fn prepared(cache: &Cache) -> Vec<Entry> {
    folders(&cache.root().join("prepared"))
        .into_iter()
        .filter(|path| !is_leftover(path))
        .map(|path| Entry {
            kind: Kind::Prepared,
            bytes: disk_use(&path),
            last_use: in_use::last_use(&path),
            in_use: is_locked(&path.join("used")) || is_locked(&lock_file(&path)),
            path,
        })
        .collect()
}

/// Removes the prepared folders that exceed what is to be kept and that nobody uses, and what
/// removals that were cut off have left. A folder that cannot be removed is left for the next time.
pub fn remove_unused(cache: &Cache, keep: &Keep) -> Vec<Entry> {
    for path in folders(&cache.root().join("prepared")) {
        if path.to_string_lossy().contains(REMOVED) {
            let _ = fs::remove_dir_all(path);
        }
    }
    // Their sizes take a while to add up and only matter where there is a limit for them.
    let entries: Vec<Entry> = folders(&cache.root().join("prepared"))
        .into_iter()
        .filter(|path| !is_leftover(path))
        .map(|path| Entry {
            kind: Kind::Prepared,
            bytes: keep.bytes.map_or(0, |_| disk_use(&path)),
            last_use: in_use::last_use(&path),
            in_use: false,
            path,
        })
        .collect();
    let mut removed = Vec::new();
    for entry in keep.exceeded(&entries, SystemTime::now()) {
        match remove_prepared(&entry.path) {
            Ok(true) => removed.push(entry.clone()),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "an unused folder was not removed"),
        }
    }
    removed
}

/// Which entries go when a person asks: prepared folders that exceed what is kept, leftovers, and
/// with `everything` each one that can be made or fetched again. Never what is in use.
pub fn candidates<'a>(entries: &'a [Entry], keep: &Keep, everything: bool) -> Vec<&'a Entry> {
    let prepared: Vec<Entry> = entries
        .iter()
        .filter(|entry| entry.kind == Kind::Prepared)
        .cloned()
        .collect();
    let exceeded: Vec<&Path> = keep
        .exceeded(&prepared, SystemTime::now())
        .iter()
        .map(|entry| entry.path.as_path())
        .collect();
    // A prelude in use has libtorch loaded, and kernels may be reading their data.
    let something_runs = entries.iter().any(|entry| entry.in_use);
    let goes = |entry: &&Entry| match entry.kind {
        _ if entry.in_use => false,
        Kind::Leftover | Kind::Kernel => true,
        Kind::Prepared => everything || exceeded.contains(&entry.path.as_path()),
        Kind::Libtorch | Kind::Data => everything && !something_runs,
    };
    entries.iter().filter(goes).collect()
}

/// Removes an entry; false where it has come into use meanwhile.
///
/// # Errors
/// [`SetupError::Io`] when it cannot be removed.
pub fn remove(entry: &Entry) -> Result<bool> {
    if entry.kind == Kind::Prepared {
        return remove_prepared(&entry.path);
    }
    if entry.kind == Kind::Kernel && is_locked(&entry.path.join("lock")) {
        return Ok(false);
    }
    remove_folder(&entry.path)?;
    Ok(true)
}

fn remove_prepared(folder: &Path) -> Result<bool> {
    // Whoever builds it holds the one lock, whoever uses it the other.
    let Some(_builder) = exclusive(&lock_file(folder)) else {
        return Ok(false);
    };
    let Some(_unused) = Unused::claim(folder) else {
        return Ok(false);
    };
    remove_folder(folder)?;
    Ok(true)
}

/// Renames first: a folder that is half removed must not keep the name of a whole one.
fn remove_folder(folder: &Path) -> Result<()> {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!("{REMOVED}{}", std::process::id()));
    let aside = PathBuf::from(name);
    fs::rename(folder, &aside).map_err(|source| SetupError::io("rename", folder, source))?;
    fs::remove_dir_all(&aside).map_err(|source| SetupError::io("remove", &aside, source))
}

fn lock_file(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// A lock on a file that nobody else has locked; the file is made where it is missing.
fn exclusive(path: &Path) -> Option<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .ok()?;
    file.try_lock().ok()?;
    Some(file)
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

/// A folder in the making whose maker is gone, or one whose removal was cut off.
fn is_leftover(path: &Path) -> bool {
    let name = path.to_string_lossy();
    if name.contains(REMOVED) {
        return true;
    }
    let Some((target, _)) = name.split_once(PARTIAL) else {
        return false;
    };
    !is_locked(&lock_file(Path::new(target)))
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Bytes of a folder on the disk; of a file with several names its part.
pub fn disk_use(path: &Path) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return meta.blocks() * 512 / meta.nlink().max(1);
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| disk_use(&entry.path())).sum()
}

#[cfg(test)]
mod tests;
