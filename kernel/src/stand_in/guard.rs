//! Keeps cargo from building again what the running cell process is linked with.
//!
//! Cargo builds every package once for all of its dependents, with the features of all of them: a
//! `:dep` can so ask for another libtorchbook.so, whose place is that of the loaded one. The
//! compiler wrapper ([`super::recording`]) asks here before each crate; while the process has
//! nothing to lose, the kernel allows it ([`Tools::allow_rebuild`]) and starts another process
//! afterwards. Which files belong to the prelude is read from the prepared folder.

use super::real_command;
use super::tools::{Settings, Tools};
use crate::setup::prepared::TARGET;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The prelude's library as rustc names the crate. Its file has no hash in its name.
const PRELUDE_CRATE: &str = "torchbook";
/// Names the folder of [`Tools`] to the compiler wrapper.
pub const GUARD_VARIABLE: &str = "TORCHBOOK_GUARD";

/// A crate of the prelude's that cargo was about to compile again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub package: String,
    pub version: String,
    /// Features that it was not built with.
    pub new_features: Vec<String>,
    /// Packages whose locked version would change: name, version before.
    pub other_versions: Vec<(String, String)>,
}

/// What the guard says to a rustc command.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has nothing to do with the prelude, or the kernel allows it.
    Go,
    Refused,
}

/// One rustc command, as far as the guard looks at it.
pub struct Compilation<'a> {
    pub arguments: &'a [String],
    /// `CARGO_PKG_NAME`, `CARGO_PKG_VERSION` and `CARGO_MANIFEST_DIR`.
    pub package: &'a str,
    pub version: &'a str,
    pub sources: &'a Path,
}

impl Compilation<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|word| word == name)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    fn features(&self) -> BTreeSet<String> {
        self.arguments
            .windows(2)
            .filter(|pair| pair[0] == "--cfg")
            .filter_map(|pair| pair[1].strip_prefix("feature=\"")?.strip_suffix('"'))
            .map(str::to_owned)
            .collect()
    }

    /// Whether the prelude was built with a crate in this one's place.
    fn is_of_prelude(&self, settings: &Settings) -> bool {
        let (Some(name), Some(folder)) = (self.value("--crate-name"), self.value("--out-dir"))
        else {
            return false;
        };
        let prepared = settings.prepared();
        let lock = fs::read_to_string(prepared.join("Cargo.lock")).unwrap_or_default();
        let is_locked = locked(&lock)
            .iter()
            .any(|(package, version)| package == self.package && version == self.version);
        let Ok(place) = Path::new(folder).strip_prefix(&settings.evcxr) else {
            return false;
        };
        is_locked
            && folders_like(&prepared.join("evcxr").join(place), self.package)
                .iter()
                .any(|folder| was_compiled_in(folder, name, self.sources))
    }
}

/// Decides about a command, and makes way where the prelude itself may be replaced.
///
/// # Errors
/// When the decision cannot be written down for the kernel.
pub fn judge(
    tools: &Tools,
    settings: &Settings,
    compilation: &Compilation<'_>,
) -> io::Result<Verdict> {
    if !compilation.is_of_prelude(settings) {
        return Ok(Verdict::Go);
    }
    if tools.may_rebuild() {
        fs::write(tools.rebuilt_file(), "")?;
        let links = compilation
            .arguments
            .iter()
            .any(|word| word.starts_with("--emit=") && word.contains("link"));
        if links && compilation.value("--crate-name") == Some(PRELUDE_CRATE) {
            let folder = PathBuf::from(compilation.value("--out-dir").unwrap_or("."));
            for extension in ["so", "rlib", "rmeta"] {
                // The loaded file stays as it is without a name; the new one is another.
                let _ = fs::remove_file(folder.join(format!("lib{PRELUDE_CRATE}.{extension}")));
            }
        }
        return Ok(Verdict::Go);
    }
    let before = features_before(tools, settings, compilation.package, compilation.version);
    let refusal = Refusal {
        package: compilation.package.to_owned(),
        version: compilation.version.to_owned(),
        new_features: compilation
            .features()
            .difference(&before)
            .cloned()
            .collect(),
        other_versions: other_versions(tools, settings),
    };
    // Of two crates at once the first one tells.
    if !tools.refusal_file().exists() {
        super::recording::write_whole(&tools.refusal_file(), &serde_json::to_string(&refusal)?)?;
    }
    Ok(Verdict::Refused)
}

/// A build script's folder has a hash of everything in its name: those of the same package.
fn folders_like(folder: &Path, package: &str) -> Vec<PathBuf> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    if !parent.ends_with("build") {
        return vec![folder.to_path_buf()];
    }
    let start = format!("{package}-");
    entries(parent)
        .into_iter()
        .filter(|entry| {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&start)
        })
        .collect()
}

/// Whether a crate of this name with sources in this folder was compiled there: what rustc has
/// written down about it says so.
fn was_compiled_in(folder: &Path, crate_name: &str, sources: &Path) -> bool {
    let plain = format!("{crate_name}.d");
    let hashed = format!("{crate_name}-");
    let sources = format!(" {}/", sources.display());
    entries(folder).into_iter().any(|entry| {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let is_crates =
            name == plain.as_str() || (name.starts_with(&hashed) && name.ends_with(".d"));
        is_crates && fs::read_to_string(&entry).is_ok_and(|said| said.contains(&sources))
    })
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The features that a package of the prelude's has now; none where cargo does not say.
fn features_before(
    tools: &Tools,
    settings: &Settings,
    package: &str,
    version: &str,
) -> BTreeSet<String> {
    let mut command = real_command(tools, Some(settings), "cargo");
    let output = command
        .args(["tree", "--offline", "--locked", "--target", TARGET])
        .args(["--edges=normal,build", "--prefix=none", "--format={p}|{f}"])
        .current_dir(settings.prepared().join("evcxr"))
        .output();
    let Ok(output) = output else {
        return BTreeSet::new();
    };
    let start = format!("{package} v{version}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once('|'))
        .filter(|(said, _)| {
            said.strip_prefix(&start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
        .flat_map(|(_, features)| features.trim_end_matches(" (*)").split(','))
        .map(str::to_owned)
        .collect()
}

/// What the lock file that last did no longer names.
fn other_versions(tools: &Tools, settings: &Settings) -> Vec<(String, String)> {
    let read = |file: PathBuf| locked(&fs::read_to_string(file).unwrap_or_default());
    let now = read(settings.evcxr.join("Cargo.lock"));
    read(tools.good_lock())
        .into_iter()
        .filter(|package| !now.contains(package))
        .collect()
}

/// Name and version of each package in a lock file.
fn locked(lock: &str) -> Vec<(String, String)> {
    let value = |entry: &str, key: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches(" = ").trim_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .skip(1)
        .filter_map(|entry| Some((value(entry, "name")?, value(entry, "version")?)))
        .collect()
}

/// The versions with which cells were last compiled.
///
/// evcxr tries a new dependency in a manifest that has no other one, for which cargo forgets all
/// versions; and a dependency that came to nothing may have asked for others.
pub struct GoodVersions<'a> {
    tools: &'a Tools,
    lock_file: PathBuf,
}

impl<'a> GoodVersions<'a> {
    /// Those of a kernel whose evcxr has this folder.
    pub fn new(tools: &'a Tools, evcxr: &Path) -> GoodVersions<'a> {
        GoodVersions {
            tools,
            lock_file: evcxr.join("Cargo.lock"),
        }
    }

    /// These versions work.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn keep(&self) -> io::Result<()> {
        fs::copy(&self.lock_file, self.tools.good_lock()).map(drop)
    }

    /// Puts them back; cargo adds what is new.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn restore(&self) -> io::Result<()> {
        let good = match fs::read(self.tools.good_lock()) {
            // Nothing has been compiled with the prelude yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            good => good?,
        };
        if fs::read(&self.lock_file).is_ok_and(|now| now == good) {
            return Ok(());
        }
        fs::write(&self.lock_file, good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const LOCK: &str = "[[package]]\nname = \"libc\"\nversion = \"0.2.1\"\n\n\
                        [[package]]\nname = \"torchbook-prelude\"\nversion = \"0.1.0\"\n\n\
                        [[package]]\nname = \"syn\"\nversion = \"2.0.0\"\n";

    /// A kernel's folder beside a prepared one, in which three crates were compiled.
    struct Folders {
        folder: TempDir,
        tools: Tools,
        settings: Settings,
    }

    impl Folders {
        fn new() -> Folders {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let target = "prepared/evcxr/target/x/debug/deps";
            let host = "prepared/evcxr/target/debug";
            for (place, sources) in [
                (
                    format!("{target}/libc-1a.d"),
                    "/registry/libc-0.2.1/src/lib.rs",
                ),
                (
                    format!("{target}/torchbook.d"),
                    "/sources/prelude/src/lib.rs",
                ),
                (
                    format!("{host}/deps/syn-2b.d"),
                    "/registry/syn-2.0.0/src/lib.rs",
                ),
                (
                    format!("{host}/build/libc-3c/build_script_build-4d.d"),
                    "/registry/libc-0.2.1/build.rs",
                ),
            ] {
                fs::create_dir_all(at(&place).parent().unwrap()).unwrap();
                fs::write(at(&place), format!("out: {sources}\n")).unwrap();
            }
            fs::write(at("prepared/Cargo.lock"), LOCK).unwrap();
            let tools = Tools::create(&at("tools")).unwrap();
            let settings = Settings {
                cargo: at("no cargo"),
                rustc: at("rustc"),
                sysroot: at("sysroot"),
                version: "rustc 1.95.0".into(),
                program: at("torchbook"),
                evcxr: at("kernel/evcxr"),
                shared_answers: at("prepared/answers"),
            };
            Folders {
                folder,
                tools,
                settings,
            }
        }

        fn judge(&self, package: &str, version: &str, sources: &str, words: &str) -> Verdict {
            let evcxr = self.settings.evcxr.to_string_lossy();
            let arguments: Vec<String> = words
                .split(' ')
                .map(|word| word.replace("EVCXR", &evcxr))
                .collect();
            let compilation = Compilation {
                arguments: &arguments,
                package,
                version,
                sources: Path::new(sources),
            };
            judge(&self.tools, &self.settings, &compilation).unwrap()
        }

        fn libc(&self) -> Verdict {
            self.judge(
                "libc",
                "0.2.1",
                "/registry/libc-0.2.1",
                "--crate-name libc --cfg feature=\"extra_traits\" --out-dir EVCXR/target/x/debug/deps",
            )
        }
    }

    #[test]
    fn a_crate_of_the_prelude_is_refused_and_told() {
        let folders = Folders::new();
        assert_eq!(folders.libc(), Verdict::Refused);
        let refusal = folders.tools.take_refusal().unwrap();
        assert_eq!(
            (&*refusal.package, &*refusal.version, &*refusal.new_features),
            ("libc", "0.2.1", &["extra_traits".to_owned()][..])
        );
        assert_eq!(folders.tools.take_refusal(), None);
        let script = folders.judge(
            "libc",
            "0.2.1",
            "/registry/libc-0.2.1",
            "--crate-name build_script_build --out-dir EVCXR/target/debug/build/libc-5e",
        );
        assert_eq!(script, Verdict::Refused);
    }

    #[test]
    fn crates_that_only_look_like_the_preludes_are_compiled() {
        let folders = Folders::new();
        let deps = "--out-dir EVCXR/target/x/debug/deps";
        for (package, version, sources, words) in [
            // Another version, another package, and one that the prelude only has for the host.
            (
                "libc",
                "0.1.9",
                "/registry/libc-0.1.9",
                format!("--crate-name libc {deps}"),
            ),
            (
                "rand",
                "0.8.8",
                "/registry/rand-0.8.8",
                format!("--crate-name rand {deps}"),
            ),
            (
                "syn",
                "2.0.0",
                "/registry/syn-2.0.0",
                format!("--crate-name syn {deps}"),
            ),
            (
                "libc",
                "0.2.1",
                "/my/libc",
                format!("--crate-name libc {deps}"),
            ),
            ("", "", "", "--crate-name ___ --print=cfg".to_owned()),
        ] {
            let verdict = folders.judge(package, version, sources, &words);
            assert_eq!(verdict, Verdict::Go, "{package} {version} {words}");
        }
        assert_eq!(folders.tools.take_refusal(), None);
    }

    #[test]
    fn an_allowed_rebuild_is_told_and_never_writes_into_the_loaded_file() {
        let folders = Folders::new();
        folders.tools.allow_rebuild(true).unwrap();
        assert_eq!(folders.libc(), Verdict::Go);
        assert!(folders.tools.take_rebuilt() && !folders.tools.take_rebuilt());
        let deps = folders.settings.evcxr.join("target/x/debug/deps");
        fs::create_dir_all(&deps).unwrap();
        let library = deps.join("libtorchbook.so");
        let prelude = |emit: &str| {
            fs::write(&library, "loaded").unwrap();
            let words =
                format!("--crate-name torchbook --emit={emit} --out-dir EVCXR/target/x/debug/deps");
            let verdict = folders.judge("torchbook-prelude", "0.1.0", "/sources/prelude", &words);
            (verdict, library.exists())
        };
        assert_eq!(prelude("dep-info,metadata"), (Verdict::Go, true));
        assert_eq!(prelude("dep-info,link"), (Verdict::Go, false));
        folders.tools.allow_rebuild(false).unwrap();
        assert_eq!(folders.libc(), Verdict::Refused);
    }

    #[test]
    fn versions_go_back_to_those_that_worked() {
        let folders = Folders::new();
        let evcxr = folders.folder.path().join("kernel/evcxr");
        fs::create_dir_all(&evcxr).unwrap();
        let write = |text: &str| fs::write(evcxr.join("Cargo.lock"), text).unwrap();
        let good = GoodVersions::new(&folders.tools, &evcxr);
        let newer = LOCK.replace("0.2.1", "0.2.2");
        write(&newer);
        good.restore().unwrap();
        assert_eq!(fs::read_to_string(evcxr.join("Cargo.lock")).unwrap(), newer);
        write(LOCK);
        good.keep().unwrap();
        write(&newer);
        let changed = other_versions(&folders.tools, &folders.settings);
        assert_eq!(changed, [("libc".to_owned(), "0.2.1".to_owned())]);
        good.restore().unwrap();
        assert_eq!(fs::read_to_string(evcxr.join("Cargo.lock")).unwrap(), LOCK);
    }
}
