//! libtorch: which one is used, and that it is there.
//!
//! In this order: the folder in `LIBTORCH`, the Python torch if `LIBTORCH_USE_PYTORCH=1`, the one in
//! the cache, a Python torch of the right version, one made from the Python wheel ([`wheel`]). Whichever it is, its version is read
//! ([`version`]) and it is loaded once in a child process ([`check`]): this process never loads it.

pub mod check;
pub mod gpu;
pub mod version;
pub mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use check::Checker;
pub use wheel::Layout;

use super::cache::{Cache, Marker};
use super::command::ask;
use super::{Environment, Reporter, Result, SetupError};

/// The libtorch that tch 0.24 is written for.
pub const VERSION: &str = "2.11.0";
/// Other patch releases have the same interface.
const VERSION_PREFIX: &str = "2.11.";

/// Variables that change how torch-sys finds or links libtorch. [`Libtorch::env`] says all there is
/// to say, so these must not reach cargo from the user's shell beside it.
pub const CLEARED_VARIABLES: [&str; 7] = [
    "LIBTORCH_USE_PYTORCH",
    "LIBTORCH_INCLUDE",
    "LIBTORCH_LIB",
    "LIBTORCH_STATIC",
    "LIBTORCH_CXX11_ABI",
    "LIBTORCH_BYPASS_VERSION_CHECK",
    "TORCH_CUDA_VERSION",
];

/// A libtorch that is there and loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libtorch {
    /// The value for `LIBTORCH`: the folder with `include/` and `lib/`.
    pub dir: PathBuf,
    /// The folder of its shared objects.
    pub lib_dir: PathBuf,
    /// Its version with the build: `2.11.0+cu130`.
    pub version: String,
    /// Whether it can use an NVIDIA GPU.
    pub cuda: bool,
    /// Changes when another libtorch is used, stays the same otherwise.
    pub key: String,
}

impl Libtorch {
    /// What a build of torch-sys has to see, beside the absence of [`CLEARED_VARIABLES`].
    pub fn env(&self) -> Vec<(String, String)> {
        let mut variables = vec![(
            "LIBTORCH".to_owned(),
            self.dir.to_string_lossy().into_owned(),
        )];
        if version::number(&self.version) != VERSION {
            // torch-sys insists on the patch release too.
            variables.push(("LIBTORCH_BYPASS_VERSION_CHECK".to_owned(), "1".to_owned()));
        }
        variables
    }
}

/// Which build of libtorch is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The CUDA one where there is an NVIDIA GPU.
    #[default]
    Auto,
    /// The one without CUDA.
    Cpu,
    /// The one with CUDA.
    Cuda,
}

impl Choice {
    /// The value of `TORCHBOOK_LIBTORCH`.
    ///
    /// # Errors
    /// [`SetupError::InvalidSetting`] for anything but `auto`, `cpu` and `cuda`.
    pub fn of(environment: &Environment) -> Result<Self> {
        match environment.get("TORCHBOOK_LIBTORCH") {
            None => Ok(Self::Auto),
            Some(value) => value.to_string_lossy().parse(),
        }
    }
}

impl std::str::FromStr for Choice {
    type Err = SetupError;

    fn from_str(value: &str) -> Result<Self> {
        match value.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            _ => Err(SetupError::InvalidSetting {
                name: "TORCHBOOK_LIBTORCH".into(),
                value: value.into(),
                expected: "auto, cpu or cuda".into(),
            }),
        }
    }
}

/// How libtorch is to be got.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which build.
    pub choice: Choice,
    /// What loads it for a check.
    pub checker: Checker,
    /// The folder that stands for `/` in the search for a GPU.
    pub root: PathBuf,
}

impl Options {
    /// The build chosen, on this machine, checked by this program.
    pub fn new(choice: Choice) -> Self {
        Self {
            choice,
            checker: Checker::this_program(),
            root: PathBuf::from("/"),
        }
    }
}

/// Finds libtorch, or installs it into the cache.
///
/// # Errors
/// [`SetupError`] that names what is wrong and what to do.
pub fn ensure(
    cache: &Cache,
    options: &Options,
    environment: &Environment,
    reporter: &Reporter,
) -> Result<Libtorch> {
    if let Some(libtorch) = find(cache, options, environment)? {
        return Ok(libtorch);
    }
    let layout = layouts(options)[0];
    wheel::install(cache, layout, &options.checker, environment, reporter)
}

/// The libtorch that is there already, if one is.
///
/// # Errors
/// [`SetupError`] where the user has named one that cannot be used.
pub fn find(
    cache: &Cache,
    options: &Options,
    environment: &Environment,
) -> Result<Option<Libtorch>> {
    if let Some(dir) = environment.path("LIBTORCH") {
        return existing(&dir, "LIBTORCH", cache, options, environment).map(Some);
    }
    if environment.is_on("LIBTORCH_USE_PYTORCH") {
        let dir = of_python(environment)?;
        return existing(&dir, "LIBTORCH_USE_PYTORCH", cache, options, environment).map(Some);
    }
    let cached = layouts(options)
        .iter()
        .find_map(|layout| in_cache(cache, *layout));
    Ok(cached.or_else(|| suitable_python(cache, options, environment)))
}

/// What may be used on this machine; the first is what would be installed.
fn layouts(options: &Options) -> &'static [Layout] {
    match options.choice {
        Choice::Cpu => &[Layout::Cpu],
        Choice::Cuda => &[Layout::Cuda],
        Choice::Auto if gpu::is_present(&options.root) => &[Layout::Cuda],
        // The one with CUDA also runs without a GPU: no second download after a forced one.
        Choice::Auto => &[Layout::Cpu, Layout::Cuda],
    }
}

/// The torch of Python, where it has the right version and build: nothing is downloaded then. Its
/// folder is remembered, so that a kernel finds it also where another Python comes first.
fn suitable_python(
    cache: &Cache,
    options: &Options,
    environment: &Environment,
) -> Option<Libtorch> {
    let note = cache.libtorch("of-python");
    let needs_cuda = layouts(options) == [Layout::Cuda];
    let mut options = options.clone();
    options.choice = if needs_cuda {
        Choice::Cuda
    } else {
        options.choice
    };
    let usable = |dir: &Path| {
        let found = existing(dir, "Python", cache, &options, environment).ok()?;
        (options.choice != Choice::Cpu || !found.cuda).then_some(found)
    };
    let remembered = fs::read_to_string(&note).ok().map(PathBuf::from);
    if let Some(libtorch) = remembered.and_then(|dir| usable(&dir)) {
        return Some(libtorch);
    }
    let libtorch = usable(&of_python(environment).ok()?)?;
    // A cache that cannot be written costs the question again, nothing else.
    if let Some(folder) = note.parent() {
        let _ = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&note, libtorch.dir.as_os_str().as_encoded_bytes()));
    }
    Some(libtorch)
}

/// The finished libtorch of this layout in the cache, if there is one.
pub fn in_cache(cache: &Cache, layout: Layout) -> Option<Libtorch> {
    let folder = cache.libtorch(layout.name());
    Marker::of_intact(&folder)?;
    describe(&folder.join("torch"))
}

/// A libtorch that the user has named: checked, never changed.
fn existing(
    dir: &Path,
    origin: &'static str,
    cache: &Cache,
    options: &Options,
    environment: &Environment,
) -> Result<Libtorch> {
    let dir = std::path::absolute(dir).map_err(|source| SetupError::io("find", dir, source))?;
    let remedy =
        format!("Name a folder with libtorch {VERSION}, or unset {origin} to have it downloaded.");
    let mut needed = vec![
        "lib/libtorch_cpu.so",
        "lib/libc10.so",
        "include/ATen/ATen.h",
    ];
    if options.choice == Choice::Cuda {
        needed.push("lib/libtorch_cuda.so");
    }
    if let Some(missing) = needed.iter().find(|name| !dir.join(name).exists()) {
        let missing = (*missing).to_owned();
        return Err(SetupError::IncompleteLibtorch {
            dir,
            origin,
            missing,
            remedy,
        });
    }
    let found = version::of_folder(&dir);
    let libtorch = describe(&dir).filter(|libtorch| libtorch.version.starts_with(VERSION_PREFIX));
    let Some(libtorch) = libtorch else {
        return Err(SetupError::WrongLibtorchVersion {
            dir,
            origin,
            expected: format!("{VERSION_PREFIX}x"),
            found: found.unwrap_or_else(|| "a folder that does not say its version".into()),
            remedy,
        });
    };
    // Loading takes up to half a second, and the key changes with the files: once is enough.
    let checked = cache.libtorch("checked").join(&libtorch.key);
    if !checked.exists() {
        options
            .checker
            .check(&libtorch.lib_dir, environment, &remedy)?;
        // A cache that cannot be written costs the check again, nothing else.
        if let Some(folder) = checked.parent() {
            let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&checked, ""));
        }
    }
    Ok(libtorch)
}

/// The folder of the torch that python3 would import. It is not imported: that takes seconds.
fn of_python(environment: &Environment) -> Result<PathBuf> {
    const FIND_TORCH: &str = "import importlib.util as u; s = u.find_spec('torch'); \
                              print(s.submodule_search_locations[0] if s else '')";
    let remedy = format!(
        "Install torch {VERSION} into the Python that `python3` starts, or unset LIBTORCH_USE_PYTORCH to \
         have libtorch downloaded."
    );
    let mut python = environment.command("python3");
    let dir = ask(
        python.args(["-c", FIND_TORCH]),
        "Asking python3 for its torch",
        &remedy,
    )?;
    if dir.is_empty() {
        return Err(SetupError::ToolMissing {
            tool: "torch in python3".into(),
            needed_for: "LIBTORCH_USE_PYTORCH=1".into(),
            remedy,
        });
    }
    Ok(PathBuf::from(dir))
}

/// Describes the libtorch in `dir`, if it says its version.
fn describe(dir: &Path) -> Option<Libtorch> {
    let version = version::of_folder(dir)?;
    let lib_dir = dir.join("lib");
    let library = lib_dir.join("libtorch_cpu.so").metadata().ok()?;
    let cuda = lib_dir.join("libtorch_cuda.so").exists();
    // The folder counts, as its path is built into what links against it.
    let modified = library
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let identity = format!(
        "{}\n{version}\n{cuda}\n{}\n{modified:?}",
        dir.display(),
        library.len()
    );
    let key = Sha256::digest(identity)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(Libtorch {
        dir: dir.to_path_buf(),
        lib_dir,
        version,
        cuda,
        key,
    })
}

#[cfg(test)]
mod tests;
