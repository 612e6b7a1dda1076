use super::super::scripted_kernel::{self, Page};
use super::*;
use serde_json::json;
use std::fs;

struct Bench {
    folder: tempfile::TempDir,
    err: Page,
    out: Page,
}

impl Bench {
    fn new() -> Self {
        Bench {
            folder: tempfile::tempdir().unwrap(),
            err: Page::default(),
            out: Page::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a notebook with these code cells.
    fn notebook(&self, name: &str, cells: &[&str]) -> PathBuf {
        let cells: Vec<_> = cells
            .iter()
            .enumerate()
            .map(|(index, source)| {
                json!({"cell_type": "code", "id": format!("cell{index}"), "source": source, "metadata": {}})
            })
            .collect();
        let root = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
        fs::write(self.path(name), root.to_string()).unwrap();
        self.path(name)
    }

    fn options(&self, notebooks: &[&PathBuf]) -> RunOptions {
        RunOptions {
            notebooks: notebooks.iter().map(|path| path.to_path_buf()).collect(),
            output: None,
            inplace: false,
            timeout: None,
            allow_errors: false,
            record_timing: false,
            kernel: scripted_kernel::launch(),
        }
    }

    async fn run(&self, options: RunOptions) -> Result<Outcome, String> {
        let shows_outputs = options.output.is_none() && !options.inplace;
        let mut progress = Progress::plain(self.err.clone(), self.out.clone(), shows_outputs);
        let (_sender, mut interrupts) = Interrupts::from_channel();
        let outcome = run_with(options, Patience::default(), &mut interrupts, &mut progress).await;
        outcome.map_err(|error| {
            error
                .to_string()
                .replace(self.folder.path().to_str().unwrap(), "DIR")
        })
    }

    /// stderr without times, folders and the kernel's start, whose log comes when it likes.
    fn messages(&self) -> Vec<String> {
        let times = regex::Regex::new(r" *\d+(\.\d)? s\b").unwrap();
        let text = self
            .err
            .text()
            .replace(self.folder.path().to_str().unwrap(), "DIR");
        let text = times.replace_all(&text, " TIME");
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("starting the kernel"));
        lines.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn without_a_target_text_is_shown_and_nothing_is_stored() {
    let bench = Bench::new();
    let notebook = bench.notebook("a.ipynb", &["out hello", "result 42"]);
    let before = fs::read_to_string(&notebook).unwrap();
    assert_eq!(
        bench.run(bench.options(&[&notebook])).await,
        Ok(Outcome::Passed)
    );
    assert_eq!(bench.out.text(), "hello\n42\n");
    assert_eq!(fs::read_to_string(&notebook).unwrap(), before);
    assert_eq!(
        bench.messages(),
        [
            "DIR/a.ipynb",
            "[1/2] TIME  out hello",
            "[2/2] TIME  result 42",
            "DIR/a.ipynb: 2 cells in TIME, nothing stored (--inplace or --output would)",
        ]
    );
}

#[tokio::test]
async fn an_output_file_gets_the_executed_notebook() {
    let bench = Bench::new();
    let notebook = bench.notebook("a.ipynb", &["out hello"]);
    let before = fs::read_to_string(&notebook).unwrap();
    let options = RunOptions {
        output: Some(bench.path("b.ipynb")),
        ..bench.options(&[&notebook])
    };
    assert_eq!(bench.run(options).await, Ok(Outcome::Passed));
    assert_eq!(
        (bench.out.text(), fs::read_to_string(&notebook).unwrap()),
        (String::new(), before)
    );
    let stored = Notebook::read(&bench.path("b.ipynb")).unwrap();
    let cell = stored.code_cells().next().unwrap();
    assert_eq!(
        (cell.id, cell.outputs.len(), cell.execution_count),
        ("cell0", 1, Some(1))
    );
}

#[tokio::test]
async fn a_failing_cell_is_named_and_what_came_before_is_stored() {
    let bench = Bench::new();
    let cells = ["out hello", "fail Panic index out of range", "out never"];
    let first = bench.notebook("a.ipynb", &cells);
    let second = bench.notebook("b.ipynb", &["out never"]);
    let options = RunOptions {
        inplace: true,
        ..bench.options(&[&first, &second])
    };
    assert_eq!(bench.run(options).await, Ok(Outcome::Failed));
    assert_eq!(
        bench.messages()[2..],
        [
            "[2/3] TIME  fail Panic index out of range  | failed",
            "DIR/a.ipynb: cell 2 failed: fail Panic index out of range",
            "Panic: index out of range",
            "the outputs so far are in DIR/a.ipynb",
        ]
    );
    let stored = Notebook::read(&first).unwrap();
    let counts: Vec<_> = stored.code_cells().map(|cell| cell.outputs.len()).collect();
    assert_eq!(counts, [1, 1, 0]);
}

#[tokio::test]
async fn a_folder_takes_several_notebooks() {
    let bench = Bench::new();
    let notebooks = [
        bench.notebook("a.ipynb", &["out 1"]),
        bench.notebook("b.ipynb", &["out 2"]),
    ];
    let file = RunOptions {
        output: Some(bench.path("c.ipynb")),
        ..bench.options(&[&notebooks[0], &notebooks[1]])
    };
    assert_eq!(
        bench.run(file).await.unwrap_err(),
        "--output DIR/c.ipynb: expected a folder that exists, because there are 2 notebooks"
    );
    let folder = bench.path("out");
    fs::create_dir(&folder).unwrap();
    let options = RunOptions {
        output: Some(folder.clone()),
        ..bench.options(&[&notebooks[0], &notebooks[1]])
    };
    assert_eq!(bench.run(options).await, Ok(Outcome::Passed));
    assert!(folder.join("a.ipynb").exists() && folder.join("b.ipynb").exists());
}

#[tokio::test]
async fn mistakes_are_found_before_anything_runs() {
    let bench = Bench::new();
    let notebook = bench.notebook("a.ipynb", &["die"]);
    let both = RunOptions {
        inplace: true,
        output: Some(bench.path("b.ipynb")),
        ..bench.options(&[&notebook])
    };
    assert!(
        bench
            .run(both)
            .await
            .unwrap_err()
            .starts_with("--inplace and --output exclude")
    );
    let nowhere = RunOptions {
        output: Some(bench.path("no/b.ipynb")),
        ..bench.options(&[&notebook])
    };
    let error = bench.run(nowhere).await.unwrap_err();
    assert!(
        error.starts_with("DIR/no/b.ipynb: cannot write the notebook: No such"),
        "{error}"
    );
    let python =
        json!({"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "python"}}});
    fs::write(&notebook, python.to_string()).unwrap();
    let error = bench.run(bench.options(&[&notebook])).await.unwrap_err();
    assert!(
        error.starts_with("DIR/a.ipynb: the notebook's language is python"),
        "{error}"
    );
    assert_eq!(bench.messages(), [""; 0]);
}

#[tokio::test]
async fn the_kernel_runs_in_the_notebooks_folder() {
    let bench = Bench::new();
    let notebook = bench.notebook("a.ipynb", &["out never"]);
    let mut options = bench.options(&[&notebook]);
    options.kernel.program = "/bin/sh".into();
    options.kernel.arguments = ["-c", "pwd >&2; exit 1"].map(Into::into).into();
    let error = bench.run(options).await.unwrap_err();
    assert!(error.ends_with("the end of its stderr:\nDIR"), "{error}");
}

#[tokio::test]
async fn a_new_file_shows_nothing_of_cells_that_were_not_reached() {
    let bench = Bench::new();
    let old = json!([{"output_type": "stream", "name": "stdout", "text": "from long ago"}]);
    let cell = |source: &str| json!({"cell_type": "code", "id": source, "source": source, "metadata": {}, "execution_count": 9, "outputs": old});
    let root = json!({"cells": [cell("fail Panic no"), cell("result 1")], "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let notebook = bench.path("a.ipynb");
    fs::write(&notebook, root.to_string()).unwrap();
    let target = bench.path("b.ipynb");
    let options = RunOptions {
        output: Some(target.clone()),
        ..bench.options(&[&notebook])
    };
    assert_eq!(bench.run(options).await, Ok(Outcome::Failed));
    assert!(
        !fs::read_to_string(target)
            .unwrap()
            .contains("from long ago")
    );

    let options = RunOptions {
        inplace: true,
        ..bench.options(&[&notebook])
    };
    assert_eq!(bench.run(options).await, Ok(Outcome::Failed));
    let text = fs::read_to_string(&notebook).unwrap();
    assert_eq!(text.matches("from long ago").count(), 1, "{text}");
}
