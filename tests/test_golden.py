"""Files that earlier versions wrote: this version reads them with the right values.

tests/golden/make.py writes the files, and says when a new folder is needed.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.golden.make import photos, scores_of

from coral_learn import (
    EmbeddingCache,
    Embeddings,
    ImprintingEngine,
    Project,
    SoftmaxRegression,
    add_class,
    read_head,
    read_labels,
)
from coral_learn.tflite.head.class_means import read_class_means

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.json").exists())


@pytest.fixture(params=VERSIONS)
def golden(request: pytest.FixtureRequest) -> Path:
    """The folder of one version."""
    return GOLDEN / str(request.param)


def expected_of(golden: Path, name: str) -> dict[str, Any]:
    text = (golden / "expected.json").read_text(encoding="utf-8")
    expected: dict[str, dict[str, Any]] = json.loads(text)
    return expected[name]


def assert_scores(
    model: bytes, expected: list[list[float]], *, tolerance: float = 1.5 / 256
) -> None:
    """Compares scores, which may differ between runtimes by one rounding step of 1/256."""
    np.testing.assert_allclose(scores_of(model), expected, atol=tolerance)


def test_there_are_golden_files() -> None:
    assert "v1" in VERSIONS


@pytest.mark.parametrize("name", ["embeddings_uint8.npz", "embeddings_float32.npz"])
def test_embeddings_are_read(golden: Path, name: str) -> None:
    expected = expected_of(golden, name)
    embeddings = Embeddings.load(golden / name)
    assert str(embeddings.quantized.dtype) == expected["dtype"]
    assert embeddings.quantized.tolist() == expected["quantized"]
    assert embeddings.scale == expected["scale"]
    assert embeddings.zero_point == expected["zero_point"]


def test_a_head_is_read(golden: Path) -> None:
    expected = expected_of(golden, "head.npz")
    head = SoftmaxRegression.load(golden / "head.npz")
    np.testing.assert_array_equal(head.weights, np.array(expected["weights"], np.float32))
    np.testing.assert_array_equal(head.biases, np.array(expected["biases"], np.float32))
    assert head.weight_scale == expected["weight_scale"]
    assert (head.reg, head.seed, head.labels) == (
        expected["reg"],
        expected["seed"],
        expected["labels"],
    )
    embeddings = Embeddings.load(golden / "embeddings_uint8.npz")
    np.testing.assert_allclose(
        head.predict_proba(embeddings), expected["probabilities"], rtol=1e-5, atol=1e-6
    )


def test_a_head_keeps_its_calibration_data(golden: Path) -> None:
    head = SoftmaxRegression.load(golden / "head.npz")
    retrained = head.serialize_model(golden / "extractor.tflite")
    expected = expected_of(golden, "retrained.tflite")
    np.testing.assert_allclose(read_head(retrained)[0], expected["weights"], atol=1e-6)
    np.testing.assert_allclose(read_head(retrained)[1], expected["biases"], atol=1e-6)


def test_a_cache_is_read(golden: Path, tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    expected = expected_of(golden, cache.path.name)
    shutil.copy(golden / cache.path.name, cache.path)
    assert cache.info().embeddings == len(expected["rows"])
    with cache.open(expected["source"].encode()) as rows:
        for photo, row in expected["rows"].items():
            assert rows.get(rows.key(photo.encode())) == bytes.fromhex(row)
    with cache.open(b"another model") as rows:
        assert rows.get(rows.key(photo.encode())) is None


@pytest.fixture
def project(golden: Path, tmp_path: Path) -> Project:
    shutil.copytree(golden / "project", tmp_path / "project")
    return Project(tmp_path / "project")


def test_a_project_is_read(golden: Path, project: Project) -> None:
    expected = expected_of(golden, "project")
    shown = json.loads(json.dumps(project.to_json()))
    tested, interval = shown["tested"], shown["interval"]
    assert (tested > 0) == (interval is not None) == (shown["accuracy"] is not None)
    assert shown.pop("keep") == "nothing"  # neither version kept photos
    if golden.name == "v1":  # which had none
        del shown["tested"], shown["interval"]
    assert shown == {"path": str(project.path), **expected["shown"]}
    model = project.serialize_model()
    assert read_labels(model) == project.classes
    assert_scores(model, expected["scores"])


def test_a_project_can_be_changed(golden: Path, project: Project) -> None:
    project.add_class("green", photos(seed=1, count=6)["green"], device="cpu")
    assert project.classes == ["red", "navy", "green"]
    assert project.step.accuracy is not None
    assert project.step.accuracy >= 0.9
    while len(project.history) > 1:
        project.undo()
    assert project.history == expected_of(golden, "project")["shown"]["history"][:1]


def test_a_retrained_model_is_read(golden: Path) -> None:
    expected = expected_of(golden, "retrained.tflite")
    model = (golden / "retrained.tflite").read_bytes()
    weights, biases, labels = read_head(model)
    np.testing.assert_array_equal(weights, np.array(expected["weights"], np.float32))
    np.testing.assert_array_equal(biases, np.array(expected["biases"], np.float32))
    assert labels == read_labels(model) == expected["labels"]
    assert_scores(model, expected["scores"])


def test_the_class_means_of_a_retrained_model_are_read(golden: Path) -> None:
    expected = expected_of(golden, "retrained.tflite")["class_means"]
    means = read_class_means(golden / "retrained.tflite")
    assert means is not None
    np.testing.assert_allclose(means, expected, rtol=1e-3)  # they are kept as float16
    embeddings = Embeddings.load(golden / "embeddings_uint8.npz")
    extended = add_class(golden / "retrained.tflite", embeddings[:6], "more")
    assert read_labels(extended) == ["red", "green", "blue", "more"]
    kept = read_class_means(extended)
    assert kept is not None
    np.testing.assert_allclose(kept[:3], means)


def test_the_exact_weights_of_a_head_that_was_cut_off_are_restored(golden: Path) -> None:
    weights, biases, _ = read_head(golden / "retrained.tflite")
    head = SoftmaxRegression(*weights.shape)
    head.weights, head.biases = weights, biases
    again = read_head(head.serialize_model(golden / "cut.tflite"))
    np.testing.assert_array_equal(again[0], weights)
    np.testing.assert_array_equal(again[1], biases)


@pytest.mark.parametrize("name", ["imprinted.tflite", "imprinted_with_kept_classes.tflite"])
def test_an_imprinting_model_is_read(golden: Path, name: str) -> None:
    expected = expected_of(golden, name)
    embeddings = Embeddings.load(golden / "embeddings_uint8.npz")
    engine = ImprintingEngine(str(golden / name), keep_classes=True)
    assert engine.labels == expected["labels"]
    assert engine.predict(embeddings).tolist() == expected["answers"]
    # Processors may round a cosine to another step of 1/128. The logits are 25 times as large, so
    # that such a step moves a score by up to 0.05.
    assert_scores((golden / name).read_bytes(), expected["scores"], tolerance=0.1)
    engine.train(np.asarray(embeddings[0]), engine.num_classes - 2)
    assert_scores(engine.serialize_model(), expected["scores_after_training_on"], tolerance=0.1)
