"""The whole job, from folders of photos to a retrained model."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn.errors import ModelError
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.evaluation import evaluate
from coral_learn.jobs.retraining import RetrainResult, retrain
from coral_learn.jobs.settings import Method, SgdSettings
from coral_learn.labels import read_label_file

CLASSES = ["crab", "fish", "jellyfish"]


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RetrainResult:
    return retrain(photos, drawn_extractor(), tmp_path_factory.mktemp("out"), seed=1)


@pytest.mark.slow_when_emulated
def test_the_result_describes_the_files_and_the_accuracy(result: RetrainResult) -> None:
    assert result.classes == CLASSES
    assert result.images == 60
    assert result.skipped == []
    assert result.model.name == "retrained_model.tflite"
    assert read_label_file(result.labels) == dict(enumerate(CLASSES))
    assert result.device == "cpu"
    assert set(result.seconds) == {"extract", "train", "serialize", "verify"}
    accuracy = result.accuracy
    assert accuracy.train >= 0.95
    assert accuracy.test_float is not None
    assert accuracy.test_saved is not None
    assert accuracy.test_saved >= 0.6
    assert json.loads(json.dumps(result.to_json()))["model"] == str(result.model)


@pytest.mark.slow_when_emulated
def test_the_saved_model_is_as_accurate_as_the_result_says(
    result: RetrainResult, photos: Path
) -> None:
    with pytest.warns(UserWarning, match="trained on 54 of the 60 photos"):
        found = evaluate(result.model, photos, labels=result.labels)
    assert found.images == 60
    assert found.seen is not None
    assert found.new is not None
    assert (found.seen.images, found.new.images) == (54, 6)
    assert found.accuracy >= 0.9
    assert np.trace(found.confusion) == round(found.accuracy * 60)
    with Classifier(result.model, labels=result.labels) as classifier:
        [[first, second, third]] = classifier.classify([photos / "fish" / "fish_000.jpg"], top_k=3)
    assert first.score >= second.score >= third.score
    assert first.score + second.score + third.score == pytest.approx(1, abs=3 / 256)
    assert {first.label, second.label, third.label} == set(CLASSES)


@pytest.mark.parametrize(
    "method",
    [
        "fit",
        pytest.param("sgd", marks=pytest.mark.slow_when_emulated),
        pytest.param("imprint", marks=pytest.mark.slow_when_emulated),
    ],
)
def test_every_method_makes_a_model_with_labels(
    photos: Path, tmp_path: Path, method: Method
) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path, method=method, seed=1)
    assert result.accuracy.train >= 0.8
    with Classifier(result.model) as classifier:
        assert classifier.labels == CLASSES


@pytest.mark.slow_when_emulated
def test_the_same_seed_gives_the_same_model(
    result: RetrainResult, photos: Path, tmp_path: Path
) -> None:
    again = retrain(photos, drawn_extractor(), tmp_path, seed=1)
    assert again.model.read_bytes() == result.model.read_bytes()
    assert again.accuracy == result.accuracy


@pytest.mark.slow_when_emulated
def test_progress_is_reported_for_every_stage(photos: Path, tmp_path: Path) -> None:
    steps: dict[str, list[tuple[int, int]]] = {}
    retrain(
        photos,
        drawn_extractor(),
        tmp_path,
        method="sgd",
        sgd=SgdSettings(iterations=7),
        progress=lambda stage, done, total: steps.setdefault(stage, []).append((done, total)),
    )
    assert steps["extract"][-1] == (60, 60)
    assert steps["train"][-1] == (7, 7)
    assert steps["verify"][-1] == (6, 6)
    for reported in steps.values():
        assert [done for done, _ in reported] == sorted(done for done, _ in reported)


@pytest.mark.slow_when_emulated
def test_unreadable_photos_are_skipped_and_listed(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    bad = tmp_path / "photos" / "crab" / "broken.jpg"
    bad.write_bytes((photos / "crab" / "crab_000.jpg").read_bytes()[:900])
    (tmp_path / "photos" / "fish" / "empty.png").touch()
    result = retrain(tmp_path / "photos", drawn_extractor(), tmp_path / "out", seed=1)
    assert result.images == 60
    assert [Path(photo.path).name for photo in result.skipped] == ["broken.jpg", "empty.png"]
    assert all(photo.reason for photo in result.skipped)


@pytest.mark.slow_when_emulated
def test_a_retraining_without_validation_and_test(photos: Path, tmp_path: Path) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path, validation=0, test=0)
    assert result.accuracy.validation is None
    assert result.accuracy.test_float is None
    assert result.accuracy.test_saved is None


def with_one_class(root: Path) -> None:
    shutil.rmtree(root / "crab")
    shutil.rmtree(root / "fish")


def with_an_unreadable_class(root: Path) -> None:
    for path in (root / "crab").iterdir():
        path.write_bytes(b"no photo")


def with_an_empty_class(root: Path) -> None:
    (root / "eel").mkdir()


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_one_class, r"photos/ has only one class \('jellyfish'\)\. Add a folder for each"),
        (with_an_unreadable_class, r"has no readable photo of 'crab' \(.*crab_000.jpg: .*Replace"),
        (with_an_empty_class, "has class folders without photos: 'eel'"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_unusable_folders_are_refused(
    photos: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    change(tmp_path / "photos")
    with pytest.raises(ValueError, match=message):
        retrain(tmp_path / "photos", drawn_extractor(), tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_bad_settings_are_refused_before_any_photo_is_read(photos: Path, tmp_path: Path) -> None:
    def no_photo_yet(stage: str, done: int, total: int) -> None:
        raise AssertionError("a photo was read")

    settings_by_error: dict[str, dict[str, Any]] = {
        "unknown method 'adam'": {"method": "adam"},
        "validation and test fractions": {"test": 1.5},
    }
    for message, settings in settings_by_error.items():
        with pytest.raises(ValueError, match=message):
            retrain(photos, drawn_extractor(), tmp_path, progress=no_photo_yet, **settings)
    with pytest.raises(ModelError, match=r"Failed to open file: missing\.tflite"):
        retrain(photos, "missing.tflite", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        retrain(photos, drawn_extractor(), tmp_path / "file", progress=no_photo_yet)


@pytest.mark.slow_when_emulated
def test_the_last_layer_of_a_classifier_is_cut_off_and_a_note_says_so(
    result: RetrainResult, photos: Path, tmp_path: Path
) -> None:
    again = retrain(photos, result.model, tmp_path, seed=1)
    (note,) = again.notes
    assert note.startswith(f"{result.model} is a classifier; its last layer was cut off at ")
    assert re.search(r" \(\d+ features, uint8\)$", note)
    assert result.notes == []
    assert again.accuracy == result.accuracy


@pytest.mark.slow_when_emulated
def test_evaluate_refuses_folders_that_are_not_classes_of_the_model(
    result: RetrainResult, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "fish", tmp_path / "shark")
    with pytest.raises(ValueError, match=r"of the model: 'shark'\. Its classes are 'crab'"):
        evaluate(result.model, tmp_path, labels=result.labels)


def test_evaluate_matches_folders_and_classes_by_name(
    result: RetrainResult, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "fish", tmp_path / "fish")
    found = evaluate(result.model.read_bytes(), tmp_path, labels=result.labels)
    assert found.seen is None
    assert sum(found.confusion[1]) == found.images == 20


def test_the_folders_of_a_model_without_labels_are_its_classes(
    photos: Path, tmp_path: Path
) -> None:
    model = build_classifier(classes=3).content
    (note,) = evaluate(model, photos).notes
    assert "no labels" in note
    assert "'crab', 'fish', 'jellyfish'" in note
    shutil.copytree(photos / "fish", tmp_path / "2")
    numbered = evaluate(model, tmp_path)
    assert numbered.notes == []
    assert sum(numbered.confusion[2]) == numbered.images == 20


def test_classify_takes_paths_images_and_arrays(result: RetrainResult, photos: Path) -> None:
    path = photos / "crab" / "crab_001.jpg"
    with Image.open(path) as picture, Classifier(result.model) as classifier:
        answers = classifier.classify([path, picture, np.asarray(picture)])
    assert answers[0] == answers[1] == answers[2]


def test_top_k_must_be_positive(result: RetrainResult, photos: Path) -> None:
    with Classifier(result.model) as classifier, pytest.raises(ValueError, match="top_k"):
        classifier.classify([photos / "crab" / "crab_001.jpg"], top_k=0)


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("method", ["fit", "sgd", "imprint"])
def test_a_small_test_is_backed_by_cross_validation(
    photos: Path, tmp_path: Path, method: Method
) -> None:
    accuracy = retrain(photos, drawn_extractor(), tmp_path, method=method, seed=1).accuracy
    assert accuracy.photos == {"train": 48, "validation": 6, "test": 6}
    assert accuracy.test_saved is not None
    assert accuracy.interval is not None
    assert accuracy.interval[0] < accuracy.test_saved <= accuracy.interval[1]
    assert accuracy.cross_validated is not None
    assert accuracy.cross_validated.photos == 60
    assert accuracy.cross_validated.accuracy >= 0.8


def test_settings_of_another_method_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sgd is given, but method is 'fit'"):
        retrain(photos, drawn_extractor(), tmp_path / "out", sgd=SgdSettings(iterations=9))
    assert not (tmp_path / "out").exists()
