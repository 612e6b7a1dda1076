//! Compiles cells: the recorded command, changed where that is faster and means the same.
//!
//! The notebook's items are compiled as a crate of their own, once until one of them changes, and
//! the cell as a second one that uses it ([`super::source`] says what goes where). Where that does
//! not do, everything is one crate, as evcxr meant it. Both ways give items the same crate name and
//! metadata, and so every type the same identity: variables outlive the change from one to the other.

use super::answers::Answer;
use super::first_cell::FirstCell;
use super::recording::Recording;
use super::shared_items::SharedItems;
use super::source::{self, Rewritten, Split};
use super::tools::{Settings, Tools};
use super::{diagnostics, variables};
use crate::evaluator::cell_crate;
use crate::processes::die_with_starter;
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

/// Libraries that cells reach through the prelude's. Reading the symbols of libtorch_cpu.so takes
/// the linker longer than a cell.
const BEHIND_THE_PRELUDE: [&str; 5] = ["torch", "torch_cpu", "torch_cuda", "c10", "c10_cuda"];
/// How the manifest says that the kernel may choose each cell's level; `:opt` replaces it.
pub const LEVEL_BY_CELL: &str = "0 # by cell";
/// The level of cells whose loops are worth it.
const LEVEL_OF_LOOPS: &str = "opt-level=2";
/// What is quicker for a crate as small as a cell, and yields the same: one unit of code, and an lld that
/// neither starts threads nor looks for what can be merged.
const ONE_UNIT: &str = "-Ccodegen-units=1";
const QUICK_LLD: &str = "-Clink-arg=-Wl,--threads=1,-O0,--build-id=none";
/// rustc's own lld below its system root. A distribution's rustc, which links with the system's linker,
/// comes without.
const OWN_LLD: &str = "lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld/ld.lld";
/// So many versions of the items' crate are kept: an undone change finds its crate again.
const KEPT_VERSIONS: usize = 4;

/// Makes the folder with libraries that hold nothing, for [`BEHIND_THE_PRELUDE`].
///
/// # Errors
/// When it cannot be written.
pub fn create_empty_libraries(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in BEHIND_THE_PRELUDE {
        fs::write(folder.join(format!("lib{name}.so")), "INPUT()\n")?;
    }
    Ok(())
}

/// Compiles the cells' crate and tells evcxr, in `library_path`, where the library is.
pub fn compile(
    tools: &Tools,
    settings: &Settings,
    recording: &Recording,
    library_path: &Path,
) -> ExitCode {
    let library = Path::new(recording.argument("--out-dir").unwrap_or_default()).join("libctx.so");
    let compiler = Compiler {
        tools,
        settings,
        recording,
        library: &library,
    };
    let compiled = || compiler.compile().map(|output| Answer::from(&output));
    let result = match FirstCell::of(tools, settings, recording) {
        Some(first) => first.recall_or(&library, compiled),
        None => compiled(),
    };
    let told = result.and_then(|answer| {
        if answer.code == 0 {
            fs::write(library_path, library.as_os_str().as_encoded_bytes())?;
        }
        Ok(answer)
    });
    match told {
        Ok(answer) => answer.print(),
        Err(error) => {
            eprintln!("torchbook: cannot compile the cell: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Compiler<'a> {
    tools: &'a Tools,
    settings: &'a Settings,
    recording: &'a Recording,
    library: &'a Path,
}

impl Compiler<'_> {
    fn compile(&self) -> io::Result<Output> {
        let source = self.settings.evcxr.join("src/lib.rs");
        if let Err(error) = cell_crate::improve_file(&source, &self.recording.arguments) {
            // It compiles as evcxr wrote it, and values are shown in their `Debug` form.
            eprintln!("torchbook: {}: {error}", source.display());
        }
        let text = fs::read_to_string(source)?;
        let rewritten = source::rewrite(&variables::leave_unmentioned(&text));
        if let Some(split) = &rewritten.split
            && let Some(items) = self.items(split)?
        {
            let output = self.cell(&split.cell, &items)?;
            if output.status.success() || diagnostics::are_the_cells_own(&output) {
                return Ok(output);
            }
        }
        self.whole(&rewritten)
    }

    /// The items' crate, compiled now or before; none if it has errors.
    fn items(&self, split: &Split) -> io::Result<Option<PathBuf>> {
        let text = &split.items;
        let folder = self.tools.crates().join("items");
        let mut hasher = Sha256::new();
        hasher.update(serde_json::to_vec(&self.recording)?);
        hasher.update(text);
        let hash = hasher.finalize();
        let version: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let library = folder.join(format!("libctx-{version}.rlib"));
        if library.exists() {
            return Ok(Some(library));
        }
        let shared = split
            .is_evcxrs_own
            .then(|| SharedItems::of(self.settings, self.recording, text))
            .flatten();
        let partial = folder.join("libctx.rlib");
        if let Some(shared) = &shared {
            fs::create_dir_all(&folder)?;
            if shared.recall(&partial) {
                fs::rename(&partial, &library)?;
                return Ok(Some(library));
            }
        }
        let mut command = self.rustc(&folder, text, &["--crate-name=ctx", "--crate-type=rlib"])?;
        // Made aside: what was stopped half way must not be found.
        let incremental = self.tools.crates().join("incremental");
        command
            .arg(format!("-Cincremental={}", incremental.display()))
            .arg("-o")
            .arg(&partial);
        if !command.output()?.status.success() {
            return Ok(None);
        }
        fs::rename(&partial, &library)?;
        remove_old_versions(&folder, KEPT_VERSIONS);
        if let Some(shared) = shared {
            shared.keep(&library);
        }
        Ok(Some(library))
    }

    fn cell(&self, text: &str, items: &Path) -> io::Result<Output> {
        let folder = self.tools.crates().join("cell");
        let mut command =
            self.rustc(&folder, text, &["--crate-name=cell", "--crate-type=cdylib"])?;
        let words = &self.recording.arguments;
        command.arg(ONE_UNIT);
        // `:linker mold` lets mold act for all linkers below it, which then says so.
        let is_rustcs_linker =
            std::env::var_os("MOLD_PATH").is_none() && self.settings.sysroot.join(OWN_LLD).exists();
        if is_rustcs_linker && !words.iter().any(|word| names_linker(word)) {
            command.arg(QUICK_LLD);
        }
        command
            .arg("--extern")
            .arg(format!("ctx={}", items.display()))
            .arg("-o")
            .arg(self.library);
        command.output()
    }

    /// Everything in one crate, as evcxr meant it.
    fn whole(&self, rewritten: &Rewritten) -> io::Result<Output> {
        let folder = self.tools.crates().join("whole");
        let mut command = self.rustc(
            &folder,
            &rewritten.whole,
            &["--crate-name=ctx", "--crate-type=cdylib"],
        )?;
        let incremental = self.tools.crates().join("incremental-whole");
        command
            .arg(format!("-Cincremental={}", incremental.display()))
            .arg("-o")
            .arg(self.library);
        let mut output = command.output()?;
        diagnostics::lead_back(&mut output, rewritten);
        Ok(output)
    }

    /// The recorded command for another crate in a folder of its own.
    fn rustc(&self, folder: &Path, text: &str, kind: &[&str]) -> io::Result<Command> {
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("src/lib.rs"), text)?;
        let mut command = Command::new(&self.recording.program);
        self.tools.restore_environment(&mut command);
        die_with_starter(&mut command, Signal::KILL);
        command
            .current_dir(folder)
            .envs(&self.recording.environment)
            .args(kind)
            .arg("--emit=link")
            .arg("-L")
            .arg(format!("native={}", self.tools.empty_libraries().display()))
            .args(kept_arguments(&self.recording.arguments))
            .args(cell_crate::RUSTC_ARGUMENTS);
        if self.settings.level_is_by_cell() && source::has_long_loop(text) {
            command.args(["-C", LEVEL_OF_LOOPS]);
        }
        Ok(command)
    }
}

/// Whether the user has chosen a linker, which may know other options than lld.
fn names_linker(word: &str) -> bool {
    [
        "linker=",
        "linker-flavor=",
        "linker-features=",
        "fuse-ld=",
        "link-self-contained=",
    ]
    .iter()
    .any(|option| word.contains(option))
}

/// What holds for both crates of what was recorded.
fn kept_arguments(recorded: &[String]) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut words = recorded.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            // The prelude, which cells link dynamically: rustc reads both if both are named.
            "--extern" => {
                let library = words.next().unwrap_or_default();
                let dynamic = library.replace(".rlib", ".so");
                if dynamic == library || !recorded.contains(&dynamic) {
                    kept.extend([word, library]);
                }
            }
            "--crate-name" | "--crate-type" | "--out-dir" => drop(words.next()),
            "-C" => {
                let option = words.next().unwrap_or_default();
                if !option.starts_with("incremental=") {
                    kept.extend([word, option]);
                }
            }
            _ if word.starts_with("--emit=") => {}
            _ => kept.push(word),
        }
    }
    kept
}

/// Removes all but the newest libraries of a folder.
pub(super) fn remove_old_versions(folder: &Path, kept: usize) {
    let mut versions: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".rlib"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    versions.sort();
    let superfluous = versions.len().saturating_sub(kept);
    for (_, path) in &versions[..superfluous] {
        // It goes with the kernel's folder at the latest.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_which_crate_it_is_is_left_out() {
        let recorded = [
            "--crate-name",
            "ctx",
            "--edition=2024",
            "src/lib.rs",
            "--crate-type",
            "cdylib",
            "--emit=dep-info,link",
            "-C",
            "metadata=1",
            "--out-dir",
            "/o",
            "-C",
            "incremental=/i",
            "--extern",
            "a=/a.so",
            "--extern",
            "a=/a.rlib",
            "--extern",
            "b=/b.rlib",
            "-Cprefer-dynamic",
        ]
        .map(str::to_owned);
        assert_eq!(
            kept_arguments(&recorded),
            [
                "--edition=2024",
                "src/lib.rs",
                "-C",
                "metadata=1",
                "--extern",
                "a=/a.so",
                "--extern",
                "b=/b.rlib",
                "-Cprefer-dynamic"
            ]
        );
    }
}
