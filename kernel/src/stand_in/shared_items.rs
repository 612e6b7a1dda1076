//! The items' crate of a notebook without items of its own, compiled once for all kernels of a
//! prepared folder.
//!
//! evcxr has a dozen items in each cell's crate. With nothing of the user's among them they are the same in
//! each notebook, but for its `use` lines. [`super::first_cell`] does the same for whole cells.

use super::first_cell;
use super::recording::Recording;
use super::tools::Settings;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// So many are kept; a notebook has few sets of `use` lines.
pub const KEPT: usize = 16;

/// Where such a crate is kept.
pub struct SharedItems(PathBuf);

impl SharedItems {
    /// None where the cells depend on crates of the user's.
    pub fn of(settings: &Settings, recording: &Recording, text: &str) -> Option<SharedItems> {
        settings.shared_recording()?;
        let key = first_cell::key(settings, recording, text.as_bytes())?;
        let folder = settings.shared_answers.join("items");
        Some(SharedItems(folder.join(format!("{key}.rlib"))))
    }

    /// Puts a copy at a place, if there is one: the original may be removed while a kernel uses it.
    pub fn recall(&self, place: &Path) -> bool {
        fs::copy(&self.0, place).is_ok()
    }

    /// Keeps a crate for other kernels. A failure costs them time, nothing else.
    pub fn keep(&self, library: &Path) {
        let _ = self.write(library);
    }

    fn write(&self, library: &Path) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Made aside, synchronised and renamed: what is found is whole.
        let partial = tempfile::NamedTempFile::new_in(folder)?;
        fs::copy(library, partial.path())?;
        partial.as_file().sync_all()?;
        partial.persist(&self.0)?;
        super::crates::remove_old_versions(folder, KEPT);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand_in::recording::State;
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    fn kernel(machine: &TempDir, name: &str, dependencies: &str) -> (Settings, Recording) {
        let at = |path: &str| machine.path().join(path);
        let evcxr = at(&format!("kernels/{name}/evcxr"));
        fs::create_dir_all(&evcxr).unwrap();
        let manifest = format!("[dependencies]\n{dependencies}");
        fs::write(evcxr.join("Cargo.toml"), manifest).unwrap();
        let recording = Recording {
            program: at("rustc"),
            arguments: vec!["--out-dir".into(), evcxr.display().to_string()],
            environment: BTreeMap::new(),
            state: State::default(),
        };
        let settings = Settings {
            cargo: at("cargo"),
            rustc: at("rustc"),
            sysroot: at("sysroot"),
            version: "rustc 1.95.0".into(),
            program: at("torchbook"),
            evcxr,
            shared_answers: at("shared"),
        };
        (settings, recording)
    }

    #[test]
    fn another_kernel_finds_the_same_items_and_no_others() {
        let machine = tempfile::tempdir().unwrap();
        let prelude = "torchbook = { package = \"torchbook-prelude\" }\n";
        let library = machine.path().join("made");
        fs::write(&library, "code").unwrap();
        let (settings, recording) = kernel(&machine, "1", prelude);
        let first = SharedItems::of(&settings, &recording, "items").unwrap();
        let place = machine.path().join("place");
        assert!(!first.recall(&place));
        first.keep(&library);

        let (settings, mut recording) = kernel(&machine, "2", prelude);
        let same = SharedItems::of(&settings, &recording, "items").unwrap();
        assert!(same.recall(&place));
        assert_eq!(fs::read_to_string(&place).unwrap(), "code");
        let others = SharedItems::of(&settings, &recording, "other items").unwrap();
        assert!(!others.recall(&place));
        recording.arguments.push("--cfg=other".into());
        let otherwise = SharedItems::of(&settings, &recording, "items").unwrap();
        assert!(!otherwise.recall(&place));
        let (settings, recording) = kernel(&machine, "3", "rand = \"0.9\"\n");
        assert!(SharedItems::of(&settings, &recording, "items").is_none());
    }

    #[test]
    fn the_oldest_go() {
        let machine = tempfile::tempdir().unwrap();
        let library = machine.path().join("made");
        fs::write(&library, "code").unwrap();
        let (settings, recording) = kernel(&machine, "1", "");
        for number in 0..KEPT + 3 {
            let text = number.to_string();
            SharedItems::of(&settings, &recording, &text)
                .unwrap()
                .keep(&library);
        }
        let kept = fs::read_dir(settings.shared_answers.join("items")).unwrap();
        assert_eq!(kept.count(), KEPT);
    }
}
