"""What a model says or shows about the range of its pixels, and how it is written down."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model_builder import build_classifier, build_extractor, run

from coral_learn.errors import ModelError
from coral_learn.tflite import schema
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.normalization import (
    BYTES,
    IMAGENET,
    INPUT_RANGES,
    SIGNED_UNIT,
    UNIT,
    Normalization,
    parse_normalization,
)
from coral_learn.tflite.quantization import Quantization

Step = tuple[str, float | list[float]]
"""An operator and its constant."""


def model_with(
    steps: list[Step], quantized: tuple[float, float] | None = None, name: str = "image"
) -> ModelFile:
    """Returns a float model that computes steps on its pixels before it pools them."""
    graph = Graph.empty()
    tensor = image = graph.add_tensor(name, [1, 4, 4, 3], np.float32)
    for index, (operator, constant) in enumerate(steps):
        value = np.array(constant, np.float32)
        other = graph.add_tensor(f"constant{index}", value.shape, np.float32, values=value)
        result = graph.add_tensor(f"step{index}", [1, 4, 4, 3], np.float32)
        options = getattr(schema, f"{operator.title()}OptionsT")()
        graph.add_operator(
            getattr(schema.BuiltinOperator, operator), [tensor, other], [result], options=options
        )
        tensor = result
    if quantized is not None:
        quantization = Quantization.of_range(np.dtype(np.int8), *quantized)
        result = graph.add_result("inside", [1, 4, 4, 3], np.int8, quantization)
        graph.add_operator(schema.BuiltinOperator.QUANTIZE, [tensor], [result])
        tensor = result
    pooled = add_pool(graph, tensor)
    graph.set_inputs([image])
    graph.set_output(pooled)
    return ModelFile.of_graph(graph)


def add_pool(graph: Graph, tensor: Tensor) -> Tensor:
    pooled = graph.add_result("pooled", [1, 1, 1, 3], tensor.dtype, tensor.quantization)
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.filterWidth = options.filterHeight = options.strideW = options.strideH = 4
    graph.add_operator(schema.BuiltinOperator.AVERAGE_POOL_2D, [tensor], [pooled], options=options)
    return pooled


def shown_by(model: ModelFile) -> Normalization | None:
    return model.input_evidence and model.input_evidence.normalization


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([("MUL", 1 / 127.5), ("ADD", -1)], BYTES),
        ([("MUL", 1 / 255)], BYTES),
        ([("DIV", 255.0)], BYTES),
        ([("SUB", 127.5), ("DIV", 127.5)], BYTES),
        ([("SUB", [123.675, 116.28, 103.53]), ("DIV", [58.395, 57.12, 57.375])], BYTES),
        ([("SUB", [103.939, 116.779, 123.68])], BYTES),
        ([("SUB", 117.0), ("MUL", 1 / 73)], BYTES),
        ([("SUB", [0.485, 0.456, 0.406]), ("DIV", [0.229, 0.224, 0.225])], UNIT),
        ([("SUB", 0.5), ("MUL", 2.0)], UNIT),
        ([("MUL", 2.0), ("SUB", 1.0)], UNIT),
        ([("SUB", 0.5)], UNIT),
        ([("MUL", 255.0)], UNIT),
        ([("ADD", 1.0), ("MUL", 127.5)], SIGNED_UNIT),
        ([("MUL", 127.5), ("ADD", 127.5)], SIGNED_UNIT),
        ([("MUL", -1.0)], None),
        ([("MUL", 1e-6)], None),
        ([], None),
    ],
)
def test_arithmetic_before_the_first_layer_shows_the_range(
    steps: list[Step], shown: Normalization | None
) -> None:
    model = model_with(steps)
    assert shown_by(model) == shown
    # What is found is written down, so that other programs know it as well.
    assert ModelFile(model.content).normalization == shown


@settings(max_examples=60)
@given(
    name=st.sampled_from(["0..255", "0..1", "-1..1"]),
    target=st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5), (-1.8, 2.0), (-2.1, 2.6)]),
    multiplies_first=st.booleans(),
)
def test_any_scaling_to_a_usual_range_is_recognized(
    name: str, target: tuple[float, float], multiplies_first: bool
) -> None:
    pixels = INPUT_RANGES[name].values()
    factor = (target[1] - target[0]) / (pixels.max() - pixels.min())
    offset = target[0] - pixels.min() * factor
    steps: list[Step] = [("MUL", factor), ("ADD", offset)]
    if not multiplies_first:
        steps = [("ADD", offset / factor), ("MUL", factor)]
    if abs(factor - 1) < 1e-9 and abs(offset) < 1e-9:  # computes nothing
        return
    assert shown_by(model_with(steps)) == INPUT_RANGES[name]


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0, 255, BYTES),
        (0, 1, UNIT),
        (-1, 1, SIGNED_UNIT),
        (0, 254, BYTES),
        (-2.1179, 2.64, IMAGENET),
    ],
)
def test_the_quantization_of_the_input_shows_the_range(
    low: float, high: float, shown: Normalization
) -> None:
    model = model_with([], quantized=(low, high))
    assert shown_by(model) == shown
    assert model.input_evidence is not None
    assert "it quantizes its pixels to the range" in model.input_evidence.reason


def test_a_scaling_between_input_and_quantization_counts() -> None:
    steps: list[Step] = [("MUL", 1 / 127.5), ("ADD", -1)]
    assert shown_by(model_with(steps, quantized=(-1, 1))) == BYTES
    assert shown_by(model_with([("MUL", 3.0)], quantized=(0, 3 * 255))) == BYTES


def test_the_name_of_a_rescaling_layer_that_was_folded_away_shows_the_range() -> None:
    assert shown_by(model_with([], name="serving_default_rescaling_1_input:0")) == BYTES


def test_a_quantized_input_shows_nothing_and_is_known() -> None:
    model = ModelFile(build_extractor("uint8").content)
    assert not model.has_float_input
    assert model.input_evidence is None
    assert not model.has_unknown_range


def test_a_float_model_without_evidence_has_an_unknown_range() -> None:
    model = ModelFile(build_extractor("float32", normalization=None).content)
    assert model.has_float_input
    assert model.has_unknown_range
    assert not ModelFile(build_extractor("float32").content).has_unknown_range


def test_a_file_that_is_no_model_has_no_float_input() -> None:
    for content in (b"", b"TFL3", bytes(64), build_extractor("float32").content[:60]):
        assert not ModelFile(content).has_float_input


@pytest.mark.parametrize("normalization", [BYTES, IMAGENET, Normalization((10.0,), (20.0,))])
@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_a_normalization_is_written_and_kept(kind: str, normalization: Normalization) -> None:
    labels = ["a", "b", "c", "d"]
    built = build_classifier(kind)
    labelled = attach_labels(built.content, labels)
    declared = ModelFile(ModelFile(labelled.content).with_normalization(normalization).content)
    assert declared.normalization is not None
    np.testing.assert_allclose(declared.normalization.values(), normalization.values(), rtol=1e-5)
    assert declared.labels == labels
    assert (declared.given_normalization is not None) == (kind == "uint8")
    image = np.zeros((1, 4, 4, 3), kind)
    np.testing.assert_array_equal(run(declared.content, image), run(built.content, image))
    extractor = ModelFile(create_embedding_extractor(declared.content))
    assert extractor.normalization == declared.normalization
    assert extractor.given_normalization == declared.given_normalization


def test_an_extractor_declares_the_normalization_that_is_given() -> None:
    content = build_classifier("float32", normalization=None).content
    extractor = create_embedding_extractor(content, normalization="0..255")
    assert ModelFile(extractor).normalization == BYTES
    assert ModelFile(create_embedding_extractor(content)).normalization is None


@pytest.mark.parametrize(
    ("text", "normalization"),
    [
        *INPUT_RANGES.items(),
        ("127.5,127.5", SIGNED_UNIT),
        ("123.675,116.28,103.53,58.395,57.12,57.375", IMAGENET),
        (" 0 , 255 ", UNIT),
    ],
)
def test_a_range_is_given_as_text(text: str, normalization: Normalization) -> None:
    assert parse_normalization(text) == normalization
    assert parse_normalization(normalization) == normalization
    assert parse_normalization(str(normalization)) == normalization


@pytest.mark.parametrize("text", ["", "7", "0..256", "1,0", "1,-1", "nan,1", "1,2,3", "1,2,3,4"])
def test_an_unknown_range_is_an_error_that_lists_the_known(text: str) -> None:
    with pytest.raises(ValueError, match=r"use one of -1\.\.1, 0\.\.1, 0\.\.255, imagenet"):
        parse_normalization(text)


def test_a_broken_model_has_no_range() -> None:
    model = ModelFile(b"no model")
    assert not model.has_unknown_range
    with pytest.raises(ModelError):
        model.with_normalization(BYTES)
