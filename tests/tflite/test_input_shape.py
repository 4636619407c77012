"""Models for batches and for images of any size become models for one image of a fixed size."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.input_shapes import ShapedModel, with_input, with_several_subgraphs
from tests.support.model_builder import build_classifier, build_extractor, run

from coral_learn import edgetpu
from coral_learn.errors import ModelError
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.embedding import list_candidates, read_embedding
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.image_shape import ImageShape, checked_size
from coral_learn.tflite.imprinting.create import create_imprinting_model
from coral_learn.tflite.input_shape import check_image_input, fix_input_shape
from coral_learn.tflite.metadata import find_metadata

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EXAMPLES = min(30, settings().max_examples)


def shape_of(content: bytes) -> tuple[int, ...]:
    [image] = ModelFile(content).graph.inputs
    assert image.table.shapeSignature is None
    return image.shape


def resized(content: bytes, images: np.ndarray) -> tuple[Any, Any]:
    """Returns an interpreter whose input has the shape of the images, and its description."""
    interpreter = edgetpu.runtime_module().Interpreter(model_content=content)
    [image] = interpreter.get_input_details()
    interpreter.resize_tensor_input(image["index"], images.shape)
    interpreter.allocate_tensors()
    return interpreter, image


def run_at(content: bytes, images: np.ndarray) -> np.ndarray:
    """Runs a model whose input the runtime resizes."""
    interpreter, image = resized(content, images)
    interpreter.set_tensor(image["index"], images)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def inner_shapes(content: bytes, images: np.ndarray) -> dict[str, list[int]]:
    """Returns the shape that the runtime gives to each tensor, by name."""
    interpreter, _ = resized(content, images)
    return {each["name"]: each["shape"].tolist() for each in interpreter.get_tensor_details()}


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "signature", "expected"),
    [
        ([1, 28, 30, 1], None, ImageShape(1, 30, 28, 1)),
        ([1, 28, 30, 3], [-1, 28, 30, 3], ImageShape(1, 30, 28, 3)),
        ([1, 3, 28, 30], None, ImageShape(1, 30, 28, 3, channels_first=True)),
        ([1, 1, 28, 30], [-1, 1, 28, 30], ImageShape(1, 30, 28, 1, channels_first=True)),
        ([1, 3, 3, 3], None, ImageShape(1, 3, 3, 3)),
        ([1, 3, 30, 1], None, ImageShape(1, 30, 3, 1)),
        ([32, 64, 64, 3], None, ImageShape(32, 64, 64, 3)),
        ([1, 1, 1, 3], [-1, -1, -1, 3], ImageShape(1, 1, 1, 3, False, True, True)),
        ([1, 1, 1, 3], None, ImageShape(1, 1, 1, 3, False, True, True)),
        ([1, 1, 1, 3], [-1, 1, 1, 3], ImageShape(1, 1, 1, 3)),
        ([1, 64, 1, 3], [-1, 64, -1, 3], ImageShape(1, 1, 64, 3, False, True, False)),
        ([1, 3, 1, 1], [-1, 3, -1, -1], ImageShape(1, 1, 1, 3, True, True, True)),
        ([1, 3, 1, 1], None, ImageShape(1, 1, 1, 3, True, True, True)),
        ([1, 1, 1, 1], [-1, -1, -1, 1], ImageShape(1, 1, 1, 1, False, True, True)),
    ],
)
def test_the_shape_of_an_input(
    shape: list[int], signature: list[int] | None, expected: ImageShape
) -> None:
    assert ImageShape.of(shape, signature) == expected
    assert expected.dims == shape


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([1, 10], r"shape \[1, 10\], but must be one image, \[1, height, width, 3\]"),
        ([1, 8, 64, 64, 3], "as models for video and volumes have"),
        ([1, 64, 64, 4], r"shape \[1, 64, 64, 4\]"),
        ([28, 28], r"shape \[28, 28\]"),
        ([], r"shape \[\]"),
    ],
)
def test_other_shapes_are_refused(shape: list[int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ImageShape.of(shape)


def test_an_input_without_a_number_of_channels_is_refused() -> None:
    with pytest.raises(ModelError, match="without a fixed number of channels"):
        ImageShape.of([1, 1, 1, 1], [-1, -1, -1, -1])


@pytest.mark.parametrize("size", [0, -1, 10_000, (3,), (1, 2, 3), 2.5, "224"])
def test_an_input_size_that_is_not_a_size_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="the input size must be a number of pixels from 1"):
        checked_size(size)


def test_an_input_size_is_one_number_or_two() -> None:
    assert checked_size(96) == (96, 96)
    assert checked_size((96, 64)) == (96, 64)
    assert checked_size(None) is None


def test_a_model_with_a_fixed_shape_is_not_changed() -> None:
    model = ModelFile(build_classifier().content)
    assert fix_input_shape(model) is model
    assert fix_input_shape(model, 4) is model
    with pytest.raises(ValueError, match=r"photos of 4 x 4 pixels, .* cannot be changed to 8 x 8"):
        fix_input_shape(model, 8)


@st.composite
def backbones(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "batch": draw(st.sampled_from([1, 2, 8, 32])),
        "channels": draw(st.sampled_from([1, 3])),
        "channels_first": draw(st.booleans()),
        "any_size": draw(st.booleans()),
        "gate": draw(st.booleans()),
        "pool": draw(st.sampled_from(["mean", "kept", "reshaped", "flattened", "computed"])),
        "size": draw(st.tuples(st.integers(9, 20), st.integers(9, 20))),
        "seed": draw(st.integers(0, 100)),
    }


def build(drawn: dict[str, Any]) -> bytes:
    """Builds a classifier; one for any size stores one pixel, as converters do."""
    width, height = (1, 1) if drawn["any_size"] else drawn["size"]
    batch, channels = drawn["batch"], drawn["channels"]
    shape, signature = [batch, height, width, channels], [batch, -1, -1, channels]
    if drawn["channels_first"]:
        shape, signature = [batch, channels, height, width], [batch, channels, -1, -1]
    model = ShapedModel(shape, signature if drawn["any_size"] else None, drawn["seed"])
    if drawn["channels_first"]:
        model.transpose(0, 2, 3, 1)
    model.convolve(5).convolve(6, stride=2)
    if drawn["gate"]:
        model.squeeze_and_excite()
    kind = "kept" if drawn["any_size"] and drawn["pool"] == "flattened" else drawn["pool"]
    if kind == "flattened":
        model.reshape(batch, int(np.prod(model.last.shape[1:])))
    else:
        model.pool(keep=kind != "mean")
    if kind == "computed":
        model.flatten_as_keras()
    if kind == "reshaped":
        model.reshape(-1, 6, of=[batch, 6])
    return model.classify().content()


@settings(max_examples=EXAMPLES)
@given(backbones())
def test_the_extractor_of_one_image_gives_the_same_embedding(drawn: dict[str, Any]) -> None:
    content, (width, height) = build(drawn), drawn["size"]
    extractor = create_embedding_extractor(
        content, input_size=(width, height) if drawn["any_size"] else None
    )
    channels = drawn["channels"]
    shape = (channels, height, width) if drawn["channels_first"] else (height, width, channels)
    assert ModelFile(extractor).graph.inputs[0].shape == (1, *shape)
    assert read_embedding(extractor).shape[:-1] in ((1,), (1, 1, 1))
    image = random_images(1, *shape)
    weights, biases, _ = read_head(content)
    classifier = append_softmax_head(extractor, weights, biases).content
    # The whole batch, with the same image in each place; the runtime resizes models of any size.
    batch = np.repeat(image, drawn["batch"], 0)
    expected = run_at(content, batch) if drawn["any_size"] else run(content, batch)
    np.testing.assert_allclose(run(classifier, image), expected[:1], rtol=1e-5, atol=1e-6)


@settings(max_examples=EXAMPLES)
@given(backbones())
def test_all_inner_shapes_are_those_of_the_runtime(drawn: dict[str, Any]) -> None:
    content, (width, height) = build(drawn), drawn["size"]
    fixed = fix_input_shape(ModelFile(content), (width, height) if drawn["any_size"] else None)
    [image] = fixed.graph.inputs
    found = inner_shapes(fixed.content, random_images(*image.shape))
    for tensor in fixed.graph.tensors:
        if tensor.name in found:  # the runtime may add some and leave out others
            assert found[tensor.name] == list(tensor.shape), tensor.name


@pytest.mark.parametrize("name", ["batch8", "anysize", "gray_float", "hobby_gray_i8", "nchw_float"])
def test_models_of_converters_give_the_same_embedding(data_dir: Path, name: str) -> None:
    content = (data_dir / "models" / "odd" / f"{name}.tflite").read_bytes()
    size = 96 if name == "anysize" else None
    extractor = create_embedding_extractor(content, input_size=size)
    weights, biases, _ = read_head(content)
    classifier = append_softmax_head(extractor, weights, biases).content
    [image] = ModelFile(classifier).graph.inputs
    pixels = random_images(*image.shape)
    if image.type_name == "int8":
        pixels = np.rint(pixels * 127).astype(np.int8)
    batch = ModelFile(content).graph.inputs[0].shape[0]
    expected = run_at(content, np.repeat(pixels, batch, 0))
    np.testing.assert_allclose(run(classifier, pixels), expected[:1], rtol=1e-5, atol=1e-6)


def test_real_models_have_the_shapes_that_the_rules_give(data_dir: Path) -> None:
    from coral_learn.tflite.input_shape import _FixedShapes

    checked = 0
    for path in sorted((data_dir / "models").rglob("*.tflite")):
        model = ModelFile.open(path)
        try:
            shape = check_image_input(model.graph)
        except ModelError:
            continue
        if not shape.is_fixed or model.is_compiled:
            continue
        graph = model.graph.copy()
        before = [tensor.shape for tensor in graph.tensors]
        _FixedShapes(graph, shape, shape).write()
        assert [tensor.shape for tensor in graph.tensors] == before, path.name
        checked += 1
    assert checked >= 20


def test_a_model_of_any_size_gets_224_pixels_by_default() -> None:
    content = ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]).convolve(4).pool().classify().content()
    assert shape_of(create_embedding_extractor(content)) == (1, 224, 224, 3)
    assert shape_of(create_embedding_extractor(content, input_size=(64, 32))) == (1, 32, 64, 3)
    assert ModelFile(create_imprinting_model(content)).graph.inputs[0].shape == (1, 224, 224, 3)


@pytest.mark.parametrize("kind", ["batch", "any size", "gray", "channels first"])
def test_an_imprinting_model_that_keeps_classes_takes_one_image(kind: str) -> None:
    starts = {
        "batch": ShapedModel([8, 9, 9, 3]),
        "any size": ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]),
        "gray": ShapedModel([1, 9, 9, 1]),
        "channels first": ShapedModel([1, 3, 9, 9]).transpose(0, 2, 3, 1),
    }
    content = starts[kind].convolve(5).pool().classify().content()
    made = create_imprinting_model(content, keep_classes=True)
    [image] = ModelFile(made).graph.inputs
    images = random_images(*image.shape)
    batch = np.repeat(images, 8 if kind == "batch" else 1, 0)
    expected = run_at(content, batch)[:1]
    np.testing.assert_allclose(run(made, images), expected, atol=0.02)


def test_a_head_on_an_extractor_of_any_size_says_which_size_it_gets() -> None:
    content = ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]).convolve(4).pool().content()
    head = np.ones((4, 2), np.float32), np.ones(2, np.float32)
    with pytest.warns(UserWarning, match="takes one size: 224 x 224 pixels"):
        classifier = append_softmax_head(content, *head)
    assert shape_of(classifier.content) == (1, 224, 224, 3)


@pytest.mark.parametrize("batch", [8, 32])
def test_the_embedding_of_a_batch_counts_as_one_vector(batch: int) -> None:
    content = ShapedModel([batch, 9, 9, 3]).convolve(5).pool().content()
    assert read_embedding(content).shape == (1, 5)
    assert [each.shape for each in list_candidates(content)] == [(1, 5)]
    head = np.ones((5, 2), np.float32), np.ones(2, np.float32)
    assert ModelFile(append_softmax_head(content, *head).content).graph.inputs[0].shape[0] == 1


def test_a_reshape_that_joins_the_batch_is_refused_as_a_batch() -> None:
    content = ShapedModel([32, 9, 9, 3]).convolve(5).pool().reshape(1, 160).classify().content()
    with pytest.raises(ModelError, match=r"a batch of 32 .*RESHAPE to \[1, 160\].* a batch of 1"):
        create_embedding_extractor(content)


def test_a_size_that_does_not_fit_is_refused() -> None:
    content = ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]).convolve(4).pool().classify().content()
    with pytest.raises(ModelError, match=r"fixed to 2 x 2 pixels \(the image is too small"):
        create_embedding_extractor(content, input_size=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_input(build_classifier().content, dtype="INT16"), "activations are int16"),
        (with_input(build_classifier().content, dtype="UINT16"), "input is uint16"),
        (with_input(build_classifier().content, shape=[1, 10]), r"shape \[1, 10\]"),
        (with_several_subgraphs(build_classifier().content), "has 2 subgraphs"),
    ],
    ids=["int16", "uint16", "no image", "subgraphs"],
)
def test_surgery_refuses_other_inputs_with_the_reason(content: bytes, message: str) -> None:
    for function in (create_embedding_extractor, create_imprinting_model, list_candidates):
        with pytest.raises(ModelError, match=message):
            function(content)


def test_int16_activations_after_a_float_input_are_refused() -> None:
    model = build_classifier("int8 with float32 outside")
    graph = ModelFile(model.content).graph.copy()
    inside = graph.operators[0].outputs[0]
    inside.table.type = 7  # INT16
    inside.table.quantization = None
    with pytest.raises(ModelError, match="activations are int16"):
        check_image_input(graph)


def test_the_inputs_of_a_model_with_two_are_named(data_dir: Path) -> None:
    content = (data_dir / "models" / "odd" / "image_and_table_f32.tflite").read_bytes()
    message = r"has 2 inputs \(.* \[1, 4\] float32 and an image, .* \[1, 64, 64, 3\] float32\)"
    with pytest.raises(ModelError, match=message):
        create_embedding_extractor(content)


def test_a_compiled_model_of_a_fixed_shape_is_not_changed(data_dir: Path) -> None:
    path = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite"
    model = ModelFile.open(path)
    assert fix_input_shape(model) is model


def test_the_metadata_of_a_gray_input_say_that_it_is_gray() -> None:
    content = ShapedModel([1, 9, 9, 1]).convolve(5).pool().content()
    head = np.ones((5, 2), np.float32), np.ones(2, np.float32)
    metadata = find_metadata(append_softmax_head(content, *head, labels=["a", "b"]).tree)
    assert metadata is not None
    [described] = metadata["subgraph_metadata"][0]["input_tensor_metadata"]
    assert described["content"]["content_properties"][1] == {"color_space": 2}


def test_a_fixed_model_keeps_its_labels_and_name() -> None:
    extractor = build_extractor().content
    model = append_softmax_head(
        extractor, np.ones((8, 2), np.float32), np.ones(2, np.float32), labels=["a", "b"]
    )
    batch = ModelFile(with_input(model.content, shape=[4, 4, 4, 3]), "some.tflite")
    graph = batch.graph.copy()
    changed = batch.with_graph(graph)
    assert (changed.name, changed.labels) == ("some.tflite", batch.labels)


@settings(max_examples=EXAMPLES * 5)
@given(backbones(), st.data())
def test_damaged_models_raise_only_model_errors(drawn: dict[str, Any], data: st.DataObject) -> None:
    content = bytearray(build(drawn))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(8, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelError):
        fix_input_shape(ModelFile(bytes(content)))
