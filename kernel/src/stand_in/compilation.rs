//! What the kernel and the stand-in for cargo tell each other about a cell's compilation.
//!
//! evcxr gives no handle on the compiler it has started, and does not say when a cell begins to run.
//! Two empty files in the kernel's folder do: the stand-in leaves one when there is something to
//! run, and the kernel one when the user does not want it any more ([`crate::evaluator::interrupts`]).

use super::tools::Tools;
use std::io;
use std::path::PathBuf;

/// The compilation of the cell that runs, or ran last.
#[derive(Debug, Clone)]
pub struct Compilation {
    compiled: PathBuf,
    interrupted: PathBuf,
}

impl Compilation {
    /// That of a kernel with these tools.
    pub fn of(tools: &Tools) -> Compilation {
        Compilation {
            compiled: tools.folder().join("compiled"),
            interrupted: tools.folder().join("interrupted"),
        }
    }

    /// Another cell comes: nothing of it is compiled, nobody has interrupted it.
    pub fn begin(&self) {
        remove(&self.compiled);
        remove(&self.interrupted);
    }

    /// The stand-in starts to compile; a cell can be compiled more than once.
    pub fn start(&self) {
        remove(&self.compiled);
    }

    /// The stand-in has made what evcxr will run now.
    pub fn complete(&self) {
        create(&self.compiled);
    }

    /// Whether the cell runs, as far as the stand-in knows.
    pub fn is_complete(&self) -> bool {
        self.compiled.exists()
    }

    /// From now on the stand-in compiles nothing more for this cell.
    pub fn interrupt(&self) {
        create(&self.interrupted);
    }

    /// Whether the user has stopped it.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.exists()
    }
}

fn remove(file: &PathBuf) {
    if let Err(error) = std::fs::remove_file(file)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = %file.display(), "a note about the compilation stays");
    }
}

fn create(file: &PathBuf) {
    if let Err(error) = std::fs::write(file, "") {
        tracing::warn!(%error, file = %file.display(), "no note about the compilation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cell_is_neither_compiled_nor_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let compilation = Compilation::of(&Tools::create(folder.path()).unwrap());
        compilation.begin();
        assert!(!compilation.is_complete() && !compilation.is_interrupted());
        compilation.complete();
        assert!(compilation.is_complete());
        compilation.start();
        assert!(!compilation.is_complete());
        compilation.interrupt();
        assert!(compilation.is_interrupted());
        compilation.begin();
        assert!(!compilation.is_interrupted());
    }
}
