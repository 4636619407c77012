"""Random classifiers are cut, get a new head and run; the results are compared with NumPy."""

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    make_interpreter,
    random_image,
    run,
    run_to,
)

from coral_learn import ImprintingEngine, create_imprinting_model
from coral_learn.embeddings import Embeddings
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.quantized import softmax
from coral_learn.tflite.head.read import read_head

EXAMPLES = min(40, settings().max_examples)  # the profile for emulation asks for fewer

# The error that rounding in the softmax and its output adds to the error of the logits.
PROBABILITY_STEPS = 2 / 256

FEATURES = st.one_of(
    st.integers(1, 70), st.sampled_from([127, 255, 256, 257, 1023, 1280, 2048, 4095, 4096])
)
CLASSES = st.one_of(st.integers(2, 20), st.sampled_from([100, 255, 256, 257, 1000, 1001]))


@st.composite
def classifiers(draw: st.DrawFn) -> dict[str, Any]:
    """Draws arguments of ``build_classifier``."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    linear = draw(st.sampled_from(["conv", "fully_connected"]))
    return {
        "kind": kind,
        "features": draw(FEATURES),
        "classes": draw(CLASSES),
        "linear": linear,
        "flatten": draw(st.sampled_from(["reshape", "squeeze", None])),
        "activation": draw(st.sampled_from(["softmax", "softmax", "logistic", None])),
        "factor": draw(st.sampled_from([None, None, 0.5, 3.0])),
        "pool": draw(st.sampled_from(["average_pool", "mean"])),
        "rank": 4 if linear == "conv" else draw(st.sampled_from([2, 3, 4])),
        "size": draw(st.sampled_from([(1, 2), (4, 4), (3, 5), (7, 2)])),
        "per_channel": kind.startswith("int8") and draw(st.booleans()),
        "half_precision": kind == "float32" and draw(st.booleans()),
        "dequantize_logits": kind.startswith("int8") and draw(st.booleans()),
        "with_signature": draw(st.booleans()),
        "seed": draw(st.integers(0, 1000)),
    }


LARGEST_MODEL = {
    "kind": "int8 with uint8 outside",
    "features": 4096,
    "classes": 1001,
    "linear": "conv",
    "size": (1, 2),
    "seed": 0,
}


def _run_real(content: bytes, image: np.ndarray) -> NDArray[np.float64]:
    """Runs a model and returns its output as a vector of real numbers."""
    scale, zero_point = make_interpreter(content).get_output_details()[0]["quantization"]
    stored = run(content, image)
    return np.asarray((stored.astype(np.float64) - zero_point) * (scale or 1)).ravel()


def _embedding_tolerance(built: BuiltModel) -> np.ndarray:
    """Returns a bound on the rounding error of each feature of the embedding, [D]."""
    if built.embedding is None:
        return np.full(built.features.shape[1], 1e-5)
    image_step = 1 / 127 if built.image is None else built.image.scale
    roundings = image_step * np.abs(built.features).sum(axis=0)
    return np.asarray(built.embedding.scale * 1.5 + roundings)


def _logit_step(classifier: bytes) -> float:
    (logits,) = (
        tensor for tensor in ModelFile(classifier).graph.tensors if tensor.name == "head/logits"
    )
    return 0.0 if logits.quantization is None else logits.quantization.scale


@settings(max_examples=EXAMPLES)
@given(classifiers())
@example(LARGEST_MODEL)
def test_the_extractor_gives_the_classifiers_embedding(arguments: dict[str, Any]) -> None:
    built = build_classifier(**arguments)
    extractor = create_embedding_extractor(built.content)
    image = random_image(built, arguments["size"], seed=arguments["features"])
    embedding = run(extractor, image)
    inner = run_to(built.content, built.embedding_name, image)
    np.testing.assert_array_equal(embedding, inner)
    assert embedding.dtype == np.dtype(KINDS[arguments["kind"]][0])
    error = np.abs(_run_real(extractor, image) - built.expected_embedding(image))
    assert (error <= _embedding_tolerance(built)).all()


@settings(max_examples=EXAMPLES)
@given(classifiers(), CLASSES, st.booleans(), st.floats(-3, 2))
@example(LARGEST_MODEL, 1001, False, 0.0)
def test_a_new_head_computes_the_softmax_of_its_logits(
    arguments: dict[str, Any], classes: int, per_channel: bool, magnitude: float
) -> None:
    built = build_classifier(**arguments)
    extractor = create_embedding_extractor(built.content)
    random = np.random.default_rng(arguments["seed"])
    size = 10**magnitude / np.sqrt(arguments["features"])
    weights = random.normal(0, size, (arguments["features"], classes)).astype(np.float32)
    biases = random.normal(0, 10**magnitude, classes).astype(np.float32)
    per_channel = per_channel and arguments["kind"].startswith("int8")
    classifier = append_softmax_head(extractor, weights, biases, per_channel=per_channel).content

    stored_weights, stored_biases, _ = read_head(classifier)
    if arguments["kind"] == "float32":
        np.testing.assert_array_equal(stored_weights, weights)
        np.testing.assert_array_equal(stored_biases, biases)
    else:
        # Half a quantization step; the range of the weights has at least 254 steps.
        assert np.abs(stored_weights - weights).max() <= np.abs(weights).max() * 1.01 / 127
    image = random_image(built, arguments["size"], seed=classes)
    embedding = _run_real(extractor, image)
    expected = softmax((embedding @ stored_weights.astype(np.float64) + stored_biases)[None])
    # A probability changes by at most half of the largest error of a logit.
    tolerance = _logit_step(classifier) / 2 + PROBABILITY_STEPS
    if arguments["kind"] == "float32":
        tolerance = 1e-5 * max(1, 10**magnitude)
    np.testing.assert_allclose(_run_real(classifier, image)[None], expected, atol=tolerance)


@settings(max_examples=EXAMPLES)
@given(classifiers(), st.integers(2, 8))
def test_a_calibrated_head_is_close_to_the_float_head(
    arguments: dict[str, Any], classes: int
) -> None:
    built = build_classifier(**arguments)
    extractor = create_embedding_extractor(built.content)
    images = [random_image(built, arguments["size"], seed=seed) for seed in range(12)]
    rows = np.concatenate([run(extractor, image).reshape(1, -1) for image in images])
    embeddings = (
        Embeddings(rows)
        if built.embedding is None
        else Embeddings(rows, built.embedding.scale, built.embedding.zero_point)
    )
    real = np.asarray(embeddings).astype(np.float64)
    random = np.random.default_rng(arguments["seed"])
    weights = random.normal(0, 2 / np.sqrt(arguments["features"]), (len(real[0]), classes))
    biases = -weights.T @ real.mean(axis=0)  # so that no class wins everywhere
    classifier = append_softmax_head(extractor, weights, biases, calibration=embeddings).content
    expected = softmax(real @ weights + biases)
    actual = np.array([_run_real(classifier, image) for image in images])
    assert np.abs(actual - expected).max() < 0.04


@settings(max_examples=EXAMPLES)
@given(classifiers(), st.integers(2, 40), st.sampled_from(["RELU", "NONE"]))
def test_an_extractor_that_ends_in_a_linear_layer_is_not_cut_again(
    arguments: dict[str, Any], hidden: int, activation: str
) -> None:
    head = {"linear": "fully_connected", "hidden": hidden, "hidden_activation": activation}
    built = build_classifier(**{**arguments, **head})
    extractor = create_embedding_extractor(built.content)
    image = random_image(built, arguments["size"], seed=hidden)
    embedding = run(extractor, image)
    np.testing.assert_array_equal(embedding, run_to(built.content, "hidden", image))
    normalized = ImprintingEngine(create_imprinting_model(extractor)).serialize_extractor_model()
    tailed = append_softmax_head(extractor, np.ones((hidden, 2)), np.zeros(2)).content
    for content in (normalized, tailed):
        np.testing.assert_array_equal(run_to(content, "hidden", image), embedding)


@settings(max_examples=EXAMPLES)
@given(classifiers())
@example(LARGEST_MODEL)
def test_a_classifiers_own_head_can_be_appended_again(arguments: dict[str, Any]) -> None:
    built = build_classifier(**{**arguments, "activation": "softmax"})
    weights, biases, labels = read_head(built.content)
    assert labels is None
    np.testing.assert_allclose(weights, built.weights * built.logit_factor, rtol=1e-5)
    np.testing.assert_allclose(biases, built.biases * built.logit_factor, rtol=1e-5)
    again = append_softmax_head(create_embedding_extractor(built.content), weights, biases).content
    image = random_image(built, arguments["size"], seed=1)
    before, after = _run_real(built.content, image), _run_real(again, image)
    tolerance = 1e-5 if built.embedding is None else PROBABILITY_STEPS
    np.testing.assert_allclose(after, before, atol=tolerance)
