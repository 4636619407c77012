"""How photos meet the input: chosen in training, remembered by the model, and used ever after."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tests.cli.test_cli import run as run_command
from tests.support.averaging_model import averaging_model
from tests.support.wide_photos import (
    EXTRACTOR,
    PER_CLASS,
    crop_by_hand,
    note_of,
    scores,
    write_wide_photos,
)

from coral_learn import (
    Classifier,
    EmbeddingCache,
    EmbeddingExtractor,
    Embeddings,
    SoftmaxRegression,
    create_embedding_extractor,
    evaluate,
    retrain,
)
from coral_learn.errors import ModelError
from coral_learn.extraction.images import load_image
from coral_learn.extraction.views import extract_views
from coral_learn.heads import penalty_search
from coral_learn.heads.fold_table import deal_folds
from coral_learn.heads.folds import FoldRows, make_folds
from coral_learn.heads.records import FitRecord
from coral_learn.jobs import held_out, learning_curve
from coral_learn.jobs.input_range import Sample, measure_extractor, take_sample
from coral_learn.jobs.settings import Method
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.notes import write_note
from coral_learn.tflite.resize_note import with_resize
from coral_learn.tflite.resizing import Resize, View

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wide")
    write_wide_photos(folder)
    return folder


@pytest.mark.parametrize(
    ("resize", "marked"),
    [(None, "squash"), ("squash", "squash"), ("crop", "crop"), ("both", "crop")],
)
def test_a_model_remembers_how_it_was_trained(
    wide: Path, tmp_path: Path, resize: Resize | None, marked: View
) -> None:
    result = retrain(wide, EXTRACTOR, tmp_path / "out", resize=resize)
    assert result.resize == result.to_json()["resize"] == (resize or "squash")
    assert note_of(result.model) == note_of(create_embedding_extractor(result.model)) == marked
    photos = sorted(wide.rglob("*.png"))
    with Classifier(result.model) as classifier:
        assert classifier.resize == marked
    by_hand = [crop_by_hand(photo, tmp_path) if marked == "crop" else photo for photo in photos]
    found = scores(result.model, photos)
    np.testing.assert_array_equal(found, scores(result.model, by_hand, "squash"))
    other: View = "squash" if marked == "crop" else "crop"
    assert not np.array_equal(found, scores(result.model, photos, other))


def test_without_a_choice_the_model_is_the_same_as_before(wide: Path, tmp_path: Path) -> None:
    content = {
        resize: retrain(wide, EXTRACTOR, tmp_path / str(resize), resize=resize).model.read_bytes()
        for resize in (None, "squash")
    }
    assert content[None] == content["squash"]
    assert b"PHOTO_RESIZE" not in content[None]


def test_evaluate_takes_the_way_of_the_model_unless_another_is_given(
    wide: Path, tmp_path: Path
) -> None:
    model = tmp_path / "out" / "retrained_model.tflite"
    accuracy = retrain(wide, EXTRACTOR, model.parent, resize="crop").accuracy
    assert (accuracy.train, accuracy.test_float, accuracy.test_saved) == (1, 1, 1)
    (tmp_path / "alone.tflite").write_bytes(model.read_bytes())  # without photos.csv
    assert evaluate(tmp_path / "alone.tflite", wide).accuracy == 1
    assert evaluate(tmp_path / "alone.tflite", wide, resize="squash").accuracy < 0.9


def test_a_retrained_model_as_extractor_hands_its_way_on(wide: Path, tmp_path: Path) -> None:
    first = retrain(wide, EXTRACTOR, tmp_path / "first", resize="crop")
    again = retrain(wide, first.model, tmp_path / "again")
    assert (again.resize, note_of(again.model)) == ("crop", "crop")
    overruled = retrain(wide, first.model, tmp_path / "overruled", resize="squash")
    assert (overruled.resize, note_of(overruled.model)) == ("squash", "squash")
    photos = sorted(wide.rglob("*.png"))
    np.testing.assert_array_equal(
        scores(overruled.model, photos), scores(overruled.model, photos, "squash")
    )
    auto = retrain(wide, first.model, tmp_path / "auto", tensor_name="auto", resize="squash")
    assert note_of(auto.model) == "squash"


def test_both_views_of_a_photo_count_as_one_photo(wide: Path, tmp_path: Path) -> None:
    extra = tmp_path / "photos"
    for source in wide.rglob("*.png"):
        target = extra / source.relative_to(wide)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (extra / "red" / "copy.png").write_bytes((extra / "red" / "red1.png").read_bytes())
    (extra / "red" / "broken.png").write_bytes(b"no picture")
    progress: list[tuple[int, int]] = []
    result = retrain(
        extra,
        EXTRACTOR,
        tmp_path / "out",
        resize="both",
        progress=lambda stage, done, total: (
            progress.append((done, total)) if stage == "extract" else None
        ),
    )
    assert result.images == 3 * PER_CLASS
    assert result.accuracy.photos == {"train": 24, "validation": 3, "test": 3}
    assert result.accuracy.cross_validated is not None
    assert result.accuracy.cross_validated.photos == 3 * PER_CLASS
    assert len(result.skipped) == 1
    assert "1 exact copy of other photos counts only once" in result.notes
    with (result.model.parent / "photos.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3 * PER_CLASS
    assert progress == [(done, 64) for done in range(1, 65)]


def test_the_head_is_trained_on_both_views_and_sees_the_crop(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[tuple[Embeddings, np.ndarray, np.ndarray]] = []
    fit = SoftmaxRegression.fit

    def note_rows(
        head: SoftmaxRegression, embeddings: Embeddings, labels: np.ndarray, **others: Any
    ) -> FitRecord:
        fitted.append((embeddings, labels, others.get("groups", np.empty(0))))
        return fit(head, embeddings, labels, **others)

    monkeypatch.setattr(SoftmaxRegression, "fit", note_rows)
    result = retrain(wide, EXTRACTOR, tmp_path / "out", resize="both")
    embeddings, labels, groups = fitted[0]
    assert len(embeddings) == len(labels) == len(groups) == 48
    np.testing.assert_array_equal(groups[:24], groups[24:])
    np.testing.assert_array_equal(labels[:24], labels[24:])
    with (result.model.parent / "photos.csv").open() as file:
        train = [wide / row["path"] for row in csv.DictReader(file) if row["split"] == "train"]
    views: dict[View, Embeddings] = {"crop": embeddings[:24], "squash": embeddings[24:]}
    for view, rows in views.items():
        with EmbeddingExtractor(EXTRACTOR, resize=view) as extractor:
            expected = {row.tobytes() for row in extractor.extract(train).quantized}
        assert {row.tobytes() for row in rows.quantized} == expected


@pytest.mark.parametrize("method", get_args(Method))
def test_the_views_of_a_photo_are_never_on_both_sides_of_a_fold(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: Method
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def note_folds(*arguments: Any) -> list[FoldRows]:
        found = make_folds(*arguments)
        assert all(max(*train, *test) < 30 for train, test in found)  # photos, not views
        return found

    def note_table(
        rows: np.ndarray, grouped: bool, max_rows: float, generator: np.random.Generator
    ) -> np.ndarray:
        table = deal_folds(rows, grouped, max_rows, generator)
        seen.append((rows, table))
        return table

    monkeypatch.setattr(held_out, "make_folds", note_folds)
    monkeypatch.setattr(learning_curve, "make_folds", note_folds)
    monkeypatch.setattr(penalty_search, "deal_folds", note_table)
    result = retrain(wide, EXTRACTOR, tmp_path / "out", method=method, resize="both")
    assert result.accuracy.cross_validated is not None
    assert len(seen) == (method == "fit")
    for rows, table in seen:
        assert rows.sum() == 48  # views, and both of a photo in one bucket
        assert (rows % 2 == 0).all()
        for of_classes, numbers in zip(rows.T, table.T, strict=True):
            assert len(np.unique(numbers[of_classes > 0])) <= 1


def test_the_cache_keeps_the_views_apart(wide: Path, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    photos = sorted(wide.rglob("*.png"))
    found: dict[View, np.ndarray] = {}
    views: tuple[View, View] = ("squash", "crop")
    for _ in range(2):
        for view in views:
            with EmbeddingExtractor(EXTRACTOR, cache=cache, resize=view) as extractor:
                rows = extractor.extract(photos).quantized
            np.testing.assert_array_equal(found.setdefault(view, rows), rows)
    assert not np.array_equal(found["squash"], found["crop"])
    assert cache.info().embeddings == 2 * len(photos)
    retrain(wide, EXTRACTOR, tmp_path / "out", resize="both", cache=cache, test=0)
    # Nothing is looked at again but how bright and sharp each photo is.
    assert cache.info().embeddings == 3 * len(photos)


def test_a_photo_that_vanishes_between_two_views_is_skipped_in_both(
    wide: Path, tmp_path: Path
) -> None:
    photos = [tmp_path / f"{index}.png" for index in range(4)]
    for photo in photos:
        photo.write_bytes((wide / "red" / "red0.png").read_bytes())
    photos[0].write_bytes(b"broken")
    reported: list[int] = []

    def open_extractor(view: View) -> EmbeddingExtractor:
        if view == "squash":
            photos[2].unlink()
        return EmbeddingExtractor(EXTRACTOR, resize=view)

    found = extract_views(
        open_extractor, photos, ("crop", "squash"), on_error=lambda index, _: reported.append(index)
    ).found
    assert reported == [0, 2]
    assert found.kept.tolist() == [1, 3]
    assert [len(rows) for rows in found.rows] == [2, 2]
    assert [Path(each.path).name for each in found.skipped] == ["0.png", "2.png"]
    assert len(found.digests) == 2


def test_the_range_is_measured_on_what_the_model_sees(
    wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_resize(ModelFile(averaging_model(np.float32, size=(8, 8))), "crop")
    assert model.has_unknown_range
    photos = sorted(wide.rglob("*.png"))
    labels = np.repeat(np.arange(3), PER_CLASS)
    sample = take_sample(model, photos, labels, (8, 8), "crop")
    np.testing.assert_array_equal(sample.pixels[0], load_image(photos[0], (8, 8), resize="crop"))
    seen: list[View] = []

    def note_view(*arguments: Any) -> Sample:
        seen.append(arguments[-1])
        return sample

    monkeypatch.setattr("coral_learn.jobs.input_range.take_sample", note_view)
    measure_extractor(model, photos, labels, device=None)
    assert seen == ["crop"]


@pytest.mark.parametrize("use", [EmbeddingExtractor, Classifier])
def test_a_way_that_does_not_exist_is_refused(use: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="not 'both'; both views are for training only"):
        use(EXTRACTOR, resize="both")


def test_a_way_of_a_newer_version_is_an_error_unless_it_is_overruled(
    wide: Path, tmp_path: Path
) -> None:
    graph = ModelFile(EXTRACTOR).graph.copy()
    write_note(graph.model, "PHOTO_RESIZE", np.frombuffer(b"letterbox", np.uint8))
    path = tmp_path / "new.tflite"
    path.write_bytes(ModelFile(EXTRACTOR).with_graph(graph).content)
    for use in (EmbeddingExtractor, lambda each: retrain(wide, each, tmp_path / "out")):
        with pytest.raises(ModelError, match=r"new\.tflite are resized by 'letterbox'"):
            use(path)
    assert note_of(retrain(wide, path, tmp_path / "out", resize="crop").model) == "crop"
    with pytest.raises(ValueError, match="resize must be one of squash, crop, both, linear"):
        retrain(wide, path, tmp_path / "out", resize="letterbox")  # type: ignore[arg-type]


def test_the_commands_take_the_way(wide: Path, tmp_path: Path) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(EXTRACTOR)
    out = tmp_path / "out"
    train = ("train", wide, "--extractor", extractor, "--output", out, "--no-cache", "--json")
    assert json.loads(run_command(*train, "--resize", "both").stdout)["resize"] == "both"
    model, photo = out / "retrained_model.tflite", wide / "green" / "green3.png"
    assert "trained on the whole photo as well" in (out / "report.html").read_text()

    def answer(photo: Path, *options: str) -> float:
        printed = json.loads(run_command("classify", model, photo, "--json", *options).stdout)
        return float(printed[0]["results"][0]["score"])

    by_hand = crop_by_hand(photo, tmp_path)
    assert answer(photo) == answer(photo, "--resize", "crop") == answer(by_hand)
    assert answer(photo) != answer(photo, "--resize", "squash")
    evaluated = ("evaluate", model, wide, "--no-cache", "--json")
    right = [
        json.loads(run_command(*evaluated, *options).stdout)["accuracy"]
        for options in ((), ("--resize", "crop"), ("--resize", "squash"))
    ]
    assert right[0] == right[1] > right[2]
    assert (
        "'both' is not one of"
        in run_command("classify", model, photo, "--resize", "both", status=2).stderr
    )
