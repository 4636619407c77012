"""What a retrained model says about its answers, from the photos to classify."""

import json
import subprocess
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from tests.cli.test_cli import run
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn import Classifier, add_class, create_imprinting_model, retrain
from coral_learn.demo.drawing import write_photos
from coral_learn.errors import ModelError
from coral_learn.heads import folds
from coral_learn.jobs import trust
from coral_learn.jobs.settings import Method
from coral_learn.tflite.answers import AnswerNotes, read_answer_notes, with_answer_notes
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.notes import OWN_CLASS, THRESHOLD, write_note

pytestmark = pytest.mark.slow_when_emulated

OWN = np.linspace(0.1, 0.9, 9).astype(np.float16)
NOTES = AnswerNotes(0.75, OWN)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for _ in write_photos(folder, 12, seed=5):
        pass
    return folder


def shown(photos: Path) -> list[Path]:
    return sorted(photos.rglob("*.jpg"))[::5]


@pytest.mark.parametrize("method", get_args(Method))
def test_classify_uses_the_threshold_of_a_wish(
    photos: Path, tmp_path: Path, method: Method
) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path, method=method, precision=0.999)
    threshold = result.threshold
    assert threshold is not None
    assert threshold.precision >= 0.999
    assert 0 < threshold.answered <= 1
    with Classifier(result.model) as classifier:
        assert classifier.threshold == pytest.approx(threshold.probability)
        confidence = classifier.scores(shown(photos)).max(axis=1)
        answers = classifier.classify(shown(photos))
        assert [bool(each) for each in answers] == (confidence >= classifier.threshold).tolist()
        assert all(classifier.classify(shown(photos), threshold=0))
        strict = classifier.classify(shown(photos), threshold=1)
        assert [bool(each) for each in strict] == (confidence >= 1).tolist()


def test_without_a_wish_every_photo_gets_an_answer(photos: Path, tmp_path: Path) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path)
    assert result.threshold is None
    with Classifier(result.model) as classifier:
        assert classifier.threshold is None
        assert all(classifier.classify(shown(photos)))


def test_a_threshold_can_be_reached_by_the_scores_of_the_saved_model(tmp_path: Path) -> None:
    """Those of an 8-bit model are at most 255/256, however sure its head is."""
    photos = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for index in range(80):
        name = "red" if index % 2 == (index > 1) else "blue"  # the first two are in wrong folders
        color = (200, 20, 20) if index % 2 else (20, 20, 200)
        picture = np.array(color) + rng.integers(0, 50, (24, 24, 3))
        (photos / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(photos / name / f"{index}.png")
    extractor = build_extractor("uint8", 12, size=(24, 24)).content
    result = retrain(photos, extractor, tmp_path / "out", precision=0.95)
    assert result.threshold is not None
    paths = sorted(photos.rglob("*.png"))
    with Classifier(result.model) as classifier:
        answered = np.mean([bool(each) for each in classifier.classify(paths)])
    assert answered == pytest.approx(result.threshold.answered, abs=0.15)


def test_few_photos_or_chance_say_nothing_about_more_photos(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "MIN_TEST_PHOTOS", 61)
    result = retrain(photos, drawn_extractor(), tmp_path)
    assert result.accuracy.cross_validated is not None
    assert result.learning_curve is None


def test_coverage_names_all_classes_that_may_be_right(photos: Path, tmp_path: Path) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path, method="imprint")
    with Classifier(result.model) as classifier:
        sizes = [
            [len(each) for each in classifier.classify(shown(photos), coverage=coverage)]
            for coverage in (0.1, 0.9, 0.999)
        ]
    assert set(sizes[0]) == {1}
    assert (np.diff(sizes, axis=0) >= 0).all()
    assert set(sizes[2]) == {len(result.classes)}  # so few photos say no more


def test_a_large_training_is_judged_by_the_photos_of_the_split(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "MAX_WORK_FOR_FOLDS", 0)
    result = retrain(photos, drawn_extractor(), tmp_path / "a", precision=0.5)
    assert result.accuracy.cross_validated is None
    assert result.learning_curve is None
    assert result.threshold is not None
    with pytest.raises(ValueError, match="a threshold needs photos that are held out"):
        retrain(photos, drawn_extractor(), tmp_path / "b", precision=0.5, validation=0, test=0)
    assert not (tmp_path / "b" / "retrained_model.tflite").exists()


@pytest.mark.parametrize("precision", [0, -1, 1.01, float("nan")])
def test_a_precision_is_a_fraction(photos: Path, tmp_path: Path, precision: float) -> None:
    with pytest.raises(ValueError, match="precision must be above 0 and at most 1"):
        retrain(photos, drawn_extractor(), tmp_path, precision=precision)


def test_the_numbers_of_a_retraining(photos: Path, tmp_path: Path) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path)
    validated, curve = result.accuracy.cross_validated, result.learning_curve
    assert validated is not None
    assert curve is not None
    assert [each.name for each in validated.recalls] == result.classes
    assert {each.photos for each in validated.recalls} == {12}
    assert validated.macro_accuracy == pytest.approx(validated.accuracy)
    assert curve.photos == 12
    assert curve.accuracies[-1] == pytest.approx(validated.accuracy)
    assert json.loads(json.dumps(result.to_json()))["learning_curve"]["photos"] == 12


def classifier_with_notes(kind: str = "uint8") -> ModelFile:
    return with_answer_notes(ModelFile(build_classifier(kind, 6, 3).content), NOTES)


def test_notes_are_read_as_they_were_written() -> None:
    model = ModelFile(classifier_with_notes().content)
    found = read_answer_notes(model)
    assert found.threshold == 0.75
    np.testing.assert_array_equal(found.own_class, OWN)
    assert read_answer_notes(with_answer_notes(model, AnswerNotes())) == AnswerNotes()
    assert read_answer_notes(ModelFile(build_classifier().content)) == AnswerNotes()


def test_whatever_changes_the_answers_drops_the_notes() -> None:
    content = classifier_with_notes().content
    extractor = create_embedding_extractor(content)
    new_class = add_class(content, np.ones((2, 6), np.float32), "new")
    for made in (extractor, new_class, create_imprinting_model(content, keep_classes=True)):
        assert read_answer_notes(ModelFile(made)) == AnswerNotes()


@pytest.mark.parametrize(
    ("name", "array"),
    [
        (THRESHOLD, np.array([1.5], np.float32)),
        (THRESHOLD, np.array([np.nan], np.float32)),
        (THRESHOLD, np.zeros(0, np.float32)),
        (THRESHOLD, np.zeros(2, np.float32)),
        (OWN_CLASS, np.zeros(0, np.float16)),
        (OWN_CLASS, np.array([0.9, 0.1], np.float16)),
        (OWN_CLASS, np.array([0.1, np.nan], np.float16)),
        (OWN_CLASS, np.array([-0.1, 0.2], np.float16)),
    ],
)
def test_notes_that_make_no_sense_are_ignored(name: str, array: np.ndarray) -> None:
    graph = ModelFile(build_classifier().content).graph.copy()
    write_note(graph.model, name, array)
    assert read_answer_notes(ModelFile.of_graph(graph)) == AnswerNotes()


def test_a_model_from_elsewhere_knows_no_coverage(photos: Path) -> None:
    with (
        Classifier(build_classifier().content) as classifier,
        pytest.raises(ValueError, match="does not say how probable right classes are"),
    ):
        classifier.classify(shown(photos), coverage=0.9)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1, float("nan")])
def test_a_coverage_is_a_fraction(photos: Path, coverage: float) -> None:
    with (
        Classifier(classifier_with_notes().content) as classifier,
        pytest.raises(ValueError, match="coverage must be above 0 and below 1"),
    ):
        classifier.classify(shown(photos), coverage=coverage)


def test_the_commands(photos: Path, tmp_path: Path) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(drawn_extractor())
    output = tmp_path / "out"
    train = ("train", photos, "--extractor", extractor, "--output", output)
    done = run(*train, "--precision", "0.9")
    assert "of the photos get an answer" in done.stdout
    assert "More photos" in done.stdout
    model, image = output / "retrained_model.tflite", shown(photos)[0]
    assert run("classify", model, image, "--coverage", "0.99").stdout.count("%") >= 1
    for option in (("--top-k", "1"), ("--threshold", "0")):
        failed: subprocess.CompletedProcess[str] = run(
            "classify", model, image, "--coverage", "0.9", *option, status=2
        )
        assert "--coverage names as many classes as it takes" in failed.stderr


def test_a_wish_that_cannot_be_granted_writes_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / "noise" / name).mkdir(parents=True)
        for number in range(8):
            picture = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8))
            picture.save(tmp_path / "noise" / name / f"{number}.png")
    extractor = build_extractor("uint8", 12, size=(24, 24)).content
    with pytest.raises(ValueError, match="Wish for less, or add photos"):
        retrain(tmp_path / "noise", extractor, tmp_path / "out", precision=1)
    assert not list((tmp_path / "out").iterdir())


def test_notes_do_not_hide_a_broken_model() -> None:
    with pytest.raises(ModelError):
        read_answer_notes(ModelFile(b"THRESHOLD" + bytes(100)))
