//! Figures as files.

use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Writes what the path's ending asks for. The file appears whole under its name, or not at all.
pub(super) fn save(
    path: &Path,
    svg: impl FnOnce() -> Result<String>,
    png: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<()> {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let bytes = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("svg") => svg()?.into_bytes(),
        Some("png") => png()?,
        _ => {
            return Err(Error::InvalidArgument {
                place: "save: path".into(),
                expected: "a name that ends in .svg or .png".into(),
                received: format!("`{}`", path.display()),
            });
        }
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(Error::MissingFile {
            path: folder.to_owned(),
            remedy: "make the folder first, or save somewhere else".into(),
        });
    }
    let failed = |source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let mut file = tempfile::Builder::new()
        .prefix(".torchbook-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Figure, Result};

    #[test]
    fn the_ending_decides_and_nothing_else_is_left_behind() -> Result<()> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let figure = Figure::new().line([0, 1], [0, 1]);
        figure.save(folder.path().join("a.svg"))?;
        figure.save(folder.path().join("a.PNG"))?;
        figure.save(folder.path().join("a.PNG"))?;
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("saved");
        assert!(read("a.svg").starts_with(b"<svg "));
        assert!(read("a.PNG").starts_with(b"\x89PNG"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("exists").count(), 2);
        Ok(())
    }

    #[test]
    fn wrong_endings_and_missing_folders_are_named() {
        let figure = Figure::new().line([0, 1], [0, 1]);
        let error = figure.save("a.jpeg").expect_err("not known").to_string();
        assert_eq!(
            error,
            "save: path: expected a name that ends in .svg or .png, received `a.jpeg`"
        );
        let error = figure
            .save("no/such/folder/a.png")
            .expect_err("not there")
            .to_string();
        assert_eq!(
            error,
            "no/such/folder: file not found: make the folder first, or save somewhere else"
        );
        let error = Figure::new()
            .line([0, 1], [0])
            .save("a.svg")
            .expect_err("lengths differ");
        assert_eq!(
            error.to_string(),
            "figure: line: expected as many numbers for y as for x, received 2 for x and 1 for y"
        );
    }
}
