"""The input range of float models: measured, assumed with a warning, given, and handed on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.test_cli import run as run_command
from tests.support.model_builder import BuiltModel, build_classifier, build_extractor

from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.extraction.cache import EmbeddingCache
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.evaluation import evaluate
from coral_learn.jobs.input_range import measure_extractor, try_embeddings
from coral_learn.jobs.quick_head import sample_rows
from coral_learn.jobs.range_choice import (
    CANDIDATES,
    MeasuredRange,
    Score,
    Trial,
    choose_by_loss,
    choose_by_score,
)
from coral_learn.jobs.retraining import retrain
from coral_learn.project.project import Project
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.normalization import (
    BYTES,
    IMAGENET,
    SIGNED_UNIT,
    UNIT,
    Normalization,
    parse_normalization,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

# What the README of these models says: the right range, and the accuracy with it.
TRAINED = {
    "resc_float": (BYTES, 0.673),
    "resc_int8f": (BYTES, 0.650),
    "unit_float": (UNIT, 0.597),
    "unit_int8f": (UNIT, 0.593),
    "sgn_float": (SIGNED_UNIT, 0.700),
}
UNDECLARED = {"unit_float": UNIT, "sgn_float": SIGNED_UNIT, "bin_float": BYTES}


@pytest.fixture(scope="session")
def odd(data_dir: Path) -> Path:
    return data_dir / "models" / "odd"


@pytest.fixture(scope="session")
def flowers(data_dir: Path) -> Path:
    return data_dir / "flowers"


def some_flowers(flowers: Path, folder: Path, seed: int, per_class: int = 20) -> Path:
    """Links some photos of each class into a new folder, and returns it."""
    random = np.random.default_rng(seed)
    for source in sorted(flowers.iterdir()):
        target = folder / source.name
        target.mkdir(parents=True)
        for path in random.permutation(np.array(sorted(source.iterdir())))[:per_class]:
            (target / path.name).symlink_to(path)
    return folder


def declared_by(model: Path | bytes) -> Normalization | None:
    return ModelFile.open(model).normalization


def assert_close(found: Normalization | None, expected: Normalization) -> None:
    assert found is not None
    np.testing.assert_allclose(found.values(), expected.values(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_model_is_evaluated_in_its_range(odd: Path, flowers: Path, name: str) -> None:
    right, accuracy = TRAINED[name]
    evaluation = evaluate(odd / f"{name}.tflite", flowers)
    assert evaluation.accuracy == pytest.approx(accuracy, abs=0.03)
    measured = [note for note in evaluation.notes if "does not declare its input range" in note]
    assert len(measured) == (name in UNDECLARED)
    if measured:
        assert f"; {right} gave the best accuracy" in measured[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", UNDECLARED)
def test_the_range_of_an_extractor_is_measured_on_twenty_photos_of_each_class(
    odd: Path, flowers: Path, name: str, seed: int
) -> None:
    extractor = ModelFile(create_embedding_extractor(odd / f"{name}.tflite"))
    assert extractor.has_unknown_range
    random = np.random.default_rng(seed)
    classes = sorted(flowers.iterdir())[: 2 if name == "bin_float" else 5]
    paths = [path for each in classes for path in random.permutation(sorted(each.iterdir()))[:20]]
    labels = np.repeat(np.arange(len(classes)), 20)
    measured = measure_extractor(extractor, paths, labels, device=None)
    assert measured.normalization == UNDECLARED[name]
    assert f"held-out loss on {len(paths)} photos" in measured.note


def test_a_measured_range_goes_into_the_retrained_model(
    odd: Path, flowers: Path, tmp_path: Path
) -> None:
    photos = some_flowers(flowers, tmp_path / "photos", seed=5)
    extractor = create_embedding_extractor(odd / "unit_float.tflite")
    result = retrain(photos, extractor, tmp_path / "out")
    assert any("0..1 gave the lowest held-out loss on 100 photos" in each for each in result.notes)
    assert_close(declared_by(result.model), UNIT)
    with Classifier(result.model) as classifier:  # a warning would be an error
        measured = classifier.scores(sorted((photos / "daisy").iterdir()))
    given = retrain(photos, extractor, tmp_path / "given", normalization="0..1")
    assert not any("input range" in note for note in given.notes)
    with Classifier(given.model) as classifier:
        scores = classifier.scores(sorted((photos / "daisy").iterdir()))
    np.testing.assert_array_equal(measured, scores)


@pytest.mark.parametrize("method", ["fit", "imprint"])
def test_what_the_graph_shows_goes_into_extractor_and_retrained_model(
    odd: Path, flowers: Path, tmp_path: Path, method: str
) -> None:
    photos = some_flowers(flowers, tmp_path / "photos", seed=6)
    extractor = create_embedding_extractor(odd / "resc_float.tflite")
    assert declared_by(extractor) == BYTES
    result = retrain(photos, extractor, tmp_path / "out", method=method)  # type: ignore[arg-type]
    assert not any("input range" in note for note in result.notes)
    assert declared_by(result.model) == BYTES


def test_a_project_measures_the_range_with_its_second_class(
    odd: Path, flowers: Path, tmp_path: Path
) -> None:
    extractor = create_embedding_extractor(odd / "unit_float.tflite")
    project = Project.create(tmp_path / "project", extractor)
    first, second, third = (sorted(each.iterdir()) for each in sorted(flowers.iterdir())[:3])
    seen: list[int] = []
    project.add_class(
        "first", [first[0], tmp_path / "none.jpg"], on_error=lambda i, _: seen.append(i)
    )
    assert seen == [1]
    project.add_photos("first", first[1:20])
    assert not project.notes
    assert declared_by(tmp_path / "project" / "extractor.tflite") is None
    project.add_class("second", second[:20])
    assert ["0..1 gave the lowest" in note for note in project.notes] == [True]
    assert_close(declared_by(tmp_path / "project" / "extractor.tflite"), UNIT)
    with EmbeddingExtractor(extractor, normalization="0..1") as opened:
        expected = np.asarray(opened.extract([*first[:20], *second[:20]]))
    kept, _ = project._store.load_embeddings(project.step)
    np.testing.assert_array_equal(kept, expected)
    project.add_class("third", third[:20])
    assert len(project.notes) == 1
    assert_close(declared_by(project.export(tmp_path / "out")), UNIT)


def test_a_project_keeps_the_range_that_is_given(odd: Path, tmp_path: Path) -> None:
    extractor = create_embedding_extractor(odd / "unit_float.tflite")
    Project.create(tmp_path / "project", extractor, normalization="0..255")
    assert declared_by(tmp_path / "project" / "extractor.tflite") == BYTES


@pytest.mark.parametrize(
    ("opened", "build"), [(Classifier, build_classifier), (EmbeddingExtractor, build_extractor)]
)
def test_an_unknown_range_is_assumed_with_a_warning(
    opened: type[Classifier | EmbeddingExtractor],
    build: Callable[..., BuiltModel],
    tmp_path: Path,
) -> None:
    path = tmp_path / "some.tflite"
    path.write_bytes(build("float32", normalization=None).content)
    assumed = r"some\.tflite .*scaled to -1\.\.1 by assumption.*--input-range or normalization="
    with pytest.warns(UserWarning, match=assumed) as told:
        opened(path).close()
    assert len(told) == 1
    assert told[0].filename == __file__
    opened(path, normalization="-1..1").close()


@pytest.mark.parametrize("kind", ["float32", "uint8", "int8"])
@pytest.mark.parametrize(
    "normalization",
    ["0..1", Normalization((120.0, 130.0, 140.0), (150.0, 160.0, 170.0)), "100,200"],
)
def test_a_range_that_is_given_overrules_the_model(kind: str, normalization: str) -> None:
    built = build_extractor(kind)
    pixels = np.random.default_rng(0).integers(60, 200, (4, 4, 3), dtype=np.uint8)
    with EmbeddingExtractor(built.content, normalization=normalization) as extractor:
        [found] = np.asarray(extractor.extract([pixels]))
    table = parse_normalization(normalization).values()
    real = np.stack([table[pixels[..., k], k % table.shape[1]] for k in range(3)], axis=-1)[None]
    image = real if built.image is None else built.image.quantize(real)
    step = 1e-5 if built.embedding is None else 2 * built.embedding.scale
    np.testing.assert_allclose(found, built.expected_embedding(image), atol=step)


def test_a_range_that_a_quantized_input_cannot_hold_is_used_with_a_warning() -> None:
    built = build_extractor("uint8")
    pixels = np.full((4, 4, 3), 255, np.uint8)
    with pytest.warns(UserWarning, match=r"cannot hold 99% of the pixel values"):
        extractor = EmbeddingExtractor(built.content, normalization="0..255")
    with extractor:
        [given] = np.asarray(extractor.extract([pixels]))
    # The range is handed on, although it does not fit.
    handed_on = ModelFile(built.content).with_normalization(BYTES)
    with (
        pytest.warns(UserWarning, match="cannot hold"),
        EmbeddingExtractor(handed_on.content) as extractor,
    ):
        np.testing.assert_array_equal(np.asarray(extractor.extract([pixels]))[0], given)


def test_the_cache_keeps_ranges_apart(tmp_path: Path, photos: Path) -> None:
    content, cache = build_extractor("float32").content, EmbeddingCache(tmp_path)
    paths = sorted((photos / "crab").iterdir())[:2]
    rows = []
    for normalization in ("0..1", "-1..1", "0..1"):
        with EmbeddingExtractor(content, cache=cache, normalization=normalization) as extractor:
            rows.append(np.asarray(extractor.extract(paths)))
    np.testing.assert_array_equal(rows[0], rows[2])
    assert np.abs(rows[0] - rows[1]).max() > 0.01
    assert cache.info().embeddings == 4


def test_a_bad_range_is_an_error_before_the_work(photos: Path, tmp_path: Path) -> None:
    content = build_extractor("float32").content
    for job in (
        lambda: retrain(photos, content, tmp_path / "o", normalization="2..3"),
        lambda: Project.create(tmp_path / "o", content, normalization="2..3"),
        lambda: EmbeddingExtractor(content, normalization="2..3"),
        lambda: create_embedding_extractor(content, normalization="2..3"),
    ):
        with pytest.raises((ValueError, ModelError)):
            job()
    assert not (tmp_path / "o").exists()


def test_the_commands_take_the_range(odd: Path, flowers: Path, tmp_path: Path) -> None:
    photo = str(next((flowers / "daisy").iterdir()))
    model = str(tmp_path / "sgn_float.tflite")
    shutil.copy(odd / "sgn_float.tflite", model)

    def run(*arguments: str | Path) -> tuple[str, str]:
        done = run_command(*arguments)
        return done.stdout, done.stderr

    answer, error = run("classify", model, photo, "--json")
    assert "sgn_float.tflite takes float32" in error
    given, error = run("classify", model, photo, "--json", "--input-range", "-1..1")
    assert error == ""
    assert given == answer
    wrong, _ = run("classify", model, photo, "--json", "--input-range", "0..255")
    assert wrong != answer
    out, _ = run("evaluate", model, flowers, "--json", "--no-cache", "--input-range", "127.5,127.5")
    assert json.loads(out)["accuracy"] == pytest.approx(0.7, abs=0.03)
    (note,) = json.loads(out)["notes"]
    assert "has no labels" in note
    _, error = run("evaluate", model, flowers, "--no-cache")
    assert "note the model does not declare its input range; -1..1 gave" in error
    extractor = tmp_path / "extractor.tflite"
    run("extractor", model, "--output", extractor, "--input-range", "-1..1")
    assert declared_by(extractor) == SIGNED_UNIT
    run("project", "create", tmp_path / "project", "--extractor", model, "--input-range", "0..1")
    assert_close(declared_by(tmp_path / "project" / "extractor.tflite"), UNIT)


def losses_of(signed: float, unit: float, whole: float, imagenet: float) -> MeasuredRange:
    losses = (signed, unit, whole, imagenet)
    trials = {each: Trial(loss, 0.6) for each, loss in zip(CANDIDATES, losses, strict=True)}
    return choose_by_loss(trials, 100)


def test_the_least_loss_is_chosen() -> None:
    measured = losses_of(1.5, 1.0, 0.9, 1.2)
    assert measured.normalization == BYTES
    assert measured.note == (
        "the model does not declare its input range; 0..255 gave the lowest held-out loss on 100 "
        "photos (0.90; -1..1 1.50, 0..1 1.00, imagenet 1.20)"
    )


def test_features_of_hundreds_need_a_clear_lead() -> None:
    trials = {each: Trial(2.0, 0.6) for each in CANDIDATES}
    trials |= {UNIT: Trial(1.0, 0.5), BYTES: Trial(0.97, 120.0)}
    assert choose_by_loss(trials, 100).normalization == UNIT
    trials[BYTES] = Trial(0.5, 120.0)
    assert choose_by_loss(trials, 100).normalization == BYTES


def test_imagenet_needs_a_clear_lead_over_the_range_that_is_nearly_the_same() -> None:
    assert losses_of(1.0, 1.5, 1.5, 0.98).normalization == SIGNED_UNIT
    assert "about the lowest held-out loss" in losses_of(1.0, 1.5, 1.5, 0.98).note
    assert losses_of(1.0, 1.5, 1.5, 0.8).normalization == IMAGENET


@pytest.mark.parametrize("loss", [0.7, 0.0, float("inf")])
def test_where_all_ranges_give_the_same_the_usual_one_is_kept(loss: float) -> None:
    measured = losses_of(loss, loss, loss, loss)
    assert measured.normalization == SIGNED_UNIT
    assert "does not tell it" in measured.note
    same = choose_by_score(dict.fromkeys(CANDIDATES, Score(0.5, loss)), 10)
    assert same.normalization == SIGNED_UNIT
    assert "does not tell it" in same.note


def test_a_close_accuracy_is_decided_by_the_loss() -> None:
    scores = dict.fromkeys(CANDIDATES, Score(0.2, 5.0))
    scores[UNIT], scores[BYTES] = Score(0.60, 1.1), Score(0.62, 9.0)
    assert choose_by_score(scores, 100).normalization == UNIT
    scores[BYTES] = Score(0.9, 9.0)
    assert choose_by_score(scores, 100).normalization == BYTES


def test_a_sample_has_as_many_photos_of_each_class() -> None:
    labels = np.repeat(np.arange(3), [100, 30, 4])
    rows = sample_rows(labels)
    assert np.bincount(labels[rows]).tolist() == [20, 20, 4]
    assert len(sample_rows(np.repeat(np.arange(50), 30))) == 100


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 2, 3]])
def test_too_few_photos_tell_nothing(labels: list[int]) -> None:
    embeddings = Embeddings(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    assert try_embeddings(embeddings, np.array(labels)).loss == float("inf")
