"""The programs that execute notebooks: nbclient, nbconvert, papermill and nbval."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

import papermill_rust  # noqa: F401  (teaches papermill Rust)

SMALL = Path(__file__).with_name("small.ipynb")
NOTEBOOKS = Path(os.environ["TORCHBOOK_NOTEBOOKS"])
CNN = NOTEBOOKS / "02_mnist_cnn.ipynb"
# A translation has the code of its original: it is executed by `torchbook test` alone.
ORIGINALS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - set(NOTEBOOKS.glob("*.ko.ipynb")))


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def shown(cell):
    """A cell's outputs; how an error is laid out is not these tests' matter."""
    return [
        {key: value for key, value in output.items() if key != "traceback"}
        for output in cell.outputs
    ]


def short_training():
    """The CNN's notebook with few samples; what depends on them is marked `nbval-ignore-output`."""
    notebook = read(CNN)
    (fit,) = [cell for cell in notebook.cells if ".fit(" in cell.source]
    for long, short in [
        (".fit(&x_train, &y_train)", ".fit(&x_train.narrow(0, 0, 960), &y_train.narrow(0, 0, 960))"),
        (".epochs(5)", ".epochs(1)"),
    ]:
        assert long in fit.source
        fit.source = fit.source.replace(long, short)
    return notebook


def runs(*command):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nbclient_stores_the_outputs_that_torchbook_run_stores(tmp_path):
    notebook = read(SMALL)
    stored = {name: shown(cell) for name, cell in code_cells(notebook).items()}
    resources = {"metadata": {"path": str(tmp_path)}}
    # Without this nbclient keeps what a carriage return overwrites.
    NotebookClient(notebook, resources=resources, coalesce_streams=True).execute()
    assert {name: shown(cell) for name, cell in code_cells(notebook).items()} == stored
    counts = [cell.execution_count for cell in code_cells(notebook).values()]
    assert counts == list(range(1, len(counts) + 1))


def test_nbconvert_executes_and_shows_a_notebook(tmp_path):
    runs("nbconvert", "--execute", "--to", "html", "--output-dir", tmp_path, SMALL)
    page = (tmp_path / "small.html").read_text()
    for shown in ["2: nobody", "<b>replaced</b>", "this stays", "on purpose"]:
        assert shown in page
    for gone in ["<b>first</b>", "this goes</pre>", "\x1b"]:
        assert gone not in page


def test_papermill_puts_parameters_in(tmp_path):
    notebook = read(SMALL)
    # Unlike nbclient, papermill stops at every error.
    notebook.cells = [
        cell for cell in notebook.cells if "raises-exception" not in cell.metadata.get("tags", [])
    ]
    executed = papermill.execute_notebook(
        notebook,
        tmp_path / "out.ipynb",
        parameters={"name": 'a "quoted" é\n', "count": 1, "weights": [1.5, -2.0, float("inf")]},
        cwd=tmp_path,
        progress_bar=False,
    )
    (injected,) = [
        cell for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    assert injected.source.splitlines()[1:] == [
        r'let name = "a \"quoted\" é\n";',
        "let count = 1;",
        "let weights = vec![1.5, -2.0, f64::INFINITY];",
    ]
    cells = code_cells(executed)
    assert cells["streams"].outputs[0].text == '1: a "quoted" é\n\n'
    assert cells["value"].outputs[0].data["text/plain"] == "inf"
    assert cells["after"].outputs[0].data["text/plain"] == "41"


@pytest.mark.parametrize("name", ["01_mnist_dnn", "02_mnist_cnn", "03_fashion_mnist", "06_sequences"])
def test_papermill_executes_the_notebooks_that_train(tmp_path, name):
    notebook = short_training() if name == CNN.stem else read(NOTEBOOKS / f"{name}.ipynb")
    executed = papermill.execute_notebook(
        notebook, tmp_path / "out.ipynb", cwd=tmp_path, progress_bar=False
    )
    counts = [cell.execution_count for cell in code_cells(executed).values()]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in code_cells(executed).values() for output in cell.outputs]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert any(kind.startswith("image/") for kind in shown), shown


def test_papermill_stops_at_an_error_that_is_expected(tmp_path):
    # The README says so, and that such cells are left out: papermill has no option for them.
    with pytest.raises(papermill.PapermillExecutionError, match="on purpose"):
        papermill.execute_notebook(
            read(SMALL), tmp_path / "out.ipynb", cwd=tmp_path, progress_bar=False
        )


def nbval(notebook):
    plain = ["pytest", "-q", "-p", "no:cacheprovider", "--rootdir", notebook.parent]
    return runs(*plain, "--nbval", "--nbval-kernel-name", "torchbook", notebook)


def test_nbval_finds_the_stored_outputs_again(tmp_path):
    # nbval knows neither updates nor clear_output: those two cells are marked for it.
    copy = tmp_path / "small.ipynb"
    copy.write_text(SMALL.read_text())
    assert f"{len(code_cells(read(SMALL)))} passed" in nbval(copy)


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda path: path.stem)
def test_nbval_passes_every_notebook(tmp_path, original):
    notebook = short_training() if original == CNN else read(original)
    copy = tmp_path / original.name
    nbformat.write(notebook, copy)
    assert f"{len(code_cells(notebook))} passed" in nbval(copy)
