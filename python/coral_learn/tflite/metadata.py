"""Reading and writing the ``TFLITE_METADATA`` of a model: its inputs, outputs and labels.

The metadata are a flatbuffer in a buffer of the model. They name, among other things, the file with
the labels of the output; :mod:`~coral_learn.tflite.label_file` reads and writes the file itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ..errors import ModelError
from . import schema
from .graph import Graph, add_buffer
from .metadata_format import (
    GRAYSCALE,
    IMAGE_PROPERTIES,
    NORMALIZATION_OPTIONS,
    RGB,
    TENSOR_AXIS_LABELS,
    decode_metadata,
    encode_metadata,
)
from .nodes import Tensor
from .normalization import Normalization

LABEL_FILE_NAME = "labels.txt"
"""The name of the label file that this package writes."""

METADATA_ENTRY = b"TFLITE_METADATA"
"""The name of the entry that holds the metadata."""

EMBEDDING = "embedding"
"""The name of the output of every extractor that this package makes."""
_LABEL_FILES = [{"name": LABEL_FILE_NAME.encode(), "type": TENSOR_AXIS_LABELS}]
_IMAGE_CONTENT = {"content_properties": (IMAGE_PROPERTIES, {"color_space": RGB})}

Metadata: TypeAlias = dict[str, Any]
"""Metadata as nested dicts; see :mod:`~coral_learn.tflite.metadata_format`."""


def find_metadata(model: schema.ModelT) -> Metadata | None:
    """Returns the metadata of a model; None if there are none, or they are damaged."""
    for entry in model.metadata:
        data = model.buffers[entry.buffer].data
        if entry.name == METADATA_ENTRY and data is not None:
            try:
                return decode_metadata(data)
            except ModelError:  # the model can still be run and changed
                return None
    return None


def read_normalization(metadata: Metadata | None) -> Normalization | None:
    """Returns the normalization of the input; None if none is declared, or it is invalid."""
    graphs = (metadata or {}).get("subgraph_metadata") or [{}]
    inputs = graphs[0].get("input_tensor_metadata") or [{}]
    for unit in inputs[0].get("process_units", []):
        _, options = unit.get("options", (0, {}))
        mean, std = options.get("mean", []), options.get("std", [])
        has_numbers = len(mean) == len(std) and len(mean) in (1, 3)
        if has_numbers and np.isfinite([*mean, *std]).all() and np.all(std):
            return Normalization(tuple(mean), tuple(std))
    return None


def label_file_name(metadata: Metadata | None) -> str | None:
    """Returns the name of the file with the labels of the output; None if none is named."""
    for graph in (metadata or {}).get("subgraph_metadata", [])[:1]:
        for output in graph.get("output_tensor_metadata", []):
            for file in output.get("associated_files", []):
                if file.get("type") == TENSOR_AXIS_LABELS:
                    return str(file.get("name", b"").decode("utf-8", "replace"))
    return None


def read_output_name(metadata: Metadata | None) -> str | None:
    """Returns the name of the only output; None if none is declared, or the outputs are several."""
    graphs = (metadata or {}).get("subgraph_metadata") or [{}]
    outputs = graphs[0].get("output_tensor_metadata", [])
    return outputs[0].get("name", b"").decode("utf-8", "replace") if len(outputs) == 1 else None


def write_metadata(
    graph: Graph,
    *,
    output_name: str,
    has_labels: bool,
    normalization: Normalization | None = None,
) -> None:
    """Updates the metadata of a model after a change of its output.

    The description of the model and its input stays, and the output gets a new one. A classifier
    without metadata, labels and a normalization gets no metadata; an extractor always gets them,
    because the name of its output marks it.

    Args:
        graph: The graph to change.
        output_name: The name of the output in the metadata.
        has_labels: Whether a file named :data:`LABEL_FILE_NAME` holds labels of the output.
        normalization: The normalization of the input, where none is declared yet.
    """
    model = graph.model
    is_described = any(entry.name == METADATA_ENTRY for entry in model.metadata)
    if has_labels or output_name == EMBEDDING or is_described or normalization is not None:
        base = find_metadata(model) or {}
        described = _describe(graph, base, output_name, has_labels)
        if normalization is not None and read_normalization(described) is None:
            _declare(described, normalization)
        _replace_metadata(model, described)


def declare_normalization(graph: Graph, normalization: Normalization, *, has_labels: bool) -> None:
    """Makes the metadata declare a normalization of the only input, in place of any other.

    Args:
        graph: The graph to change.
        normalization: The normalization.
        has_labels: Whether a file named :data:`LABEL_FILE_NAME` holds labels of the output. Other
            files do not exist any more.
    """
    metadata = find_metadata(graph.model) or {"min_parser_version": b"1.0.0"}
    graphs = metadata.setdefault("subgraph_metadata", [{}])
    if len(graphs[0].get("input_tensor_metadata", [])) != len(graph.inputs):
        graphs[0]["input_tensor_metadata"] = [_describe_input(tensor) for tensor in graph.inputs]
    if len(graphs[0].get("output_tensor_metadata", [])) != len(graph.outputs):
        graphs[0]["output_tensor_metadata"] = [
            {"name": tensor.name.encode()} for tensor in graph.outputs
        ]
    for described in (*graphs[0]["input_tensor_metadata"], *graphs[0]["output_tensor_metadata"]):
        described.pop("associated_files", None)
    metadata.pop("associated_files", None)
    if has_labels:
        graphs[0]["output_tensor_metadata"][0]["associated_files"] = _LABEL_FILES
    _declare(metadata, normalization)
    _replace_metadata(graph.model, metadata)


def add_metadata_entry(model: schema.ModelT, name: str, data: bytes) -> None:
    """Adds an entry to the metadata table of a model."""
    entry = schema.MetadataT()
    entry.name = name.encode()
    entry.buffer = add_buffer(model, data)
    model.metadata.append(entry)


def is_shared(model: schema.ModelT, buffer: int) -> bool:
    """Tells whether several tensors or entries use a buffer, so that it must not change."""
    used = [tensor.buffer for graph in model.subgraphs for tensor in graph.tensors]
    used += [entry.buffer for entry in model.metadata]
    return used.count(buffer) > 1


def _replace_metadata(model: schema.ModelT, metadata: Metadata) -> None:
    data = encode_metadata(metadata)
    for entry in model.metadata:
        if entry.name == METADATA_ENTRY:
            if is_shared(model, entry.buffer):
                entry.buffer = add_buffer(model, data)
            model.buffers[entry.buffer].data = np.frombuffer(data, np.uint8)
            return
    add_metadata_entry(model, METADATA_ENTRY.decode(), data)


def _describe(
    graph: Graph, base: Mapping[str, Any], output_name: str, has_labels: bool
) -> Metadata:
    """Keeps the description of the model and its input, but not of files, which no longer exist."""
    graphs = base.get("subgraph_metadata") or [{}]
    inputs = [
        {key: value for key, value in tensor.items() if key != "associated_files"}
        for tensor in graphs[0].get("input_tensor_metadata", [])
    ]
    if len(inputs) != len(graph.inputs):  # readers of metadata require one for each
        inputs = [_describe_input(tensor) for tensor in graph.inputs]
    output: Metadata = {"name": output_name.encode()}
    if has_labels:
        output["associated_files"] = _LABEL_FILES
    kept = ("name", "description", "version", "author", "license")
    return {
        **{key: base[key] for key in kept if key in base},
        "subgraph_metadata": [
            {"input_tensor_metadata": inputs, "output_tensor_metadata": [output]}
        ],
        "min_parser_version": b"1.0.0",
    }


def _declare(metadata: Metadata, normalization: Normalization) -> None:
    described = metadata["subgraph_metadata"][0]["input_tensor_metadata"][0]
    others = [
        unit
        for unit in described.get("process_units", [])
        if unit.get("options", (0,))[0] != NORMALIZATION_OPTIONS
    ]
    options = {"mean": list(normalization.mean), "std": list(normalization.std)}
    described["process_units"] = [*others, {"options": (NORMALIZATION_OPTIONS, options)}]
    # Readers accept a normalization only of an image.
    described.setdefault("content", _IMAGE_CONTENT)


def _describe_input(tensor: Tensor) -> Metadata:
    described: Metadata = {"name": tensor.name.encode()}
    color_space = {1: GRAYSCALE, 3: RGB}.get(tensor.shape[-1]) if len(tensor.shape) == 4 else None
    if color_space is not None:
        properties = {"color_space": color_space}
        described["content"] = {"content_properties": (IMAGE_PROPERTIES, properties)}
    return described
