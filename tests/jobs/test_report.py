"""The report about a retrained model: the analysis of its test, and the file that shows it."""

import html.parser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coral_learn.dataset import Split
from coral_learn.embeddings import Embeddings
from coral_learn.jobs.cross_validation import CrossValidation
from coral_learn.jobs.report import Analysis, analyze, render_report

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CLASSES = ["daisy", "rose & <thorn>"]


def analysis_of(folder: Path, *, test_rows: int = 4) -> Analysis:
    """Analyzes 12 photos: 8 for training, the rest for the test; the last looks like the first."""
    rng = np.random.default_rng(0)
    features = rng.integers(0, 256, (12, 64)).astype(np.uint8)
    features[11] = features[0]
    paths = [folder / f"{index}.jpg" for index in range(12)]
    for path in paths:
        Image.new("RGB", (64, 48), tuple(rng.integers(0, 256, 3).tolist())).save(path)
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1])
    test = np.arange(8, 8 + test_rows)
    split = Split(np.arange(8), np.empty(0, np.int64), test)
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]], np.float32)[:test_rows]
    return analyze(CLASSES, paths, labels, Embeddings(features, 0.1), split, scores)


def test_the_analysis_counts_predictions_and_lists_examples(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path)
    assert analysis.accuracy == 0.75
    assert analysis.confusion == [[1, 1], [0, 2]]
    daisy, rose = analysis.classes
    assert (daisy.training_photos, daisy.test_photos) == (5, 2)
    assert (daisy.recall, daisy.precision) == (0.5, 1.0)
    assert rose.recall == 1.0
    assert rose.precision == pytest.approx(2 / 3)
    [wrong] = analysis.wrong_predictions
    assert (wrong.path.name, wrong.true_class) == ("9.jpg", "daisy")
    assert wrong.predicted_class == "rose & <thorn>"
    uncertain = [prediction.path.name for prediction in analysis.uncertain_predictions]
    assert uncertain == ["10.jpg", "11.jpg", "8.jpg"]
    [pair] = analysis.near_duplicates
    assert (pair.test.name, pair.training.name) == ("11.jpg", "0.jpg")
    assert analysis.small_classes == CLASSES


def test_the_analysis_without_test_photos_has_no_accuracy(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, test_rows=0)
    assert analysis.accuracy is None
    assert analysis.interval is None
    assert all(c.recall is None and c.precision is None for c in analysis.classes)


class Page(html.parser.HTMLParser):
    """The text of a page, the number of its pictures, and the addresses that it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.pictures = 0
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag == "img"
        self.fetched += [
            value
            for name, value in attrs
            if name in ("src", "href") and value and not value.startswith("data:")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def write(analysis: Analysis) -> str:
    curve = [(0, 2.0), (100, 0.5), (200, 0.1)]
    content = render_report(
        analysis,
        title="Flowers",
        summary={"Ran on": "cpu"},
        curve=curve,
        curve_name="Training loss",
    )
    return content.decode()


def test_the_page_is_one_file_that_shows_the_analysis(tmp_path: Path) -> None:
    page = Page(write(analysis_of(tmp_path)))
    assert page.fetched == []
    assert page.pictures == 1 + 3 + 2
    for text in ("75.0%", "rose & <thorn>", "predicted as", "Ran on", "Training loss", "look"):
        assert text in page.text


def test_the_page_without_test_photos_and_with_deleted_photos(tmp_path: Path) -> None:
    page = write(analysis_of(tmp_path, test_rows=0))
    assert "the accuracy on new photos is unknown" in page
    analysis = analysis_of(tmp_path)
    for path in tmp_path.glob("*.jpg"):
        path.unlink()
    assert Page(write(analysis)).pictures == 0


@pytest.mark.parametrize(
    ("test_photos", "validated_photos", "headline"),
    [(49, None, None), (50, None, "75.0%"), (4, 49, None), (4, 60, "90.0%"), (60, 99, "75.0%")],
)
def test_only_an_accuracy_of_enough_photos_is_a_headline(
    tmp_path: Path, test_photos: int, validated_photos: int | None, headline: str | None
) -> None:
    validated = validated_photos and CrossValidation(
        0.9, validated_photos, (0.8, 0.95), 0.9, (0.8, 0.95), [], 0.02
    )
    analysis = replace(
        analysis_of(tmp_path), test_photos=test_photos, cross_validated=validated or None
    )
    page = write(analysis)
    assert ('class="headline"' in page) == (headline is not None)
    assert headline is None or f'class="headline">{headline}<' in page
    assert f"{test_photos} test photos" in page
    assert validated_photos is None or f"of {validated_photos} photos" in page
