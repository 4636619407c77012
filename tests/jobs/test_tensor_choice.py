"""Choosing the tensor to take as the embedding by measuring several on photos."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn.dataset import ImageFolder
from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.jobs.quick_head import held_out_loss, sample_photos
from coral_learn.jobs.retraining import retrain
from coral_learn.jobs.tensor_choice import measure_tensors
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NARROW: dict[str, Any] = {
    "linear": "fully_connected",
    "rank": 2,
    "pool": "mean",
    "features": 24,
    "hidden": 2,
    "size": (16, 16),
}


def test_a_pooled_tensor_is_chosen_before_a_narrow_hidden_layer(
    photos: Path, tmp_path: Path
) -> None:
    model = build_classifier(**NARROW).content
    default, hint = retrain(photos, model, tmp_path / "default", test=0).notes
    assert "cut off at hidden (2 features, uint8)" in default
    assert "--tensor pooled" in hint
    result = retrain(photos, model, tmp_path / "auto", tensor_name="auto", test=0)
    note, *_ = result.notes
    assert note.startswith(
        "pooled (24 features, uint8) was chosen as the embedding of the model: it has the least "
        "held-out loss on 60 photos (hidden (2 features, uint8) "
    )
    assert ModelFile.open(result.model).is_classifier


def test_the_default_is_among_the_tensors_that_are_measured(photos: Path) -> None:
    folder = ImageFolder(photos)
    extractor = build_extractor(features=6, size=(8, 8)).content
    opened = measure_tensors(ModelFile(extractor), folder)
    assert opened.model.content == extractor
    assert "least held-out loss on 60 photos (pooled (6 features, uint8) " in opened.notes[0]


def test_the_note_tells_whether_tested_photos_took_part(photos: Path, tmp_path: Path) -> None:
    model = ModelFile(build_classifier(**NARROW).content)
    told = "these photos took part in the choice"
    assert told in measure_tensors(model, ImageFolder(photos)).notes[0]
    for part in ("train", "test"):
        (tmp_path / part).symlink_to(photos)
    assert told not in measure_tensors(model, ImageFolder(tmp_path)).notes[0]


def test_one_class_is_not_enough(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "crab").symlink_to(photos / "crab")
    with pytest.raises(ValueError, match=r"only one class \('crab'\), but tensors are compared"):
        measure_tensors(ModelFile(build_classifier().content), ImageFolder(tmp_path))


def test_a_damaged_model_is_refused(photos: Path) -> None:
    damaged = ModelFile(build_classifier().content[:300], "half.tflite")
    with pytest.raises(ModelError, match=r"half\.tflite"):
        measure_tensors(damaged, ImageFolder(photos))


def test_the_loss_tells_features_of_the_classes_from_noise() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    noise = random.normal(size=(60, 4)).astype(np.float32)
    useful = noise + 5 * np.eye(3, 4, dtype=np.float32)[labels]
    assert held_out_loss(Embeddings(useful), labels) < 0.1
    assert held_out_loss(Embeddings(noise), labels) > 0.8
    single = np.arange(3)
    assert held_out_loss(Embeddings(noise[:3]), single) == np.inf


def test_the_sample_has_photos_of_every_class(photos: Path) -> None:
    folder = ImageFolder(photos)
    paths, labels = sample_photos(folder)
    assert len(paths) == len(labels) == 60
    assert {path.parent.name for path in paths} == set(folder.classes)
    assert [folder.classes[label] for label in labels] == [path.parent.name for path in paths]
