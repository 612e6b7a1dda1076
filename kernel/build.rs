//! Embeds the prelude's sources, so that the binary alone can build it anywhere, and the
//! version of the compiler.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    // At run time: the variable at compile time is of the folder this script was once compiled in,
    // and a copied target folder keeps the script.
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    let prelude = Path::new(&package).join("../prelude");
    let mut files = Vec::new();
    for entry in ["Cargo.toml", "build.rs", "src", "native", "assets"] {
        collect(&prelude.join(entry), &mut files);
        // A path that does not exist counts as changed at every build.
        if prelude.join(entry).exists() {
            println!("cargo:rerun-if-changed={}", prelude.join(entry).display());
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&prelude)
            .expect("collected below the prelude's folder");
        writeln!(list, "    ({:?}, include_bytes!({:?})),", name, file)
            .expect("writing to a string");
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    fs::write(out.join("prelude_sources.rs"), list).expect("OUT_DIR is writable");
    println!(
        "cargo:rustc-env=TORCHBOOK_RUSTC_VERSION={}",
        rustc_version()
    );
}

/// The version of the compiler, such as `1.95.0`.
fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC for build scripts");
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc can be started: cargo has just done so");
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace()
        .nth(1)
        .unwrap_or("unknown")
        .to_owned()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    } else if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten() {
            collect(&entry.path(), files);
        }
    }
}
