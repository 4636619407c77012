"""The notebook in ``examples/`` runs, and shows what it speaks of."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NOTEBOOK = ROOT / "examples" / "your_photos.ipynb"
_SECONDS = 300  # until a cell counts as hanging


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return content


def code_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_the_notebook_is_kept_without_outputs(notebook: dict[str, Any]) -> None:
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_its_code_runs(notebook: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra coral-learn[plot] is missing")
    cells = [code_of(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(cells)],
        env={**os.environ, "MPLBACKEND": "agg"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert (tmp_path / "notebook" / "export" / "classify.py").is_file()


def test_it_shows_tables_and_plots_in_jupyter(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="is there in the session pages only")
    nbformat = pytest.importorskip("nbformat")
    read = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(read)
    place = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(read, timeout=_SECONDS, resources=place).execute()
    showing = [cell for cell in read.cells if kinds_of(cell)]
    shown = {code_of(cell).splitlines()[-1]: kinds_of(cell) for cell in showing}
    for line in ("folder", "result", "evaluation", "answer", "project"):
        assert shown[line] == {"text/html", "text/plain"}, line
    for plot in ("plot_learning_curve(result)", "plot_confusion(evaluation)"):
        assert "image/png" in shown[f"axes = coral_learn.plot.{plot}"]
    assert shown["image"] >= {"image/png", "text/plain"}
    [wrong] = [cell for cell in read.cells if "find_label_errors" in code_of(cell)]
    assert wrong.outputs[0]["data"]["text/plain"] == "[3, 30, 60]"


def kinds_of(cell: dict[str, Any]) -> set[str]:
    """Returns the kinds of what a cell shows."""
    return {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
