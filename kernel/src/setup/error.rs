//! What can go wrong while a machine is made ready.
//!
//! Every message says what was wanted, where, what was expected and received, and what to do next,
//! because for many users it is the first thing that torchbook ever prints.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::progress::megabytes;

/// A failed set-up step.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not Linux on x86-64.
    #[error(
        "torchbook runs on Linux on x86-64 only, this is {found}: the libtorch it uses is built for \
         that. Use a Linux machine, WSL 2 on Windows, or a container"
    )]
    UnsupportedHost {
        /// Operating system and architecture.
        found: String,
    },

    /// A program that is not installed.
    #[error("{tool} was not found, and is needed for {needed_for}. {remedy}")]
    ToolMissing {
        /// The program.
        tool: String,
        /// What it is wanted for.
        needed_for: String,
        /// How to get it.
        remedy: String,
    },

    /// A program that is installed, but cannot be used.
    #[error("{tool} cannot be used: expected {expected}, received {found}. {remedy}")]
    ToolUnsuitable {
        /// The program, with its path if known.
        tool: String,
        /// The version or behaviour wanted.
        expected: String,
        /// What it is instead.
        found: String,
        /// How to mend it.
        remedy: String,
    },

    /// A program that ran and failed.
    #[error(
        "{label} failed: `{command}` ended with {status}. {remedy}{}",
        quoted(output)
    )]
    CommandFailed {
        /// What was being done.
        label: String,
        /// The command line.
        command: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// What to do about it.
        remedy: String,
        /// The end of what it printed.
        output: String,
    },

    /// Whoever waited for it has stopped it.
    #[error(
        "{what} was interrupted; the next attempt begins it again, and nothing half-made is used"
    )]
    Interrupted {
        /// What was being done.
        what: String,
    },

    /// Something that would have to be fetched while the network is forbidden.
    #[error("{what} is not there, and the setting `offline` forbids to fetch it. {remedy}")]
    Offline {
        /// What is missing.
        what: String,
        /// What to do instead.
        remedy: String,
    },

    /// No space left, or not enough to begin with.
    #[error(
        "the disk that holds {} is full: {}. Free some space, or name a folder on another disk with \
         TORCHBOOK_CACHE, and run it again; nothing half-made is left behind",
        path.display(), space(*needed, *free)
    )]
    DiskFull {
        /// Where it was written to.
        path: PathBuf,
        /// Bytes that the step needs, where that is known.
        needed: Option<u64>,
        /// Bytes that are free, where that is known.
        free: Option<u64>,
    },

    /// Anything else that the file system refuses.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb: `create`, `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A setting with a value that means nothing.
    #[error("{name} is {value:?}, expected {expected}")]
    InvalidSetting {
        /// The environment variable or option.
        name: String,
        /// Its value.
        value: String,
        /// The values it may have.
        expected: String,
    },

    /// No place for the cache: neither a setting nor a home folder.
    #[error(
        "there is no folder for downloads: neither TORCHBOOK_CACHE, XDG_CACHE_HOME nor HOME is set. \
         Set TORCHBOOK_CACHE to a folder with some gigabytes of space"
    )]
    NoCacheFolder,

    /// Neither a home folder nor a Jupyter data folder is known.
    #[error(
        "there is no folder for Jupyter's kernelspecs: HOME, XDG_DATA_HOME and JUPYTER_DATA_DIR are all \
         unset. Set one of them, or name a folder with --prefix"
    )]
    NoDataFolder,

    /// A libtorch of a version that the prelude was not written for.
    #[error("wrong libtorch version in {} (from {origin}): expected {expected}, received {found}. {remedy}", dir.display())]
    WrongLibtorchVersion {
        /// Its folder.
        dir: PathBuf,
        /// The setting that named it.
        origin: &'static str,
        /// The version wanted.
        expected: String,
        /// Its version, or why that is unknown.
        found: String,
        /// What to do.
        remedy: String,
    },

    /// A folder that should hold libtorch and does not.
    #[error("{} (from {origin}) is not a complete libtorch: {missing} is missing. {remedy}", dir.display())]
    IncompleteLibtorch {
        /// The folder.
        dir: PathBuf,
        /// The setting that named it.
        origin: &'static str,
        /// The first file that is not there.
        missing: String,
        /// What to do.
        remedy: String,
    },

    /// A libtorch that the dynamic linker refuses.
    #[error("libtorch in {} could not be loaded. {remedy}{}", lib_dir.display(), quoted(output))]
    LibtorchDoesNotLoad {
        /// The folder with its shared objects.
        lib_dir: PathBuf,
        /// What to do.
        remedy: String,
        /// What the dynamic linker said.
        output: String,
    },

    /// A server that everything needs cannot be reached.
    #[error("{what}: {server} cannot be reached. {remedy}{}", quoted(output))]
    Unreachable {
        /// What was to be fetched.
        what: String,
        /// The server, as the user knows it.
        server: String,
        /// What to do.
        remedy: String,
        /// The telling line of the client's output.
        output: String,
    },

    /// The package index has no such wheel for this machine.
    #[error("pip found no wheel for {package}. {remedy}{}", quoted(output))]
    WheelNotFound {
        /// Names and versions asked for.
        package: String,
        /// What to do.
        remedy: String,
        /// The end of pip's output.
        output: String,
    },

    /// A file of a user's data folder that is missing or not what it should be.
    #[error("{dataset}: {} {fault}. {remedy}", path.display())]
    BadDataFile {
        /// The dataset's name.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<Fault>,
        /// What to do.
        remedy: String,
    },

    /// No source gave the dataset.
    #[error(
        "{dataset} could not be fetched: {missing} missing. Tried, in this order:{}\n{remedy}",
        listed(attempts)
    )]
    DataUnavailable {
        /// The dataset's name.
        dataset: String,
        /// The files that are still missing.
        missing: String,
        /// Every source and its reason.
        attempts: Vec<Attempt>,
        /// What to do.
        remedy: String,
    },
}

/// Why a file is not the one it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, as a predicate: `is missing`.
    pub problem: String,
    /// Size and checksum wanted.
    pub expected: String,
    /// Size and checksum found.
    pub received: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, received {}",
            self.problem, self.expected, self.received
        )
    }
}

/// One source that was tried for a dataset, and why it did not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The mirror's address or the package's name.
    pub source: String,
    /// Why it failed.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.reason)
    }
}

/// The variable of the setting `offline`.
const OFFLINE_VARIABLE: &str = "TORCHBOOK_OFFLINE";

impl SetupError {
    /// An error where the user has forbidden the network.
    ///
    /// # Errors
    /// [`SetupError::Offline`] naming `what` would have been fetched and what to do.
    pub fn unless_online(
        environment: &super::Environment,
        what: &str,
        remedy: &str,
    ) -> super::Result<()> {
        if !environment.is_on(OFFLINE_VARIABLE) {
            return Ok(());
        }
        Err(Self::Offline {
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        })
    }

    /// Wraps an error of the file system, and recognises a full disk.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let free = free_space(&path);
                Self::DiskFull {
                    path,
                    needed: None,
                    free,
                }
            }
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

/// Bytes that this user can still write to the disk of `path`, or of its nearest existing parent.
pub fn free_space(path: &Path) -> Option<u64> {
    path.ancestors()
        .find_map(|folder| rustix::fs::statvfs(folder).ok())
        .map(|stat| stat.f_bavail * stat.f_frsize)
}

fn space(needed: Option<u64>, free: Option<u64>) -> String {
    match (needed, free) {
        (Some(needed), Some(free)) => {
            format!("{} needed, {} free", megabytes(needed), megabytes(free))
        }
        (Some(needed), None) => format!("{} needed", megabytes(needed)),
        (None, Some(free)) => format!("{} free", megabytes(free)),
        (None, None) => "no space left".to_owned(),
    }
}

/// Lines of another program's output, set off from the message above them.
pub fn quoted(output: &str) -> String {
    let lines = output.trim_end().lines();
    lines.fold(String::new(), |mut text, line| {
        let _ = write!(text, "\n    | {line}");
        text
    })
}

fn listed(attempts: &[Attempt]) -> String {
    attempts.iter().fold(String::new(), |mut text, attempt| {
        let _ = write!(text, "\n  - {attempt}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_full_disk_is_recognised_and_names_folder_and_remedy() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let message = SetupError::io("write", "/proc/made-up", full).to_string();
        assert!(message.contains("/proc/made-up is full"), "{message}");
        assert!(message.contains("TORCHBOOK_CACHE"), "{message}");
    }

    #[test]
    fn other_errors_keep_the_systems_reason() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            SetupError::io("create", "/x", denied).to_string(),
            "could not create /x: permission denied"
        );
    }

    #[test]
    fn unavailable_data_lists_every_source_with_its_reason() {
        let attempts = vec![
            Attempt {
                source: "https://one".into(),
                reason: "no answer within 3 s".into(),
            },
            Attempt {
                source: "package two".into(),
                reason: "npm was not found".into(),
            },
        ];
        let error = SetupError::DataUnavailable {
            dataset: "MNIST".into(),
            missing: "train-images".into(),
            attempts,
            remedy: "Set TORCHBOOK_MNIST_DIR.".into(),
        };
        assert_eq!(
            error.to_string(),
            "MNIST could not be fetched: train-images missing. Tried, in this order:\n  \
             - https://one: no answer within 3 s\n  - package two: npm was not found\nSet TORCHBOOK_MNIST_DIR."
        );
    }

    #[test]
    fn output_of_a_failed_command_is_quoted_line_by_line() {
        let error = SetupError::CommandFailed {
            label: "Download".into(),
            command: "tool get".into(),
            status: ExitStatus::from_raw(256),
            remedy: "Try again.".into(),
            output: "one\ntwo\n".into(),
        };
        let expected = "Download failed: `tool get` ended with exit status: 1. Try again.\n    | one\n    | two";
        assert_eq!(error.to_string(), expected);
    }
}
