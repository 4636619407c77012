"""Hostile models: each of these files broke an earlier version, or would have broken it."""

import io
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reliability import models, surgery
from reliability.interpreter import InterpreterProcess, Outcome
from reliability.mutations import Seed, mutate, pack_as_it_is
from reliability.seeds import generated_seeds
from reliability.surgery import FUNCTIONS, Finding, attack
from reliability.zip_tails import archive, bomb, many_entries
from tests.support.model_builder import KINDS, build_classifier, build_extractor

from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.errors import ModelError
from coral_learn.heads.imprinting import ImprintingEngine
from coral_learn.tflite import metadata_format, schema
from coral_learn.tflite.checked import CheckedBuffer
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.embedding import list_candidates
from coral_learn.tflite.graph import Graph, add_buffer
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.class_means import attach_class_means, read_class_means
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.imprinting.create import create_imprinting_model
from coral_learn.tflite.labels import attach_labels, read_labels
from coral_learn.tflite.linear_layer import find_linear_layers
from coral_learn.tflite.metadata import add_metadata_entry
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CLASSIFIER = build_classifier("uint8", 3, 2, size=(2, 2), with_signature=True).content
LABELLED = attach_labels(CLASSIFIER, ["cat", "dog"]).content
BOMB_MEGABYTES = 64


def _attack_with_all(content: bytes) -> None:
    for name in FUNCTIONS:
        attack(name, content)


def _changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    tree = unpack(content)
    change(tree)
    return pack_as_it_is(tree)


def _tensor(tree: Any, name: bytes) -> Any:
    return next(t for t in tree.subgraphs[0].tensors if t.name == name)


def _without_archive(labelled: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(labelled)) as labels:
        return labelled[: labels.infolist()[0].header_offset]


def _chain(operator: str, length: int, outputs: int) -> bytes:
    """Returns a classifier with a long chain of operators after its logits, and many outputs."""
    graph = Graph(unpack(build_classifier("float32", 3, 2, activation=None).content))
    (tensor,) = graph.outputs
    ends = []
    for _ in range(length):
        inputs = [tensor]
        if operator == "MUL":
            inputs.append(graph.add_tensor("factor", [1], np.float32, values=[1.0]))
        tensor = graph.add_tensor("next", [1, 2], np.float32)
        graph.add_operator(getattr(schema.BuiltinOperator, operator), inputs, [tensor])
        ends.append(tensor.index)
    graph.model.subgraphs[0].outputs = np.array((ends * outputs)[-outputs:], np.int32)
    return pack(graph.model)


def _branches(count: int) -> bytes:
    """Returns a model whose last operator joins very many branches."""
    graph = Graph(unpack(build_extractor("float32", 3).content))
    (end,) = graph.outputs
    branches = []
    for _ in range(count):
        branches.append(graph.add_tensor("branch", [1, 1, 1, 3], np.float32))
        graph.add_operator(schema.BuiltinOperator.RELU, [end], [branches[-1]])
    joined = graph.add_tensor("joined", [1, 1, 1, 3 * count], np.float32)
    graph.add_operator(schema.BuiltinOperator.CONCATENATION, branches, [joined])
    graph.set_output(joined)
    return pack(graph.model)


def _repeated_tensor(times: int) -> bytes:
    """Returns a model that lists the same tensor table very many times."""
    old = pack(unpack(CLASSIFIER))
    root = struct.unpack_from("<I", old)[0]
    model = schema.Model()
    model.Init(CheckedBuffer(old), root)
    graph = model.Subgraphs(0)
    assert graph is not None
    table = graph._tab
    field = table.Pos + table.Offset(4)
    tensors = table.Vector(table.Offset(4))
    tensor = table.Indirect(tensors)
    # Offsets in a FlatBuffer only point forwards, so a copy of the file follows the new vector.
    vector = len(old)
    places = vector + 4 * np.arange(1, times + 1)
    references = vector + 4 + 4 * times + tensor - places
    content = bytearray(old + struct.pack("<I", times) + references.astype("<u4").tobytes() + old)
    struct.pack_into("<I", content, field, vector - field)
    return bytes(content)


def _overlapping_buffers(count: int) -> bytes:
    def change(tree: Any) -> None:
        for _ in range(count):
            buffer = schema.BufferT()
            buffer.offset, buffer.size = 8, 4 << 20
            tree.buffers.append(buffer)

    return _changed(CLASSIFIER, change) + bytes(4 << 20)


def _metadata_with_many_numbers(count: int) -> bytes:
    numbers = {"max": [1.0] * count, "min": [1.0] * count}
    graph = {"input_tensor_metadata": [{"name": b"x", "stats": numbers}]}
    data = metadata_format.encode_metadata({"subgraph_metadata": [graph]})
    tree = unpack(CLASSIFIER)
    add_metadata_entry(tree, "TFLITE_METADATA", data)
    return pack(tree)


def _with_note(name: str, array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    tree = unpack(create_embedding_extractor(CLASSIFIER))
    add_metadata_entry(tree, f"CORAL_LEARN_{name}", file.getvalue())
    return pack(tree)


def _set_shape(shape: list[int]) -> Callable[[Any], None]:
    return lambda tree: setattr(_tensor(tree, b"pooled"), "shape", np.array(shape, np.int32))


def _note_with_missing_numbers() -> bytes:
    content = _with_note("CLASS_MEANS", np.zeros((0, 10**12), np.float16))
    return content.replace(b"(0, 1000000000000)", b"(9, 1000000000000)")


SMALL_FILES = {
    "bzip2 bomb": lambda: LABELLED + bomb(zipfile.ZIP_BZIP2, BOMB_MEGABYTES),
    "lzma bomb": lambda: LABELLED + bomb(zipfile.ZIP_LZMA, BOMB_MEGABYTES),
    "deflate bomb": lambda: LABELLED + bomb(zipfile.ZIP_DEFLATED, BOMB_MEGABYTES),
    "many lines": lambda: LABELLED + archive(b"\n" * (4 << 20) + b"x", zipfile.ZIP_DEFLATED),
    "many archived files": lambda: LABELLED + many_entries(60_000),
    "many factors": lambda: _chain("MUL", 300, 1),
    "outputs of a chain": lambda: _chain("RESHAPE", 300, 300),
    "one output many times": lambda: _chain("RESHAPE", 1, 200_000),
    "many branches": lambda: _branches(300),
    "one tensor many times": lambda: _repeated_tensor(3000),
    "one tensor too many times": lambda: _repeated_tensor(100_000),
    "overlapping buffers": lambda: _overlapping_buffers(20),
    "many numbers in metadata": lambda: _metadata_with_many_numbers(100_000),
    "many dimensions": lambda: _changed(CLASSIFIER, _set_shape([1] * 70)),
    "many large dimensions": lambda: _changed(CLASSIFIER, _set_shape([2**31 - 1] * 50_000)),
    "missing numbers": _note_with_missing_numbers,
}


@pytest.mark.parametrize("trace_memory", [False, True])
@pytest.mark.parametrize("name", SMALL_FILES)
def test_small_files_need_little_memory_and_time(name: str, trace_memory: bool) -> None:
    content = SMALL_FILES[name]()
    for function in (
        "read_labels and others",
        "list_candidates and others",
        "read_head, append_softmax_head",
    ):
        attack(function, content, trace_memory=trace_memory)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("name", ["read_head, append_softmax_head", "add_class"])
def test_a_head_of_1000_classes_is_rebuilt_in_little_memory(name: str, kind: str) -> None:
    attack(name, build_classifier(kind, 1280, 1000, size=(2, 2)).content, trace_memory=True)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_labels_in_bzip2_or_lzma_archives_are_not_read(method: int) -> None:
    plain = _without_archive(LABELLED)
    assert read_labels(plain + archive(b"a\nb\n", zipfile.ZIP_DEFLATED)) == ["a", "b"]
    assert read_labels(plain + archive(b"a\nb\n", method)) is None


def test_empty_label_lines_become_the_index_of_the_class() -> None:
    plain = _without_archive(LABELLED)
    labels = read_labels(plain + archive(b"\nb\rc\n\nd"))
    assert labels == ["0", "b c", "2", "d"]
    assert read_labels(
        attach_class_means(plain + archive(b"a\n\n\nb"), np.ones((2, 3))).content
    ) == [*("a", "1", "2", "b")]


UNUSABLE_NOTES = {
    "text": np.array([["a", "b", "c"]] * 2),
    "complex": np.ones((2, 3), np.complex64),
    "records": np.zeros((2, 3), [("x", "f2")]),
    "another number type": np.ones((2, 3), np.float64),
    "another rank": np.ones(6, np.float16),
    "not finite": np.full((2, 3), np.nan, np.float16),
    "column order": np.asfortranarray(np.ones((2, 3), np.float16)),
}


@pytest.mark.parametrize("name", UNUSABLE_NOTES)
def test_unusable_notes_are_ignored(name: str) -> None:
    assert read_class_means(_with_note("CLASS_MEANS", UNUSABLE_NOTES[name])) is None


def test_a_buffer_shared_by_metadata_and_weights_is_not_changed() -> None:
    tree = unpack(CLASSIFIER)
    weights = _tensor(tree, b"head/weights").buffer
    before = bytes(tree.buffers[weights].data)
    for name in ("TFLITE_METADATA", "CORAL_LEARN_CLASS_MEANS"):
        add_metadata_entry(tree, name, b"x")
        tree.metadata[-1].buffer = weights
    content = attach_class_means(attach_labels(pack(tree), ["a", "b"]), np.ones((2, 3))).content
    tree = unpack(content)
    assert bytes(tree.buffers[_tensor(tree, b"head/weights").buffer].data) == before
    assert read_labels(content) == ["a", "b"]
    np.testing.assert_array_equal(read_class_means(content), np.ones((2, 3)))


def _set_scale(name: bytes, scale: float) -> Callable[[Any], None]:
    return lambda tree: setattr(
        _tensor(tree, name).quantization, "scale", np.array([scale], np.float32)
    )


def _set_zero_point(name: bytes, zero_point: int) -> Callable[[Any], None]:
    return lambda tree: setattr(
        _tensor(tree, name).quantization, "zeroPoint", np.array([zero_point])
    )


def _set_type(name: bytes, kind: str) -> Callable[[Any], None]:
    return lambda tree: setattr(_tensor(tree, name), "type", getattr(schema.TensorType, kind))


def _set_inputs(operator: int, inputs: list[int]) -> Callable[[Any], None]:
    return lambda tree: setattr(
        tree.subgraphs[0].operators[operator], "inputs", np.array(inputs, np.int32)
    )


def _set_kind(operator: int, kind: str) -> Callable[[Any], None]:
    def change(tree: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        tree.operatorCodes.append(code)
        tree.subgraphs[0].operators[operator].opcodeIndex = len(tree.operatorCodes) - 1

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set_inputs(0, [0, -1, 2]), "lacks an input"),
        (_set_inputs(1, [-1]), "lacks an input"),
        (_set_kind(1, "STRIDED_SLICE"), "lacks an input"),
        (_set_kind(1, "BATCH_MATMUL"), "lacks an input"),
        (_set_kind(0, "SPLIT"), "lacks the options"),
        (_set_scale(b"image", 1e-45), "a scale of 1.4013e-45"),
        (_set_scale(b"scores", 0.0), "a scale of 0"),
        (_set_type(b"scores", "RESOURCE"), "is an input or output that is not an array"),
        (_set_type(b"image", "VARIANT"), "is an input or output that is not an array"),
        (_set_zero_point(b"image", -1), "a zero point that its type cannot store"),
        (_set_zero_point(b"head/weights", 256), "a zero point that its type cannot store"),
    ],
)
def test_models_that_crash_a_runtime_are_refused(
    change: Callable[[Any], None], message: str
) -> None:
    content = _changed(CLASSIFIER, change)
    with pytest.raises(ModelError, match=message):
        unpack(content)
    with pytest.raises(ModelError, match=message):
        make_interpreter(content, "cpu")


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_tensor_that_claims_to_be_large_takes_little_memory(kind: str, rows: int) -> None:
    factor = 2.0 if kind == "float32" else None  # the softmax reads another tensor
    content = build_classifier(kind, 3, 2, size=(2, 2), factor=factor).content
    for index in range(len(unpack(content).subgraphs[0].tensors)):

        def change(tree: Any, index: int = index) -> None:
            tree.subgraphs[0].tensors[index].shape = np.array([rows, 2**25 // rows], np.int32)

        for name in FUNCTIONS:
            attack(name, _changed(content, change), trace_memory=True)


def test_optional_inputs_may_be_missing() -> None:
    content = _changed(CLASSIFIER, _set_inputs(0, [0, 1, -1]))
    assert unpack(content) is not None


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_an_embedding_with_an_extreme_scale_is_refused(scale: float) -> None:
    extractor = create_embedding_extractor(_changed(CLASSIFIER, _set_scale(b"pooled", scale)))
    with pytest.raises(ModelError, match="the output has a quantization scale of"):
        append_softmax_head(extractor, np.ones((3, 2)), np.zeros(2))


def test_an_embedding_with_too_many_features_is_refused() -> None:
    extractor = build_extractor("float32", 3).content
    content = _changed(extractor, _set_shape([1, 1, 1, 2**29]))
    with pytest.raises(ModelError, match="the output has 536870912 features"):
        create_imprinting_model(content)


def _classifier_with_factor(values: list[float]) -> bytes:
    built = build_classifier("float32", 3, 2, factor=2.0)

    def change(tree: Any) -> None:
        factor = _tensor(tree, b"head/factor")
        factor.shape = np.array([len(values)], np.int32)
        factor.buffer = add_buffer(tree, np.array(values, np.float32).tobytes())

    return _changed(built.content, change)


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [float("nan")], [3e38], [float("inf")]])
def test_invalid_factors_of_the_logits_are_refused(values: list[float]) -> None:
    content = _classifier_with_factor(values)
    with pytest.raises(ModelError, match=r"numbers of the shape|not finite, or too large"):
        read_head(content)
    _attack_with_all(content)


def test_weights_whose_squares_overflow_are_refused() -> None:
    def change(tree: Any) -> None:
        weights = _tensor(tree, b"head/weights")
        weights.buffer = add_buffer(tree, np.full(6, 1e30, np.float32).tobytes())

    content = _changed(build_classifier("float32", 3, 2).content, change)
    with pytest.raises(ModelError, match="too large to compute with"):
        read_head(content)
    _attack_with_all(content)


def _imprinting_model() -> bytes:
    engine = ImprintingEngine(
        create_imprinting_model(CLASSIFIER, keep_classes=True), keep_classes=True
    )
    engine.train([1.0, 2.0, 3.0], 2)
    return engine.serialize_model()


def _set_photo_counts(counts: list[int]) -> Callable[[Any], None]:
    def change(tree: Any) -> None:
        (entry,) = [e for e in tree.metadata if e.name == b"CORAL_LEARN_IMPRINTED_PHOTOS"]
        file = io.BytesIO()
        np.save(file, np.array(counts, np.int32))
        tree.buffers[entry.buffer].data = np.frombuffer(file.getvalue(), np.uint8)

    return change


def _set_operator(code: str, **fields: Any) -> Callable[[Any], None]:
    def change(tree: Any) -> None:
        kind = getattr(schema.BuiltinOperator, code)
        operator = [
            operator
            for operator in tree.subgraphs[0].operators
            if tree.operatorCodes[operator.opcodeIndex].builtinCode == kind
        ][-1]
        vars(operator).update(fields)

    return change


def _no_indices() -> np.ndarray:
    return np.zeros(0, np.int32)


INCONSISTENT_CHANGES = {
    "no photos of an imprinted class": _set_photo_counts([0, 0, 0]),
    "photos of a class that was not imprinted": _set_photo_counts([1, 1, 1]),
    "a negative number of photos": _set_photo_counts([0, 0, -1]),
    "a NaN sum": lambda tree: setattr(tree, "description", b"2 nan\n"),
    "an infinite sum": lambda tree: setattr(tree, "description", b"2 inf\n1 1e308\n"),
    "a negative sum": lambda tree: setattr(tree, "description", b"2 -5\n"),
    "a huge class index": lambda tree: setattr(tree, "description", b"9" * 6000 + b" 1\n"),
    "a factor of zero": lambda tree: setattr(
        _tensor(tree, b"imprinting/scale").quantization, "zeroPoint", np.array([255])
    ),
    "a normalization without output": _set_operator("L2_NORMALIZATION", outputs=_no_indices()),
    "cosines without weights": _set_operator("CONV_2D", inputs=np.array([7, -1, -1], np.int32)),
    "no logits": _set_operator("MUL", inputs=np.array([8, -1], np.int32)),
}


@pytest.mark.parametrize("name", INCONSISTENT_CHANGES)
def test_inconsistent_imprinting_models_are_refused_or_work(name: str) -> None:
    _attack_with_all(_changed(_imprinting_model(), INCONSISTENT_CHANGES[name]))


def test_many_candidates_are_listed_in_order() -> None:
    content = _branches(3)
    names = [each.name for each in list_candidates(content)]
    assert names == ["pooled", "joined"]


def test_a_very_long_chain_after_the_logits_is_not_a_head() -> None:
    assert len(find_linear_layers(Graph(unpack(_chain("RESHAPE", 3, 1))))) == 1
    assert find_linear_layers(Graph(unpack(_chain("RESHAPE", 300, 1)))) == []


@settings(max_examples=60)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    features=st.integers(1, 9),
    classes=st.integers(1, 5),
    linear=st.sampled_from(["conv", "fully_connected"]),
    has_labels=st.booleans(),
    random_seed=st.integers(0, 2**32),
    name=st.sampled_from(sorted(FUNCTIONS)),
)
@example("float32", 1, 1, "conv", False, 41911540, "quantization_report")  # an input of any size
def test_broken_models_of_all_shapes_are_refused_or_work(
    kind: str,
    features: int,
    classes: int,
    linear: str,
    has_labels: bool,
    random_seed: int,
    name: str,
) -> None:
    content = build_classifier(kind, features, classes, linear=linear, size=(1, 1)).content
    if has_labels:
        content = attach_labels(content, [str(index) for index in range(classes)]).content
    seed = Seed.of(kind, content)
    attack(name, mutate(seed, [seed], random.Random(random_seed)))


def _raise_key_error(content: bytes) -> list[bytes]:
    raise KeyError(0)


class TestAttack:
    def test_every_function_accepts_some_model(self) -> None:
        for name in FUNCTIONS:
            assert any(attack(name, seed.content) is not None for seed in generated_seeds())

    def test_the_same_seed_gives_the_same_mutant(self) -> None:
        seeds = generated_seeds()
        mutants = [mutate(seeds[0], seeds, random.Random(7)) for _ in range(2)]
        assert mutants[0] == mutants[1] != seeds[0].content

    def test_mutations_change_fields_that_readers_use(self) -> None:
        seed = generated_seeds()[0]
        assert {field.role for field in seed.fields} == {"vtable", "reference", "length", "value"}
        mutants = [mutate(seed, [seed], random.Random(number)) for number in range(100)]
        refused = [attack("list_candidates and others", each) is None for each in mutants]
        assert 30 < sum(refused) < 95

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (_raise_key_error, "KeyError"),
            (lambda content: [b"no model"], "its result cannot be read"),
            (lambda content: [content] * all(iter(lambda: True, False)), "takes more than"),
            (lambda content: [bytes(40 << 20)], "bytes for a file of"),
        ],
    )
    def test_every_kind_of_failure_is_a_finding(
        self, monkeypatch: pytest.MonkeyPatch, function: Any, message: str
    ) -> None:
        monkeypatch.setattr(surgery, "LONGEST_SECONDS", 0.02)
        monkeypatch.setitem(FUNCTIONS, "wrong", function)
        with pytest.raises(Finding, match=message):
            attack("wrong", CLASSIFIER, trace_memory=True)

    def test_a_finding_fails_the_run_and_its_model_is_kept(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Any,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["models", "--models", "30"])
        assert models.main() == 0
        assert "mutants 30" in capsys.readouterr().out
        for name in FUNCTIONS:
            monkeypatch.setitem(FUNCTIONS, name, _raise_key_error)
        assert models.main() == 1
        assert "30 findings" in capsys.readouterr().out
        assert len(list(tmp_path.rglob("*.tflite"))) == 30

    def test_an_interpreter_that_dies_is_reported_and_replaced(self) -> None:
        with InterpreterProcess() as interpreter:
            assert interpreter.run(CLASSIFIER) is Outcome.RAN
            assert interpreter.run(b"no model") is Outcome.REFUSED
            interpreter._process.kill()
            assert interpreter.run(CLASSIFIER) is Outcome.DIED
            assert interpreter.run(CLASSIFIER) is Outcome.RAN
