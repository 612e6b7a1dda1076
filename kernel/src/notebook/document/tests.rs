use super::*;
use serde_json::json;

const JUPYTER: &str = include_str!("jupyter.ipynb");

fn parse(text: &str) -> Result<Notebook, Error> {
    Notebook::parse(Path::new("a.ipynb"), text)
}

#[track_caller]
fn check_refused(text: &str, message: &str) {
    let error = parse(text).expect_err("should be refused").to_string();
    assert!(error.starts_with(message), "{error}");
}

#[test]
fn what_jupyter_wrote_survives_byte_for_byte() {
    assert_eq!(parse(JUPYTER).unwrap().to_text(), JUPYTER);
}

#[test]
fn a_result_changes_only_its_own_lines() {
    let mut notebook = parse(JUPYTER).unwrap();
    let position = notebook.code_cells().next().unwrap().position;
    notebook.set_result(
        position,
        vec![json!({"output_type": "stream", "name": "stdout", "text": ["새\n"]})],
        Some(1),
    );
    let text = notebook.to_text();
    let removed: Vec<&str> = JUPYTER
        .lines()
        .filter(|line| !text.contains(line))
        .collect();
    assert_eq!(removed, ["   \"execution_count\": 7,", "      \"old\\n\""]);
}

#[test]
fn cells_show_source_tags_and_outputs() {
    let notebook = parse(JUPYTER).unwrap();
    let cell = notebook.code_cells().next().unwrap();
    assert_eq!((cell.position, cell.id), (1, "b2"));
    assert_eq!(cell.source, "\nlet x = 1;\nx");
    assert_eq!(cell.first_line(), "let x = 1;");
    assert!(cell.has_tag("exact") && !cell.has_tag("any"));
    assert_eq!((cell.outputs.len(), cell.execution_count), (1, Some(7)));
    assert_eq!(notebook.language(), Some("rust"));
}

#[test]
fn older_minor_versions_get_ids_and_lists_of_lines() {
    let text = r#"{"cells": [{"cell_type": "code", "metadata": {}, "source": "a\nb"},
                             {"cell_type": "markdown", "source": []}],
                   "metadata": {}, "nbformat": 4, "nbformat_minor": 2}"#;
    let notebook = parse(text).unwrap();
    assert_eq!(notebook.root["nbformat_minor"], 5);
    assert_eq!(notebook.root["cells"][0]["source"], json!(["a\n", "b"]));
    assert_eq!(notebook.root["cells"][0]["outputs"], json!([]));
    let ids: Vec<_> = notebook
        .cells()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap())
        .collect();
    assert!(
        ids[0].len() == 8 && ids[1].len() == 8 && ids[0] != ids[1],
        "{ids:?}"
    );
}

#[test]
fn a_doubled_id_is_replaced() {
    let cell = r#"{"cell_type": "raw", "id": "x", "metadata": {}, "source": []}"#;
    let text = format!(
        r#"{{"cells": [{cell}, {cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}"#
    );
    let notebook = parse(&text).unwrap();
    assert_eq!(notebook.cells()[0]["id"], "x");
    assert_ne!(notebook.cells()[1]["id"], "x");
}

#[test]
fn other_files_are_refused_with_a_reason() {
    check_refused(
        "<html>",
        "a.ipynb: not a notebook: expected JSON, but expected value at line 1",
    );
    check_refused(
        "[1]",
        "a.ipynb: not a valid notebook: top level: expected an object",
    );
    check_refused(
        r#"{"nbformat": 3}"#,
        "a.ipynb: written in nbformat 3, torchbook reads",
    );
    check_refused(
        r#"{"nbformat": 5}"#,
        "a.ipynb: written in nbformat 5, torchbook reads",
    );
    check_refused(
        r#"{"nbformat": 4}"#,
        "a.ipynb: not a valid notebook: cells: expected a list, found nothing",
    );
    check_refused(
        r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}"#,
        "a.ipynb: not a valid notebook: cell 1: source: expected a string or a list of strings, found 7",
    );
    check_refused(
        r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": ["x"]}]}"#,
        "a.ipynb: not a valid notebook: cell 1: outputs: expected an object, found \"x\"",
    );
    let missing = Notebook::read(Path::new("missing.ipynb"))
        .unwrap_err()
        .to_string();
    assert!(missing.starts_with("missing.ipynb: cannot read the notebook: No such file"));
}

#[test]
fn writing_keeps_permissions_and_links_and_leaves_nothing_behind() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (
        folder.path().join("real.ipynb"),
        folder.path().join("link.ipynb"),
    );
    fs::write(&file, JUPYTER).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    check_writable(&link).unwrap();
    Notebook::read(&link).unwrap().write(&link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_that_is_not_there_is_noticed_before_running() {
    let path = Path::new("/nonexistent/out.ipynb");
    let message = check_writable(path).unwrap_err().to_string();
    assert!(message.starts_with("/nonexistent/out.ipynb: cannot write the notebook: No such"));
}

#[test]
fn the_kernelspec_of_the_notebook_stays() {
    let mut notebook = parse(JUPYTER).unwrap();
    notebook.describe_kernel(json!({"name": "rust"}), json!({"name": "other"}));
    assert_eq!(notebook.root["metadata"]["kernelspec"]["name"], "torchbook");
    let mut empty = parse(r#"{"nbformat": 4, "cells": []}"#).unwrap();
    empty.describe_kernel(json!({"name": "rust"}), json!({"name": "other"}));
    assert_eq!(empty.root["metadata"]["kernelspec"]["name"], "other");
}
