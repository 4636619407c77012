"""The converted EfficientNet-Lite0, compared with the same network in floating point."""

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builtin_extractor.convert import convert
from builtin_extractor.quantization import MAX_BIAS
from builtin_extractor.weights import Weights
from numpy.typing import NDArray
from tests.support import float_network

from coral_learn import EmbeddingExtractor, ImageFolder, ModelError
from coral_learn.extraction.builtin_extractor import builtin_extractor
from coral_learn.extraction.images import load_image
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.normalization import Normalization
from coral_learn.tflite.output_kind import OutputKind

pytestmark = pytest.mark.slow_when_emulated

ROOT = Path(__file__).parents[2]
SIZE = (224, 224)

# The same with every version of Python, NumPy and flatbuffers that the build allows. A change to
# the converter that changes it changes the embeddings, unless only the metadata differ.
SHA256 = "9e34ccb04e53e091810071205b6a62f74d8d5965cead85d63dcd28d064f634db"
MAX_BYTES = 4_000_000


def test_the_file_is_the_same_to_the_byte(weights: Weights, converted: bytes) -> None:
    assert convert(weights) == converted
    assert hashlib.sha256(converted).hexdigest() == SHA256
    assert len(converted) <= MAX_BYTES


def test_the_package_holds_this_file(converted: bytes) -> None:
    try:
        path = builtin_extractor()
    except ModelError as error:
        pytest.skip(str(error))
    assert path.read_bytes() == converted


def test_the_input_and_the_output_are_uint8(converted: bytes) -> None:
    model = ModelFile.open(converted)
    (image,), (embedding,) = model.graph.inputs, model.graph.outputs
    assert (image.name, image.shape) == ("image", (1, *SIZE, 3))
    assert (embedding.name, embedding.shape) == ("embedding", (1, 1, 1, 1280))
    with EmbeddingExtractor(converted) as extractor:
        assert extractor.input_size == SIZE
        assert extractor.feature_dim == 1280
        found = extractor.extract([np.zeros((*SIZE, 3), np.uint8)])
    assert np.asarray(found.quantized).dtype == np.uint8
    assert found.zero_point == 0


def test_the_metadata_mark_an_extractor(converted: bytes) -> None:
    model = ModelFile.open(converted)
    assert model.is_extractor
    assert not model.is_classifier
    assert model.output_kind is OutputKind.EMBEDDING
    assert model.normalization == Normalization((127,), (128,))


def test_only_operators_that_the_edge_tpu_compiler_takes(converted: bytes) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    names = {
        number: name
        for name, number in vars(schema.BuiltinOperator).items()
        if isinstance(number, int)
    }
    tree = ModelFile.open(converted).tree
    codes = [tree.operatorCodes[each.opcodeIndex] for each in tree.subgraphs[0].operators]
    assert Counter(names[code.builtinCode] for code in codes) == {
        "CONV_2D": 1 + 15 + 16 + 1,
        "DEPTHWISE_CONV_2D": 16,
        "ADD": 9,
        "MEAN": 1,
        "QUANTIZE": 2,
    }
    assert all(code.deprecatedBuiltinCode == code.builtinCode for code in codes)


def test_no_bias_can_overflow(converted: bytes) -> None:
    tree = ModelFile.open(converted).tree
    tensors = tree.subgraphs[0].tensors
    operators = [each for each in tree.subgraphs[0].operators if len(each.inputs) == 3]
    assert len(operators) == 49
    for operator in operators:
        source, filters, biases = (tensors[index] for index in operator.inputs)
        data = tree.buffers[biases.buffer].data
        assert data is not None
        assert np.abs(data.view("<i4").astype(np.int64)).max() < MAX_BIAS
        assert source.quantization is not None
        assert filters.quantization is not None
        assert biases.quantization is not None
        assert source.quantization.scale is not None
        expected = source.quantization.scale * filters.quantization.scale
        np.testing.assert_array_equal(biases.quantization.scale, expected)
        assert len(expected) == len(data) // 4  # one scale for each output channel


def cosines(content: bytes, weights: Weights, photos: Sequence[Path]) -> NDArray[np.float64]:
    """Returns, for each photo, the cosine between its two embeddings."""
    images = [load_image(path, SIZE) for path in photos]
    with EmbeddingExtractor(content) as extractor:
        ours = np.asarray(extractor.extract(images), np.float64)
    floats = np.array([float_network.embedding(weights, each) for each in images], np.float64)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(floats, axis=1)
    return np.asarray((ours * floats).sum(axis=1) / lengths)


def test_drawn_photos_have_the_embeddings_of_the_float_network(
    weights: Weights, converted: bytes, photos: Path
) -> None:
    chosen = [Path(path) for path in ImageFolder(photos).paths[::12]]
    assert cosines(converted, weights, chosen).mean() >= 0.98


def test_real_photos_have_the_embeddings_of_the_float_network(
    weights: Weights, converted: bytes, data_dir: Path
) -> None:
    chosen = [Path(path) for path in ImageFolder(data_dir / "flowers").paths[::6]]
    assert len(chosen) == 50
    found = cosines(converted, weights, chosen)
    assert found.mean() >= 0.99
    assert found.min() >= 0.98


@pytest.mark.parametrize(("name", "classes"), [("cat", {281, 282, 285}), ("sunflower", {985})])
def test_the_float_network_knows_the_classes_of_imagenet(
    weights: Weights, data_dir: Path, name: str, classes: set[int]
) -> None:
    image = load_image(data_dir / "images" / f"{name}.bmp", SIZE)
    scores = float_network.class_scores(weights, float_network.embedding(weights, image))
    assert int(scores.argmax()) in classes


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "builtin_extractor", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_command_writes_the_file(weights_file: Path, converted: bytes, tmp_path: Path) -> None:
    ended = run_command(tmp_path / "made" / "a.tflite", "--weights", weights_file)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "made" / "a.tflite").read_bytes() == converted


@pytest.mark.parametrize("exists", [True, False])
def test_the_command_explains_wrong_weights_in_one_line(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "other.pth"
    if exists:
        path.write_bytes(b"other")
    ended = run_command(tmp_path / "a.tflite", "--weights", path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("python -m builtin_extractor: error: ")
    assert "other.pth" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "a.tflite").exists()
