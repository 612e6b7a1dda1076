//! pip as a program: its call, and the meaning of its complaints.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::{bytes_below, disk_full};
use crate::setup::command::{Amount, Finished, ask, run_measured};
use crate::setup::{Environment, Reporter, Result, SetupError};

/// Repeated `--platform` options came with this one.
const OLDEST_PIP: (u32, u32) = (21, 1);

/// Choosing wheels by these and not by the Python that runs pip makes its version irrelevant: only
/// the shared objects are wanted, and they are the same in the wheels for all Pythons.
const WHEEL_TAGS: [&str; 10] = [
    "--ignore-requires-python",
    "--only-binary=:all:",
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
    "--platform",
    "manylinux2014_x86_64",
];

/// pip takes a platform literally, and NVIDIA's wheels carry many of these: for glibc 2.28, which
/// torch needs, and older ones.
const GLIBC_MINORS: RangeInclusive<u32> = 17..=28;

/// A pip that is new enough.
pub struct Pip<'a> {
    environment: &'a Environment,
    python: PathBuf,
}

impl<'a> Pip<'a> {
    /// Finds the pip of `python3`.
    ///
    /// # Errors
    /// [`SetupError::ToolMissing`] or [`SetupError::ToolUnsuitable`].
    pub fn find(environment: &'a Environment) -> Result<Self> {
        const NEEDED_FOR: &str = "getting libtorch (only now, not later)";
        const ALTERNATIVE: &str = "Or name a libtorch 2.11.0 of your own with LIBTORCH.";
        if environment.find_program("python3").is_none() {
            return Err(SetupError::ToolMissing {
                tool: "python3".into(),
                needed_for: NEEDED_FOR.into(),
                remedy: format!(
                    "Install Python 3 with pip (`apt install python3-pip`). {ALTERNATIVE}"
                ),
            });
        }
        // Version managers put scripts in PATH. The Python itself ends when this process is killed,
        // what a script has started does not.
        let mut which = environment.command("python3");
        which.args(["-c", "import sys; print(sys.executable)"]);
        let remedy = format!("Install Python 3 again. {ALTERNATIVE}");
        let python = PathBuf::from(ask(&mut which, "Asking python3 for its path", &remedy)?);
        let mut command = environment.command(&python);
        let version = match ask(
            command.args(["-m", "pip", "--version"]),
            "Asking pip for its version",
            "",
        ) {
            Ok(version) => version,
            Err(SetupError::CommandFailed { .. }) => {
                return Err(SetupError::ToolMissing {
                    tool: "pip of python3".into(),
                    needed_for: NEEDED_FOR.into(),
                    remedy: format!(
                        "Install it with `apt install python3-pip` or `python3 -m ensurepip`. {ALTERNATIVE}"
                    ),
                });
            }
            Err(other) => return Err(other),
        };
        // `pip 23.2.1 from /usr/lib/… (python 3.11)`
        let number = version.split_whitespace().nth(1).unwrap_or_default();
        let mut parts = number
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST_PIP {
            return Err(SetupError::ToolUnsuitable {
                tool: "pip of python3".into(),
                expected: format!("pip {}.{} or newer", OLDEST_PIP.0, OLDEST_PIP.1),
                found: version,
                remedy: format!("Run `python3 -m pip install --user --upgrade pip`. {ALTERNATIVE}"),
            });
        }
        Ok(Self {
            environment,
            python,
        })
    }

    /// Puts the packages alone into `folder`. `bytes` is about what that writes.
    ///
    /// # Errors
    /// [`SetupError`] with the meaning of pip's last words.
    pub fn install(
        &self,
        packages: &[&str],
        folder: &Path,
        title: &str,
        bytes: u64,
        reporter: &Reporter,
    ) -> Result<()> {
        self.run(&["--no-deps"], packages, folder, title, bytes, reporter)
    }

    /// The same with the packages that these need.
    ///
    /// # Errors
    /// As [`Pip::install`].
    pub fn install_with_dependencies(
        &self,
        packages: &[&str],
        folder: &Path,
        title: &str,
        bytes: u64,
        reporter: &Reporter,
    ) -> Result<()> {
        self.run(&[], packages, folder, title, bytes, reporter)
    }

    fn run(
        &self,
        options: &[&str],
        packages: &[&str],
        folder: &Path,
        title: &str,
        bytes: u64,
        reporter: &Reporter,
    ) -> Result<()> {
        // pip unpacks in the folder for temporary files, which is too small on many machines.
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary)
            .map_err(|source| SetupError::io("create", &temporary, source))?;
        let mut command = self.environment.command(&self.python);
        command
            .args([
                "-m",
                "pip",
                "--no-input",
                "--disable-pip-version-check",
                "install",
            ])
            .args([
                "--no-compile",
                "--no-user",
                "--no-warn-script-location",
                "--progress-bar",
                "off",
            ])
            .args(options)
            .args(WHEEL_TAGS)
            .args(GLIBC_MINORS.map(|minor| format!("--platform=manylinux_2_{minor}_x86_64")))
            .arg("--target")
            .arg(folder)
            .args(packages)
            .env("TMPDIR", &temporary)
            // The user's settings for other uses of pip must not stop this one.
            .env("PIP_REQUIRE_VIRTUALENV", "false")
            // Nothing is installed into a Python, so a warning of that is only in the way.
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env_remove("PIP_TARGET")
            .env_remove("PIP_PREFIX");
        let amount = Amount {
            measure: Box::new(|| bytes_below(folder)),
            total: bytes,
        };
        let finished = run_measured(&mut command, title, reporter, Some(amount))?;
        let result = if finished.status.success() {
            Ok(())
        } else {
            Err(meaning(finished, title, packages, folder, bytes))
        };
        // What a failed pip leaves there goes away with the folder.
        let _ = fs::remove_dir_all(&temporary);
        result
    }
}

/// The error behind pip's last words.
fn meaning(
    finished: Finished,
    title: &str,
    packages: &[&str],
    folder: &Path,
    bytes: u64,
) -> SetupError {
    const FULL: [&str; 3] = [
        "No space left on device",
        "Disk quota exceeded",
        "[Errno 28]",
    ];
    const NO_NETWORK: [&str; 6] = [
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ProxyError",
        "Read timed out",
        "ConnectionError",
    ];
    const NO_WHEEL: [&str; 2] = ["No matching distribution found", "Could not find a version"];
    let says = |signs: &[&str]| signs.iter().any(|sign| finished.output.contains(sign));
    if says(&FULL) {
        return disk_full(folder, bytes, None);
    }
    // pip ends with "no matching distribution" when it could not ask, too.
    let telling = finished
        .output
        .lines()
        .rfind(|line| NO_NETWORK.iter().any(|sign| line.contains(sign)));
    if let Some(line) = telling {
        return SetupError::Unreachable {
            what: title.to_owned(),
            server: "pip's package index".to_owned(),
            remedy:
                "Check the network, `python3 -m pip config list` and, behind a proxy, HTTPS_PROXY; \
                     then run it again."
                    .to_owned(),
            output: line.to_owned(),
        };
    }
    if says(&NO_WHEEL) {
        return SetupError::WheelNotFound {
            package: packages.join(", "),
            remedy: "See `python3 -m pip config list`: its package index may lack the package or hide it. Or \
                     name a libtorch 2.11.0 of your own with LIBTORCH."
                .into(),
            output: finished.output,
        };
    }
    finished.into_error("Run it again. Or name a libtorch 2.11.0 of your own with LIBTORCH.")
}

/// The CUDA libraries that the torch in `folder` says it needs. The rest of what it needs is for
/// Python.
pub fn cuda_requirements(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(|source| SetupError::io("list", folder, source))?;
    let info = entries
        .flatten()
        .map(|entry| entry.file_name())
        .find(|name| {
            // Where the index serves several builds, this has the build in it: torch-2.11.0+cu130.dist-info.
            let name = name.to_string_lossy();
            name.starts_with("torch-") && name.ends_with(".dist-info")
        });
    let metadata = folder
        .join(info.unwrap_or_else(|| "torch.dist-info".into()))
        .join("METADATA");
    let text = fs::read_to_string(&metadata)
        .map_err(|source| SetupError::io("read", &metadata, source))?;
    Ok(text
        .lines()
        .take_while(|line| !line.is_empty()) // The description begins behind the first empty line.
        .filter_map(|line| line.strip_prefix("Requires-Dist: "))
        .filter(|package| package.starts_with("nvidia-") || package.starts_with("cuda-toolkit"))
        .map(|package| {
            package
                .split(';')
                .next()
                .unwrap_or(package)
                .trim()
                .to_owned()
        })
        .collect())
}
