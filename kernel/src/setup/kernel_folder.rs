//! One kernel's own copy of the prepared folder, and its end.
//!
//! Finished artefacts are hard links, everything that cargo, rustc or evcxr write in
//! place is a real copy: kernels never see each other's files. [`super::prepared`]
//! builds the original.

use super::cache::Cache;
use super::cargo_records;
use super::prepared::{PROFILES, Prepared, TARGET};
use crate::processes;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Names evcxr's folder, in a kernel's environment.
pub const FOLDER_VARIABLE: &str = "EVCXR_TMPDIR";
/// File in a kernel's folder that its process keeps locked: a folder whose lock is free
/// was left behind by a kernel that was killed.
const LOCK: &str = "lock";
/// Where, in a kernel's folder, the project is that questions about code are answered from.
pub const ANALYSIS: &str = "analysis";

/// A kernel's folder on disk; usable until [`KernelFolderGuard::remove`].
#[derive(Debug, Clone)]
pub struct KernelFolder {
    path: PathBuf,
}

/// Keeps a kernel's folder from being taken for a leftover, and removes it in the end.
#[derive(Debug)]
pub struct KernelFolderGuard {
    path: PathBuf,
    _lock: File,
}

impl KernelFolder {
    /// Makes an empty folder for this process, and removes those of dead kernels.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn create(cache: &Cache) -> io::Result<(KernelFolder, KernelFolderGuard)> {
        let root = kernels_root(cache);
        fs::create_dir_all(&root)?;
        // Making, locking and looking for leftovers happen under one lock: otherwise a
        // folder could be taken for a leftover between its making and its locking.
        let gate = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join(".gate"))?;
        gate.lock()?;
        remove_leftovers(&root)?;
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let path = root.join(format!("{}-{}", std::process::id(), &unique[..8]));
        fs::create_dir(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        Ok((
            KernelFolder { path: path.clone() },
            KernelFolderGuard { path, _lock: lock },
        ))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// evcxr's folder, for `EVCXR_TMPDIR`.
    pub fn evcxr(&self) -> PathBuf {
        self.path.join("evcxr")
    }

    /// The folder of the project that questions about code are answered from.
    pub fn analysis(&self) -> PathBuf {
        self.path.join(ANALYSIS)
    }

    /// An empty folder for evcxr's configuration: the user's own for plain evcxr must not
    /// change how cells are built here.
    pub fn evcxr_configuration(&self) -> PathBuf {
        self.path.join("evcxr-configuration")
    }

    /// Where the stand-ins for cargo and rustc are.
    pub fn tools(&self) -> PathBuf {
        self.path.join("tools")
    }

    /// Where libtorchbook.so will lie.
    pub fn prelude_library(&self) -> PathBuf {
        self.evcxr()
            .join("target")
            .join(TARGET)
            .join("debug/deps/libtorchbook.so")
    }

    /// Copies the prepared folder into this one.
    ///
    /// # Errors
    /// When something cannot be read or written, the disk being full among it.
    pub fn fill(&self, prepared: &Prepared) -> io::Result<()> {
        fs::create_dir_all(self.path.join(".cargo"))?;
        fs::create_dir_all(self.evcxr_configuration())?;
        fs::write(self.path.join(".cargo/config.toml"), PROFILES)?;
        let (from, to) = (prepared.evcxr_folder(), self.evcxr());
        copy_folder(&from, &to, &|name| name != "target")?;
        share_artefacts(&from.join("target"), &to.join("target"))?;
        let records = prepared.cargo_records()?;
        let own = self.path.join(cargo_records::NAME);
        fs::hard_link(&records, &own).or_else(|_| fs::copy(&records, &own).map(drop))
    }

    /// Puts the prepared lock file back, which evcxr's first evaluation prunes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn restore_lock_file(&self, prepared: &Prepared) -> io::Result<()> {
        fs::copy(prepared.lock_file(), self.evcxr().join("Cargo.lock")).map(drop)
    }
}

impl KernelFolderGuard {
    /// Removes the folder. Call it when nothing of the kernel runs any more.
    pub fn remove(self) {
        // A compiler that was just killed may still have been writing: once more then.
        if fs::remove_dir_all(&self.path).is_err()
            && let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "the kernel's folder was not removed");
        }
    }
}

/// Where kernels' folders are. evcxr cannot have spaces in its path, so a cache in a folder with
/// spaces is avoided, and so is one that cannot be written, as in an image of a container.
fn kernels_root(cache: &Cache) -> PathBuf {
    let root = cache.root().join("kernels");
    let has_spaces = root
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .any(u8::is_ascii_whitespace);
    let is_writable = || {
        fs::create_dir_all(&root).is_ok()
            && rustix::fs::access(&root, rustix::fs::Access::WRITE_OK).is_ok()
    };
    if !has_spaces && is_writable() {
        return root;
    }
    let user = rustix::process::getuid().as_raw();
    PathBuf::from(format!("/tmp/torchbook-{user}/kernels"))
}

fn remove_leftovers(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let is_left_over = match File::open(path.join(LOCK)) {
            Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_left_over {
            continue;
        }
        // What a killed kernel had started carries its folder in its environment, from kernel to
        // compiler and build script.
        let evcxr = path.join("evcxr");
        processes::end_those_with(&format!("{FOLDER_VARIABLE}={}", evcxr.display()));
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(%error, path = %path.display(), "a dead kernel's folder was not removed");
        }
    }
    Ok(())
}

/// rustc's notes for a next compilation in the same place: no copy can use them, and those of the
/// prelude alone are twice as large as everything else.
pub const INCREMENTAL: &str = "incremental";

/// Copies one of evcxr's folders, sharing what is never written again. Files and folders whose name
/// is not wanted are left out.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path, is_wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == INCREMENTAL || !is_wanted(&text) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&source, &target, is_wanted)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if !is_finished_artefact(&source) || fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target)?;
            // cargo compares times to find out what is fresh.
            File::options()
                .write(true)
                .open(&target)?
                .set_modified(fs::metadata(&source)?.modified()?)?;
        }
    }
    Ok(())
}

/// Shares the finished artefacts of a target folder, and makes only those folders that have some.
fn share_artefacts(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            share_artefacts(&source, &target)?;
        } else if is_finished_artefact(&source) {
            fs::create_dir_all(to)?;
            if fs::hard_link(&source, &target).is_err() {
                fs::copy(&source, &target)?;
            }
        }
    }
    Ok(())
}

/// Whether a file is never written again, only replaced: then kernels can share it.
pub fn is_finished_artefact(path: &Path) -> bool {
    let part = |part: Option<&std::ffi::OsStr>| {
        let part = part.map(|part| part.to_string_lossy().into_owned());
        part.unwrap_or_default()
    };
    let (name, extension) = (part(path.file_name()), part(path.extension()));
    // Not the fingerprint build-script-build-script-build, which cargo writes in place.
    let is_build_script = extension.is_empty()
        && (name == "build-script-build" || name.starts_with("build_script_build-"));
    let is_library = matches!(&*extension, "rlib" | "rmeta" | "so" | "a" | "o");
    !is_of_the_cells(path) && (is_library || is_build_script)
}

/// Whether a file or folder belongs to the crate that cells are compiled as.
pub fn is_of_the_cells(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    name.starts_with("ctx.") || name.starts_with("ctx-") || name == "ctx"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_goes_and_a_living_kernels_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let (dead, guard) = KernelFolder::create(&cache).unwrap();
        drop(guard); // as when a process is killed: the lock goes, the folder stays
        assert!(dead.path().exists());
        let (living, _guard) = KernelFolder::create(&cache).unwrap();
        let (another, _other_guard) = KernelFolder::create(&cache).unwrap();
        assert!(!dead.path().exists() && living.path().exists() && another.path().exists());
    }

    #[test]
    fn evcxrs_folder_is_elsewhere_where_the_cache_has_spaces_or_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let user = rustix::process::getuid().as_raw();
        let elsewhere = PathBuf::from(format!("/tmp/torchbook-{user}/kernels"));
        let spaces = Cache::at(folder.path().join("내 캐시"));
        assert_eq!(kernels_root(&spaces), elsewhere);
        // Not even root can make a folder below a file.
        assert_eq!(kernels_root(&Cache::at("/dev/null/cache")), elsewhere);
        let plain = Cache::at(folder.path().join("캐시"));
        assert_eq!(kernels_root(&plain), plain.root().join("kernels"));
    }

    #[test]
    fn only_finished_artefacts_are_shared() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("deps")).unwrap();
        fs::create_dir_all(from.join("incremental")).unwrap();
        for name in [
            "deps/libtch-1.rlib",
            "deps/libctx.so",
            "deps/tch-1.d",
            "deps/unwanted.rlib",
            "incremental/dep-graph.bin",
            "Cargo.toml",
        ] {
            fs::write(from.join(name), name).unwrap();
        }
        copy_folder(&from, &to, &|name| name != "unwanted.rlib").unwrap();
        assert!(!to.join("incremental").exists() && !to.join("deps/unwanted.rlib").exists());
        let shared = |name: &str| fs::metadata(to.join(name)).unwrap().nlink() == 2;
        assert!(shared("deps/libtch-1.rlib"));
        assert!(!shared("deps/libctx.so") && !shared("deps/tch-1.d") && !shared("Cargo.toml"));
        let modified = |root: &Path| {
            fs::metadata(root.join("Cargo.toml"))
                .unwrap()
                .modified()
                .unwrap()
        };
        assert_eq!(modified(&from), modified(&to));
    }
}
