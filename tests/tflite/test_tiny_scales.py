"""Models with channels that are always 0, to which converters give scales as small as 1e-35."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model_builder import build_classifier, make_interpreter, random_image, run

from coral_learn import (
    ImprintingEngine,
    ModelError,
    add_class,
    create_embedding_extractor,
    create_imprinting_model,
    read_head,
)
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.tree import pack, unpack

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
TINY = [0.0, SMALLEST, 1e-40, 1e-35, 1e-30]
LAYERS = {"features": 1, "head/logits": 2}  # the tensors of weights come before the layer's output


def with_dead_channels(content: bytes, layer: str, scale: float) -> bytes:
    """Gives the first channel of a layer weights and a bias of 0, and a tiny scale."""
    tree = unpack(content)
    tensors = {bytes(each.name or b"").decode(): each for each in tree.subgraphs[0].tensors}
    prefix = layer.split("/")[0]
    for name in (f"{prefix}/weights", f"{prefix}/biases"):
        tensor = tensors[name]
        quantization = tensor.quantization
        assert quantization is not None
        assert quantization.scale is not None
        channels = int(tensor.shape[0])
        scales = np.broadcast_to(quantization.scale, channels).copy()
        scales[0] = scale
        quantization.scale = scales
        quantization.zeroPoint = np.zeros(channels, np.int64)
        quantization.quantizedDimension = 0
        data = tree.buffers[tensor.buffer].data
        assert data is not None
        changed = np.array(data)
        changed[: len(changed) // channels] = 0
        tree.buffers[tensor.buffer].data = changed
    return pack(tree)


def with_tiny_weights(content: bytes, scale: float) -> bytes:
    """Gives all weights and biases of the first layer a tiny scale, so that it gives zeros."""
    tree = unpack(content)
    for tensor in tree.subgraphs[0].tensors:
        if tensor.name in (b"features/weights", b"features/biases"):
            assert tensor.quantization is not None
            tensor.quantization.scale = np.array([scale], np.float32)
    return pack(tree)


def answers(content: bytes, images: list[np.ndarray]) -> list[Any]:
    return [run(content, image).ravel().tolist() for image in images]


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("scale", TINY)
@given(seed=st.integers(0, 99), layer=st.sampled_from(sorted(LAYERS)), outside=st.booleans())
@settings(max_examples=12)
def test_a_dead_channel_changes_nothing_else(
    scale: float, seed: int, layer: str, outside: bool
) -> None:
    kind = "int8 with uint8 outside" if outside else "int8"
    built = build_classifier(kind, 6, 4, seed=seed, size=(3, 3))
    content = with_dead_channels(built.content, layer, scale)
    images = [random_image(built, size=(3, 3), seed=each) for each in range(4)]
    expected = answers(content, images)

    weights, biases, _ = read_head(content)
    assert np.isfinite(weights).all()
    if layer == "head/logits":
        assert not weights[:, 0].any()
        assert biases[0] == 0
        np.testing.assert_allclose(weights[:, 1:], built.weights[:, 1:], rtol=1e-6)
    put_back = append_softmax_head(create_embedding_extractor(content), weights, biases).content
    kept = create_imprinting_model(content, keep_classes=True)
    probabilities = np.array(expected, float)
    steps = np.abs(np.array(answers(put_back, images), float) - probabilities)
    assert steps.max() <= (1 if scale else 9)  # without a scale, the head gets new ones
    assert answers(kept, images) == expected


@pytest.mark.parametrize("scale", [SMALLEST, 1e-40, 1e-35, 1e-30])
@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_a_dead_layer_is_loaded_and_run(kind: str, scale: float) -> None:
    built = build_classifier(kind, 6, 4)
    content = with_tiny_weights(built.content, scale)
    image = random_image(built)
    assert len(np.unique(run(create_embedding_extractor(content), image))) == 1
    kept = create_imprinting_model(content, keep_classes=True)
    np.testing.assert_array_equal(run(kept, image), run(content, image))
    added = add_class(content, np.ones((2, 6), np.float32), "new")
    assert run(added, image).shape == (1, 5)


@pytest.mark.parametrize("scale", [1e-12, 1e-30, 1e-35])
def test_logits_of_a_tiny_scale_keep_their_answers(scale: float) -> None:
    built = build_classifier("int8", 6, 4, activation=None)
    tree = unpack(built.content)
    for tensor in tree.subgraphs[0].tensors:
        if tensor.name in (b"head/weights", b"head/biases", b"head/logits"):
            assert tensor.quantization is not None
            assert tensor.quantization.scale is not None
            factor = np.float32(scale) / np.float32(built.logit_step)
            tensor.quantization.scale = tensor.quantization.scale * factor
    content = pack(tree)
    make_interpreter(content)
    engine = ImprintingEngine(create_imprinting_model(content, keep_classes=True), True)
    assert engine.num_classes == 4


def test_a_computed_tensor_needs_a_scale_that_runtimes_can_divide_by() -> None:
    tree = unpack(build_classifier("int8").content)
    (tensor,) = [each for each in tree.subgraphs[0].tensors if each.name == b"features"]
    assert tensor.quantization is not None
    tensor.quantization.scale = np.array([1e-40], np.float32)
    with pytest.raises(ModelError, match=r"'features' is computed and has a scale of 9\.99995e-41"):
        ModelFile(pack(tree)).check()
