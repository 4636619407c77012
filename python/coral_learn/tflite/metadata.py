"""Labels inside the model, the way TFLite metadata keeps them.

The model's ``TFLITE_METADATA`` buffer is a flatbuffer that says, among other things, which file
holds the labels of the output; the file itself is in a zip archive appended to the model, after the
end of its own flatbuffer.
"""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from .file import ModelSource, read_model_content
from .metadata_format import (
    IMAGE_PROPERTIES,
    RGB,
    TENSOR_AXIS_LABELS,
    decode_metadata,
    encode_metadata,
)
from .model import (
    add_buffer,
    add_metadata,
    is_shared,
    main_subgraph,
    pack,
    tensor_name,
    tensor_shape,
    unpack,
)
from .schema import ModelT, TensorT

_ENTRY = b"TFLITE_METADATA"
_LABEL_FILE = "labels.txt"
_MOST_LABEL_BYTES = 1 << 22
_MOST_LABELS = 1 << 17
_MOST_FILES = 100
_DIRECTORY_ENTRY = b"PK\1\2"
# zipfile unfolds a piece of a file that is packed otherwise as a whole, however large it becomes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # zip's first; the same labels always give the same bytes


def read_labels(model: ModelSource) -> list[str] | None:
    """Returns the class names that a model carries in its metadata.

    Args:
        model: A ``.tflite`` file or its bytes, made by this package or by others.

    Returns:
        The label of each class index, a line of the label file; the index itself where the line is
        empty. None if there are none, or none that can be read.

    Raises:
        ModelError: ``model`` is not a .tflite model, or a broken one.
    """
    content = read_model_content(model)
    return labels_of(unpack(content), content)


def labels_of(model: ModelT, content: bytes) -> list[str] | None:
    """Does what :func:`read_labels` does, for a file that is unpacked already.

    Args:
        model: The tree.
        content: The file that it was unpacked from.
    """
    name = _label_file_name(_find_metadata(model))
    text = _read_archived_text(content, name) if name else None
    if not text:
        return None
    names = (line.removesuffix("\r").replace("\r", " ") for line in text.rstrip("\r\n").split("\n"))
    return [name or str(index) for index, name in enumerate(names)]


def read_normalization(model: ModelSource) -> tuple[list[float], list[float]] | None:
    """Returns how a model's metadata says that photos were normalized for it.

    Returns:
        Mean and standard deviation, (pixel - mean) / std, each one number or one a channel; None
        if nothing is said, or nothing that makes sense.

    Raises:
        ModelError: ``model`` is not a .tflite model, or a broken one.
    """
    content = read_model_content(model)
    if _ENTRY not in content:
        return None
    graphs = (_find_metadata(unpack(content)) or {}).get("subgraph_metadata") or [{}]
    inputs = graphs[0].get("input_tensor_metadata") or [{}]
    for unit in inputs[0].get("process_units", []):
        _, options = unit.get("options", (0, {}))
        mean, std = options.get("mean", []), options.get("std", [])
        has_numbers = len(mean) == len(std) and len(mean) in (1, 3)
        if has_numbers and np.isfinite([*mean, *std]).all() and np.all(std):
            return mean, std
    return None


def attach_labels(model: ModelSource, labels: Sequence[str]) -> bytes:
    """Returns the model with its labels replaced.

    Args:
        model: A classifier.
        labels: A name for each class, none with a line break in it.

    Raises:
        ModelError: ``model`` is not a .tflite model, or a broken one.
        ValueError: A label is empty or has a line break, or the model has another number of
            classes.
    """
    tree = unpack(read_model_content(model))
    graph = main_subgraph(tree)
    for index in graph.outputs:
        if tensor_shape(graph.tensors[index])[-1:] != (len(labels),):
            raise ValueError(
                f"there are {len(labels)} labels for an output of the shape "
                f"{list(tensor_shape(graph.tensors[index]))}"
            )
    return pack_with_labels(tree, labels)


def pack_with_labels(
    model: ModelT, labels: Sequence[str] | None, *, output_name: str = "probability"
) -> bytes:
    """Writes a tree as a model file with these labels, or with none.

    Args:
        model: Its metadata is changed: what it says about the input stays, the output is new.
        labels: A name for each class, or None.
        output_name: What the metadata calls the output.

    Raises:
        ValueError: A label is empty or has a line break.
    """
    if labels is not None or any(entry.name == _ENTRY for entry in model.metadata):
        base = _find_metadata(model) or {}
        _replace_metadata(model, _describe(model, base, output_name, labels is not None))
    content = pack(model)
    return content if labels is None else _append_label_file(content, labels)


def _find_metadata(model: ModelT) -> dict[str, Any] | None:
    for entry in model.metadata:
        data = model.buffers[entry.buffer].data
        if entry.name == _ENTRY and data is not None:
            try:
                return decode_metadata(data)
            except ModelError:  # no reason not to run the model, or to make a better one of it
                return None
    return None


def _replace_metadata(model: ModelT, metadata: dict[str, Any]) -> None:
    data = encode_metadata(metadata)
    for entry in model.metadata:
        if entry.name == _ENTRY:
            if is_shared(model, entry.buffer):
                entry.buffer = add_buffer(model, data)
            model.buffers[entry.buffer].data = np.frombuffer(data, np.uint8)
            return
    add_metadata(model, _ENTRY.decode(), data)


def _describe(
    model: ModelT, base: dict[str, Any], output_name: str, has_labels: bool
) -> dict[str, Any]:
    """Keeps what is said of the model and its input; files that it mentions are gone."""
    graphs = base.get("subgraph_metadata") or [{}]
    inputs = [
        {key: value for key, value in tensor.items() if key != "associated_files"}
        for tensor in graphs[0].get("input_tensor_metadata", [])
    ]
    graph = main_subgraph(model)
    if len(inputs) != len(graph.inputs):  # readers of metadata insist on one for each
        inputs = [_describe_input(graph.tensors[index]) for index in graph.inputs]
    output: dict[str, Any] = {"name": output_name.encode()}
    if has_labels:
        output["associated_files"] = [
            {"name": _LABEL_FILE.encode(), "type": TENSOR_AXIS_LABELS},
        ]
    kept: dict[str, Any] = {
        key: base[key]
        for key in ("name", "description", "version", "author", "license")
        if key in base
    }
    return {
        **kept,
        "subgraph_metadata": [
            {"input_tensor_metadata": inputs, "output_tensor_metadata": [output]}
        ],
        "min_parser_version": b"1.0.0",
    }


def _describe_input(tensor: TensorT) -> dict[str, Any]:
    described: dict[str, Any] = {"name": tensor_name(tensor).encode()}
    if len(tensor.shape) == 4 and tensor.shape[-1] == 3:
        described["content"] = {"content_properties": (IMAGE_PROPERTIES, {"color_space": RGB})}
    return described


def _label_file_name(metadata: dict[str, Any] | None) -> str | None:
    for graph in (metadata or {}).get("subgraph_metadata", [])[:1]:
        for output in graph.get("output_tensor_metadata", []):
            for file in output.get("associated_files", []):
                if file.get("type") == TENSOR_AXIS_LABELS:
                    return str(file.get("name", b"").decode("utf-8", "replace"))
    return None


def _read_archived_text(content: bytes, name: str) -> str | None:
    if content.count(_DIRECTORY_ENTRY) > _MOST_FILES:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(name)
            if entry.compress_type not in _METHODS:
                return None
            with archive.open(entry) as file:
                data = file.read(_MOST_LABEL_BYTES + 1)
        if len(data) > _MOST_LABEL_BYTES or data.count(b"\n") > _MOST_LABELS:
            return None
        return data.decode("utf-8-sig")
    except Exception:  # zipfile raises a dozen types on archives that are missing or broken
        return None


def _append_label_file(content: bytes, labels: Sequence[str]) -> bytes:
    for label in labels:
        if not label or "\n" in label or "\r" in label:
            raise ValueError(f"a label must be one line of text, not {label!r}")
    text = "".join(f"{label}\n" for label in labels)
    entry = zipfile.ZipInfo(_LABEL_FILE, _NO_TIME)
    entry.create_system = 3  # on every system, so that the bytes are the same
    file = io.BytesIO()
    file.write(content)
    # Stored, not compressed: the runtimes' own metadata readers refuse anything else.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, text.encode("utf-8", "replace"))
    return file.getvalue()
