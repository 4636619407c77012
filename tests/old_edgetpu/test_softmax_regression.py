"""SoftmaxRegression, as scripts used it before pycoral."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import build_extractor, random_image

from coral_learn.files import write_atomically
from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.old_edgetpu.classification.engine import ClassificationEngine
from coral_learn.old_edgetpu.learn.backprop import softmax_regression as module
from coral_learn.old_edgetpu.learn.backprop.softmax_regression import SoftmaxRegression
from coral_learn.tflite.head.quantized import softmax

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CENTERS = 3 * np.array([[1, 1], [-1, -1], [1, -1]])
LINE = re.compile(r"Loss \d+\.\d\d, train acc \d+\.\d\d%, val acc (\d+\.\d\d|nan)%")


def blobs(seed: int = 0) -> dict[str, np.ndarray]:
    """Returns 200 training and 30 validation points around three centers."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, 230)
    data = CENTERS[labels] + random.normal(size=(230, 2))
    return {
        "data_train": data[:200],
        "labels_train": labels[:200],
        "data_val": data[200:],
        "labels_val": labels[200:],
    }


def test_training_separates_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    data, model = blobs(), SoftmaxRegression(2, 3)
    model.train_with_sgd(data, 20, 0.01, batch_size=100, print_every=5)
    assert model.get_accuracy(data["data_train"], data["labels_train"]) > 0.97
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(LINE.fullmatch(line) for line in lines)


@pytest.mark.parametrize(
    ("iterations", "print_every", "lines"), [(500, 100, 5), (7, 3, 3), (1, 1, 1), (9, 0, 0)]
)
def test_lines_that_are_printed(
    iterations: int, print_every: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    model = SoftmaxRegression(2, 3)
    model.train_with_sgd(blobs(), iterations, 0.01, print_every=print_every)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_accuracies_are_printed_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    data, model = blobs(), SoftmaxRegression(2, 3)
    training = 100 * model.get_accuracy(data["data_train"], data["labels_train"])
    validation = 100 * model.get_accuracy(data["data_val"], data["labels_val"])
    model.train_with_sgd(data, 1, 0.01)
    expected = f", train acc {training:.2f}%, val acc {validation:.2f}%\n"
    assert capsys.readouterr().out.endswith(expected)


def test_without_validation(capsys: pytest.CaptureFixture[str]) -> None:
    data = blobs()
    data["data_val"], data["labels_val"] = data["data_val"][:0], data["labels_val"][:0]
    SoftmaxRegression(2, 3).train_with_sgd(data, 1, 0.01)
    assert capsys.readouterr().out.endswith("val acc nan%\n")


def test_attributes() -> None:
    model = SoftmaxRegression(4, np.int64(3), weight_scale=0.5, reg=0.1)  # type: ignore[arg-type]
    assert (model.feature_dim, model.num_classes, model.reg) == (4, 3, 0.1)
    assert model.label_map is None
    assert set(model.params) == {"mat_w", "vec_b"}
    assert model.params["mat_w"].shape == (4, 3)
    assert model.params["vec_b"].shape == (3,)
    assert {value.dtype for value in model.params.values()} == {np.dtype(np.float32)}
    assert not model.params["vec_b"].any()
    assert SoftmaxRegression().params == {}


def test_numpys_global_seed_decides() -> None:
    def trained() -> np.ndarray:
        np.random.seed(5)
        model = SoftmaxRegression(2, 3, weight_scale=0.5)
        np.random.seed(5)
        np.testing.assert_array_equal(
            model.params["mat_w"], (0.5 * np.random.randn(2, 3)).astype(np.float32)
        )
        model.train_with_sgd(blobs(), 5, 0.01, batch_size=3, print_every=0)
        return model.params["mat_w"]

    np.testing.assert_array_equal(trained(), trained())


def test_training_changes_the_arrays_of_params() -> None:
    model = SoftmaxRegression(2, 3)
    weights, biases = model.params["mat_w"], model.params["vec_b"]
    before = weights.copy()
    model.train_with_sgd(blobs(), 5, 0.01, print_every=0)
    assert model.params["mat_w"] is weights
    assert model.params["vec_b"] is biases
    assert not np.allclose(weights, before)
    assert biases.any()


def test_arrays_of_params_can_be_changed_and_replaced() -> None:
    model, points = SoftmaxRegression(2, 3), np.eye(2)
    model.params["mat_w"][...] = [[0, 9, 0], [0, 0, 9]]
    assert model.run_inference(points).tolist() == [1, 2]
    model.params["vec_b"] = np.array([99, 0, 0], np.float32)
    assert model.run_inference(points).tolist() == [0, 0]
    model.params = {"mat_w": np.ones((2, 1), np.float32), "vec_b": np.zeros(1, np.float32)}
    assert model.run_inference(points).tolist() == [0, 0]


def test_one_embedding_gives_one_class() -> None:
    model = SoftmaxRegression(2, 3)
    model.params["mat_w"][...] = [[0, 9, 0], [0, 0, 9]]
    found = model.run_inference(np.array([0, 1]))
    assert np.ndim(found) == 0
    assert found == 2


def test_a_label_that_is_no_class_counts_as_wrong() -> None:
    model = SoftmaxRegression(2, 3)
    model.params["mat_w"][...] = [[0, 9, 0], [0, 0, 9]]
    assert model.get_accuracy(np.eye(2), np.array([1, 3])) == 0.5
    assert isinstance(model.get_accuracy(np.eye(2), [1, 2]), float)


def test_the_penalty_can_be_changed() -> None:
    model = SoftmaxRegression(2, 3, weight_scale=5)
    before = np.abs(model.params["mat_w"]).sum()
    model.reg = 10.0
    model.train_with_sgd(blobs(), 50, 0.01, print_every=0)
    assert np.abs(model.params["mat_w"]).sum() < before / 5


def test_a_training_that_diverges_keeps_the_weights() -> None:
    model = SoftmaxRegression(2, 3)
    before = model.params["mat_w"].copy()
    with pytest.raises(ValueError, match="learning_rate"):
        model.train_with_sgd(blobs(), 100, 1e38, print_every=0)
    np.testing.assert_array_equal(model.params["mat_w"], before)


def test_the_label_map() -> None:
    model = SoftmaxRegression(2, 3)
    model._set_label_map({0: "cat"})
    assert model._get_label_map() == model.label_map == {0: "cat"}


def embed(engine: BasicEngine, images: list[np.ndarray]) -> np.ndarray:
    rows = np.empty((len(images), engine.get_output_tensor_size(0)), np.float32)
    for row, image in zip(rows, images, strict=True):
        _, row[:] = engine.run_inference(image.flatten())
    return rows


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_the_saved_model_classifies_like_the_head(kind: str, tmp_path: Path) -> None:
    extractor = build_extractor(kind)
    in_path, out_path = str(tmp_path / "extractor.tflite"), str(tmp_path / "retrained.tflite")
    write_atomically(in_path, extractor.content)
    images = [random_image(extractor, seed=seed) for seed in range(12)]
    embeddings = embed(BasicEngine(in_path), images)
    labels = np.arange(12) % 4
    data: dict[str, Any] = {
        "data_train": embeddings,
        "labels_train": labels,
        "data_val": embeddings,
        "labels_val": labels,
    }
    model = SoftmaxRegression(8, 4, weight_scale=0.05)
    model.train_with_sgd(data, 300, 0.1, print_every=0)
    model.save_as_tflite_model(in_path, out_path)
    engine = ClassificationEngine(out_path)
    scores = np.empty((12, 4))
    for row, image in zip(scores, images, strict=True):
        for label, score in engine.classify_with_input_tensor(image.ravel(), threshold=-1, top_k=4):
            row[label] = score
    weights = model.params["mat_w"].astype(np.float64)
    expected = softmax(embeddings @ weights + model.params["vec_b"])
    # A uint8 model gives probabilities in steps of 1/256: close classes may change places.
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1 / 256 if kind == "uint8" else 1e-5)


def test_saving_fails_as_it_did(tmp_path: Path) -> None:
    model, target = SoftmaxRegression(8, 4), tmp_path / "retrained.tflite"
    with pytest.raises(RuntimeError, match=r"Failed to open file: none\.tflite"):
        model.save_as_tflite_model("none.tflite", target)
    (tmp_path / "other.tflite").write_bytes(build_extractor(features=5).content)
    with pytest.raises(ValueError, match="takes 8 features, but the extractor gives 5"):
        model.save_as_tflite_model(tmp_path / "other.tflite", target)
    assert not target.exists()


def test_checkpoints_are_left_out_and_the_documentation_says_so() -> None:
    assert not hasattr(SoftmaxRegression, "_load_ckpt")
    assert "_load_ckpt" in (SoftmaxRegression.__doc__ or "")
    assert module.__all__ == ["SoftmaxRegression"]
