"""Labels and metadata in the model file."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model_builder import build_classifier, random_image, run

from coral_learn.errors import ModelError
from coral_learn.tflite.labels import attach_labels, read_labels
from coral_learn.tflite.metadata import add_metadata_entry
from coral_learn.tflite.metadata_format import TENSOR_AXIS_LABELS, decode_metadata, encode_metadata
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

BUILT = build_classifier("uint8", classes=3)
LABELS = ["tench, Tinca tinca", "7 up", "Gänseblümchen"]

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff"), min_size=1)


def _with_metadata(metadata: bytes, files: dict[str, bytes], compression: int = 0) -> bytes:
    model = unpack(BUILT.content)
    add_metadata_entry(model, "TFLITE_METADATA", metadata)
    file = io.BytesIO(pack(model))
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def _label_metadata(file_name: str, file_type: int = TENSOR_AXIS_LABELS) -> bytes:
    output = {"associated_files": [{"name": file_name.encode(), "type": file_type}]}
    return encode_metadata({"subgraph_metadata": [{"output_tensor_metadata": [output]}]})


@settings(max_examples=50)
@given(st.lists(LINES, min_size=3, max_size=3))
def test_any_labels_are_read_back(labels: list[str]) -> None:
    assert read_labels(attach_labels(BUILT.content, labels).content) == labels


def test_labels_do_not_change_the_output() -> None:
    image = random_image(BUILT)
    labelled = attach_labels(BUILT.content, LABELS).content
    np.testing.assert_array_equal(run(labelled, image), run(BUILT.content, image))


def test_an_input_without_metadata_is_described_as_an_image() -> None:
    model = unpack(attach_labels(BUILT.content, LABELS).content)
    (entry,) = model.metadata
    data = model.buffers[entry.buffer].data
    assert data is not None
    (graph,) = decode_metadata(data)["subgraph_metadata"]
    content = {"content_properties": (2, {"color_space": 1})}
    assert graph["input_tensor_metadata"] == [{"name": b"image", "content": content}]


def test_the_same_labels_give_the_same_bytes() -> None:
    labelled = attach_labels(BUILT.content, LABELS).content
    assert labelled == attach_labels(BUILT.content, LABELS).content
    assert attach_labels(labelled, LABELS).content == labelled


def test_new_labels_replace_the_old_ones() -> None:
    labelled = attach_labels(attach_labels(BUILT.content, ["a", "b", "c"]), LABELS).content
    assert read_labels(labelled) == LABELS
    assert labelled == attach_labels(BUILT.content, LABELS).content


def test_the_archive_is_a_plain_zip_at_the_end(tmp_path: Path) -> None:
    content = attach_labels(BUILT.content, LABELS).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        (entry,) = archive.infolist()
        assert entry.filename == "labels.txt"
        assert entry.compress_type == zipfile.ZIP_STORED
        assert archive.read(entry).decode().splitlines() == LABELS
    assert content.endswith(b"\0\0")  # no comment, so the archive ends with the file
    if not shutil.which("unzip"):
        return
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    listing = subprocess.run(
        ["unzip", "-l", path], capture_output=True, text=True, check=True, timeout=30
    )
    assert "labels.txt" in listing.stdout
    assert not listing.stderr


def test_a_buffer_that_looks_like_an_archive_is_not_read_as_labels() -> None:
    model = unpack(BUILT.content)
    fake = io.BytesIO()
    with zipfile.ZipFile(fake, "w") as archive:
        archive.writestr("labels.txt", "x\ny\nz\n")
    add_metadata_entry(model, "last", fake.getvalue())
    content = attach_labels(pack(model), LABELS).content
    assert read_labels(content) == LABELS
    image = random_image(BUILT)
    np.testing.assert_array_equal(run(content, image), run(BUILT.content, image))


@pytest.mark.parametrize("label", ["", "two\nlines", "two\rlines"])
def test_empty_and_multiline_labels_are_refused(label: str) -> None:
    with pytest.raises(ValueError, match="one line of text"):
        attach_labels(BUILT.content, ["a", label, "c"])


def test_the_number_of_labels_must_match_the_output() -> None:
    with pytest.raises(ValueError, match=r"2 labels for an output of the shape \[1, 3\]"):
        attach_labels(BUILT.content, ["a", "b"])


def test_undecodable_characters_are_replaced() -> None:
    undecodable = b"caf\xe9".decode("utf-8", "surrogateescape")
    labels = read_labels(attach_labels(BUILT.content, ["a", undecodable, "c"]).content)
    assert labels is not None
    assert labels[1] == "caf?"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_labels_of_other_tools_are_read(compression: int, ending: str) -> None:
    text = ("\ufeff" + ending.join(LABELS) + ending + ending).encode()
    files = {"readme.txt": b"not labels", "my_labels.txt": text}
    content = _with_metadata(_label_metadata("my_labels.txt"), files, compression)
    assert read_labels(content) == LABELS


@pytest.mark.parametrize(
    ("metadata", "files"),
    [
        (_label_metadata("labels.txt"), {}),
        (_label_metadata("labels.txt"), {"other.txt": b"a\nb\nc"}),
        (_label_metadata("labels.txt"), {"labels.txt": b"\xff\xfe\xfd"}),
        (_label_metadata("labels.txt"), {"labels.txt": b""}),
        (_label_metadata("labels.txt"), {"labels.txt": b"x" * 5_000_000}),
        (_label_metadata("labels.txt", file_type=1), {"labels.txt": b"a\nb\nc"}),
        (encode_metadata({}), {"labels.txt": b"a\nb\nc"}),
        (b"", {"labels.txt": b"a\nb\nc"}),
        (b"\xff" * 40, {"labels.txt": b"a\nb\nc"}),
    ],
)
def test_unreadable_labels_are_ignored_and_can_be_replaced(
    metadata: bytes, files: dict[str, bytes]
) -> None:
    content = _with_metadata(metadata, files)
    assert read_labels(content) is None
    assert read_labels(attach_labels(content, LABELS).content) == LABELS


def test_a_model_without_labels_has_none() -> None:
    assert read_labels(BUILT.content) is None
    with pytest.raises(ModelError, match="not a TensorFlow Lite model"):
        read_labels(b"no model")


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_archive_raises_no_error(data: st.DataObject) -> None:
    content = bytearray(attach_labels(BUILT.content, LABELS).content)
    start = len(pack(unpack(bytes(content))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(start, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(content[: data.draw(st.integers(start, len(content)))])
    labels = read_labels(broken)
    assert labels is None or all(isinstance(label, str) for label in labels)


IMAGE_INPUT = {
    "name": b"image",
    "description": b"a photo",
    "dimension_names": [b"batch", b"y", b"x", b"colour"],
    "content": {
        "content_properties": (2, {"color_space": 1, "default_size": {"width": 5, "height": 7}}),
        "range": {"min": 1, "max": 2},
    },
    "process_units": [{"options": (1, {"mean": [127.5], "std": [127.5, 1.0, 2.0]})}],
    "stats": {"max": [255.0], "min": [0.0]},
    "associated_files": [{"name": b"f", "description": b"d", "type": 5, "locale": b"en"}],
}


def test_all_metadata_fields_survive_encoding_and_decoding() -> None:
    metadata = {
        "name": b"n",
        "description": b"d",
        "version": b"v",
        "subgraph_metadata": [
            {
                "name": b"main",
                "description": b"all",
                "input_tensor_metadata": [IMAGE_INPUT, {}],
                "output_tensor_metadata": [],
            }
        ],
        "author": b"a",
        "license": b"l",
        "associated_files": [],
        "min_parser_version": b"1.0.0",
    }
    content = encode_metadata(metadata)
    assert content[4:8] == b"M001"
    assert decode_metadata(content) == metadata


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6), st.floats(0, 1))
def test_broken_metadata_raises_only_model_errors(
    changes: list[tuple[int, int]], length: float
) -> None:
    content = bytearray(
        encode_metadata({"subgraph_metadata": [{"input_tensor_metadata": [IMAGE_INPUT] * 3}]})
    )
    for place, value in changes:
        content[place % len(content)] = value
    if not changes:
        del content[int(length * len(content)) :]
    try:
        decoded = decode_metadata(bytes(content))
    except ModelError:
        return
    assert isinstance(decoded, dict)


ULTRALYTICS = {"description": "YOLOv8n-cls", "task": "classify", "names": {0: "cat", 1: "a, b"}}


@pytest.mark.parametrize(
    ("name", "text"),
    [("metadata.json", json.dumps(ULTRALYTICS, indent=2)), ("temp_meta.txt", str(ULTRALYTICS))],
)
@pytest.mark.parametrize("declared", [True, False])
def test_names_of_ultralytics_are_read(name: str, text: str, declared: bool) -> None:
    metadata = _label_metadata(name) if declared else encode_metadata({})
    content = _with_metadata(metadata, {name: text.encode()}, zipfile.ZIP_DEFLATED)
    assert read_labels(content) == ["cat", "a, b"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_labels_in_any_encoding_are_read(encoding: str) -> None:
    content = _with_metadata(
        _label_metadata("l.txt"), {"l.txt": "pâquerette\ntulipe\n".encode(encoding)}, 0
    )
    assert read_labels(content) == ["pâquerette", "tulipe"]
