//! The kernelspec: how Jupyter finds and starts this kernel.
//!
//! Writes and describes it; preparing libtorch and the prelude is [`super::ready`]'s.

use super::{Environment, Result, SetupError};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernelspec goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The user's Jupyter data folder: `JUPYTER_DATA_DIR`, else the platform's.
    User,
    /// A Python environment or another prefix: below `share/jupyter`.
    Prefix(PathBuf),
}

impl Place {
    /// The folder that holds kernelspecs.
    ///
    /// # Errors
    /// [`SetupError::NoDataFolder`] where the user has none.
    pub fn kernels(&self, environment: &Environment) -> Result<PathBuf> {
        let data = match self {
            Place::Prefix(prefix) => prefix.join("share/jupyter"),
            Place::User => environment
                .path("JUPYTER_DATA_DIR")
                .or_else(|| {
                    environment
                        .path("XDG_DATA_HOME")
                        .map(|data| data.join("jupyter"))
                })
                .or_else(|| {
                    environment
                        .path("HOME")
                        .map(|home| home.join(".local/share/jupyter"))
                })
                .or_else(|| dirs::data_dir().map(|data| data.join("jupyter")))
                .ok_or(SetupError::NoDataFolder)?,
        };
        Ok(data.join("kernels"))
    }
}

/// Writes the kernelspec for `program` and returns its folder.
///
/// # Errors
/// [`SetupError::Io`] when the folder cannot be written.
pub fn write(kernels: &Path, name: &str, display_name: &str, program: &Path) -> Result<PathBuf> {
    let folder = kernels.join(name);
    fs::create_dir_all(&folder).map_err(|source| SetupError::io("create", &folder, source))?;
    let kernel = json!({
        "argv": [program, "kernel", "--connection-file", "{connection_file}"],
        "display_name": display_name,
        "language": "rust",
        // Interrupts come on the control channel, so they reach the kernel also where
        // the server cannot signal it.
        "interrupt_mode": "message",
        // glibc reserves little room for thread-local data of libraries loaded late;
        // libtorch needs more. It reads this when the process starts.
        "env": { "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384" },
        "metadata": { "debugger": false },
    });
    let text = format!("{kernel:#}\n");
    let file = folder.join("kernel.json");
    fs::write(&file, text).map_err(|source| SetupError::io("write", &file, source))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jupyters_own_variable_decides_before_the_home_folder() {
        let environment = Environment::empty()
            .with("HOME", "/home/me")
            .with("JUPYTER_DATA_DIR", "/data");
        assert_eq!(
            Place::User.kernels(&environment).unwrap(),
            Path::new("/data/kernels")
        );
        let environment = Environment::empty().with("HOME", "/home/me");
        assert_eq!(
            Place::User.kernels(&environment).unwrap(),
            Path::new("/home/me/.local/share/jupyter/kernels")
        );
    }

    #[test]
    fn the_kernelspec_starts_this_program_with_messages_for_interrupts() {
        let folder = tempfile::tempdir().unwrap();
        let spec = write(
            folder.path(),
            "torchbook",
            "Rust (torchbook)",
            Path::new("/opt/my bin/torchbook"),
        )
        .unwrap();
        let kernel: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(spec.join("kernel.json")).unwrap()).unwrap();
        assert_eq!(kernel["argv"][0], "/opt/my bin/torchbook");
        assert_eq!(kernel["argv"][3], "{connection_file}");
        assert_eq!(kernel["interrupt_mode"], "message");
    }
}
