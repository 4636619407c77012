"""A project adds all its photos in the way that it was created with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.test_cli import run
from tests.support.averaging_model import averaging_model
from tests.support.wide_photos import (
    COLORS,
    EXTRACTOR,
    PER_CLASS,
    crop_by_hand,
    note_of,
    scores,
    write_wide_photos,
)

from coral_learn import EmbeddingExtractor, Embeddings, Project, SoftmaxRegression, retrain
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.heads.records import FitRecord
from coral_learn.project.photo_views import part_of_rows
from coral_learn.tflite.resizing import VIEWS, Resize

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

NAMES = list(COLORS)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wide")
    write_wide_photos(folder)
    return folder


def create(folder: Path, extractor: bytes | Path = EXTRACTOR, **options: Any) -> Project:
    return Project.create(folder / "project", extractor, **options)


def photos_of(wide: Path, name: str) -> list[Path]:
    return sorted((wide / name).iterdir())


def add_all(project: Project, wide: Path, names: Sequence[str] = NAMES) -> Project:
    for name in names:
        project.add_class(name, photos_of(wide, name)[:6])
    Project(project.path).add_photos("red", photos_of(wide, "red"))  # in another process
    return project


def kept_rows(project: Project) -> Embeddings:
    return project._store.load_embeddings(project.step)[0]


@pytest.mark.parametrize("resize", [None, "squash", "crop", "both"])
def test_every_photo_is_added_in_the_same_way(
    wide: Path, tmp_path: Path, resize: Resize | None
) -> None:
    project = add_all(create(tmp_path, resize=resize), wide)
    assert [project.step.count(name) for name in NAMES] == [6, 6, PER_CLASS]
    views = VIEWS[resize or "squash"]
    rows = kept_rows(project)
    assert rows.shape == (12 + PER_CLASS, 3 * len(views))
    for index, view in enumerate(views):
        with EmbeddingExtractor(EXTRACTOR, resize=view) as extractor:
            expected = extractor.extract([p for name in NAMES for p in photos_of(wide, name)[:6]])
        found = part_of_rows(rows, index, len(views)).quantized[:18]
        np.testing.assert_array_equal(found, expected.quantized)
    model = project.export(tmp_path / "out")
    assert note_of(model) == views[0]
    assert note_of(project.path / "extractor.tflite") == (resize or "squash")
    photos = photos_of(wide, "green")
    by_hand = [crop_by_hand(p, tmp_path) if views[0] == "crop" else p for p in photos]
    np.testing.assert_array_equal(scores(model, photos), scores(model, by_hand, "squash"))


def test_a_project_of_both_views_counts_photos(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[np.ndarray | None] = []
    fit = SoftmaxRegression.fit

    def note_groups(head: SoftmaxRegression, *arguments: Any, **others: Any) -> FitRecord:
        groups.append(others.get("groups"))
        return fit(head, *arguments, **others)

    monkeypatch.setattr(SoftmaxRegression, "fit", note_groups)
    project = add_all(create(tmp_path, resize="both"), wide, ("green", "red"))
    assert groups[0] is not None
    assert len(groups[0]) == 24
    np.testing.assert_array_equal(groups[0][:12], groups[0][12:])
    assert project.step.tested == 6 + PER_CLASS  # each photo once
    assert project.step.accuracy == 1
    assert project.add_photos("red", photos_of(wide, "red")).copies == PER_CLASS
    assert project.history[-1] == f"add {PER_CLASS - 6} photos to red"
    project.undo()
    project.remove_class("green")
    assert project.step.count("red") == 6


def test_a_project_takes_the_way_of_its_extractor(wide: Path, tmp_path: Path) -> None:
    model = retrain(wide, EXTRACTOR, tmp_path / "out", resize="crop").model
    assert note_of(create(tmp_path, model).path / "extractor.tflite") == "crop"
    overruled = create(tmp_path / "other", model, resize="both").path / "extractor.tflite"
    assert note_of(overruled) == "both"
    again = retrain(wide, overruled, tmp_path / "again")
    assert again.resize == "both"
    assert note_of(again.model) == "crop"


def test_both_views_are_kept_while_the_input_range_is_not_known(wide: Path, tmp_path: Path) -> None:
    extractor = averaging_model(np.float32, size=(8, 8))
    project = create(tmp_path, extractor, resize="both")
    project.add_class("red", iter(photos_of(wide, "red")[:6]))
    assert kept_rows(project).shape[1] % 6 == 0
    assert kept_rows(project).shape[1] > 6
    project.add_class("green", photos_of(wide, "green")[:6])
    rows = kept_rows(project)
    assert rows.shape == (12, 6)
    assert len(project.notes) == 1
    stored = project.path / "extractor.tflite"
    for index, view in enumerate(VIEWS["both"]):
        with EmbeddingExtractor(stored, resize=view) as opened:
            expected = opened.extract(photos_of(wide, "red")[:6])
        np.testing.assert_array_equal(
            part_of_rows(rows, index, 2)[:6].quantized, expected.quantized
        )


def test_a_photo_that_cannot_be_read_is_reported_once(wide: Path, tmp_path: Path) -> None:
    project = create(tmp_path, resize="both")
    photos = [*photos_of(wide, "red")[:2], tmp_path / "missing.png"]
    with pytest.raises(PhotoError, match="no such file"):
        project.add_class("red", photos)
    reported: list[int] = []
    added = project.add_class("red", photos, on_error=lambda index, _: reported.append(index))
    assert (added.photos, reported) == (2, [2])


def test_the_command_takes_the_way(wide: Path, tmp_path: Path) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(EXTRACTOR)
    folder = tmp_path / "project"
    run("project", "create", folder, "--extractor", extractor, "--resize", "both")
    assert note_of(folder / "extractor.tflite") == "both"
    run("project", "add", folder, "red", wide / "red", "--no-cache")
    run("project", "add", folder, "blue", wide / "blue", "--no-cache")
    run("project", "export", folder, "--output", tmp_path / "out")
    assert note_of(tmp_path / "out" / "retrained_model.tflite") == "crop"
    with pytest.raises(ValueError, match="resize must be one of squash, crop, both, linear"):
        create(tmp_path / "other", resize="letterbox")
