"""A class for anything else: own photos, or drawn pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.test_cli import run
from tests.support.drawn_extractor import drawn_extractor

from coral_learn import Classifier, ImageFolder, retrain
from coral_learn.dataset.split import Split
from coral_learn.demo.drawing import DEMO_CLASSES, write_photos
from coral_learn.jobs.background import NONE, add_background
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for _ in write_photos(folder, 12, seed=5):
        pass
    return folder


@pytest.fixture(scope="module")
def gray(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of anything else: gray noise."""
    folder = tmp_path_factory.mktemp("anything") / "deep" / "deeper"
    folder.mkdir(parents=True)
    for number in range(12):
        levels = np.random.default_rng(number).integers(90, 160, (48, 48), dtype=np.uint8)
        Image.fromarray(levels).save(folder / f"{number}.png")
    return folder.parents[1]


def test_own_photos_are_a_class_like_any_other(photos: Path, gray: Path, tmp_path: Path) -> None:
    result = retrain(photos, drawn_extractor(), tmp_path, none_of_these=gray)
    assert result.classes == sorted([*DEMO_CLASSES, NONE])
    assert result.images == 12 * len(result.classes)
    assert ModelFile.open(result.model).labels == result.classes
    with Classifier(result.model) as classifier:
        answers = classifier.classify(sorted(gray.rglob("*.png")))
    assert [each[0].label for each in answers] == [NONE] * 12
    assert result.accuracy.cross_validated is not None
    recalls = {each.name: each.recall for each in result.accuracy.cross_validated.recalls}
    assert recalls[NONE] == 1


def test_drawn_pictures_are_trained_on_and_count_nowhere(photos: Path, tmp_path: Path) -> None:
    plain = retrain(photos, drawn_extractor(), tmp_path / "plain")
    result = retrain(photos, drawn_extractor(), tmp_path / "none", none_of_these=True)
    assert result.classes == sorted([*DEMO_CLASSES, NONE])
    assert result.images == plain.images
    assert result.accuracy.photos["test"] == plain.accuracy.photos["test"]
    assert result.accuracy.photos["validation"] == plain.accuracy.photos["validation"]
    assert result.accuracy.photos["train"] == plain.accuracy.photos["train"] + 20
    assert result.accuracy.cross_validated is not None
    assert result.accuracy.cross_validated.photos == plain.images
    recalls = {each.name: each.photos for each in result.accuracy.cross_validated.recalls}
    assert recalls[NONE] == 0
    assert any("weak start" in note for note in result.notes)
    with (tmp_path / "none" / "photos.csv").open() as file:
        assert {row["class"] for row in csv.DictReader(file)} == set(DEMO_CLASSES)
    assert result.strangers is not None
    assert result.strangers.worst_class != NONE


def test_the_same_seed_draws_the_same_pictures(photos: Path, tmp_path: Path) -> None:
    models = [
        retrain(photos, drawn_extractor(), tmp_path / str(run), none_of_these=True).model
        for run in range(2)
    ]
    assert models[0].read_bytes() == models[1].read_bytes()


@pytest.mark.parametrize("method", ["sgd", "imprint"])
def test_every_method_learns_the_class(photos: Path, tmp_path: Path, method: str) -> None:
    result = retrain(
        photos,
        drawn_extractor(),
        tmp_path,
        method=method,  # type: ignore[arg-type]
        none_of_these=True,
    )
    assert NONE in result.classes


def test_the_pictures_keep_their_place_among_classes(photos: Path, gray: Path) -> None:
    folder = ImageFolder(photos)
    found = sorted(gray.rglob("*.png"))
    made = folder.with_class(NONE, found)
    assert len(folder.classes) == len(DEMO_CLASSES)  # unchanged
    for path, label in zip(made.paths, made.labels, strict=True):
        expected = NONE if path in found else path.parent.name
        assert made.classes[label] == expected
    assert (np.diff(made.labels) >= 0).all()


def test_a_given_split_stays_and_the_class_is_trained_on(photos: Path, gray: Path) -> None:
    folder = ImageFolder(photos)
    rows = np.arange(len(folder))
    folder.split = Split(rows[::2], rows[1::4], rows[3::4])
    folder.groups = rows.copy()
    made = folder.with_class(NONE, sorted(gray.rglob("*.png")))
    assert made.split is not None
    assert made.groups is not None
    parts = (made.split.train, made.split.validation, made.split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(made)))
    assert len(set(made.groups.tolist())) == len(made)
    tested = [made.paths[row] for row in made.split.test]
    assert tested == [folder.paths[row] for row in folder.split.test]


def test_a_class_none_in_the_folder_is_a_class(photos: Path, gray: Path, tmp_path: Path) -> None:
    for name in (*DEMO_CLASSES[:2], "None"):
        (tmp_path / name).symlink_to(photos / DEMO_CLASSES[0])
    with pytest.raises(ValueError, match="almost the same name"):
        add_background(ImageFolder(tmp_path), gray)
    (tmp_path / "None").rename(tmp_path / "none")
    with pytest.raises(ValueError, match=r"already has a class 'none'.*leave out"):
        add_background(ImageFolder(tmp_path), True)
    assert add_background(ImageFolder(tmp_path), None).drawn_class is None


def test_a_folder_without_photos_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no photos"):
        add_background(ImageFolder(photos), tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        add_background(ImageFolder(photos), tmp_path / "missing")


def test_train_takes_the_option_with_and_without_a_folder(
    photos: Path, gray: Path, tmp_path: Path
) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(drawn_extractor())
    for number, option in enumerate([["--none-of-these"], ["--none-of-these", str(gray)]]):
        output = tmp_path / str(number)
        trained: list[str | Path] = [photos, "--extractor", extractor, "--output", output, "--json"]
        done = run("train", *trained, *option)
        assert NONE in json.loads(done.stdout)["classes"]
        assert ("weak start" in done.stderr) == (number == 0)
