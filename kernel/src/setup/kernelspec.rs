//! The kernelspec: how Jupyter finds and starts this kernel.
//!
//! Writes, finds and recognises it; preparing libtorch and the prelude is [`super::ready`]'s.

use super::{Environment, Result, SetupError};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What Jupyter shows in its launcher.
const LOGO: &str = include_str!("kernelspec/logo-svg.svg");

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

/// A name that Jupyter accepts for a kernelspec.
///
/// # Errors
/// What was expected, in words.
pub fn valid_name(name: &str) -> std::result::Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "expected ASCII letters, digits, `.`, `_` and `-`, received {name:?}"
    ))
}

/// Variables that say where Rust's tools are, where that is not the usual place: a kernel may be
/// started by a service that has not got them.
pub fn variables_of_tools(environment: &Environment) -> Vec<(String, String)> {
    ["CARGO_HOME", "RUSTUP_HOME"]
        .iter()
        .filter_map(|name| {
            let value = environment.get(name)?.to_str()?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

/// What a kernelspec says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The program.
    pub program: PathBuf,
    /// The name that Jupyter shows.
    pub display_name: String,
    /// Settings for the kernel's command line.
    pub settings: Vec<(String, String)>,
    /// Environment variables for the kernel.
    pub variables: Vec<(String, String)>,
}

impl Spec {
    /// Starts this program.
    ///
    /// # Errors
    /// [`SetupError::Io`] if the program does not know its own path.
    pub fn of_this_program(display_name: &str) -> Result<Spec> {
        let program = std::env::current_exe().map_err(|source| {
            SetupError::io("find this program's own path in", "/proc/self/exe", source)
        })?;
        Ok(Spec {
            program,
            display_name: display_name.to_owned(),
            settings: Vec::new(),
            variables: Vec::new(),
        })
    }

    /// Writes it below `kernels`, over an earlier one, and returns its folder.
    ///
    /// # Errors
    /// [`SetupError::Io`] when the folder cannot be written.
    pub fn write(&self, kernels: &Path, name: &str) -> Result<PathBuf> {
        let folder = kernels.join(name);
        fs::create_dir_all(&folder).map_err(|source| SetupError::io("create", &folder, source))?;
        let kernel = format!("{:#}\n", self.json());
        for (name, text) in [("kernel.json", kernel.as_str()), ("logo-svg.svg", LOGO)] {
            let file = folder.join(name);
            fs::write(&file, text).map_err(|source| SetupError::io("write", &file, source))?;
        }
        Ok(folder)
    }

    fn json(&self) -> Value {
        let mut argv = vec![json!(self.program)];
        for (key, value) in &self.settings {
            argv.extend([json!("--set"), json!(format!("{key}={value}"))]);
        }
        argv.extend(["kernel", "--connection-file", "{connection_file}"].map(Value::from));
        // glibc reserves little room for thread-local data of libraries loaded late;
        // libtorch needs more. It reads this when the process starts.
        let mut env = json!({ "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384" });
        for (name, value) in &self.variables {
            env[name] = json!(value);
        }
        json!({
            "argv": argv,
            "display_name": self.display_name,
            "language": "rust",
            // Interrupts come on the control channel, so they reach the kernel also where
            // the server cannot signal it.
            "interrupt_mode": "message",
            "env": env,
            "metadata": { "debugger": false },
        })
    }
}

/// Whether a kernelspec starts torchbook.
pub fn is_ours(folder: &Path) -> bool {
    program_of(folder).is_some()
}

/// The program that a kernelspec starts, if it is torchbook's.
pub fn program_of(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join("kernel.json")).ok()?;
    let kernel: Value = serde_json::from_str(&text).ok()?;
    let argv: Vec<&str> = kernel["argv"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    // A wheel's kernelspec starts a module of Python that becomes this program.
    let is_ours = argv.contains(&"kernel")
        && argv.contains(&"--connection-file")
        && argv.iter().any(|word| {
            let name = Path::new(word).file_name();
            name.is_some_and(|name| name.to_string_lossy().starts_with("torchbook"))
        });
    is_ours.then(|| PathBuf::from(argv[0]))
}

/// The kernelspecs that start torchbook, wherever Jupyter looks for them.
pub fn installed(environment: &Environment) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = environment
        .get("JUPYTER_PATH")
        .map(|paths| std::env::split_paths(paths).collect())
        .unwrap_or_default();
    places.extend(
        Place::User
            .kernels(environment)
            .ok()
            .and_then(|kernels| kernels.parent().map(Path::to_path_buf)),
    );
    let prefixes = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .iter()
        .filter_map(|name| environment.path(name))
        .chain(["/usr/local".into(), "/usr".into()]);
    places.extend(prefixes.map(|prefix| prefix.join("share/jupyter")));
    places.dedup();
    places
        .iter()
        .filter_map(|place| fs::read_dir(place.join("kernels")).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|folder| is_ours(folder))
        .collect()
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

    fn spec() -> Spec {
        Spec {
            program: "/opt/my bin/torchbook".into(),
            display_name: "Rust (torchbook)".into(),
            settings: vec![("device".into(), "cpu".into())],
            variables: vec![("OMP_NUM_THREADS".into(), "2".into())],
        }
    }

    #[test]
    fn the_kernelspec_starts_this_program_with_messages_for_interrupts() {
        let folder = tempfile::tempdir().unwrap();
        let written = spec().write(folder.path(), "torchbook").unwrap();
        let text = fs::read_to_string(written.join("kernel.json")).unwrap();
        let kernel: Value = serde_json::from_str(&text).unwrap();
        let argv = [
            "/opt/my bin/torchbook",
            "--set",
            "device=cpu",
            "kernel",
            "--connection-file",
            "{connection_file}",
        ];
        assert_eq!(kernel["argv"], json!(argv));
        assert_eq!(kernel["interrupt_mode"], "message");
        assert_eq!(kernel["env"]["OMP_NUM_THREADS"], "2");
        assert!(kernel["env"]["GLIBC_TUNABLES"].is_string());
        assert!(written.join("logo-svg.svg").exists());
        spec().write(folder.path(), "torchbook").unwrap();
        assert_eq!(
            fs::read_to_string(written.join("kernel.json")).unwrap(),
            text
        );
    }

    #[test]
    fn other_kernels_are_not_taken_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let ours = spec().write(folder.path(), "torchbook").unwrap();
        let other = folder.path().join("python3");
        fs::create_dir(&other).unwrap();
        let argv = [
            "python",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ];
        fs::write(
            other.join("kernel.json"),
            json!({ "argv": argv }).to_string(),
        )
        .unwrap();
        assert!(is_ours(&ours) && !is_ours(&other) && !is_ours(folder.path()));
        let data = folder.path().join("data");
        spec().write(&data.join("kernels"), "mine").unwrap();
        let environment = Environment::empty().with("JUPYTER_DATA_DIR", &data);
        assert!(installed(&environment).contains(&data.join("kernels/mine")));
    }

    #[test]
    fn names_are_those_that_jupyter_accepts() {
        assert!(valid_name("torchbook-0.1_b").is_ok());
        assert!(valid_name("my kernel").is_err() && valid_name("").is_err());
    }
}
