"""Reading and writing .tflite files."""

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as raw_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model_builder import KINDS, build_classifier, random_image, run

from coral_learn.errors import ModelError
from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CONTENTS = {kind: build_classifier(kind, with_signature=True).content for kind in KINDS}
CONTENT = CONTENTS["uint8"]


def _pack_raw(model: Any, identifier: bytes = b"TFL3") -> bytes:
    """Packs a tree with the generated code only, without the layout and checks of the package."""
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())


@pytest.mark.parametrize("kind", KINDS)
def test_unpacking_and_packing_preserve_the_model(kind: str) -> None:
    built = build_classifier(kind)
    packed = pack(unpack(built.content))
    assert pack(unpack(packed)) == packed
    image = random_image(built)
    np.testing.assert_array_equal(run(packed, image), run(built.content, image))


def test_files_from_other_writers_are_packed_in_the_same_way() -> None:
    built = build_classifier("int8")
    other = _pack_raw(raw_schema.ModelT.InitFromPackedBuf(built.content))
    assert other != built.content
    assert pack(unpack(other)) == pack(unpack(built.content))


def test_buffers_are_aligned_and_inline() -> None:
    model = raw_schema.Model.GetRootAs(CONTENT)
    start = np.frombuffer(CONTENT, np.uint8).ctypes.data
    data = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]
    offsets = [each.ctypes.data - start for each in data if not isinstance(each, int)]
    assert len(offsets) > 4
    assert [offset % 16 for offset in offsets] == [0] * len(offsets)
    assert all(model.Buffers(i).Offset() == 0 for i in range(model.BuffersLength()))


def test_arrays_of_the_tree_are_read_only() -> None:
    model = unpack(CONTENT)
    with pytest.raises(ValueError, match="read-only"):
        model.subgraphs[0].tensors[0].shape[0] = 2


def test_out_of_line_buffers_and_options_are_brought_inline() -> None:
    model = unpack(CONTENT)
    graph = Graph(model)
    output = graph.add_tensor("custom/output", [1], np.float32)
    graph.add_operator(schema.BuiltinOperator.CUSTOM, [graph.tensors[0]], [output])
    model.operatorCodes[-1].customCode = b"something"
    operator = model.subgraphs[0].operators[-1]
    operator.customOptions = np.arange(40, dtype=np.uint8)
    inline = pack(unpack(pack(model)))

    def move_out(file_size: int) -> bytes:
        model = unpack(inline)
        tail = b""
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data):
                buffer.offset, buffer.size = file_size + len(tail), len(buffer.data)
                tail += bytes(buffer.data)
                buffer.data = None
        operator = model.subgraphs[0].operators[-1]
        assert operator.customOptions is not None
        operator.largeCustomOptionsOffset = file_size + len(tail)
        operator.largeCustomOptionsSize = len(operator.customOptions)
        tail += bytes(operator.customOptions)
        operator.customOptions = None
        return _pack_raw(model) + (tail if file_size > 2 else b"")

    moved = move_out(len(move_out(2)))
    assert pack(unpack(moved)) == inline
    with pytest.raises(ModelError, match="more than the file holds"):
        unpack(moved[:-1])


def test_added_tensors_get_unique_names() -> None:
    graph = Graph(unpack(CONTENT))
    added = [graph.add_tensor("pooled", [1], np.float32) for _ in range(2)]
    assert [tensor.name for tensor in added] == ["pooled_1", "pooled_2"]


def test_constants_are_read_as_stored() -> None:
    graph = Graph(unpack(CONTENT))
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    tensor = graph.add_tensor("constant", [2, 3], np.float16, values=values)
    np.testing.assert_array_equal(graph.constant(tensor), values)
    assert graph.constant(graph.tensors[0]) is None


def _set_in_tensor(**fields: Any) -> Callable[[Any], None]:
    return lambda model: vars(model.subgraphs[0].tensors[1]).update(fields)


def _set_in_operator(**fields: Any) -> Callable[[Any], None]:
    return lambda model: vars(model.subgraphs[0].operators[1]).update(fields)


def _set_in_graph(**fields: Any) -> Callable[[Any], None]:
    return lambda model: vars(model.subgraphs[0]).update(fields)


def _set_scales(*scales: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        quantization = model.subgraphs[0].tensors[1].quantization
        quantization.scale = np.array(scales, np.float32)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: setattr(model, "version", 2), "schema version is 2"),
        (lambda model: model.subgraphs.clear(), "no subgraph"),
        (_set_in_tensor(buffer=99), "index 99 is not in \\[0, "),
        (_set_in_tensor(shape=np.array([-1, 3], np.int32)), r"shape \[-1, 3\]"),
        (_set_in_tensor(shape=np.array([2**30, 2**30], np.int32)), "has 1152921504606846976"),
        (_set_in_tensor(shape=np.array([3], np.int32)), "has 3 elements and a buffer of"),
        (_set_scales(0.5, 0.25), "has 2 scales along dimension 0"),
        (_set_scales(float("nan")), "not a finite positive number"),
        (_set_in_operator(opcodeIndex=7), "operator code: index 7"),
        (_set_in_operator(inputs=np.array([0, 77], np.int32)), "operator: index 77"),
        (_set_in_operator(inputs=np.array([9], np.int32)), "reads tensor 9 before it is computed"),
        (_set_in_operator(outputs=np.array([0], np.int32)), "tensor 0 is computed twice"),
        (_set_in_operator(builtinOptionsType=201), "options of kind 201 are unknown"),
        (_set_in_graph(outputs=np.array([-1], np.int32)), "graph: index -1"),
        (_set_in_graph(operators=[]), "nothing computes output tensor"),
    ],
)
def test_inconsistent_models_are_refused(change: Callable[[Any], None], message: str) -> None:
    model = unpack(CONTENT)
    change(model)
    with pytest.raises(ModelError, match=message):
        unpack(_pack_raw(model))


@pytest.mark.skipif(
    not hasattr(raw_schema, "ExternalBufferT"),
    reason="the schema has no external buffers",
)
def test_weights_in_another_file_are_refused() -> None:
    model = unpack(CONTENT)
    model.externalBuffers = [raw_schema.ExternalBufferT()]
    with pytest.raises(ModelError, match="weights are in another file"):
        unpack(_pack_raw(model))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x00" * 64, b"not a model at all", CONTENT[:8]]
)
def test_files_that_are_not_models_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="TensorFlow Lite model"):
        unpack(content)


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "it looks like a JPEG picture"),
        (b"PK\x03\x04" + bytes(30), "it looks like a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "it looks like a Keras .h5 file"),
        (b"<!DOCTYPE html>", "it looks like a web page"),
    ],
)
def test_the_error_says_what_the_file_looks_like(
    content: bytes, looks_like: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.tflite"
    path.write_bytes(content)
    message = f"{path} is not a TensorFlow Lite model: {looks_like}. Give a .tflite file."
    with pytest.raises(ModelError, match=re.escape(message)):
        ModelFile.open(path).check()


def test_a_wrong_file_identifier_is_refused() -> None:
    with pytest.raises(ModelError, match="it is a file of another kind"):
        unpack(_pack_raw(unpack(CONTENT), b"TFL4"))


def _repeated_tables(tables: int, name_length: int) -> bytes:
    """Returns a small file that lists the same tensor table many times."""
    builder = flatbuffers.Builder()
    name = builder.CreateString(b"n" * name_length)
    raw_schema.TensorStart(builder)
    raw_schema.TensorAddName(builder, name)
    tensor = raw_schema.TensorEnd(builder)
    raw_schema.SubGraphStartTensorsVector(builder, tables)
    for _ in range(tables):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    raw_schema.SubGraphStart(builder)
    raw_schema.SubGraphAddTensors(builder, tensors)
    graph = raw_schema.SubGraphEnd(builder)
    raw_schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    raw_schema.ModelStart(builder)
    raw_schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(raw_schema.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("tables", "name_length", "message"),
    [(50_000, 1, "more tables than any model of"), (1000, 100_000, "more than the file holds")],
)
def test_small_files_that_expand_to_huge_trees_are_refused_early(
    tables: int, name_length: int, message: str
) -> None:
    content = _repeated_tables(tables, name_length)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=message):
            unpack(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000  # the whole tree would have more


@settings(max_examples=300)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 2**32 - 1)), max_size=8),
    tail=st.binary(max_size=40),
)
def test_broken_files_raise_only_model_errors(
    kind: str, cut: float, changes: list[tuple[float, int]], tail: bytes
) -> None:
    content = bytearray(CONTENTS[kind])
    for place, value in changes:
        start = int(place * len(content)) // 4 * 4
        content[start : start + 4] = value.to_bytes(4, "little")
    if not changes:
        del content[int(cut * len(content)) :]
    try:
        model = unpack(bytes(content + tail))
    except ModelError:
        return
    assert unpack(pack(model)) is not None
