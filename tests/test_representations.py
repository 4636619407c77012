"""What public objects say they hold: one line in a terminal, and a table in a notebook."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.drawn_extractor import drawn_extractor

import coral_learn
from coral_learn.heads.records import FitRecord
from coral_learn.jobs.interval import accuracy_interval
from coral_learn.jobs.learning_curve import LearningCurve
from coral_learn.notebook import table

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


class _Cells(HTMLParser):
    """The cells of the table in HTML, row by row, and the names of the elements that are open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        self.text += data


def cells(value: Any) -> list[list[str]]:
    html = value if isinstance(value, str) else value._repr_html_()
    parsed = _Cells(html)
    assert not parsed.open
    return parsed.rows


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "extractor.tflite"
    path.write_bytes(drawn_extractor())
    return path


@pytest.fixture(scope="module")
def result(
    photos: Path, extractor: Path, tmp_path_factory: pytest.TempPathFactory
) -> coral_learn.RetrainResult:
    return coral_learn.retrain(photos, extractor, tmp_path_factory.mktemp("out"), test=0.25)


def evaluation(classes: list[str], confusion: Any) -> coral_learn.Evaluation:
    counts = np.array(confusion)
    right, images = int(np.trace(counts)), int(counts.sum())
    interval = accuracy_interval(right, images)
    return coral_learn.Evaluation(
        right / images, images, classes, counts.tolist(), skipped=[], interval=interval
    )


def test_a_table_escapes_what_it_shows() -> None:
    html = table("<i>", [("<b>a</b>", 1)], columns=("<u>", "&"), text="x < y")
    assert "<b>" not in html
    assert cells(html) == [["<u>", "&"], ["<b>a</b>", "1"]]
    assert _Cells(html).text.split() == ["<i>x", "<", "y", "<u>&", "<b>a</b>1"]


def test_a_table_shows_the_first_rows_and_says_how_many_there_are_more() -> None:
    html = table("many", ((number,) for number in range(1000)))
    assert len(cells(html)) == 50
    assert "and 950 more" in html


def test_a_table_holds_names_that_are_no_text() -> None:
    assert cells(table("files", [("a\udcff.jpg", 1)])) == [["a\\udcff.jpg", "1"]]


def test_an_evaluation_shows_its_confusion_matrix() -> None:
    shown = evaluation(["<daisy>", "roses"], [[3, 1], [0, 4]])
    assert repr(shown) == "Evaluation(87.5% of 8 photos, 2 classes)"
    assert cells(shown)[1:] == [["<daisy>", "3", "1"], ["roses", "0", "4"]]
    assert "87.5% of 8 photos (95% interval: 52.9% to 97.8%)" in shown._repr_html_()


def test_an_evaluation_of_many_classes_shows_how_many_photos_of_each_are_right() -> None:
    confusion = 3 * np.eye(1000, dtype=np.int64)
    confusion[1] = 0  # a class without photos
    confusion[2, 0] = 1
    shown = evaluation([f"class {number}" for number in range(1000)], confusion)
    assert len(repr(shown)) < 60
    assert cells(shown)[:3] == [
        ["class", "photos", "right", "recall"],
        ["class 0", "3", "3", "100.0%"],
        ["class 2", "4", "3", "75.0%"],
    ]
    assert len(cells(shown)) == 51


def test_a_retraining_shows_its_files_and_its_accuracy(result: coral_learn.RetrainResult) -> None:
    assert repr(result).startswith(f"RetrainResult({str(result.model)!r}: ")
    assert f"{result.images} photos, accuracy " in repr(result)
    shown = dict(cells(result))
    assert shown["model"] == str(result.model)
    assert shown["report"] == str(result.report)
    assert "test photos (95% interval: " in shown["accuracy of the saved model"]
    assert shown["classes"].startswith(result.classes[0])


def test_a_retraining_without_test_photos_says_so(result: coral_learn.RetrainResult) -> None:
    untested = replace(result, accuracy=replace(result.accuracy, test_saved=None, interval=None))
    assert repr(untested).endswith("photos, not tested)")
    assert "accuracy of the saved model" not in {name for name, _ in cells(untested)}


def test_a_learning_curve_shows_its_points() -> None:
    curve = LearningCurve(40, [8.0, 32.0], [0.75, 0.875], error=0.12, exponent=0.35)
    assert repr(curve) == "LearningCurve(40 photos of each class, error 12.0%, exponent 0.35)"
    assert cells(curve)[1:] == [["8", "75.0%"], ["32", "87.5%"]]
    assert "20 more photos of each class would bring about 2 points" in curve._repr_html_()


def test_embeddings_show_their_first_values() -> None:
    stored = np.arange(60, dtype=np.uint8).reshape(6, 10)
    shown = cells(coral_learn.Embeddings(stored, scale=0.5, zero_point=10))
    assert shown[0] == ["row", *(str(feature) for feature in range(8))]
    assert shown[1][:3] == ["0", "-5", "-4.5"]
    assert len(shown) == 6
    assert len(cells(coral_learn.Embeddings(stored[:0]))) == 1


def test_photos_and_projects_show_how_many_photos_each_class_has(
    photos: Path, extractor: Path, tmp_path: Path
) -> None:
    folder = coral_learn.ImageFolder(photos)
    counts = [[name, str(int((folder.labels == k).sum()))] for k, name in enumerate(folder.classes)]
    assert cells(folder)[1:] == counts
    project = coral_learn.Project.create(tmp_path / "project", extractor)
    assert repr(project).endswith(": 0 photos of 0 classes, not tested)")
    project.add_class("<x>", folder.paths[:3])
    assert repr(project).endswith(": 3 photos of 1 class, not tested)")
    assert cells(project)[1:] == [["<x>", "3"]]
    assert repr(project.step) == "ProjectState('add class <x> (3 photos)': 3 photos of 1 class)"


def test_answers_show_classes_or_that_there_is_none() -> None:
    answer = coral_learn.Answer([coral_learn.Class(0, "<daisy>", 0.875)], familiarity=0.01)
    assert cells(answer)[1:] == [["<daisy>", "87.5%"]]
    assert "The photo looks unlike the training photos." in answer._repr_html_()
    assert "I don't know" in _Cells(coral_learn.Answer([])._repr_html_()).text


def test_a_classifier_shows_its_classes(result: coral_learn.RetrainResult) -> None:
    with coral_learn.Classifier(result.model, device="cpu") as classifier:
        assert repr(classifier).endswith(f"{len(result.classes)} classes, 96 x 96 pixels, cpu)")
        assert cells(classifier)[1] == ["0", result.classes[0]]


def test_an_export_shows_its_files(result: coral_learn.RetrainResult, tmp_path: Path) -> None:
    exported = coral_learn.export_model(result.model, "python", tmp_path / "out")
    assert "3 files" in repr(exported)
    assert [path for _, path in cells(exported)] == [str(path) for path in exported.files]
    assert exported.next_step in _Cells(exported._repr_html_()).text


def test_a_diagnosis_shows_problems_with_their_fixes() -> None:
    problem = coral_learn.edgetpu.Problem("no Edge TPU was found", "plug one in")
    found = coral_learn.edgetpu.Diagnosis(
        coral_learn="1", python="3", python_path="p", system="Linux", problems=[problem]
    )
    assert repr(found) == "Diagnosis(1 problem, no runtime on Linux)"
    assert cells(found)[1] == ["no Edge TPU was found", "plug one in"]
    assert cells(replace(found, problems=[])) == []


def test_records_hold_no_long_lists_in_their_line() -> None:
    record = FitRecord(0.1, {0.1: 0.5}, [1.0, *[0.5] * 400], converged=True)
    assert repr(record) == (
        "FitRecord(penalty 0.1, loss 0.5 after 400 iterations, converged, temperature 1)"
    )


def test_what_else_is_shown_fits_a_line(tmp_path: Path) -> None:
    cache = coral_learn.EmbeddingCache(tmp_path, max_bytes=1000)
    assert repr(cache) == f"EmbeddingCache({str(cache.path)!r}, max_bytes=1000)"
    split = coral_learn.split_by_class(np.arange(100) % 2, 0.1, 0.1, seed=0)
    assert repr(split) == "Split(80 train, 10 validation, 10 test)"
    assert repr(coral_learn.SoftmaxRegression(2, 1)) == (
        "SoftmaxRegression(2 features, 1 class, reg=0)"
    )
