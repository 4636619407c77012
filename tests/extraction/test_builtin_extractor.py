"""The built-in extractor: what it computes, and that everything takes it by default."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.model_builder import operator_names
from tests.support.network import embed
from tools.builtin_extractor.convert import convert, find_weights
from tools.builtin_extractor.network import Convolution, layers
from tools.builtin_extractor.weights import Weights, WeightsError, read_weights

from coral_learn import EmbeddingExtractor, ImageFolder, Project, SoftmaxRegression, retrain
from coral_learn.errors import ModelError
from coral_learn.extraction import builtin_extractor as module
from coral_learn.extraction.builtin_extractor import builtin_extractor
from coral_learn.extraction.images import load_image
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # each photo takes seconds there


@pytest.fixture(scope="module")
def weights() -> Weights:
    try:
        return read_weights(find_weights())
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def network(weights: Weights) -> list[Convolution]:
    return list(layers(weights))


@pytest.fixture(scope="module")
def flowers(data_dir: Path) -> list[NDArray[np.uint8]]:
    paths = ImageFolder(data_dir / "flowers").paths[::6]
    return [load_image(path, (224, 224)) for path in paths]


def test_the_build_has_made_it_of_the_published_weights(weights: Weights) -> None:
    """Two conversions give the same bytes: this one, and that of the build."""
    assert convert(weights) == builtin_extractor().read_bytes()


def test_it_is_small_and_of_operators_that_the_edge_tpu_takes() -> None:
    content = builtin_extractor().read_bytes()
    assert len(content) <= 4_000_000
    known = {"QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN"}
    assert set(operator_names(content)) == known


def test_its_input_and_output() -> None:
    graph = ModelFile.open(builtin_extractor()).graph
    (image,), (embedding,) = graph.inputs, graph.outputs
    assert image.shape == (1, 224, 224, 3)
    assert embedding.shape == (1, 1, 1, 1280)
    assert image.dtype == embedding.dtype == np.uint8
    assert image.quantization is not None
    assert (image.quantization.scale, image.quantization.zero_point) == (1 / 128, 127)


def test_it_computes_what_the_float_network_does(
    network: list[Convolution], flowers: list[NDArray[np.uint8]]
) -> None:
    assert len(flowers) == 50
    with EmbeddingExtractor() as extractor:
        found = np.asarray(extractor.extract(flowers), np.float64)
    expected = np.array([embed(network, photo) for photo in flowers])
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (found * expected).sum(axis=1) / lengths
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.97


def test_it_separates_flowers_after_five_photos_of_each(data_dir: Path) -> None:
    folder = ImageFolder(data_dir / "flowers")
    with EmbeddingExtractor() as extractor:
        embeddings = extractor.extract(folder.paths)
    accuracies = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(folder))
        rows = np.concatenate([order[folder.labels[order] == k][:5] for k in range(5)])
        others = np.setdiff1d(order, rows)
        head = SoftmaxRegression(1280, 5, seed=seed)
        head.fit(embeddings[rows], folder.labels[rows])
        accuracies.append(head.get_accuracy(embeddings[others], folder.labels[others]))
    assert np.mean(accuracies) >= 0.70


def test_it_is_taken_by_default(photos: Path, tmp_path: Path) -> None:
    with EmbeddingExtractor() as extractor:
        assert extractor.feature_dim == 1280
    result = retrain(photos, None, tmp_path / "out")
    assert ModelFile.open(result.model).graph.inputs[0].shape == (1, 224, 224, 3)
    project = Project.create(tmp_path / "project")
    assert (project.path / "extractor.tflite").read_bytes() == builtin_extractor().read_bytes()


def test_a_package_that_was_not_built_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILE", Path("nowhere.tflite"))
    with pytest.raises(ModelError, match=r"nowhere\.tflite is missing.*pip install"):
        EmbeddingExtractor()
