//! The programs that torchbook is measured against: where they are, and how they get there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

const EVCXR_VERSION: &str = "0.22.0";

/// Folder of what the benchmarks keep between runs.
fn folder() -> PathBuf {
    workspace().join("target/bench")
}

/// Where Cargo.lock lies.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The variables that building the prelude needs, and what takes minutes the first time.
pub fn build_environment() -> Result<Vec<(String, String)>> {
    let output = Command::new(env!("CARGO_BIN_EXE_torchbook"))
        .arg("build-environment")
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("torchbook build-environment failed".into());
    }
    let text = String::from_utf8(output.stdout)?;
    let variables = text.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    });
    Ok(variables.collect())
}

/// torchbook's kernel.
pub fn torchbook(connection_file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torchbook"));
    command
        .args(["kernel", "--connection-file"])
        .arg(connection_file);
    command
}

/// evcxr_jupyter, installed unless `TORCHBOOK_BENCH_EVCXR` names it.
pub struct Evcxr {
    program: PathBuf,
    environment: Vec<(String, String)>,
    session: PathBuf,
}

impl Evcxr {
    pub fn ready() -> Result<Self> {
        let root = folder().join("evcxr");
        let program = match std::env::var_os("TORCHBOOK_BENCH_EVCXR") {
            Some(program) => PathBuf::from(program),
            None => root.join("bin/evcxr_jupyter"),
        };
        if !program.exists() {
            eprintln!("installing evcxr_jupyter {EVCXR_VERSION}: about ten minutes");
            run(Command::new("cargo")
                .args([
                    "install",
                    "evcxr_jupyter",
                    "--locked",
                    "--version",
                    EVCXR_VERSION,
                    "--root",
                ])
                .arg(&root))?;
        }
        // Kept, so that only its first start compiles libtorch's bindings and the prelude; not below
        // this workspace, of which cargo would take it for a member.
        let session = std::env::temp_dir().join("torchbook-bench-evcxr");
        std::fs::create_dir_all(&session)?;
        Ok(Evcxr {
            program,
            environment: build_environment()?,
            session,
        })
    }

    pub fn command(&self, connection_file: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--control_file")
            .arg(connection_file)
            .env("EVCXR_TMPDIR", &self.session)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Its first cell: what torchbook has in scope by itself.
    pub fn prelude() -> String {
        format!(
            ":dep torchbook-prelude = {{ path = {:?} }}\nuse torchbook::*;",
            workspace().join("prelude")
        )
    }
}

/// A Python that has Keras with TensorFlow and JAX, and PyTorch; `TORCHBOOK_BENCH_PYTHON` names one.
pub fn python() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("TORCHBOOK_BENCH_PYTHON") {
        return Ok(PathBuf::from(python));
    }
    let environment = folder().join("python");
    let python = environment.join("bin/python");
    let installed = environment.join("installed");
    if !installed.exists() {
        eprintln!("installing Keras, TensorFlow, JAX and PyTorch: several minutes, 7 GB");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment))?;
        let requirements = workspace().join("tests/bench/peers/requirements.txt");
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(requirements))?;
        std::fs::write(installed, "")?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!("{command:?} failed").into()),
    }
}
