"""The report about a retrained model: the analysis of its test, and the file that shows it."""

import html.parser
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coral_learn.dataset import Split
from coral_learn.embeddings import Embeddings
from coral_learn.jobs.cross_validation import ClassRecall, CrossValidation
from coral_learn.jobs.learning_curve import LearningCurve
from coral_learn.jobs.report import Analysis, analyze, write_letter, write_report
from coral_learn.jobs.review.findings import Doubtful, Duplicates, Extreme, Review
from coral_learn.jobs.review.photos import Photo
from coral_learn.jobs.threshold import Threshold
from coral_learn.jobs.trust import Trust
from coral_learn.tflite.answers import AnswerNotes

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


NO_TRUST = Trust(None, None, None, None, AnswerNotes())


NO_FINDINGS = Review("photos", 12, {"daisy": 7, "rose": 5}, [], [], [], [], [], [], [], [])


def write_files(
    analysis: Analysis, trust: Trust = NO_TRUST, review: Review = NO_FINDINGS
) -> dict[str, bytes]:
    return write_report(
        analysis,
        write_letter(analysis, trust.learning_curve, trust.confusion, review),
        trust,
        review,
        review_command="coral-learn review PHOTOS",
        title="Flowers",
        summary={"Ran on": "cpu"},
        curve=[(0, 2.0), (100, 0.5), (200, 0.1)],
        curve_name="Training loss",
    )


def write(analysis: Analysis) -> str:
    return write_files(analysis)["report.html"].decode()


def validated_by(photos: int, accuracy: float = 0.9) -> CrossValidation:
    recalls = [
        ClassRecall(name, photos // 2, recall, (recall - 0.1, recall + 0.05))
        for name, recall in zip(CLASSES, (accuracy - 0.1, accuracy + 0.1), strict=True)
    ]
    interval = accuracy - 0.1, accuracy + 0.05
    return CrossValidation(accuracy, photos, interval, accuracy, interval, recalls, 0.02)


def test_the_page_is_one_file_that_shows_the_analysis(tmp_path: Path) -> None:
    page = Page(write(analysis_of(tmp_path)))
    assert page.fetched == []
    assert page.pictures == 1 + 3 + 2
    for text in ("75.0%", "rose & <thorn>", "predicted as", "Ran on", "Training loss", "look"):
        assert text in page.text


def test_the_page_without_test_photos_and_with_deleted_photos(tmp_path: Path) -> None:
    page = write(analysis_of(tmp_path, test_rows=0))
    assert "nobody knows how good the model is" in page
    analysis = analysis_of(tmp_path)
    for path in tmp_path.glob("*.jpg"):
        path.unlink()
    assert Page(write(analysis)).pictures == 0


@pytest.mark.parametrize(
    ("test_photos", "validated_photos", "headline"),
    [(49, None, None), (50, None, "75.0%"), (4, 49, None), (4, 60, "90.0%"), (60, 99, "90.0%")],
)
def test_only_an_accuracy_of_enough_photos_is_a_headline(
    tmp_path: Path, test_photos: int, validated_photos: int | None, headline: str | None
) -> None:
    validated = None if validated_photos is None else validated_by(validated_photos)
    analysis = replace(analysis_of(tmp_path), test_photos=test_photos, cross_validated=validated)
    page = write(analysis)
    assert ('class="headline"' in page) == (headline is not None)
    assert headline is None or f'class="headline">{headline}<' in page
    assert ("It is too early to say how good the model is" in page) == (headline is None)
    assert f"{test_photos} test photos" in page
    assert validated_photos is None or f"of {validated_photos} photos" in page


def test_the_letter_says_what_brings_most_first(tmp_path: Path) -> None:
    analysis = replace(analysis_of(tmp_path), cross_validated=validated_by(60))
    curve = LearningCurve(20, [4, 8, 16], [0.6, 0.7, 0.8], 0.18, 0.4)
    confusion = np.array([[20.0, 8], [4, 28]])
    letter = write_letter(analysis, curve, confusion)
    assert letter.accuracy == 0.9
    assert letter.verdict == (
        "On new photos like these, the model is right about 90.0% of the time (with 95% "
        "confidence, between 80.0% and 95.0%). It is weakest at 'daisy': it recognizes 80.0% of "
        "them."
    )
    assert [each.gain for each in letter.advice] == [
        pytest.approx(0.2),
        pytest.approx(curve.gain(20)),
        None,
        None,
        None,
    ]
    first, second, *others = (each.text for each in letter.advice)
    assert first.startswith("Tell 'daisy' and 'rose & <thorn>' apart: 12 photos of one were taken")
    assert second == "Add photos: 20 more of each class."
    assert "with fewer than 20 to train on" in others[0]
    assert "coral-learn review" in others[1]
    assert "1 test photo looks like a training photo" in others[2]


def test_a_model_that_learned_nothing_is_told_so(tmp_path: Path) -> None:
    analysis = replace(analysis_of(tmp_path), cross_validated=validated_by(60, 0.5))
    letter = write_letter(analysis, None, np.array([[15.0, 15], [15, 15]]))
    assert "hardly better than always naming the largest class" in letter.advice[0].text
    assert all(each.gain is None for each in letter.advice)


def test_a_good_model_gets_no_idle_advice(tmp_path: Path) -> None:
    analysis = replace(
        analysis_of(tmp_path), small_classes=[], wrong_predictions=[], near_duplicates=[]
    )
    curve = LearningCurve(200, [40, 80, 160], [0.99, 0.99, 1.0], 0.002, 0.4)
    assert write_letter(analysis, curve, np.diag([100.0, 99])).advice == []
    assert "What to do next" not in write(analysis)


def test_programs_read_the_same_facts(tmp_path: Path) -> None:
    analysis = replace(analysis_of(tmp_path), cross_validated=validated_by(60))
    curve = LearningCurve(20, [4, 8, 16], [0.6, 0.7, 0.8], 0.18, 0.4)
    threshold = Threshold(0.7, 0.95, 0.8, (0.9, 0.98))
    trust = Trust(analysis.cross_validated, curve, None, threshold, AnswerNotes())
    files = write_files(analysis, trust)
    facts = json.loads(files["report.json"])
    page = Page(files["report.html"].decode()).text
    assert facts["verdict"] in page
    advice = [each["text"].replace("`", "") for each in facts["advice"]]
    assert advice
    assert [text for text in advice if text not in page] == []
    assert facts["threshold"]["interval"] == [0.9, 0.98]
    assert (facts["accuracy"], facts["test_accuracy"]) == (0.9, 0.75)
    assert facts["learning_curve"]["photos"] == 20
    assert facts["wrong_predictions"][0]["path"] == str(tmp_path / "9.jpg")
    assert facts["cross_validated"]["recalls"][0]["name"] == "daisy"
    assert "0.700: 80.0% of the photos get an answer, and 95.0% (90.0% to 98.0%)" in page
    assert "4 of each class: 60.0%, 8 of each class: 70.0%" in page


def test_the_report_shows_what_is_doubtful_about_the_photos(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path)
    photos = [Photo(tmp_path / f"{index}.jpg", f"a/{index}.jpg", "daisy") for index in range(9)]
    review = replace(
        NO_FINDINGS,
        doubtful=[Doubtful(each, "rose", 0.1) for each in photos],
        duplicates=[Duplicates([photos[0], photos[1]._replace(label="rose")])],
        darkest=[Extreme(photos[2], "brightness", 0.1)],
    )
    files = write_files(analysis, review=review)
    page = Page(files["report.html"].decode())
    assert page.pictures == 1 + 3 + 2 + 6 + 2 + 1  # of the doubtful ones, the first
    for text in ("first 6 of 9", "One photo, several labels", "darkest", "coral-learn review PHO"):
        assert text in page.text
    facts = json.loads(files["report.json"])
    assert len(facts["review"]["doubtful"]) == 9
    assert facts["review"]["command"] == "coral-learn review PHOTOS"
    texts = [each["text"] for each in facts["advice"]]
    assert any(text.startswith("Check 9 doubtful labels") for text in texts)
    assert any(text.startswith("Choose one label for 1 photo that is in") for text in texts)
    assert not any("wrong answers below" in text for text in texts)
