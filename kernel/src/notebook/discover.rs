//! Finds the notebooks that a path stands for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;

/// Adds a notebook, or all notebooks below a folder in the order of their names.
pub(super) fn find_notebooks(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read = |source: io::Error| Error::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(read)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let before = found.len();
    search(path, found).map_err(read)?;
    if found.len() == before {
        return Err(Error::NoNotebooks {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // Hidden ones hold no notebooks of the user's own: Jupyter's .ipynb_checkpoints first.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            search(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "ipynb")
        {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_without_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [
            "b.ipynb",
            "a/c.ipynb",
            ".ipynb_checkpoints/b-checkpoint.ipynb",
            "a/notes.txt",
        ] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "").unwrap();
        }
        let mut found = Vec::new();
        find_notebooks(folder.path(), &mut found).unwrap();
        assert_eq!(found, [path("a/c.ipynb"), path("b.ipynb")]);
    }

    #[test]
    fn a_path_without_notebooks_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let find = |path: &Path| {
            find_notebooks(path, &mut Vec::new())
                .unwrap_err()
                .to_string()
        };
        let error = find(folder.path());
        assert!(error.ends_with(": no notebooks (*.ipynb) found"), "{error}");
        let error = find(&folder.path().join("missing"));
        assert!(
            error.contains("/missing: cannot read the notebook: No such file"),
            "{error}"
        );
    }
}
