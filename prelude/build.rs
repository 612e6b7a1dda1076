//! Compiles `native/` and links `libtorchbook.so` so that cells, which are separate shared objects,
//! can use it.
//!
//! What libtorch is and where it comes from is decided before: by torch-sys's own build script,
//! which hands its folder over in `DEP_TCH_LIBTORCH_LIB`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// torch-sys's C functions, by prefix. Cells instantiate tch's generics (`Tensor::from_slice`),
/// whose code calls them from the cell; a Rust dylib does not export them by itself, and the cell's
/// dlopen then fails with "undefined symbol: at_tensor_of_data". The linker merges this list with
/// the one that rustc writes.
///
/// Every entry has a wildcard: a plain name must exist in every target that links, and test
/// binaries do not pull every symbol in.
const EXPORTED: &str = "{ global: at_*; atc_*; atg_*; atm_*; ato_*; ats_*; get_and_reset_last_err*; torchbook_*; mkl_serv_intel_cpu_true*; };\n";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    println!("cargo:rustc-check-cfg=cfg(cuda_graphs)");
    let out_dir =
        PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let version_script = out_dir.join("exported.ld");
    fs::write(&version_script, EXPORTED).expect("OUT_DIR is writable");
    println!(
        "cargo:rustc-link-arg=-Wl,--version-script={}",
        version_script.display()
    );

    // Absent only when documentation is built without libtorch (torch-sys's `doc-only`).
    let Some(libtorch) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        return;
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libtorch.display());
    // The linker's default, --as-needed, drops libtorch_cuda, of which no symbol is used directly;
    // without it CUDA is reported as unavailable.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch_cpu");
    compile_native(&libtorch);
    if libtorch.join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-ltorch_cuda");
        println!("cargo:rustc-link-arg=-lc10_cuda");
        compile_cuda(&libtorch);
    }
    let version = libtorch_version(&libtorch).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=TORCHBOOK_LIBTORCH_VERSION={version}");
}

/// What tch does not bind, against the headers that torch-sys was compiled with.
fn compile_native(libtorch: &Path) {
    println!("cargo:rerun-if-changed=native");
    native_build(libtorch)
        .files(
            [
                "torchbook_native",
                "torchbook_device",
                "adam",
                "batch_norm",
                "class_numbers",
                "convolution",
                "dense",
                "factors",
                "narrow_products",
                "recorded_adam",
                "small_dense",
                "winograd",
            ]
            .map(|name| format!("native/{name}.cpp")),
        )
        .compile("torchbook_native");
}

/// What needs CUDA itself: graphs. Without CUDA's headers the prelude does without.
fn compile_cuda(libtorch: &Path) {
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    let packages = libtorch.parent().and_then(Path::parent);
    let beside = ["nvidia/cu13/include", "nvidia/cuda_runtime/include"];
    let folders: Vec<PathBuf> = packages
        .into_iter()
        .flat_map(|packages| beside.map(|folder| packages.join(folder)))
        .chain(env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("include")))
        .chain([PathBuf::from("/usr/local/cuda/include")])
        .filter(|folder| folder.exists())
        .collect();
    // The second is a package of its own since CUDA 13, which PyTorch does not ask for.
    for header in ["cuda_runtime_api.h", "crt/host_config.h"] {
        if !folders.iter().any(|folder| folder.join(header).exists()) {
            println!(
                "cargo:warning=built without CUDA graphs: {header} is not there; `pip install nvidia-cuda-crt` \
                 beside libtorch, or set CUDA_HOME"
            );
            return;
        }
    }
    native_build(libtorch)
        .includes(folders)
        .file("native/torchbook_cuda.cpp")
        .compile("torchbook_cuda");
    println!("cargo:rustc-cfg=cuda_graphs");
}

fn native_build(libtorch: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .include(libtorch.with_file_name("include"))
        // libtorch's headers are not ours to warn about.
        .warnings(false)
        // Square roots then are one instruction, for sixteen numbers.
        .flag_if_supported("-fno-math-errno")
        // Its loops would be slow in an unoptimised build, too, and there is nothing to debug them with.
        .opt_level(3);
    build
}

/// The version that libtorch's header states, such as `2.11.0`; `None` if the header says none.
fn libtorch_version(lib: &Path) -> Option<String> {
    let header = lib.parent()?.join("include/torch/headeronly/version.h");
    let text = fs::read_to_string(header).ok()?;
    let number = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("#define TORCH_VERSION_{name} ")))?;
        line.split_whitespace().nth(2)
    };
    Some(format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("PATCH")?
    ))
}
