//! Reads the version of a libtorch from its folder, without loading it.

use std::fs;
use std::path::Path;

use regex::Regex;

/// The version of the libtorch in `dir`, with its build (`2.11.0+cu130`) where the folder tells.
///
/// Plain libtorch archives have a file `build-version`, Python's torch has `version.py`, and
/// distributions' packages have neither, but their headers know.
pub fn of_folder(dir: &Path) -> Option<String> {
    of_build_version(dir)
        .or_else(|| of_python(dir))
        .or_else(|| of_headers(dir))
}

/// The version without the build: `2.11.0`.
pub fn number(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

fn of_build_version(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join("build-version")).ok()?;
    Some(text.trim().to_owned()).filter(|version| !version.is_empty())
}

fn of_python(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join("version.py")).ok()?;
    find(&text, r#"(?m)^__version__ = ['"]([^'"]+)['"]"#)
}

fn of_headers(dir: &Path) -> Option<String> {
    // Since 2.9 the numbers are in headeronly/; the older place now only includes it.
    let places = [
        "include/torch/headeronly/version.h",
        "include/torch/csrc/api/include/torch/version.h",
    ];
    places.iter().find_map(|place| {
        let text = fs::read_to_string(dir.join(place)).ok()?;
        let part = |name| find(&text, &format!(r"(?m)^#define TORCH_VERSION_{name} (\d+)"));
        Some(format!(
            "{}.{}.{}",
            part("MAJOR")?,
            part("MINOR")?,
            part("PATCH")?
        ))
    })
}

fn find(text: &str, pattern: &str) -> Option<String> {
    let pattern = Regex::new(pattern).ok()?;
    Some(pattern.captures(text)?[1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, text: &str, version: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), version);
    }

    #[test]
    fn each_kind_of_folder_tells_its_version() {
        check("build-version", "2.11.0+cpu\n", Some("2.11.0+cpu"));
        let python = "from typing import Optional\n__all__ = ['__version__']\n__version__ = '2.11.0+cu130'\n";
        check("version.py", python, Some("2.11.0+cu130"));
        let header = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
        check("include/torch/headeronly/version.h", header, Some("2.11.0"));
        check(
            "include/torch/csrc/api/include/torch/version.h",
            header,
            Some("2.11.0"),
        );
    }

    #[test]
    fn a_folder_of_something_else_has_none() {
        check("README", "2.11.0", None);
        check("build-version", "", None);
        check(
            "include/torch/headeronly/version.h",
            "#define TORCH_VERSION_MAJOR 2\n",
            None,
        );
    }

    #[test]
    fn the_build_is_not_part_of_the_number() {
        assert_eq!(number("2.11.0+cu130"), "2.11.0");
        assert_eq!(number("2.11.0"), "2.11.0");
    }
}
