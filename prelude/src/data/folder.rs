//! Where a dataset's files lie on this machine.
//!
//! The user's folder, else the cache, else the kernel's own program is asked to fetch them. What is
//! in the files is `idx.rs`'s business.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::training::interrupt;
use crate::{Error, Result};

/// How often the stop button is looked at while files are fetched.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The four files of the IDX datasets, under their classic names.
pub(crate) const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A dataset of four IDX files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dataset {
    Mnist,
    FashionMnist,
}

impl Dataset {
    /// As in the cache, and as `torchbook data` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Dataset::Mnist => "mnist",
            Dataset::FashionMnist => "fashion_mnist",
        }
    }

    /// The variable that names a folder of the user's own.
    fn variable(self) -> &'static str {
        match self {
            Dataset::Mnist => "TORCHBOOK_MNIST_DIR",
            Dataset::FashionMnist => "TORCHBOOK_FASHION_MNIST_DIR",
        }
    }

    /// What mends a folder whose files are damaged or missing.
    pub(crate) fn remedy(self) -> String {
        format!(
            "put the four IDX files of {name} into the folder that {variable} names, or leave that variable \
             unset and run `torchbook data {name}`",
            name = self.name(),
            variable = self.variable()
        )
    }

    /// The folder that holds the files; fetches them if need be.
    pub(crate) fn folder(self) -> Result<PathBuf> {
        if let Some(own) = non_empty(self.variable()) {
            return Ok(own.into());
        }
        match self.cached() {
            Some(folder) => Ok(folder),
            None => self.fetch(),
        }
    }

    /// The cache's folder, if all four files are in it.
    pub(crate) fn cached(self) -> Option<PathBuf> {
        let folder = cache_root()?.join("data").join(self.name());
        FILES
            .iter()
            .all(|file| folder.join(file).is_file())
            .then_some(folder)
    }

    /// Runs `torchbook data NAME`, whose progress the user sees on stderr and whose last line names
    /// the folder.
    fn fetch(self) -> Result<PathBuf> {
        let program = non_empty("TORCHBOOK_EXE").unwrap_or_else(|| "torchbook".into());
        let unavailable = |reason: String| Error::DatasetUnavailable {
            dataset: self.name(),
            reason,
            remedy: self.remedy(),
        };
        let cannot_run = |error| {
            let program = program.display();
            unavailable(format!(
                "it is not in the cache, and `{program} data` cannot be run: {error}"
            ))
        };
        let mut child = Command::new(&program)
            .args(["data", self.name()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(cannot_run)?;
        // It names one folder: that never fills the pipe.
        while child.try_wait().map_err(cannot_run)?.is_none() {
            if let Err(interrupted) = interrupt::check() {
                // It may have ended by itself; what it fetched so far is not taken for the whole.
                let _ = child.kill();
                let _ = child.wait();
                return Err(interrupted);
            }
            std::thread::sleep(ASK_EVERY);
        }
        let output = child.wait_with_output().map_err(cannot_run)?;
        if !output.status.success() {
            return Err(unavailable(
                "it could not be fetched (see above)".to_owned(),
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        match text.lines().next_back() {
            Some(folder) => Ok(folder.trim().into()),
            None => Err(unavailable("`torchbook data` named no folder".to_owned())),
        }
    }
}

/// `$TORCHBOOK_CACHE`, else `torchbook` in the user's cache folder; the kernel looks in the same
/// place.
pub(super) fn cache_root() -> Option<PathBuf> {
    if let Some(root) = non_empty("TORCHBOOK_CACHE") {
        return Some(root.into());
    }
    let user_cache = non_empty("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".cache")))?;
    Some(user_cache.join("torchbook"))
}

fn non_empty(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}
