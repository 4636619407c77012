"""Cutting classifiers into embedding extractors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    build_compiled_extractor,
    build_extractor,
    make_interpreter,
    operator_names,
    random_image,
    run,
    run_to,
    with_outputs,
)

from coral_learn.errors import ModelError
from coral_learn.tflite import schema
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.embedding import Candidate, list_candidates, read_embedding
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.labels import attach_labels, read_labels
from coral_learn.tflite.metadata import add_metadata_entry
from coral_learn.tflite.metadata_format import decode_metadata, encode_metadata
from coral_learn.tflite.tree import pack, unpack

TAILS: dict[str, dict[str, Any]] = {
    "conv, reshape, softmax": {"linear": "conv", "flatten": "reshape"},
    "conv, squeeze, softmax": {"linear": "conv", "flatten": "squeeze", "pool": "mean"},
    "conv, softmax": {"linear": "conv", "flatten": None},
    "conv, mul, reshape, softmax": {"linear": "conv", "factor": 4.0},
    "conv, reshape, logistic": {"linear": "conv", "activation": "logistic"},
    "conv, reshape": {"linear": "conv", "activation": None},
    "fully connected, softmax": {"linear": "fully_connected", "rank": 2, "pool": "mean"},
    "fully connected on 4-D, softmax": {"linear": "fully_connected", "rank": 4},
    "fully connected on 3-D, softmax": {"linear": "fully_connected", "rank": 3, "pool": "mean"},
    "fully connected, logistic": {"linear": "fully_connected", "activation": "logistic"},
    "fully connected": {"linear": "fully_connected", "rank": 2, "activation": None},
    "conv with relu, reshape, softmax": {"linear": "conv", "fused_activation": "RELU"},
    "conv, reshape, dequantize, softmax": {"linear": "conv", "dequantize_logits": True},
    "float16 weights": {"linear": "fully_connected", "rank": 2, "half_precision": True},
}


def _applies(tail: str, kind: str) -> bool:
    needs = {"dequantize": kind.startswith("int8"), "float16": kind == "float32"}
    return all(applies for word, applies in needs.items() if word in tail)


COMBINATIONS = [(kind, tail) for kind in KINDS for tail in TAILS if _applies(tail, kind)]


def _check_extractor(built: BuiltModel, extractor: bytes) -> None:
    """Checks that an extractor outputs exactly the embedding of the classifier."""
    image = random_image(built)
    expected = run_to(built.content, built.embedding_name, image)
    np.testing.assert_array_equal(run(extractor, image), expected)


@pytest.mark.parametrize(("kind", "tail"), COMBINATIONS)
def test_every_tail_is_cut_at_the_embedding(kind: str, tail: str) -> None:
    built = build_classifier(kind, features=24, classes=32, **TAILS[tail])
    before = bytes(built.content)
    extractor = create_embedding_extractor(built.content)
    assert built.content == before
    assert len(extractor) < len(built.content)
    _check_extractor(built, extractor)
    embedding = read_embedding(extractor)
    assert (embedding.name, embedding.feature_dim) == (built.embedding_name, 24)
    assert embedding.dtype == KINDS[kind][0]
    assert make_interpreter(extractor).get_output_details()[0]["name"] == built.embedding_name


@pytest.mark.parametrize("kind", KINDS)
def test_unused_tensors_buffers_and_operator_codes_are_removed(kind: str) -> None:
    built = build_classifier(kind, features=24, classes=7, factor=2.0)
    model = unpack(create_embedding_extractor(built.content))
    graph = model.subgraphs[0]
    used = {*graph.inputs.tolist(), *graph.outputs.tolist()}
    for operator in graph.operators:
        used.update(operator.inputs.tolist(), operator.outputs.tolist())
    assert used == set(range(len(graph.tensors)))
    owners: list[schema.TensorT | schema.MetadataT] = [*graph.tensors, *model.metadata]
    assert {0, *(owner.buffer for owner in owners)} == set(range(len(model.buffers)))
    codes = {operator.opcodeIndex for operator in graph.operators}
    assert codes == set(range(len(model.operatorCodes)))
    assert operator_names(pack(model))[-2:] == ["CONV_2D", "AVERAGE_POOL_2D"]


def test_the_remaining_tensors_are_unchanged() -> None:
    built = build_classifier("int8 with uint8 outside", with_signature=True)
    before, after = unpack(built.content), unpack(create_embedding_extractor(built.content))
    kept = {tensor.name: tensor for tensor in after.subgraphs[0].tensors}
    assert len(kept) >= 6
    for tensor in before.subgraphs[0].tensors:
        if tensor.name in kept:
            other = kept[tensor.name]
            assert tensor.shape.tolist() == other.shape.tolist()
            assert vars(tensor.quantization or tensor).keys() == (
                vars(other.quantization or other).keys()
            )
            data, other_data = (
                model.buffers[each.buffer].data
                for model, each in ((before, tensor), (after, other))
            )
            if data is None:
                assert other_data is None
            else:
                assert other_data is not None
                assert data.tobytes() == other_data.tobytes()
    assert after.description == before.description


def test_the_signature_outputs_the_embedding_under_the_old_name() -> None:
    built = build_classifier("uint8", with_signature=True)
    extractor = create_embedding_extractor(built.content)
    runner = make_interpreter(extractor).get_signature_runner("serving_default")
    image = random_image(built)
    np.testing.assert_array_equal(runner(image=image)["scores"], run(extractor, image))


def test_metadata_keeps_the_input_description_and_loses_the_labels() -> None:
    built = build_classifier("uint8", classes=3)
    model = unpack(built.content)
    image = {"name": b"picture", "content": {"content_properties": (2, {"color_space": 1})}}
    described = {"name": b"a classifier", "subgraph_metadata": [{"input_tensor_metadata": [image]}]}
    add_metadata_entry(model, "TFLITE_METADATA", encode_metadata(described))
    add_metadata_entry(model, "min_runtime_version", b"1.5.0")
    classifier = attach_labels(pack(model), ["a", "b", "c"]).content
    assert read_labels(classifier) == ["a", "b", "c"]

    extractor = create_embedding_extractor(classifier)
    assert read_labels(extractor) is None
    assert b"labels.txt" not in extractor
    after = unpack(extractor)
    entries = {entry.name: after.buffers[entry.buffer].data for entry in after.metadata}
    version, described_in = entries[b"min_runtime_version"], entries[b"TFLITE_METADATA"]
    assert version is not None
    assert version.tobytes() == b"1.5.0"
    assert described_in is not None
    metadata = decode_metadata(described_in)
    assert metadata["name"] == b"a classifier"
    (graph,) = metadata["subgraph_metadata"]
    assert graph["input_tensor_metadata"] == [image]
    assert graph["output_tensor_metadata"] == [{"name": b"embedding"}]


def _rename(content: bytes, old: str, new: str) -> bytes:
    model = unpack(content)
    for tensor in model.subgraphs[0].tensors:
        if tensor.name == old.encode():
            tensor.name = new.encode()
    return pack(model)


def _with_an_unsupported_last_operator(name: str) -> bytes:
    """Returns a classifier that ends in TANH, which the search for the head does not support."""
    built = build_classifier("float32", activation=None)
    model = unpack(_rename(built.content, built.embedding_name, name))
    operator = model.subgraphs[0].operators[-1]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    code.version = 1
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = operator.inputs[:1]
    operator.builtinOptionsType, operator.builtinOptions = 0, None
    return pack(model)


@pytest.mark.parametrize(
    "name", ["MobilenetV2/Logits/AvgPool", "something;InceptionV1/Logits/AvgPool_0a_7x7/AvgPool;x"]
)
def test_known_architectures_are_cut_by_name(name: str) -> None:
    extractor = create_embedding_extractor(_with_an_unsupported_last_operator(name))
    assert read_embedding(extractor).name == name


def test_a_tensor_is_found_by_its_full_name_or_a_part_of_it() -> None:
    content = _with_an_unsupported_last_operator("model/pool;model/mean")
    with pytest.raises(ModelError, match="no linear layer leads to the output"):
        create_embedding_extractor(content)
    for name in ("model/pool;model/mean", "model/mean", "model/pool"):
        extractor = create_embedding_extractor(content, name)
        assert read_embedding(extractor).name == "model/pool;model/mean"


def test_unknown_tensor_name_lists_the_candidates() -> None:
    built = build_classifier("uint8", features=24)
    with pytest.raises(ModelError, match=r"named 'pool'.*one of: pooled \[1, 1, 1, 24\] uint8"):
        create_embedding_extractor(built.content, "pool")


def test_candidates_are_the_vectors_before_the_last_layer() -> None:
    built = build_classifier("int8", features=24, rank=2, linear="fully_connected")
    assert list_candidates(built.content) == [
        Candidate("pooled", (1, 1, 1, 24), "int8"),
        Candidate("embedding", (1, 24), "int8"),
    ]
    earlier = create_embedding_extractor(built.content, "pooled")
    assert read_embedding(earlier).shape == (1, 1, 1, 24)


def test_dequantized_float16_weights_hide_no_candidate() -> None:
    built = build_classifier("float32", linear="fully_connected", rank=2, half_precision=True)
    model = unpack(built.content)
    operators = model.subgraphs[0].operators
    (dequantize,) = [each.table for each in Graph(model).operators if each.name == "DEQUANTIZE"]
    operators.remove(dequantize)
    operators.insert(0, dequantize)  # where converters put it
    names = [each.name for each in list_candidates(pack(model))]
    assert names == ["pooled", "embedding"]


def test_candidates_of_an_extractor_are_all_its_vectors() -> None:
    extractor = build_extractor("uint8", features=24)
    assert [each.name for each in list_candidates(extractor.content)] == ["pooled"]


def test_an_embedding_that_is_not_pooled_is_refused() -> None:
    built = build_classifier("uint8", features=24)
    model = unpack(built.content)
    graph = model.subgraphs[0]
    pool, linear = graph.operators[1], graph.operators[2]
    linear.inputs = np.array([pool.inputs[0], *linear.inputs[1:]], np.int32)
    graph.tensors[linear.outputs[0]].shape = np.array([1, 4, 4, 4], np.int32)
    with pytest.raises(ModelError, match=r"features \[1, 4, 4, 24\].*does not pool"):
        create_embedding_extractor(pack(model))


def test_several_possible_embeddings_are_refused_and_listed() -> None:
    built = build_classifier("float32", features=24, rank=2, linear="fully_connected")
    model = unpack(built.content)
    graph = model.subgraphs[0]
    tensors = {tensor.name: index for index, tensor in enumerate(graph.tensors)}
    second = schema.OperatorT()
    head = graph.operators[-2]
    second.opcodeIndex, second.inputs = head.opcodeIndex, head.inputs.copy()
    second.inputs[0] = tensors[b"pooled"]
    second.builtinOptionsType, second.builtinOptions = (
        head.builtinOptionsType,
        head.builtinOptions,
    )
    second.intermediates = np.zeros(0, np.int32)
    logits = schema.TensorT()
    logits.shape, logits.name = np.array([1, 4], np.int32), b"second"
    graph.tensors.append(logits)
    second.outputs = np.array([len(graph.tensors) - 1], np.int32)
    graph.operators.append(second)
    graph.outputs = np.append(graph.outputs, second.outputs).astype(np.int32)
    content = pack(model)
    message = r"several embeddings: pooled \[1, 1, 1, 24\] float32; embedding \[1, 24\] float32"
    with pytest.raises(ModelError, match=message):
        create_embedding_extractor(content)
    extractor = create_embedding_extractor(content, "embedding")
    _check_extractor(built, extractor)


def test_a_classifier_that_also_outputs_its_embedding_is_cut() -> None:
    built = build_classifier("uint8")
    both = with_outputs(built.content, ["scores", built.embedding_name])
    _check_extractor(built, create_embedding_extractor(both))


@pytest.mark.parametrize("kind", KINDS)
def test_an_extractor_is_not_cut(kind: str) -> None:
    extractor = build_extractor(kind)
    ready = (
        r"is an embedding extractor already \(8 features, .*ready to use: run `coral-learn train "
    )
    with pytest.raises(ModelError, match=ready):
        create_embedding_extractor(extractor.content)
    with pytest.raises(ModelError, match=r"pooled .* is the output of the model"):
        create_embedding_extractor(extractor.content, extractor.embedding_name)


def test_a_last_layer_with_relu_and_no_softmax_is_not_taken_for_a_head() -> None:
    built = build_classifier("float32", activation=None, fused_activation="RELU")
    with pytest.raises(ModelError, match="no linear layer leads to the output"):
        create_embedding_extractor(built.content)


@pytest.mark.parametrize("name", ["image", "head/weights"])
def test_inputs_and_constants_cannot_be_the_embedding(name: str) -> None:
    built = build_classifier("float32")
    with pytest.raises(ModelError, match=f"{name} .* is not computed from the image"):
        create_embedding_extractor(built.content, name)


def test_a_compiled_extractor_is_ready_to_use(tmp_path: Path) -> None:
    path = tmp_path / "my extractor.tflite"
    path.write_bytes(build_compiled_extractor().content)
    ready = f"uint8, compiled for the Edge TPU.* ready to use: run .* --extractor '{path}'"
    with pytest.raises(ModelError, match=ready):
        create_embedding_extractor(path)
    with pytest.raises(ModelError, match="compiled for the Edge TPU, which hides its layers"):
        create_embedding_extractor(path, "image")


def test_a_head_after_the_edge_tpu_operator_can_be_cut_off_again() -> None:
    compiled = build_compiled_extractor(features=8)
    classifier = append_softmax_head(compiled.content, np.ones((8, 3)), np.zeros(3)).content
    extractor = create_embedding_extractor(classifier)
    assert operator_names(extractor) == ["edgetpu-custom-op"]
    assert read_embedding(extractor).name == compiled.embedding_name


def test_several_subgraphs_are_refused() -> None:
    model = unpack(build_classifier("uint8").content)
    model.subgraphs.append(model.subgraphs[0])
    with pytest.raises(ModelError, match="has 2 subgraphs"):
        create_embedding_extractor(pack(model))


def test_the_error_names_a_missing_file(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match=r"Failed to open file: .*missing\.tflite"):
        create_embedding_extractor(tmp_path / "missing.tflite")
