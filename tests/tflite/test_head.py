"""Appending heads to extractors, and reading them back."""

import numpy as np
import pytest
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    build_compiled_extractor,
    build_extractor,
    custom_options,
    make_interpreter,
    random_image,
    run,
    run_to,
    with_outputs,
)

from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.tflite import schema
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.head.append import append_softmax_head, quantization_report
from coral_learn.tflite.head.quantized import softmax
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.labels import read_labels
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.quantization import Quantization
from coral_learn.tflite.tree import pack, unpack

QUANTIZED = [kind for kind in KINDS if kind != "float32"]
SCALES = [(kind, False) for kind in KINDS] + [(kind, True) for kind in KINDS if "int8" in kind[:4]]


def _random_head(
    features: int = 8, classes: int = 4, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = random.normal(0, 1.5 / np.sqrt(features), (features, classes)).astype(np.float32)
    return weights, random.normal(0, 0.3, classes).astype(np.float32)


def _embeddings(built: BuiltModel, count: int = 64, seed: int = 1) -> Embeddings:
    """Returns embeddings of random images, as the extractor would compute them."""
    random = np.random.default_rng(seed)
    features = built.features.shape[1]
    pixels = random.uniform(-1, 1, (count, 16, 3))
    real = np.clip(pixels @ built.features, 0, 6).mean(1).reshape(count, features)
    if built.embedding is None:
        return Embeddings(real.astype(np.float32))
    return Embeddings(
        built.embedding.quantize(real), built.embedding.scale, built.embedding.zero_point
    )


def _real_probabilities(content: bytes, image: np.ndarray) -> np.ndarray:
    interpreter = make_interpreter(content)
    scale, zero_point = interpreter.get_output_details()[0]["quantization"]
    stored = run(content, image)
    return np.asarray((stored.astype(np.float64) - zero_point) * (scale or 1))


def _tensor(content: bytes, name: str) -> Tensor:
    (tensor,) = (each for each in ModelFile(content).graph.tensors if each.name == name)
    return tensor


def _quantization(content: bytes, name: str) -> Quantization:
    """Returns how a tensor with one scale stores real numbers."""
    quantization = _tensor(content, name).quantization
    assert quantization is not None
    return quantization


def _stored_scales(tensor: schema.TensorT) -> tuple[list[float], list[int]]:
    """Returns the scales and zero points of a tensor as stored in the file."""
    quantization = tensor.quantization
    assert quantization is not None
    assert quantization.scale is not None
    assert quantization.zeroPoint is not None
    return quantization.scale.tolist(), quantization.zeroPoint.tolist()


def _operators(content: bytes) -> list[tuple[str, int]]:
    """Returns the names and versions of the operators."""
    graph = ModelFile(content).graph
    codes = graph.model.operatorCodes
    return [(each.name, codes[each.table.opcodeIndex].version) for each in graph.operators]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_the_model_computes_what_the_head_computes(kind: str, rank: int) -> None:
    built = build_extractor(kind, rank=rank)
    weights, biases = _random_head()
    classifier = append_softmax_head(
        built.content, weights, biases, calibration=_embeddings(built)
    ).content
    for seed in range(5):
        image = random_image(built, seed=seed)
        expected = softmax((built.expected_embedding(image) @ weights + biases)[None])
        tolerance = 1e-5 if kind == "float32" else 2 / 256
        np.testing.assert_allclose(_real_probabilities(classifier, image), expected, atol=tolerance)


@pytest.mark.parametrize(
    ("kind", "tail"),
    [
        ("uint8", [("FULLY_CONNECTED", 1), ("RESHAPE", 1), ("SOFTMAX", 1)]),
        ("int8", [("FULLY_CONNECTED", 4), ("RESHAPE", 1), ("SOFTMAX", 2)]),
        ("float32", [("FULLY_CONNECTED", 1), ("RESHAPE", 1), ("SOFTMAX", 1)]),
        (
            "int8 with uint8 outside",
            [("FULLY_CONNECTED", 4), ("RESHAPE", 1), ("SOFTMAX", 2), ("QUANTIZE", 1)],
        ),
        (
            "int8 with float32 outside",
            [("FULLY_CONNECTED", 4), ("RESHAPE", 1), ("SOFTMAX", 2), ("DEQUANTIZE", 2)],
        ),
    ],
)
def test_operators_and_their_versions_suit_old_runtimes(
    kind: str, tail: list[tuple[str, int]]
) -> None:
    built = build_extractor(kind)
    classifier = append_softmax_head(built.content, *_random_head()).content
    assert _operators(classifier) == _operators(built.content) + tail
    output = make_interpreter(classifier).get_output_details()[0]
    assert np.dtype(output["dtype"]) == KINDS[kind][1]
    assert output["shape"].tolist() == [1, 4]
    quantization = {"uint8": (1 / 256, 0), "int8": (1 / 256, -128), "float32": (0.0, 0)}
    assert output["quantization"] == quantization[KINDS[kind][1]]


def test_a_2d_embedding_needs_no_reshape() -> None:
    built = build_extractor("uint8", rank=2)
    names = [
        name for name, _ in _operators(append_softmax_head(built.content, *_random_head()).content)
    ]
    assert names[-2:] == ["FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("kind", KINDS)
def test_appending_a_head_leaves_the_extractor_unchanged(kind: str) -> None:
    built = build_extractor(kind, with_signature=True)
    given = bytes(built.content)
    weights, biases = _random_head()
    head = weights.copy(), biases.copy()
    classifier = append_softmax_head(built.content, weights, biases).content
    assert built.content == given
    np.testing.assert_array_equal(head[0], weights)
    np.testing.assert_array_equal(head[1], biases)

    before, after = unpack(built.content), unpack(classifier)
    graph, new_graph = before.subgraphs[0], after.subgraphs[0]
    for old, new in zip(graph.tensors, new_graph.tensors, strict=False):
        assert (old.name, old.type, old.shape.tolist()) == (new.name, new.type, new.shape.tolist())
        old_data, new_data = before.buffers[old.buffer].data, after.buffers[new.buffer].data
        if old_data is None:
            assert new_data is None
        else:
            assert new_data is not None
            assert old_data.tobytes() == new_data.tobytes()
        if old.quantization is not None and old.quantization.scale is not None:
            assert _stored_scales(old) == _stored_scales(new)
    image = random_image(built)
    embedding = run_to(classifier, built.embedding_name, image)
    np.testing.assert_array_equal(embedding, run(built.content, image))


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_outputs_the_probabilities(kind: str) -> None:
    built = build_extractor(kind, with_signature=True)
    classifier = append_softmax_head(built.content, *_random_head()).content
    image = random_image(built)
    given = make_interpreter(classifier).get_signature_runner("serving_default")(image=image)
    np.testing.assert_array_equal(given["scores"], run(classifier, image))


def test_labels_are_stored_in_the_model() -> None:
    built = build_extractor("uint8")
    labels = ["daisy", "ox-eye", "Gänseblümchen", "7 up"]
    classifier = append_softmax_head(built.content, *_random_head(), labels=labels).content
    assert read_labels(classifier) == labels
    assert read_head(classifier)[2] == labels


def test_the_edge_tpu_operator_is_unchanged() -> None:
    compiled = build_compiled_extractor()
    weights, biases = _random_head()
    classifier = append_softmax_head(compiled.content, weights, biases).content
    names = [name for name, _ in _operators(classifier)]
    assert names == ["edgetpu-custom-op", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX"]
    options = [custom_options(content) for content in (compiled.content, classifier)]
    assert options[0] == options[1] == bytes(range(251))
    np.testing.assert_allclose(read_head(classifier)[0], weights, atol=0.02)


@pytest.mark.parametrize(
    ("weights", "biases", "message"),
    [
        (np.ones((9, 4)), np.zeros(4), "takes 9 features, but the extractor gives 8"),
        (np.ones((8, 4)), np.zeros(3), r"not \[8, 4\] and \[3\]"),
        (np.ones(8), np.zeros(1), r"not \[8\] and \[1\]"),
        (np.ones((8, 0)), np.zeros(0), r"not \[8, 0\] and \[0\]"),
        (np.full((8, 4), np.nan), np.zeros(4), "finite"),
        (np.full((8, 4), 1e300), np.zeros(4), "finite"),
        (np.ones((8, 4)), np.full(4, np.inf), "finite"),
    ],
)
def test_invalid_heads_are_refused(weights: np.ndarray, biases: np.ndarray, message: str) -> None:
    built = build_extractor("uint8")
    with pytest.raises(ValueError, match=message):
        append_softmax_head(built.content, weights, biases)


def test_labels_and_calibration_must_match_the_head() -> None:
    built = build_extractor("uint8")
    head = _random_head()
    with pytest.raises(ValueError, match="3 labels for 4 classes"):
        append_softmax_head(built.content, *head, labels=["a", "b", "c"])
    with pytest.raises(ValueError, match="embeddings have 9 features, but the head takes 8"):
        append_softmax_head(
            built.content, *head, calibration=Embeddings(np.zeros((1, 9), np.float32))
        )
    with pytest.raises(ValueError, match=r"only int8 models .* not uint8"):
        append_softmax_head(built.content, *head, per_channel=True)


def test_models_that_do_not_output_one_embedding_are_refused() -> None:
    built = build_extractor("uint8")
    head = _random_head()
    two = with_outputs(built.content, ["pooled", "features"])
    with pytest.raises(ModelError, match="has 2 outputs; an embedding extractor has one"):
        append_softmax_head(two, *head)
    with pytest.raises(ModelError, match=r"this model gives \[1, 4, 4, 8\]"):
        append_softmax_head(with_outputs(built.content, ["features"]), *head)
    graph = Graph(unpack(built.content))
    graph.set_output(graph.add_tensor("shape", [1, 8], np.int32, values=np.zeros((1, 8))))
    with pytest.raises(ModelError, match="this model gives int32"):
        append_softmax_head(pack(graph.model), *head)


HEADS = {
    "all zero": (0.0, 0.0),
    "only biases": (0.0, 1.0),
    "tiny": (1e-30, 1e-30),
    "subnormal weights": (1e-42, 0.0),
    "huge": (1e30, 1.0),
    "huge biases": (1.0, 1e9),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HEADS)
def test_heads_with_extreme_weights_compute_the_right_probabilities(kind: str, name: str) -> None:
    built = build_extractor(kind)
    weights, biases = _random_head()
    weights, biases = weights * np.float32(HEADS[name][0]), biases * np.float32(HEADS[name][1])
    image = random_image(built)
    expected = softmax((built.expected_embedding(image) @ weights + biases)[None])
    for calibration in (None, _embeddings(built), _embeddings(built, count=0)):
        classifier = append_softmax_head(
            built.content, weights, biases, calibration=calibration
        ).content
        np.testing.assert_allclose(_real_probabilities(classifier, image), expected, atol=0.03)


@pytest.mark.parametrize("kind", QUANTIZED)
def test_without_calibration_no_logit_saturates(kind: str) -> None:
    built = build_extractor(kind)
    weights, biases = _random_head()
    classifier = append_softmax_head(built.content, weights, biases).content
    logits = _quantization(classifier, "head/logits")
    lowest = np.iinfo(KINDS[kind][0]).min - logits.zero_point
    low, high = (lowest + np.array([0, 255])) * logits.scale
    assert built.embedding is not None
    ends = weights * built.embedding.low, weights * built.embedding.high
    assert low <= (np.minimum(*ends).sum(0) + biases).min() + logits.scale
    assert high >= (np.maximum(*ends).sum(0) + biases).max() - logits.scale


@pytest.mark.parametrize("kind", QUANTIZED)
def test_calibration_makes_the_head_more_accurate(kind: str) -> None:
    built = build_extractor(kind, features=256)
    weights, biases = _random_head(256, 10)
    seen, unseen = _embeddings(built, 256), _embeddings(built, 256, seed=2)
    coarse = quantization_report(built.content, weights, biases, unseen)
    fine = quantization_report(built.content, weights, biases, unseen, calibration=seen)
    assert fine.largest_error < 0.02
    assert fine.largest_error < coarse.largest_error / 4
    assert fine.agreement > max(0.95, coarse.agreement)


def test_calibration_lets_irrelevant_logits_saturate() -> None:
    """The logits of a class that never scores high may saturate, so that the scale is finer."""
    built = build_extractor("uint8", features=64)
    weights, biases = _random_head(64, 5)
    biases[4] = -60
    seen = _embeddings(built, 256)
    report = quantization_report(built.content, weights, biases, seen, calibration=seen)
    assert report.largest_error < 0.03
    classifier = append_softmax_head(built.content, weights, biases, calibration=seen).content
    assert 255 * _quantization(classifier, "head/logits").scale < 45


@pytest.mark.parametrize("kind", [kind for kind in QUANTIZED if kind.startswith("int8")])
def test_per_channel_scales_preserve_small_weights(kind: str) -> None:
    built = build_extractor(kind, features=32)
    weights, biases = _random_head(32, 4)
    weights[:, 0] *= 0.002
    calibration = _embeddings(built)
    stored = [
        read_head(
            append_softmax_head(
                built.content, weights, biases, calibration=calibration, per_channel=per_channel
            ).content
        )[0]
        for per_channel in (False, True)
    ]
    errors = [np.abs(each - weights)[:, 0].max() for each in stored]
    assert errors[1] < errors[0] / 20
    classifier = append_softmax_head(built.content, weights, biases, per_channel=True).content
    tensor = _tensor(classifier, "head/weights")
    assert tensor.table.quantization is not None
    assert tensor.table.quantization.quantizedDimension == 0
    assert len(tensor.scales.scales) == 4
    image = random_image(built)
    expected = softmax((built.expected_embedding(image) @ weights + biases)[None])
    np.testing.assert_allclose(_real_probabilities(classifier, image), expected, atol=0.1)


@pytest.mark.parametrize("kind", QUANTIZED)
def test_the_quantization_report_matches_the_interpreter(kind: str) -> None:
    """The report is computed without a runtime, so the test compares it with one."""
    built = build_extractor(kind, features=16)
    weights, biases = _random_head(16, 5)
    classifier = append_softmax_head(
        built.content, weights, biases, calibration=_embeddings(built)
    ).content
    interpreter = make_interpreter(
        with_outputs(classifier, [built.embedding_name, "head/probabilities"])
    )
    rows, seen = [], []
    for seed in range(40):
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], random_image(built, seed=seed)
        )
        interpreter.invoke()
        embedding, probabilities = (
            interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()
        )
        rows.append(embedding.ravel())
        seen.append(
            (probabilities.ravel().astype(np.float64) - np.iinfo(probabilities.dtype).min) / 256
        )
    assert built.embedding is not None
    embeddings = Embeddings(np.array(rows), built.embedding.scale, built.embedding.zero_point)
    report = quantization_report(
        built.content, weights, biases, embeddings, calibration=_embeddings(built)
    )
    expected = softmax(np.asarray(embeddings).astype(np.float64) @ weights + biases)
    assert report.rows == 40
    assert report.largest_error == pytest.approx(
        np.abs(expected - np.array(seen)).max(), abs=1 / 256
    )
    agreement = (expected.argmax(1) == np.array(seen).argmax(1)).mean()
    assert report.agreement == pytest.approx(agreement, abs=1 / 40)


def test_a_trained_head_reports_its_quantization_error() -> None:
    built = build_extractor("uint8")
    seen = _embeddings(built)
    labels = np.asarray(seen)[:, 0] > np.median(np.asarray(seen)[:, 0])
    head = SoftmaxRegression(8, 2, seed=0)
    with pytest.raises(ValueError, match="not trained here"):
        head.quantization_report(built.content)
    data = {"data_train": seen, "labels_train": labels.astype(int)}
    data |= {"data_val": seen, "labels_val": labels.astype(int)}
    head.train_with_sgd(data, 100, 0.1, print_every=0)
    report = head.quantization_report(built.content)
    assert report.rows == 64
    assert report.agreement > 0.9
    assert 0 < report.largest_error < 0.02
    assert head.quantization_report(built.content, np.asarray(seen)[:10]).rows == 10


def test_a_float_model_has_no_quantization_error() -> None:
    built = build_extractor("float32")
    report = quantization_report(built.content, *_random_head(), _embeddings(built))
    assert (report.rows, report.agreement, report.largest_error) == (64, 1.0, 0.0)
    with pytest.raises(ValueError, match="needs embeddings"):
        quantization_report(built.content, *_random_head(), _embeddings(built, count=0))


@pytest.mark.parametrize("kind", KINDS)
def test_an_appended_head_is_read_back(kind: str) -> None:
    built = build_extractor(kind, features=16)
    weights, biases = _random_head(16, 5)
    read_weights, read_biases, labels = read_head(
        append_softmax_head(built.content, weights, biases).content
    )
    step = 0.0 if kind == "float32" else (weights.max() - weights.min()) / 120
    np.testing.assert_allclose(read_weights, weights, atol=step / 2)
    np.testing.assert_allclose(read_biases, biases, atol=step)
    assert read_weights.dtype == read_biases.dtype == np.float32
    assert labels is None


@pytest.mark.parametrize(("kind", "per_channel"), SCALES)
@pytest.mark.parametrize("linear", ["conv", "fully_connected"])
def test_heads_of_existing_classifiers_are_read(kind: str, per_channel: bool, linear: str) -> None:
    built = build_classifier(kind, linear=linear, factor=3.0, per_channel=per_channel)
    weights, biases, labels = read_head(built.content)
    np.testing.assert_allclose(weights, 3 * built.weights, rtol=1e-5)
    np.testing.assert_allclose(biases, 3 * built.biases, rtol=1e-5)
    assert labels is None


def test_half_precision_heads_are_read() -> None:
    built = build_classifier("float32", linear="fully_connected", rank=2, half_precision=True)
    weights, biases, _ = read_head(built.content)
    np.testing.assert_array_equal(weights, built.weights)
    np.testing.assert_array_equal(biases, built.biases)


@pytest.mark.parametrize(("kind", "per_channel"), SCALES)
def test_a_head_can_be_cut_off_and_appended_again(kind: str, per_channel: bool) -> None:
    """The probabilities change by at most one quantization step."""
    built = build_classifier(kind, features=40, classes=30, per_channel=per_channel)
    weights, biases, _ = read_head(built.content)
    again = append_softmax_head(create_embedding_extractor(built.content), weights, biases).content
    for seed in range(10):
        image = random_image(built, seed=seed)
        np.testing.assert_allclose(
            _real_probabilities(again, image),
            _real_probabilities(built.content, image),
            atol=1e-6 if kind == "float32" else 1 / 256 + 1e-9,
        )
    assert b"CORAL_LEARN_HEAD" not in again


def test_a_different_head_does_not_reuse_the_scales_of_the_one_cut_off() -> None:
    built = build_classifier("uint8", features=40, classes=4)
    extractor = create_embedding_extractor(built.content)
    weights, biases = 100 * built.weights, built.biases
    classifier = append_softmax_head(extractor, weights, biases).content
    np.testing.assert_allclose(read_head(classifier)[0], weights, atol=2)
    assert b"CORAL_LEARN_HEAD" not in classifier


def test_models_without_a_readable_head_are_refused() -> None:
    with pytest.raises(ModelError, match="this model has none"):
        read_head(build_extractor("uint8").content)
    with pytest.raises(ModelError, match="compiled for the Edge TPU"):
        read_head(build_compiled_extractor().content)
    with pytest.raises(ModelError, match="has an activation"):
        read_head(build_classifier("float32", fused_activation="RELU").content)
