"""The drawn extractor, and the tools that make it (except the training)."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.drawn_extractor import drawn_extractor

from coral_learn import EmbeddingExtractor, Embeddings, SoftmaxRegression
from coral_learn.demo.drawing import DEMO_CLASSES, DEMO_SUBJECTS, draw_photo
from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.tree import unpack

sys.path.append(str(Path(__file__).parents[2] / "tools" / "drawn_extractor"))
from pictures import KINDS, draw_picture
from to_tflite import QuantizedConvolution, extractor_content

CONTENT = drawn_extractor()
PER_CLASS = 60


@functools.cache
def drawn_embeddings(seed: int) -> tuple[Embeddings, NDArray[np.int64]]:
    photos = [
        draw_photo(name, np.random.default_rng((seed, label, number)))
        for label, name in enumerate(DEMO_CLASSES)
        for number in range(PER_CLASS)
    ]
    labels = np.repeat(np.arange(len(DEMO_CLASSES)), PER_CLASS)
    return EmbeddingExtractor(CONTENT).extract(photos), labels


class TestDrawnExtractor:
    def test_is_small(self) -> None:
        assert len(CONTENT) <= 400_000

    def test_has_only_uint8_tensors_and_operators_of_version_1(self) -> None:
        model = unpack(CONTENT)
        names = [operator.name for operator in Graph(model).operators]
        assert names == ["CONV_2D"] * 8 + ["AVERAGE_POOL_2D"]
        assert {code.version for code in model.operatorCodes} == {1}
        interpreter = make_interpreter(CONTENT)
        interpreter.allocate_tensors()
        (image,), (embedding,) = interpreter.get_input_details(), interpreter.get_output_details()
        assert (image["dtype"], image["shape"].tolist()) == (np.uint8, [1, 96, 96, 3])
        assert (embedding["dtype"], embedding["shape"].tolist()) == (np.uint8, [1, 1, 1, 256])
        assert embedding["quantization"][1] == 0

    def test_describes_its_origin_and_licence(self) -> None:
        description = (unpack(CONTENT).description or b"").decode()
        assert "drawn by a program" in description
        assert "Apache-2.0" in description

    @pytest.mark.slow_when_emulated
    def test_uses_the_range_of_its_output(self) -> None:
        embeddings, _ = drawn_embeddings(0)
        assert (embeddings.quantized == 255).mean() < 0.001
        spread = embeddings.quantized.std(axis=0)
        assert np.median(spread) > 8, "the standard deviation of rounding errors is 0.3"
        assert spread.min() > 1, "a feature is constant"

    @pytest.mark.slow_when_emulated
    @pytest.mark.parametrize("seed", [0, 1])
    def test_separates_drawn_classes_that_it_was_not_trained_on(self, seed: int) -> None:
        embeddings, labels = drawn_embeddings(seed)
        held_out = np.arange(len(labels)) % 3 == 0
        head = SoftmaxRegression(embeddings.shape[1], len(DEMO_CLASSES), 0.05, seed=seed)
        data = {
            "data_train": embeddings[~held_out],
            "labels_train": labels[~held_out],
            "data_val": embeddings[held_out],
            "labels_val": labels[held_out],
        }
        head.train_with_sgd(data, num_iter=500, learning_rate=0.01, print_every=0)
        assert head.get_accuracy(embeddings[held_out], labels[held_out]) >= 0.95


class TestTrainingPictures:
    def test_no_training_kind_is_a_class_of_the_demo(self) -> None:
        assert not set(KINDS) & set(DEMO_SUBJECTS)
        assert not set(KINDS.values()) & set(DEMO_SUBJECTS.values())

    @pytest.mark.slow_when_emulated
    def test_every_kind_is_drawn_and_a_number_gives_the_same_picture_again(self) -> None:
        for number in range(len(KINDS)):
            picture = draw_picture(0, number)
            assert picture.kind == number
            assert picture.pixels.std() > 1
        again = draw_picture(0, number)
        assert np.array_equal(picture.pixels, again.pixels)
        assert picture[1:] == again[1:]
        other = draw_picture(0, number + len(KINDS))
        assert other.kind == picture.kind
        assert not np.array_equal(other.pixels, picture.pixels)


class TestWritingTheModel:
    @pytest.mark.parametrize("stride", [1, 2])
    def test_the_model_computes_the_layers(self, stride: int) -> None:
        rng = np.random.default_rng(0)
        layer = QuantizedConvolution(
            weights=rng.integers(0, 256, (5, 3, 3, 3), dtype=np.uint8),
            weight_scale=0.01,
            weight_zero_point=120,
            bias=rng.normal(0, 1, 5).astype(np.float32),
            stride=stride,
            output_scale=0.05,
        )
        content = extractor_content(
            [layer], image_size=8, image_scale=1 / 128, image_zero_point=128, description="a test"
        )
        photo = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        embedding = EmbeddingExtractor(content).extract([photo])
        expected = self._reference(layer, (photo.astype(np.float64) - 128) / 128)
        np.testing.assert_allclose(np.asarray(embedding)[0], expected, atol=1.01 * 0.05)

    def _reference(
        self, layer: QuantizedConvolution, image: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        before = (3 - layer.stride) // 2
        padded = np.pad(image, ((before, 3 - layer.stride - before),) * 2 + ((0, 0),))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        weights = layer.weight_scale * (layer.weights.astype(np.float64) - layer.weight_zero_point)
        sums = np.einsum(
            "yxcij,oijc->yxo", windows[:: layer.stride, :: layer.stride], weights, optimize=True
        )
        outputs: NDArray[np.float64] = np.clip(sums + layer.bias, 0, 255 * layer.output_scale)
        return np.asarray(outputs.mean(axis=(0, 1)), np.float64)
