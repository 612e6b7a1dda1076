//! Everything that can stop a notebook from being read, run, compared or written.
//!
//! A cell that raises is not an error of this kind: it is a result, see
//! [`super::execute::Ending`].

use std::io;
use std::path::PathBuf;

/// Why a notebook could not be read, executed or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arguments of a command contradict each other.
    #[error("{0}")]
    Arguments(String),

    /// The file is missing or cannot be opened.
    #[error("{}: cannot read the notebook: {source}", path.display())]
    Read {
        /// The notebook.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The file is not JSON at all.
    #[error(
        "{}: not a notebook: expected JSON, but {detail}; a merge conflict or an interrupted \
         download looks like this", path.display()
    )]
    NotJson {
        /// The notebook.
        path: PathBuf,
        /// The parser's message with line and column.
        detail: String,
    },

    /// The file is JSON but not of a notebook's shape.
    #[error("{}: not a valid notebook: {place}: expected {expected}, found {found}", path.display())]
    NotANotebook {
        /// The notebook.
        path: PathBuf,
        /// Which part of the document, for example `cell 3: source`.
        place: String,
        /// What nbformat 4 wants there.
        expected: &'static str,
        /// What is there.
        found: String,
    },

    /// nbformat 1 to 3, last written by default in 2014.
    #[error(
        "{}: written in nbformat {version}, torchbook reads nbformat 4; convert it once with \
         `jupyter nbconvert --to notebook --nbformat 4 --inplace FILE`", path.display()
    )]
    TooOld {
        /// The notebook.
        path: PathBuf,
        /// Its major version.
        version: i64,
    },

    /// A major version that did not exist when this was written.
    #[error(
        "{}: written in nbformat {version}, torchbook reads nbformat 4; save it as nbformat 4 \
         or use a newer torchbook", path.display()
    )]
    TooNew {
        /// The notebook.
        path: PathBuf,
        /// Its major version.
        version: i64,
    },

    /// The notebook is for another language.
    #[error(
        "{}: the notebook's language is {language}, torchbook runs Rust; change its kernel in \
         Jupyter or run it with the kernel it names", path.display()
    )]
    WrongLanguage {
        /// The notebook.
        path: PathBuf,
        /// From its kernelspec or language_info.
        language: String,
    },

    /// The result cannot be stored.
    #[error("{}: cannot write the notebook: {source}", path.display())]
    Write {
        /// Where it should have gone.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A folder given to `torchbook test` holds nothing to test.
    #[error("{}: no notebooks (*.ipynb) found", path.display())]
    NoNotebooks {
        /// The folder.
        path: PathBuf,
    },

    /// The kernel's program could not be started.
    #[error("cannot start the kernel `{program}`: {source}")]
    KernelStart {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },

    /// The kernel process ended although nobody asked it to.
    #[error("the kernel died ({status}) {when}{}", said(stderr))]
    KernelDied {
        /// `while it was starting`, `in the middle of a cell`, …
        when: &'static str,
        /// Exit code or signal.
        status: String,
        /// The end of what it wrote on stderr.
        stderr: String,
    },

    /// The kernel process lives but does not answer.
    #[error("the kernel did not {expected} within {seconds} s{}", said(stderr))]
    KernelSilent {
        /// What it should have done.
        expected: &'static str,
        /// How long we waited.
        seconds: u64,
        /// The end of what it wrote on stderr.
        stderr: String,
    },

    /// Something between us and the kernel failed.
    #[error("the connection to the kernel failed while we tried to {doing}: {detail}")]
    Connection {
        /// What was being done.
        doing: &'static str,
        /// The message of the layer below.
        detail: String,
    },
}

/// The end of the kernel's stderr as a paragraph of an error message.
fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() {
        "; it wrote nothing on stderr".to_owned()
    } else {
        format!("; the end of its stderr:\n{}", stderr.trim_end())
    }
}
