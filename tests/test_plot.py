"""Plots of results. The data are looked at where matplotlib keeps them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.drawn_extractor import drawn_extractor

import coral_learn
from coral_learn import plot
from coral_learn.jobs.interval import accuracy_interval
from coral_learn.jobs.learning_curve import LearningCurve

matplotlib = pytest.importorskip("matplotlib", reason="the extra coral-learn[plot] is missing")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CURVE = LearningCurve(40, [8.0, 16.0, 32.0], [0.7, 0.78, 0.82], error=0.17, exponent=0.35)


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draws without a screen, and removes the figures."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> coral_learn.RetrainResult:
    folder = tmp_path_factory.mktemp("retrained")
    (folder / "extractor.tflite").write_bytes(drawn_extractor())
    return coral_learn.retrain(photos, folder / "extractor.tflite", folder / "out", test=0.25)


def evaluation(classes: list[str], counts: list[list[int]]) -> coral_learn.Evaluation:
    right, images = int(np.trace(counts)), int(np.sum(counts))
    interval = accuracy_interval(right, images)
    return coral_learn.Evaluation(right / images, images, classes, counts, [], interval)


def test_a_confusion_matrix_has_the_counts_and_the_shares_of_each_class() -> None:
    shown = evaluation(["daisy", "roses", "tulips"], [[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    axes = plot.plot_confusion(shown)
    [image] = axes.get_images()
    expected = [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]]
    np.testing.assert_array_equal(np.asarray(image.get_array()), expected)
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert texts[0, 0] == "6"
    assert texts[1, 0] == "2"  # x is the predicted class
    assert texts[0, 1] == "1"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["daisy", "roses", "tulips"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    axes.get_figure().canvas.draw()  # type: ignore[union-attr]


def test_a_confusion_matrix_of_many_classes_has_no_texts() -> None:
    counts = np.eye(200, dtype=int).tolist()
    axes = plot.plot_confusion(evaluation([f"class {k}" for k in range(200)], counts))
    assert not axes.texts
    assert np.asarray(axes.get_images()[0].get_array()).shape == (200, 200)


def test_a_retraining_shows_the_confusion_of_its_test_photos(
    result: coral_learn.RetrainResult,
) -> None:
    axes = plot.plot_confusion(result)
    report = json.loads(result.report.with_suffix(".json").read_text())
    counts = [[0] * len(result.classes) for _ in result.classes]
    for text in axes.texts:
        column, row = map(int, text.get_position())
        counts[row][column] = int(text.get_text())
    assert counts == report["confusion"]
    assert np.sum(counts) == result.accuracy.photos["test"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"confusion": [[1]]}', '{"confusion": [["a"]]}', '{"confusion": 7}'],
)
def test_a_damaged_report_is_named(
    result: coral_learn.RetrainResult, tmp_path: Path, content: str
) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ValueError, match=r"report\.json .*evaluate\(\)"):
        plot.plot_confusion(replace(result, report=tmp_path / "report.html"))


def test_a_retraining_without_test_photos_is_refused(
    result: coral_learn.RetrainResult, tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_text('{"confusion": [[0, 0, 0], [0, 0, 0], [0, 0, 0]]}')
    with pytest.raises(ValueError, match="has no test photos of these 3 classes"):
        plot.plot_confusion(replace(result, report=tmp_path / "report.html"))


def test_a_learning_curve_has_what_was_measured_and_what_is_expected() -> None:
    axes = plot.plot_learning_curve(CURVE, more=40)
    measured, expected, now = (np.asarray(line.get_xydata()) for line in axes.get_lines())
    np.testing.assert_allclose(measured, [(8, 70), (16, 78), (32, 82)])
    assert (expected[0][0], expected[-1][0]) == (32, 80)
    assert expected[-1][1] == pytest.approx(100 * (0.83 + CURVE.gain(40)))
    assert (np.diff(expected[:, 1]) > 0).all()
    np.testing.assert_allclose(now, [(40, 83)])
    axes.get_figure().canvas.draw()  # type: ignore[union-attr]


def test_a_retraining_shows_its_learning_curve(result: coral_learn.RetrainResult) -> None:
    axes = plot.plot_learning_curve(replace(result, learning_curve=CURVE))
    assert np.asarray(axes.get_lines()[1].get_xdata())[-1] == 60
    with pytest.raises(ValueError, match="measured no learning curve"):
        plot.plot_learning_curve(replace(result, learning_curve=None))


def test_plots_are_drawn_on_given_axes() -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2)
    assert plot.plot_learning_curve(CURVE, ax=axes[0]) is axes[0]
    assert plot.plot_confusion(evaluation(["a"], [[1]]), ax=axes[1]) is axes[1]
    assert pyplot.get_fignums() == [figure.number]


def test_other_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="an Evaluation or a RetrainResult is needed, not 3"):
        plot.plot_confusion(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a LearningCurve or a RetrainResult is needed, not 3"):
        plot.plot_learning_curve(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="more must be at least 0, not -1"):
        plot.plot_learning_curve(CURVE, more=-1)


def test_matplotlib_is_imported_only_for_a_plot() -> None:
    code = "import sys; from coral_learn import plot; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "coral_learn.plot" in done.stdout.split()
    assert "matplotlib" not in done.stdout.split()


def test_a_missing_matplotlib_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError) as caught:
        plot.plot_learning_curve(CURVE)
    assert str(caught.value) == "plots need matplotlib: pip install 'coral-learn[plot]'"
