//! Cells that no user wrote, compiled once for all kernels of a prepared folder.
//!
//! Whenever evcxr starts it evaluates `42`, before it knows any dependency: a try that fails, and one
//! that does not. Then comes the cell that brings the prelude. All are the same each time.
//! [`super::crates`] compiles what is not kept here.

use super::answers::{self, Answer};
use super::recording::Recording;
use super::tools::{Settings, Tools};
use crate::evaluator::cell_crate;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why evcxr's first try fails: only the prelude can show a value.
const EXPECTED_FAILURE: &str = "no method named `evcxr_display` found";

/// A first cell as it stands in evcxr's folder, and where what became of it is kept.
pub struct FirstCell<'a> {
    settings: &'a Settings,
    key: String,
}

impl<'a> FirstCell<'a> {
    /// None once the kernel has started, and where the user's settings bring other crates.
    pub fn of(
        tools: &Tools,
        settings: &'a Settings,
        recording: &Recording,
    ) -> Option<FirstCell<'a>> {
        if !tools.is_starting() || settings.shared_recording().is_none() {
            return None;
        }
        let source = fs::read(settings.evcxr.join("src/lib.rs")).ok()?;
        let digits = key(settings, recording, &source)?;
        Some(FirstCell {
            settings,
            key: format!("first-cell-{digits}"),
        })
    }

    /// What the compiler said before, or what it says now: with the library it made in its place.
    ///
    /// # Errors
    /// When it is compiled and that cannot be done.
    pub fn recall_or(
        &self,
        library: &Path,
        compile: impl FnOnce() -> io::Result<Answer>,
    ) -> io::Result<Answer> {
        if let Some(answer) = self.recall(library) {
            return Ok(answer);
        }
        let answer = compile()?;
        self.keep(&answer, library);
        Ok(answer)
    }

    fn recall(&self, library: &Path) -> Option<Answer> {
        let folder = self.settings.shared_answers.as_path();
        let answer = answers::recall(self.settings, &[folder], &self.key)?;
        if answer.code == 0 {
            // A copy: the next cell is written to the same place.
            fs::copy(self.kept_library(), library).ok()?;
        }
        Some(answer)
    }

    /// Keeps it for other kernels. A failure costs them time, nothing else.
    fn keep(&self, answer: &Answer, library: &Path) {
        let is_kept = match answer.code {
            0 => self.keep_library(library).is_ok(),
            // Only what must fail: a full disk or a killed compiler is not for the next kernel.
            _ => answer.stderr.contains(EXPECTED_FAILURE),
        };
        if !is_kept {
            return;
        }
        answers::keep(
            self.settings,
            &self.settings.shared_answers,
            &self.key,
            answer,
        );
    }

    /// Made aside and renamed, and before the answer that leads to it: whoever finds one finds both.
    fn keep_library(&self, library: &Path) -> io::Result<()> {
        let partial = tempfile::NamedTempFile::new_in(&self.settings.shared_answers)?;
        fs::copy(library, partial.path())?;
        // No kernel could start from one that lost power has cut short.
        partial.as_file().sync_all()?;
        partial.persist(self.kept_library())?;
        Ok(())
    }

    fn kept_library(&self) -> PathBuf {
        self.settings
            .shared_answers
            .join(format!("{}.so", self.key))
    }
}

/// The same in all kernels of a prepared folder that compile the same source in the same way. Lines count
/// in any order: evcxr keeps `use` lines and its own items in a hash map.
pub(super) fn key(settings: &Settings, recording: &Recording, source: &[u8]) -> Option<String> {
    let mut lines: Vec<&[u8]> = source.split(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    let kernel = settings.kernel();
    let command = serde_json::to_string(recording).ok()?;
    let mut hasher = Sha256::new();
    for part in [
        env!("CARGO_PKG_VERSION").as_bytes(),
        cell_crate::RUSTC_ARGUMENTS.join(" ").as_bytes(),
        // The library looks for std along a path relative to its own.
        kernel.parent()?.as_os_str().as_encoded_bytes(),
        command.replace(&*kernel.to_string_lossy(), "").as_bytes(),
        &lines.join(&b'\n'),
    ] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    Some(
        hash.iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand_in::recording::State;
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    const MANIFEST: &str = "[package]\nname = \"ctx\"\n\n[dependencies]\n";

    /// A starting kernel's folder beside others, with evcxr's first cell in it.
    fn kernel(machine: &TempDir, name: &str) -> Settings {
        let at = |path: &str| machine.path().join(path);
        let evcxr = at(&format!("kernels/{name}/evcxr"));
        fs::create_dir_all(evcxr.join("src")).unwrap();
        fs::create_dir_all(at("shared")).unwrap();
        fs::write(evcxr.join("Cargo.toml"), MANIFEST).unwrap();
        fs::write(evcxr.join("src/lib.rs"), "fn run_user_code_1() { 42 }").unwrap();
        Settings {
            cargo: at("cargo"),
            rustc: at("rustc"),
            sysroot: at("sysroot"),
            version: "rustc 1.95.0".into(),
            program: at("torchbook"),
            evcxr,
            shared_answers: at("shared"),
        }
    }

    fn recording(settings: &Settings) -> Recording {
        Recording {
            program: settings.rustc.clone(),
            arguments: vec!["--out-dir".into(), settings.evcxr.display().to_string()],
            environment: BTreeMap::new(),
            state: State::default(),
        }
    }

    fn answer(code: u8, stderr: &str) -> Answer {
        Answer {
            code,
            stdout: String::new(),
            stderr: stderr.into(),
        }
    }

    /// Asks in a kernel's folder; the answer, the library, and whether the compiler was asked.
    fn asked(settings: &Settings, compiled: &Answer) -> (Answer, String, bool) {
        let library = settings.evcxr.join("libctx.so");
        let mut was_asked = false;
        let tools = Tools::create(&settings.kernel().join("tools")).unwrap();
        let first = FirstCell::of(&tools, settings, &recording(settings)).unwrap();
        let told = first.recall_or(&library, || {
            was_asked = true;
            fs::write(&library, "machine code")?;
            Ok(compiled.clone())
        });
        let made = fs::read_to_string(library).unwrap_or_default();
        (told.unwrap(), made, was_asked)
    }

    #[test]
    fn another_kernel_finds_what_the_first_has_compiled() {
        let machine = tempfile::tempdir().unwrap();
        let good = answer(0, "{}");
        let first = asked(&kernel(&machine, "1"), &good);
        assert_eq!(first, (good.clone(), "machine code".into(), true));
        let second = asked(&kernel(&machine, "2"), &answer(1, "not asked"));
        assert_eq!(second, (good, "machine code".into(), false));
    }

    #[test]
    fn only_the_failure_that_must_be_is_kept() {
        let machine = tempfile::tempdir().unwrap();
        let accident = answer(1, "No space left on device");
        assert!(asked(&kernel(&machine, "1"), &accident).2);
        let expected = answer(1, EXPECTED_FAILURE);
        assert!(asked(&kernel(&machine, "2"), &expected).2);
        let last = asked(&kernel(&machine, "3"), &accident);
        assert_eq!((last.0, last.2), (expected, false));
    }

    #[test]
    fn other_code_another_place_and_users_crates_are_compiled() {
        let machine = tempfile::tempdir().unwrap();
        let good = answer(0, "{}");
        asked(&kernel(&machine, "1"), &good);
        let other = kernel(&machine, "2");
        fs::write(
            other.evcxr.join("src/lib.rs"),
            "fn run_user_code_1() { 43 }",
        )
        .unwrap();
        assert!(asked(&other, &good).2);
        let imports = |order: &str| {
            let settings = kernel(&machine, order);
            let source = order.replace(' ', "\n");
            fs::write(settings.evcxr.join("src/lib.rs"), source).unwrap();
            asked(&settings, &good).2
        };
        assert!(
            imports("a; b;") && !imports("b; a;"),
            "evcxr's order is random"
        );
        let elsewhere = Settings {
            shared_answers: machine.path().join("shared"),
            ..kernel(&tempfile::tempdir().unwrap(), "1")
        };
        fs::create_dir_all(elsewhere.evcxr.join("src")).unwrap();
        fs::write(elsewhere.evcxr.join("Cargo.toml"), MANIFEST).unwrap();
        fs::write(
            elsewhere.evcxr.join("src/lib.rs"),
            "fn run_user_code_1() { 42 }",
        )
        .unwrap();
        assert!(asked(&elsewhere, &good).2);
        fs::remove_dir_all(elsewhere.kernel().parent().unwrap()).unwrap();
        let users = kernel(&machine, "3");
        let tools = Tools::create(&users.kernel().join("tools")).unwrap();
        assert!(FirstCell::of(&tools, &users, &recording(&users)).is_some());
        let manifest = format!("{MANIFEST}rand = \"0.9\"\n");
        fs::write(users.evcxr.join("Cargo.toml"), manifest).unwrap();
        assert!(FirstCell::of(&tools, &users, &recording(&users)).is_none());
        fs::write(users.evcxr.join("Cargo.toml"), MANIFEST).unwrap();
        tools.has_started().unwrap();
        assert!(FirstCell::of(&tools, &users, &recording(&users)).is_none());
    }
}
