//! What tools said before, kept in files: for questions whose answer only depends on the toolchain.
//!
//! rust-analyzer asks cargo and rustc a dozen questions whenever it loads a workspace. Crates are
//! [`super::metadata`]'s matter; this module keeps the rest.

use super::tools::{Settings, Tools};
use super::{EVCXR_FOLDER, real_command};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

/// In cargo's environment that can change what it says to rust-analyzer.
const ASKED_VARIABLES: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC_WRAPPER",
];

/// What a tool wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> io::Result<Answer> {
        command.output().map(|output| Answer::from(&output))
    }

    /// Says it again.
    pub fn print(&self) -> ExitCode {
        // Whoever asked may have gone away.
        let _ = io::stdout().write_all(self.stdout.as_bytes());
        let _ = io::stderr().write_all(self.stderr.as_bytes());
        ExitCode::from(self.code)
    }
}

impl From<&Output> for Answer {
    fn from(output: &Output) -> Answer {
        Answer {
            code: output
                .status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A key for answers: everything that an answer depends on.
pub fn key(settings: &Settings, words: &[&str], contents: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(settings.version.as_bytes());
    field(settings.sysroot.as_os_str().as_encoded_bytes());
    for name in ASKED_VARIABLES {
        let value = std::env::var_os(name).unwrap_or_default();
        field(value.as_encoded_bytes());
    }
    let evcxr = settings.evcxr.to_string_lossy();
    for word in words {
        field(word.replace(&*evcxr, EVCXR_FOLDER).as_bytes());
    }
    for content in contents {
        field(content);
    }
    hasher
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Finds an answer in one of the folders.
pub fn recall(settings: &Settings, folders: &[&Path], key: &str) -> Option<Answer> {
    folders.iter().find_map(|folder| {
        let text = std::fs::read_to_string(file(folder, key)).ok()?;
        serde_json::from_str(&text.replace(EVCXR_FOLDER, &settings.evcxr.to_string_lossy())).ok()
    })
}

/// Keeps an answer. A failure costs time the next time, nothing else.
pub fn keep(settings: &Settings, folder: &Path, key: &str, answer: &Answer) {
    let Ok(text) = serde_json::to_string(answer) else {
        return;
    };
    let text = text.replace(&*settings.evcxr.to_string_lossy(), EVCXR_FOLDER);
    let _ = super::recording::write_whole(&file(folder, key), &text);
}

fn file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

/// rust-analyzer's questions to rustc.
pub fn rustc(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<ExitCode> {
    if words == ["--print", "sysroot"] {
        println!("{}", sysroot_for_analysis(tools, settings).display());
        return Some(ExitCode::SUCCESS);
    }
    None
}

/// evcxr analyses its first cell, which is its own, before it knows any dependency, and then
/// everything once more. std is not worth loading for the first.
fn sysroot_for_analysis(tools: &Tools, settings: &Settings) -> PathBuf {
    let is_evcxrs = std::env::current_dir().is_ok_and(|folder| folder == settings.evcxr);
    let is_evcxrs_own = is_evcxrs
        && std::fs::read_to_string(settings.evcxr.join("Cargo.toml"))
            .is_ok_and(|manifest| !manifest.contains("torchbook-prelude"));
    if is_evcxrs_own {
        tools.empty_sysroot()
    } else {
        settings.analysed_sysroot(!is_evcxrs)
    }
}

/// Questions to cargo, other than for crates.
pub fn cargo(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<ExitCode> {
    let manifest = settings.evcxr.join("Cargo.toml");
    match words {
        ["locate-project", "--workspace", "--manifest-path", path]
            if Path::new(path) == manifest =>
        {
            println!("{}", serde_json::json!({ "root": path }));
            Some(ExitCode::SUCCESS)
        }
        // evcxr names the target itself, and nothing else is read from it.
        ["-Z", "unstable-options", "config", "get", ..] if is_in(&settings.evcxr) => {
            Some(ExitCode::SUCCESS)
        }
        ["--version"] | ["rustc", "-Z", "unstable-options", "--print", ..]
            if std::env::current_dir().is_ok_and(|folder| {
                folder.starts_with(&settings.evcxr) || settings.is_of_std(&folder)
            }) =>
        {
            let key = key(settings, words, &[]);
            let shared = settings.shared_answers.as_path();
            if let Some(answer) = recall(settings, &[shared], &key) {
                return Some(answer.print());
            }
            let mut command = real_command(tools, Some(settings), "cargo");
            let answer = Answer::of(command.args(words.iter().map(OsStr::new))).ok()?;
            if answer.code == 0 {
                keep(settings, shared, &key, &answer);
            }
            Some(answer.print())
        }
        _ => None,
    }
}

/// Whether this process was started there.
pub fn is_in(folder: &Path) -> bool {
    std::env::current_dir().is_ok_and(|current| current.starts_with(folder))
}
