//! Compiles cells: the recorded command, changed where that is faster and means the same.

use super::recording::Recording;
use super::tools::{Settings, Tools};
use crate::evaluator::cell_crate;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Output};

/// Libraries that cells reach through the prelude's. Reading the symbols of libtorch_cpu.so takes
/// the linker longer than a cell.
const BEHIND_THE_PRELUDE: [&str; 5] = ["torch", "torch_cpu", "torch_cuda", "c10", "c10_cuda"];

/// Makes the folder with libraries that hold nothing, for [`BEHIND_THE_PRELUDE`].
///
/// # Errors
/// When it cannot be written.
pub fn create_empty_libraries(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in BEHIND_THE_PRELUDE {
        std::fs::write(folder.join(format!("lib{name}.so")), "INPUT()\n")?;
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
    let source = settings.evcxr.join("src/lib.rs");
    if let Err(error) = cell_crate::improve_file(&source, &recording.arguments) {
        // It compiles as evcxr wrote it, and values are shown in their `Debug` form.
        eprintln!("torchbook: {}: {error}", source.display());
    }
    let output = match whole(tools, settings, recording).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!(
                "torchbook: cannot run {}: {error}",
                recording.program.display()
            );
            return ExitCode::from(127);
        }
    };
    say(&output);
    if !output.status.success() {
        return ExitCode::from(101);
    }
    let library = Path::new(recording.argument("--out-dir").unwrap_or_default()).join("libctx.so");
    match std::fs::write(library_path, library.as_os_str().as_encoded_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "torchbook: cannot write {}: {error}",
                library_path.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// The whole crate at once, as cargo would.
fn whole(tools: &Tools, settings: &Settings, recording: &Recording) -> Command {
    let mut command = rustc(tools, settings, recording);
    command
        .args(&recording.arguments)
        .args(cell_crate::RUSTC_ARGUMENTS);
    command
}

/// The compiler in the environment that cargo gives it.
fn rustc(tools: &Tools, settings: &Settings, recording: &Recording) -> Command {
    let mut command = Command::new(&recording.program);
    tools.restore_environment(&mut command);
    command
        .current_dir(&settings.evcxr)
        .envs(&recording.environment)
        .arg("-L")
        .arg(format!("native={}", tools.empty_libraries().display()));
    command
}

fn say(output: &Output) {
    // evcxr may have gone away.
    let _ = io::stdout().write_all(&output.stdout);
    let _ = io::stderr().write_all(&output.stderr);
}
