use super::super::scripted_kernel::{self, Page};
use super::*;
use serde_json::{Value, json};
use std::fs;
use std::io;

struct Bench {
    folder: tempfile::TempDir,
}

/// A code cell with stored text on stdout.
fn cell(source: &str, stored: &str, metadata: Value) -> Value {
    let outputs = match stored {
        "" => json!([]),
        text => json!([{"output_type": "stream", "name": "stdout", "text": text}]),
    };
    json!({
        "cell_type": "code", "source": source, "metadata": metadata,
        "outputs": outputs, "execution_count": 1,
    })
}

impl Bench {
    fn new() -> Self {
        Bench {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn notebook(&self, name: &str, cells: &[Value]) -> PathBuf {
        let root = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), root.to_string()).unwrap();
        self.path(name)
    }

    /// Tests paths; the report is without times and folders.
    async fn test(&self, paths: &[PathBuf], update: bool) -> (Outcome, String) {
        let options = TestOptions {
            update,
            ..self.options(paths)
        };
        self.test_with(options).await
    }

    fn options(&self, paths: &[PathBuf]) -> TestOptions {
        TestOptions {
            paths: paths.to_vec(),
            update: false,
            timeout: None,
            parallel: NonZeroUsize::MIN,
            junit: None,
            report: None,
            kernel: scripted_kernel::launch(),
        }
    }

    async fn test_with(&self, options: TestOptions) -> (Outcome, String) {
        let out = Page::default();
        let progress = Progress::plain(io::sink(), out.clone(), false);
        let (_sender, interrupts) = Interrupts::from_channel();
        let outcome = test_with(options, Patience::default(), interrupts, progress)
            .await
            .unwrap();
        let times = regex::Regex::new(r"\d+(\.\d)? s\b").unwrap();
        let text = out
            .text()
            .replace(&format!("{}/", self.folder.path().display()), "");
        (outcome, times.replace_all(&text, "TIME").into_owned())
    }
}

#[tokio::test]
async fn equal_outputs_pass() {
    let bench = Bench::new();
    let number = json!({"tags": ["number"], "torchbook": {"number": {"min": 0.98}}});
    let path = bench.notebook(
        "a.ipynb",
        &[
            cell("out same\\n", "same\n", json!({})),
            cell("out accuracy 0.99\\n", "accuracy 0.981\n", number),
            cell(
                "out now\\n",
                "then\n",
                json!({"tags": ["nbval-ignore-output"]}),
            ),
            cell("die", "", json!({"tags": ["skip-execution"]})),
            cell("fail A b", "", json!({"tags": ["any", "raises-exception"]})),
        ],
    );
    let (outcome, report) = bench.test(&[path], false).await;
    assert_eq!(
        report,
        "ok     a.ipynb: 4 cells in TIME\n\
                        test result: ok. 1 notebook passed, 0 failed, in TIME\n"
    );
    assert_eq!(outcome, Outcome::Passed);
}

#[tokio::test]
async fn every_difference_is_shown_and_the_other_notebooks_are_tested() {
    let bench = Bench::new();
    bench.notebook(
        "a.ipynb",
        &[
            cell("out new\\n", "old\n", json!({})),
            cell("out same\\n", "same\n", json!({})),
            cell(
                "out fine\\n",
                "fine\n",
                json!({"tags": ["raises-exception"]}),
            ),
        ],
    );
    bench.notebook("b.ipynb", &[cell("out b\\n", "b\n", json!({}))]);
    let (outcome, report) = bench.test(&[bench.path("")], false).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(
        report,
        "\
FAILED a.ipynb: 3 cells in TIME
  cell 1 differs: out new\\n
    - stored
    + now
      [stdout]
    - old
    + new
  cell 3 differs: out fine\\n
    expected an error (tag `raises-exception`), but the cell succeeded
ok     b.ipynb: 1 cell in TIME
test result: FAILED. 1 notebook passed, 1 failed, in TIME
"
    );
}

#[tokio::test]
async fn what_cannot_be_executed_fails() {
    let bench = Bench::new();
    let empty = json!({"cell_type": "code", "source": "out a", "metadata": {}});
    let paths = [
        bench.notebook(
            "raises.ipynb",
            &[
                cell("out new", "old", json!({})),
                cell("fail A b", "text", json!({})),
                cell("out never", "text", json!({})),
            ],
        ),
        bench.notebook("dies.ipynb", &[cell("die", "text", json!({}))]),
        bench.notebook("empty.ipynb", &[empty]),
        bench.notebook(
            "slip.ipynb",
            &[cell("die", "text", json!({"tags": ["number"]}))],
        ),
        bench.notebook("damaged.ipynb", &[]),
    ];
    fs::write(&paths[4], "{").unwrap();
    let (outcome, report) = bench.test(&paths, false).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(report, "\
FAILED raises.ipynb: 2 cells in TIME
  cell 1 differs: out new
    - stored
    + now
      [stdout]
    - old
    + new
  cell 2 failed: fail A b
    A: b
FAILED dies.ipynb: 1 cell in TIME
  cell 1 did not finish: die
    the kernel died (exit code 3) while the notebook ran; the end of its stderr:
    scripted kernel starting
    scripted kernel: told to die
FAILED empty.ipynb: 0 cells in TIME
  no stored outputs to compare with: look at what `torchbook run` shows, then store it with `torchbook test --update`
FAILED slip.ipynb: 0 cells in TIME
  cell 1 cannot be checked: die
    the tag `number` needs metadata: {\"torchbook\": {\"number\": {\"min\": 0.98, \"max\": 1.0}}}
FAILED damaged.ipynb: 0 cells in TIME
  not a notebook: expected JSON, but EOF while parsing an object at line 1 column 1; a merge conflict or an interrupted download looks like this
test result: FAILED. 0 notebooks passed, 5 failed, in TIME
");
}

#[tokio::test]
async fn an_update_stores_what_passes_the_checks_that_need_no_stored_output() {
    let bench = Bench::new();
    let good = bench.notebook("good.ipynb", &[cell("out new\\n", "old\n", json!({}))]);
    let number = json!({"tags": ["number"], "torchbook": {"number": {"min": 0.98}}});
    let bad = bench.notebook("bad.ipynb", &[cell("out 0.5\\n", "0.99\n", number)]);
    let before = fs::read_to_string(&bad).unwrap();
    let (outcome, report) = bench.test(&[good.clone(), bad.clone()], true).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(
        report,
        "\
ok     good.ipynb: 1 cell in TIME, updated
FAILED bad.ipynb: 1 cell in TIME, not updated
  cell 1 differs: out 0.5\\n
    expected the last number to be at least 0.98, found 0.5
test result: FAILED. 1 notebook passed, 1 failed, in TIME
"
    );
    assert_eq!(fs::read_to_string(&bad).unwrap(), before);
    let (_, report) = bench.test(std::slice::from_ref(&good), false).await;
    assert!(report.starts_with("ok     good.ipynb"), "{report}");
    let (_, report) = bench.test(&[good], true).await;
    assert!(
        report.starts_with("ok     good.ipynb: 1 cell in TIME, unchanged"),
        "{report}"
    );
}

#[tokio::test]
async fn notebooks_side_by_side_have_the_same_results() {
    let bench = Bench::new();
    for name in ["a", "b", "c", "d", "e"] {
        let stored = if name == "c" { "other\n" } else { "same\n" };
        bench.notebook(
            &format!("{name}.ipynb"),
            &[cell("out same\\n", stored, json!({}))],
        );
    }
    let options = TestOptions {
        parallel: NonZeroUsize::new(3).unwrap(),
        junit: Some(bench.path("results.xml")),
        ..bench.options(&[bench.path("")])
    };
    let (outcome, report) = bench.test_with(options).await;
    assert_eq!(outcome, Outcome::Failed);
    // They are told as they end, which may be in any order.
    for name in ["a", "b", "d", "e"] {
        let line = format!("ok     {name}.ipynb: 1 cell in TIME\n");
        assert!(report.contains(&line), "{report}");
    }
    let difference = "FAILED c.ipynb: 1 cell in TIME\n  cell 1 differs: out same\\n\n";
    assert!(report.contains(difference), "{report}");
    let summary = "\ntest result: FAILED. 4 notebooks passed, 1 failed, in TIME\n";
    assert!(report.ends_with(summary), "{report}");
    // In the file they stand in the order of the notebooks.
    let xml = fs::read_to_string(bench.path("results.xml")).unwrap();
    let suites = regex::Regex::new(r#"testsuite name="[^"]*(.)\.ipynb""#).unwrap();
    let order: String = suites
        .captures_iter(&xml)
        .map(|suite| suite[1].to_owned())
        .collect();
    assert_eq!(order, "abcde");
    assert_eq!(xml.matches("<failure").count(), 1);
}

#[tokio::test]
async fn the_page_shows_pictures_that_differ() {
    let bench = Bench::new();
    let picture = super::super::image::test_png(8, 4, [250, 0, 0]);
    let mut red = cell("image 8 4 0 0 250", "", json!({"tags": ["image"]}));
    red["outputs"] = json!([{
        "output_type": "display_data", "metadata": {}, "data": {"image/png": picture},
    }]);
    let path = bench.notebook("a.ipynb", &[red]);
    let options = TestOptions {
        report: Some(bench.path("report.html")),
        ..bench.options(&[path])
    };
    let (outcome, _) = bench.test_with(options).await;
    assert_eq!(outcome, Outcome::Failed);
    let html = fs::read_to_string(bench.path("report.html")).unwrap();
    let stored = format!("src=\"data:image/png;base64,{picture}\"");
    assert!(html.contains(&stored), "{html}");
    assert_eq!(html.matches("<img ").count(), 2);
    assert!(html.contains("mean colour"), "{html}");
}

#[test]
fn kernels_side_by_side_share_the_cores() {
    let bench = Bench::new();
    let options = bench.options(&[]);
    let threads = |workers, cores| {
        let kernel = options.kernel_of(workers, cores);
        let set = kernel.environment.into_iter();
        set.filter(|(name, _)| name == THREADS)
            .map(|(_, value)| value.into_string().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(threads(1, 8), Vec::<String>::new());
    assert_eq!(threads(3, 8), ["2"]);
    assert_eq!(threads(4, 2), ["1"]);
}

#[test]
fn a_place_where_results_cannot_go_is_told_before_anything_runs() {
    let bench = Bench::new();
    let path = bench.notebook("a.ipynb", &[]);
    let options = TestOptions {
        junit: Some(bench.path("nowhere/results.xml")),
        ..bench.options(&[path])
    };
    let message = options.check().unwrap_err().to_string();
    assert!(message.contains("nowhere/results.xml"), "{message}");
}
