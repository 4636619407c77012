"""Real classifiers are cut and get their head back, and both results run on real photos.

An extractor is compared with its classifier, in which the embedding becomes an output, in the same
runtime with the same delegates. XNNPACK fuses operators and rounds differently, but both models
have the same operators up to the embedding.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import OpResolverType
from tests.support.model_builder import custom_options, make_interpreter, with_outputs

from coral_learn.errors import ModelError
from coral_learn.extraction.images import load_image
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.embedding import read_embedding
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.labels import read_labels
from coral_learn.tflite.tree import pack, unpack

# The stride through the photos: the small model runs on all of them, and each of the others on as
# many as take a few seconds.
CLASSIFIERS = {
    "mobilenet_v1_0.25_128_quant.tflite": 1,
    "mobilenet_v2_1.0_224_quant.tflite": 6,
    "tf2_mobilenet_v2_1.0_224_ptq.tflite": 6,
}
EXTRACTORS = {
    "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite": "already",
    "mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite": "compiled for the Edge TPU",
    "mobilenet_v1_0.25_128_quant_edgetpu.tflite": "compiled for the Edge TPU",
}


def _run(content: bytes, photos: list[Path], **options: Any) -> Iterator[list[np.ndarray]]:
    """Yields the outputs of a model that takes a uint8 image, photo by photo."""
    interpreter = make_interpreter(content, num_threads=2, **options)
    image = interpreter.get_input_details()[0]
    size = int(image["shape"][2]), int(image["shape"][1])
    for photo in photos:
        interpreter.set_tensor(image["index"], load_image(photo, size)[None])
        interpreter.invoke()
        yield [
            interpreter.get_tensor(output["index"]).ravel()
            for output in interpreter.get_output_details()
        ]


def _photos(data_dir: Path, stride: int) -> list[Path]:
    return sorted((data_dir / "flowers").glob("*/*.jpg"))[::stride]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_extractor_and_reappended_head_agree_with_the_classifier(data_dir: Path, name: str) -> None:
    path = data_dir / "models" / name
    content = path.read_bytes()
    photos = _photos(data_dir, CLASSIFIERS[name])
    extractor = create_embedding_extractor(path)
    assert len(extractor) < len(content)
    weights, biases, labels = read_head(path)
    again = append_softmax_head(extractor, weights, biases, labels=labels).content
    assert read_labels(again) == labels == read_labels(path)
    assert len(labels or []) == 1001

    embedding_name = read_embedding(extractor).name
    (output,) = make_interpreter(content).get_output_details()
    assert output["dtype"] == make_interpreter(again).get_output_details()[0]["dtype"]
    original = with_outputs(content, [embedding_name, output["name"]])
    for (embedding, before), (cut,), (after,) in zip(
        _run(original, photos), _run(extractor, photos), _run(again, photos), strict=True
    ):
        np.testing.assert_array_equal(cut, embedding)
        assert np.abs(before.astype(int) - after).max() <= 2
        second, first = np.sort(before)[-2:]
        assert before.argmax() == after.argmax() or first - second <= 1


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_embedding_is_the_same_without_xnnpack(data_dir: Path, name: str) -> None:
    path = data_dir / "models" / name
    extractor = create_embedding_extractor(path)
    content = path.read_bytes()
    (output,) = make_interpreter(content).get_output_details()
    original = with_outputs(content, [read_embedding(extractor).name, output["name"]])
    options = {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
    photos = _photos(data_dir, 150)
    for (embedding, _), (cut,) in zip(
        _run(original, photos, **options), _run(extractor, photos, **options), strict=True
    ):
        np.testing.assert_array_equal(cut, embedding)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_models_that_cannot_be_cut_are_refused_with_a_reason(data_dir: Path, name: str) -> None:
    with pytest.raises(ModelError, match=EXTRACTORS[name]):
        create_embedding_extractor(data_dir / "models" / name)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *EXTRACTORS])
def test_files_from_other_writers_survive_packing(data_dir: Path, name: str) -> None:
    content = (data_dir / "models" / name).read_bytes()
    packed = pack(unpack(content))
    assert pack(unpack(packed)) == packed
    if not ModelFile(content).is_compiled:
        photos = _photos(data_dir, 150)
        for before, after in zip(_run(content, photos), _run(packed, photos), strict=True):
            np.testing.assert_array_equal(before[0], after[0])


def test_the_compiled_program_is_unchanged(data_dir: Path) -> None:
    name = "mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite"
    content = (data_dir / "models" / name).read_bytes()
    classifier = append_softmax_head(content, np.ones((1024, 2)), np.zeros(2)).content
    programs = [custom_options(each) for each in (content, classifier)]
    assert programs[0] == programs[1]
    assert len(programs[0]) > 3_000_000
