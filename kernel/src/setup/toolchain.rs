//! The Rust toolchain and C++ compiler that build the prelude and the cells.
//!
//! Finds them, adds the `rust-src` component where rustup can, and says what to install where
//! nothing can be done. It builds nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{ask, run_with_progress};
use super::{Environment, Reporter, Result, SetupError};

/// evcxr 0.22 does not compile with an older one, and cells are compiled by the same.
const OLDEST_RUSTC: (u32, u32) = (1, 95);

/// A usable Rust toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler itself, not rustup's stand-in for it.
    pub rustc: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// As `rustc --version` prints it, with commit and date.
    pub version: String,
    /// The folder of the toolchain.
    pub sysroot: PathBuf,
    /// The target triple it runs on.
    pub host: String,
}

impl Toolchain {
    /// Finds the toolchain of this environment and completes it.
    ///
    /// # Errors
    /// [`SetupError`] that names what is missing and how to get it.
    pub fn ensure(environment: &Environment, reporter: &Reporter) -> Result<Self> {
        check_host(std::env::consts::OS, std::env::consts::ARCH)?;
        let toolchain = Self::find(environment)?;
        check_cxx(environment)?;
        if !toolchain.has_std_sources() {
            toolchain.add_std_sources(environment, reporter)?;
        }
        Ok(toolchain)
    }

    /// Finds the toolchain and changes nothing.
    ///
    /// # Errors
    /// [`SetupError::ToolMissing`] or [`SetupError::ToolUnsuitable`].
    pub fn find(environment: &Environment) -> Result<Self> {
        let rustc = find_tool("rustc", environment)?;
        let cargo = find_tool("cargo", environment)?;
        let remedy = "Install Rust again with rustup, see https://rustup.rs.";
        let mut verbose = environment.command(&rustc);
        let facts = ask(verbose.arg("-vV"), "Asking rustc for its version", remedy)?;
        let version = facts.lines().next().unwrap_or_default().to_owned();
        check_version(&rustc, &version)?;
        let mut print = environment.command(&rustc);
        let sysroot = ask(
            print.args(["--print", "sysroot"]),
            "Asking rustc for its folder",
            remedy,
        )?;
        let host = facts
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            rustc,
            cargo,
            version,
            sysroot: sysroot.into(),
            host,
        })
    }

    /// Whether the sources of std are there. Without them evcxr cannot infer types of std values.
    pub fn has_std_sources(&self) -> bool {
        self.sysroot
            .join("lib/rustlib/src/rust/library/std/src/lib.rs")
            .is_file()
    }

    fn add_std_sources(&self, environment: &Environment, reporter: &Reporter) -> Result<()> {
        let Some(rustup) = environment.find_program("rustup") else {
            return Err(SetupError::ToolMissing {
                tool: format!("the rust-src component of {}", self.sysroot.display()),
                needed_for: "the types of variables in cells".into(),
                remedy: "This toolchain is not managed by rustup, so install the sources of the same \
                         version with your package manager (rust-src on Debian and Fedora), or use rustup."
                    .into(),
            });
        };
        let remedy = "Run `rustup component add rust-src` once with the network.";
        SetupError::unless_online(environment, "The component rust-src", remedy)?;
        let mut command = environment.command(rustup);
        command.args(["component", "add", "rust-src"]);
        if let Some(name) = self.sysroot.file_name() {
            command.arg("--toolchain").arg(name);
        }
        run_with_progress(&mut command, "Rust sources (rust-src)", reporter)?.or_fail(
            "Run `rustup component add rust-src` yourself; it needs the network and a writable rustup folder.",
        )?;
        Ok(())
    }
}

/// A host for which libtorch is built.
///
/// # Errors
/// [`SetupError::UnsupportedHost`].
pub fn check_host(os: &str, architecture: &str) -> Result<()> {
    match (os, architecture) {
        ("linux", "x86_64") => Ok(()),
        _ => Err(SetupError::UnsupportedHost {
            found: format!("{os} on {architecture}"),
        }),
    }
}

/// The tool itself: `PATH` mostly has rustup's stand-in, whose choice of toolchain depends on the
/// folder it is started in.
fn find_tool(name: &str, environment: &Environment) -> Result<PathBuf> {
    if let Some(rustup) = environment.find_program("rustup") {
        let remedy = "Run `rustup toolchain install stable`.";
        let mut which = environment.command(rustup);
        match ask(
            which.args(["which", name]),
            &format!("Asking rustup for {name}"),
            remedy,
        ) {
            Ok(path) => return Ok(path.into()),
            // A rustup without toolchains beside a distribution's Rust: PATH decides.
            Err(error) if is_stand_in(environment.find_program(name).as_deref()) => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    environment.find_program(name).ok_or_else(|| SetupError::ToolMissing {
        tool: name.to_owned(),
        needed_for: "compiling cells".to_owned(),
        remedy: format!(
            "Install Rust {}.{} or newer with rustup (https://rustup.rs), and see that its folder, mostly \
             ~/.cargo/bin, is in PATH.",
            OLDEST_RUSTC.0, OLDEST_RUSTC.1
        ),
    })
}

/// Whether this is one of rustup's links to itself, or nothing.
fn is_stand_in(program: Option<&Path>) -> bool {
    let Some(program) = program else { return true };
    let target = program
        .canonicalize()
        .unwrap_or_else(|_| program.to_path_buf());
    target.file_name().is_some_and(|name| name == "rustup")
        || program.with_file_name("rustup").exists()
}

fn check_version(rustc: &Path, version: &str) -> Result<()> {
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found >= OLDEST_RUSTC {
        return Ok(());
    }
    Err(SetupError::ToolUnsuitable {
        tool: rustc.display().to_string(),
        expected: format!("rustc {}.{} or newer", OLDEST_RUSTC.0, OLDEST_RUSTC.1),
        found: if version.is_empty() {
            "no version".to_owned()
        } else {
            version.to_owned()
        },
        remedy: "Run `rustup update stable`.".to_owned(),
    })
}

/// libtorch's C++ interface is compiled on this machine, and rustc links with the same compiler.
///
/// # Errors
/// [`SetupError::ToolMissing`] or [`SetupError::CommandFailed`].
pub fn check_cxx(environment: &Environment) -> Result<()> {
    let compilers = [
        ("CXX", "c++", "compiling the C++ part of tch"),
        ("CC", "cc", "linking cells"),
    ];
    for (variable, default, needed_for) in compilers {
        // The value may have arguments: `ccache g++`.
        let named = environment.get(variable).and_then(|value| value.to_str());
        let program = named
            .and_then(|value| value.split_whitespace().next())
            .unwrap_or(default);
        let remedy = format!(
            "Install g++ (Debian and Ubuntu: `apt install g++`, Fedora: `dnf install gcc-c++`), or name a \
             compiler with {variable}."
        );
        if environment.find_program(program).is_none() {
            return Err(SetupError::ToolMissing {
                tool: program.into(),
                needed_for: needed_for.into(),
                remedy,
            });
        }
        let mut version: Command = environment.command(program);
        ask(
            version.arg("--version"),
            &format!("Asking {program} for its version"),
            &remedy,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::fakes;
    use std::fs;
    use tempfile::TempDir;

    /// A machine with the programs given, made of shell scripts, and a few real tools for those.
    struct Machine {
        folder: TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("bin")).unwrap();
            Self { folder }
        }

        fn bin(&self) -> PathBuf {
            self.folder.path().join("bin")
        }

        fn sysroot(&self) -> PathBuf {
            self.folder.path().join("stable-x86_64")
        }

        fn with(self, name: &str, script: &str) -> Self {
            fakes::program(&self.bin(), name, script);
            self
        }

        fn with_rust(self, version: &str) -> Self {
            let script = format!(
                "case $1 in -vV) echo 'rustc {version} (abc 2026-04-14)'; echo 'host: x86_64-unknown-linux-gnu';; \
                 --print) echo '{}';; esac",
                self.sysroot().display()
            );
            self.with("rustc", &script)
                .with("cargo", "exit 0")
                .with("c++", "exit 0")
                .with("cc", "exit 0")
        }

        fn with_sources(self) -> Self {
            let sources = self.sysroot().join("lib/rustlib/src/rust/library/std/src");
            fs::create_dir_all(&sources).unwrap();
            fs::write(sources.join("lib.rs"), "").unwrap();
            self
        }

        fn ensure(&self) -> Result<Toolchain> {
            let environment = Environment::empty().with("PATH", self.bin());
            Toolchain::ensure(&environment, &Reporter::silent())
        }

        #[track_caller]
        fn check_refused(&self, parts: &[&str]) {
            let message = self.ensure().unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        }
    }

    #[test]
    fn a_complete_machine_is_described() {
        let machine = Machine::new().with_rust("1.95.0").with_sources();
        let toolchain = machine.ensure().unwrap();
        assert_eq!(toolchain.rustc, machine.bin().join("rustc"));
        assert_eq!(toolchain.version, "rustc 1.95.0 (abc 2026-04-14)");
        assert_eq!(toolchain.host, "x86_64-unknown-linux-gnu");
        assert_eq!(toolchain.sysroot, machine.sysroot());
    }

    #[test]
    fn without_rust_the_message_names_rustup() {
        Machine::new().check_refused(&["rustc was not found", "rustup.rs", "~/.cargo/bin"]);
    }

    #[test]
    fn an_old_rust_is_refused_with_both_versions() {
        Machine::new().with_rust("1.94.1").check_refused(&[
            "1.95 or newer",
            "rustc 1.94.1",
            "rustup update",
        ]);
    }

    #[test]
    fn without_a_cxx_compiler_the_message_says_what_to_install() {
        let machine = Machine::new().with_rust("1.95.0").with_sources();
        fs::remove_file(machine.bin().join("c++")).unwrap();
        machine.check_refused(&["c++ was not found", "apt install g++"]);
    }

    #[test]
    fn without_rustup_missing_sources_are_an_error_with_a_remedy() {
        Machine::new()
            .with_rust("1.95.0")
            .check_refused(&["rust-src", "package manager"]);
    }

    #[test]
    fn rustup_names_the_real_tools_and_adds_the_sources() {
        let machine = Machine::new().with_rust("1.95.0");
        let log = machine.folder.path().join("log");
        let script = format!(
            "case $1 in which) echo '{}'/$2;; component) echo \"$@\" >> '{}';; esac",
            machine.bin().display(),
            log.display()
        );
        let machine = machine.with("rustup", &script);
        machine.ensure().unwrap();
        assert_eq!(
            fs::read_to_string(log).unwrap(),
            "component add rust-src --toolchain stable-x86_64\n"
        );
    }

    #[test]
    fn a_rustup_that_cannot_add_the_sources_is_quoted() {
        let machine = Machine::new().with_rust("1.95.0");
        let script = format!(
            "case $1 in which) echo '{}'/$2;; component) echo 'no network' >&2; exit 1;; esac",
            machine.bin().display()
        );
        machine
            .with("rustup", &script)
            .check_refused(&["rustup component add rust-src", "| no network"]);
    }

    #[test]
    fn other_hosts_are_refused_by_name() {
        assert!(check_host("linux", "x86_64").is_ok());
        let message = check_host("macos", "aarch64").unwrap_err().to_string();
        assert!(
            message.contains("macos on aarch64") && message.contains("WSL 2"),
            "{message}"
        );
    }
}
