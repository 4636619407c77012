"""ImprintingEngine, as scripts used it before pycoral: images in, classifier out."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.model_builder import build_classifier, build_extractor
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

import coral_learn
from coral_learn.old_edgetpu.basic.basic_engine import BasicEngine
from coral_learn.old_edgetpu.basic.edgetpu_utils import EDGE_TPU_STATE_ASSIGNED, ListEdgeTpuPaths
from coral_learn.old_edgetpu.classification.engine import ClassificationEngine
from coral_learn.old_edgetpu.learn.imprinting.engine import ImprintingEngine

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]

COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


def images_of(color: tuple[int, int, int], count: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Returns flat 4 x 4 images of about one color."""
    noise = np.random.default_rng(seed).integers(-9, 9, (count, 16, 3))
    return list(np.clip(noise + color, 0, 255).astype(np.uint8).reshape(count, -1))


def save(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """An imprinting model without classes, for 4 x 4 images."""
    extractor = build_extractor(features=16).content
    return save(tmp_path / "l2norm.tflite", coral_learn.create_imprinting_model(extractor))


def best(engine: Any, image: np.ndarray) -> int:
    [(index, _)] = engine.classify_with_input_tensor(image, top_k=1)
    return int(index)


def answers(engine: Any) -> list[int]:
    return [best(engine, images_of(color, 1, seed=9)[0]) for color in COLORS]


def test_training_class_by_class(path: str, tmp_path: Path) -> None:
    engine = ImprintingEngine(path)
    for class_id, color in enumerate(COLORS):
        engine.train(images_of(color), class_id)
    assert answers(engine) == [0, 1, 2]
    engine.save_model(str(tmp_path / "saved.tflite"))
    saved = ClassificationEngine(str(tmp_path / "saved.tflite"))
    assert saved.get_output_tensor_size(0) == 3
    assert answers(saved) == [0, 1, 2]
    image = images_of(COLORS[1], 1)[0]
    assert engine.classify_with_input_tensor(image) == saved.classify_with_input_tensor(image)


@pytest.mark.parametrize("as_array", [False, True])
def test_training_all_classes(path: str, as_array: bool) -> None:
    engine = ImprintingEngine(path)
    images = [images_of(color) for color in COLORS]
    engine.train_all([np.array(each) for each in images] if as_array else images)
    assert answers(engine) == [0, 1, 2]


def test_the_weights_are_those_of_the_embeddings(path: str, tmp_path: Path) -> None:
    engine, trainer = ImprintingEngine(path), coral_learn.ImprintingEngine(path)
    extractor = BasicEngine(save(tmp_path / "extractor", trainer.serialize_extractor_model()))
    for class_id, color in enumerate(COLORS):
        engine.train(images_of(color), class_id)
        for image in images_of(color):
            trainer.train(extractor.run_inference(image)[1], class_id)
    engine.save_model(tmp_path / "saved.tflite")
    assert (tmp_path / "saved.tflite").read_bytes() == trainer.serialize_model()


def test_kept_classes_come_first(path: str, tmp_path: Path) -> None:
    first = ImprintingEngine(path)
    first.train(images_of(COLORS[0]), 0)
    first.save_model(str(tmp_path / "first.tflite"))
    second = ImprintingEngine(str(tmp_path / "first.tflite"), keep_classes=True)
    second.train_all([images_of(color) for color in COLORS[1:]])
    assert answers(second) == [0, 1, 2]
    replaced = ImprintingEngine(str(tmp_path / "first.tflite"))
    replaced.train_all([images_of(color) for color in COLORS[1:]])
    assert answers(replaced)[1:] == [0, 1]


def test_kept_classes_can_be_used_and_saved_without_training(path: str, tmp_path: Path) -> None:
    engine = ImprintingEngine(path)
    engine.train_all([images_of(color) for color in COLORS])
    engine.save_model(tmp_path / "first.tflite")
    kept = ImprintingEngine(str(tmp_path / "first.tflite"), keep_classes=True)
    assert answers(kept) == [0, 1, 2]
    kept.save_model(tmp_path / "second.tflite")
    assert answers(ClassificationEngine(str(tmp_path / "second.tflite"))) == [0, 1, 2]


def test_a_class_can_be_trained_further_after_a_classification(path: str) -> None:
    engine = ImprintingEngine(path)
    engine.train(images_of(COLORS[0]), 0)
    assert best(engine, images_of(COLORS[1], 1)[0]) == 0
    engine.train(images_of(COLORS[1]), 1)
    assert best(engine, images_of(COLORS[1], 1)[0]) == 1
    engine.train(images_of(COLORS[1], seed=4), 1)
    assert answers(engine)[:2] == [0, 1]


def test_a_resized_image(path: str) -> None:
    engine = ImprintingEngine(path)
    engine.train_all([images_of(color) for color in COLORS])
    image = Image.new("RGB", (4, 4), COLORS[2])
    found = engine.classify_with_resized_image(image, threshold=0.0, top_k=2)
    assert found == engine.classify_with_input_tensor(np.asarray(image).flatten(), 0.0, 2)
    assert found[0][0] == 2
    assert len(engine.classify_with_resized_image(image, threshold=0.99)) <= 1


def test_the_number_of_images(path: str) -> None:
    engine = ImprintingEngine(path)
    with pytest.raises(RuntimeError) as raised:
        engine.train([], 0)
    assert str(raised.value) == "No images sent for training!"
    with pytest.raises(RuntimeError) as raised:
        engine.train(images_of(COLORS[0], 201), 0)
    assert str(raised.value) == "Too many training images, max # images per category is 200!"
    engine.train(images_of(COLORS[0], 200), 0)


def test_classes_that_cannot_be_trained(path: str) -> None:
    engine = ImprintingEngine(path)
    with pytest.raises(RuntimeError, match="The class index of a new category is too large!"):
        engine.train(images_of(COLORS[0]), 1)
    with pytest.raises(AssertionError, match="47 elements, but the model needs 48"):
        engine.train([images_of(COLORS[0])[0], np.zeros(47, np.uint8)], 0)
    with pytest.raises(RuntimeError, match="won't be saved"):
        engine.save_model("never.tflite")


def test_an_engine_without_classes(path: str, tmp_path: Path) -> None:
    engine, target = ImprintingEngine(path), tmp_path / "saved.tflite"
    with pytest.raises(RuntimeError) as raised:
        engine.save_model(str(target))
    assert str(raised.value) == "Model without training won't be saved!"
    assert not target.exists()
    with pytest.raises(RuntimeError, match="Model without training couldn't run inference!"):
        engine.classify_with_input_tensor(np.zeros(48, np.uint8))
    with pytest.raises(ValueError, match=r"^top_k must be positive!$"):
        engine.classify_with_input_tensor(np.zeros(48, np.uint8), top_k=0)


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as raised:
        ImprintingEngine("invalid_model_path.tflite")
    assert str(raised.value) == "Failed to open file: invalid_model_path.tflite"
    with pytest.raises(RuntimeError) as raised:
        ImprintingEngine(save(tmp_path / "classifier.tflite", build_classifier().content))
    assert str(raised.value) == (
        "Unsupported model architecture. Input model must have an L2Norm layer."
    )
    with pytest.raises(RuntimeError, match="not a TensorFlow Lite model"):
        ImprintingEngine(save(tmp_path / "broken.tflite", b"no model at all"))


def test_former_names(path: str, tmp_path: Path) -> None:
    engine = ImprintingEngine(path)
    engine.Train(images_of(COLORS[0]), 0)
    engine.TrainAll([images_of(color) for color in COLORS])
    engine.SaveModel(str(tmp_path / "saved.tflite"))
    assert answers(ClassificationEngine(str(tmp_path / "saved.tflite"))) == [0, 1, 2]
    image = Image.new("RGB", (4, 4), COLORS[2])
    [(index, _)] = engine.ClassifyWithResizedImage(image, top_k=1)
    assert index == 2
    [(index, _)] = engine.ClassifyWithInputTensor(np.asarray(image).flatten(), 0.0, 1)
    assert index == 2


def test_on_the_edge_tpu(edge_tpus: EdgeTpus, tmp_path: Path) -> None:
    twin = averaging_model(size=(4, 4))
    content = coral_learn.create_imprinting_model(compiled(twin))
    gc.collect()
    with edge_tpus(twin, ["usb", "usb"]) as tpus:
        engine = ImprintingEngine(save(tmp_path / "l2norm_edgetpu.tflite", content))
        engine.train_all([images_of(color) for color in COLORS])
        assert tpus.inferences == [6, 0]
        assert answers(engine) == [0, 1, 2]
        assert tpus.inferences == [9, 0]  # by the same Edge TPU
        assert ListEdgeTpuPaths(EDGE_TPU_STATE_ASSIGNED) == ("/sys/bus/usb/devices/stand-in-0",)
        engine.save_model(tmp_path / "saved.tflite")
        saved = ClassificationEngine(str(tmp_path / "saved.tflite"))
        assert answers(saved) == [0, 1, 2]
        assert tpus.inferences == [9, 3]
        del engine, saved
        gc.collect()
        assert tpus.open_delegates == 0
