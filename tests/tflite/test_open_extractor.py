"""Models that are taken as extractors: as they are, or with their last layer cut off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import (
    KINDS,
    build_classifier,
    build_compiled_extractor,
    build_extractor,
    random_image,
    run,
    run_to,
    with_outputs,
)
from tests.support.tail_builder import KINDS_OF_TAILS, with_tail

from coral_learn import ImprintingEngine, add_class, create_imprinting_model, read_head
from coral_learn.errors import ModelError
from coral_learn.tflite.cut import create_embedding_extractor, cut_at_embedding
from coral_learn.tflite.embedding import list_candidates
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.open_extractor import open_extractor
from coral_learn.tflite.output_kind import OutputKind
from coral_learn.tflite.quantization import probability_quantization
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

CONV: dict[str, Any] = {"linear": "conv"}
DENSE: dict[str, Any] = {"linear": "fully_connected", "rank": 2, "pool": "mean"}
MODELS: dict[str, dict[str, Any]] = {
    "conv, softmax": CONV,
    "conv, no flatten": {**CONV, "flatten": None},
    "dense, softmax": DENSE,
    "dense, sigmoid": {**DENSE, "activation": "logistic"},
    "dense, logits": {**DENSE, "activation": None},
    "hidden with relu": {**DENSE, "hidden": 6},
    "hidden, linear": {**DENSE, "hidden": 6, "hidden_activation": "NONE"},
    "hidden, linear, as wide": {**DENSE, "hidden": 8, "hidden_activation": "NONE"},
    "hidden, linear, logits": {
        **DENSE,
        "hidden": 8,
        "hidden_activation": "NONE",
        "activation": None,
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_a_classifier_is_cut_once_and_every_tail_reads_the_extractors_output(
    name: str, kind: str
) -> None:
    built = build_classifier(kind, **MODELS[name])
    image = random_image(built)
    opened = open_extractor(built.content)
    extractor = opened.model
    embedding = run(extractor.content, image)
    np.testing.assert_array_equal(embedding, run_to(built.content, built.embedding_name, image))
    again = ModelFile(extractor.content)
    assert again.is_extractor
    assert not again.is_classifier
    assert open_extractor(again) == (again, [])

    features = embedding.shape[-1]
    normalized = ImprintingEngine(create_imprinting_model(extractor)).serialize_extractor_model()
    head = np.zeros((features, 3)), np.zeros(3)
    for tailed in (normalized, append_softmax_head(extractor, *head).content):
        np.testing.assert_array_equal(run_to(tailed, built.embedding_name, image), embedding)
    assert len(read_head(append_softmax_head(extractor, *head).content)[0]) == features


@pytest.mark.parametrize("name", ["hidden with relu", "hidden, linear, as wide"])
def test_keep_classes_and_add_class_read_what_the_classifiers_own_head_reads(name: str) -> None:
    built = build_classifier("float32", **MODELS[name])
    image = random_image(built)
    kept = create_imprinting_model(built.content, keep_classes=True)
    features = len(read_head(built.content)[0])
    extended = add_class(built.content, np.ones((2, features), np.float32), "new")
    expected = run_to(built.content, "hidden", image)
    for tailed in (kept, extended):
        np.testing.assert_array_equal(run_to(tailed, "hidden", image), expected)
        assert ImprintingEngine(tailed).embedding_dim == features


def test_a_cut_at_a_known_embedding_does_not_move_the_classifiers_own_head() -> None:
    built = build_classifier("float32", **{**DENSE, "rank": 4, "hidden": 8})
    model = unpack(built.content)
    for tensor in model.subgraphs[0].tensors:
        if tensor.name == b"pooled":
            tensor.name = b"MobilenetV2/Logits/AvgPool"
    content = pack(model)
    image = random_image(built)
    assert list_candidates(create_embedding_extractor(content))[-1].name.endswith("AvgPool")
    kept = create_imprinting_model(content, keep_classes=True)
    np.testing.assert_array_equal(run_to(kept, "hidden", image), run_to(content, "hidden", image))


def test_an_extractor_has_no_head_and_no_classes_to_keep() -> None:
    extractor = create_embedding_extractor(build_classifier(**MODELS["hidden, linear"]).content)
    with pytest.raises(ModelError, match="is an embedding extractor, which has no head"):
        read_head(extractor)
    with pytest.raises(ModelError, match="is an embedding extractor, which has no head"):
        create_imprinting_model(extractor, keep_classes=True)
    with pytest.raises(ModelError, match=r"already \(6 features, uint8\), and is ready to use"):
        create_embedding_extractor(extractor)


def test_the_notes_of_a_classifier(tmp_path: Path) -> None:
    path = tmp_path / "my model.tflite"
    path.write_bytes(build_classifier(**DENSE).content)
    assert open_extractor(path).notes == [
        f"{path} is a classifier; its last layer was cut off at pooled (8 features, uint8)"
    ]
    path.write_bytes(build_classifier(**MODELS["dense, logits"]).content)
    (note,) = open_extractor(path).notes
    assert note.endswith(
        "(8 features, uint8). If it is an extractor that ends in a linear layer, add --tensor "
        "head/logits"
    )
    labeled = attach_labels(path, ["a", "b", "c", "d"])
    assert "If it is" not in open_extractor(labeled).notes[0]


@pytest.mark.parametrize("tail", KINDS_OF_TAILS)
def test_only_a_model_that_ends_in_logits_may_be_an_extractor_after_all(tail: str) -> None:
    classifier = with_tail(build_classifier(**MODELS["dense, logits"]).content, tail)
    (note,) = open_extractor(classifier).notes
    assert ("If it is an extractor" in note) == (KINDS_OF_TAILS[tail] is OutputKind.LOGITS)


def test_the_own_output_as_the_tensor_takes_a_model_as_it_is() -> None:
    built = build_classifier(**MODELS["dense, logits"])
    opened = open_extractor(built.content, "head/logits")
    assert opened.notes == [
        "the model is used as it is: its output head/logits (4 features, uint8) is the embedding"
    ]
    image = random_image(built)
    np.testing.assert_array_equal(run(opened.model.content, image), run(built.content, image))
    imprinting = create_imprinting_model(opened.model)
    assert ImprintingEngine(imprinting).embedding_dim == 4
    assert (
        ImprintingEngine(
            create_imprinting_model(built.content, tensor_name="head/logits")
        ).embedding_dim
        == 4
    )
    with pytest.raises(ValueError, match="tensor_name cannot be chosen with keep_classes"):
        create_imprinting_model(built.content, tensor_name="head/logits", keep_classes=True)


def test_another_tensor_is_cut_at_and_named() -> None:
    built = build_classifier(**MODELS["hidden with relu"])
    opened = open_extractor(built.content, "pooled")
    assert opened.notes == ["the model was cut at pooled (8 features, uint8)"]
    with pytest.raises(ModelError, match=r"named 'nothing'\. Name .*one of: pooled \[1, 8\] uint8"):
        open_extractor(built.content, "nothing")


def test_a_wider_pooled_tensor_before_a_narrow_hidden_layer_is_told() -> None:
    _, hint = open_extractor(build_classifier(**MODELS["hidden with relu"]).content).notes
    assert hint == (
        "the cut of the model is at a hidden layer of 6 features; the pooled tensor before it has "
        "8 and is often better for new classes: choose it with --tensor pooled, or measure both "
        "with --tensor auto"
    )
    wide = build_classifier(**{**MODELS["hidden with relu"], "hidden": 8})
    assert len(open_extractor(wide.content).notes) == 1


def _with_output_scale(content: bytes, scale: float, zero_point: int) -> bytes:
    graph = Graph(unpack(content))
    quantization = graph.outputs[0].table.quantization
    assert quantization is not None
    quantization.scale = np.array([scale], np.float32)
    quantization.zeroPoint = np.array([zero_point], np.int64)
    return pack(graph.model)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_a_compiled_classifier_is_known_by_its_output_or_its_labels(kind: str) -> None:
    extractor = build_compiled_extractor(kind).content
    assert open_extractor(extractor).notes == []
    stored = probability_quantization(np.dtype(kind))
    classifier = _with_output_scale(extractor, stored.scale, stored.zero_point)
    labeled = attach_labels(extractor, list("abcdefgh")).content
    for content in (classifier, labeled):
        with pytest.raises(ModelError, match=r"a classifier compiled .*the CPU model that it was"):
            open_extractor(content)
        with pytest.raises(ModelError, match=r"a classifier compiled .*the CPU model that it was"):
            create_embedding_extractor(content)
        with pytest.raises(ModelError, match=r"a classifier compiled .*the CPU model that it was"):
            create_imprinting_model(content)


def test_the_head_on_a_compiled_extractor_is_cut_off_on_the_fly() -> None:
    compiled = build_compiled_extractor()
    tailed = append_softmax_head(compiled.content, np.ones((8, 3)), np.zeros(3))
    opened = open_extractor(tailed)
    assert "is a classifier; its last layer was cut off at embedding (8" in opened.notes[0]
    assert opened.model.is_compiled


def test_other_models_are_refused_by_the_name_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "two.tflite"
    path.write_bytes(with_outputs(build_extractor().content, ["pooled", "features"]))
    with pytest.raises(ModelError, match=f"{path} has 2 outputs"):
        open_extractor(path)
    path.write_bytes(with_outputs(build_extractor().content, ["features"]))
    with pytest.raises(ModelError, match=f"{path} gives "):
        open_extractor(path)


ODD = {
    "linear_same_width_f32": 32,
    "dense_linear_stack_i8": 32,
    "concat_gap_gmp_i8": 16,
    "two_outputs_i8": 16,
    "tut_int8f": 128,
    "tut_int8": 128,
    "bin_int8": 64,
    "ml_sig": 32,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_classifiers_are_cut_once(name: str, data_dir: Path) -> None:
    model = ModelFile.open(data_dir / "models" / "odd" / f"{name}.tflite")
    extractor = open_extractor(model).model
    assert extractor.content == cut_at_embedding(model).content
    assert ImprintingEngine(create_imprinting_model(extractor.content)).embedding_dim == ODD[name]


@pytest.mark.parametrize(
    "name", ["clip_after_f32", "concat_binary_f32", "ensemble_avg_f32", "logsm", "squeeze"]
)
def test_no_odd_classifier_is_taken_for_an_extractor(name: str, data_dir: Path) -> None:
    model = ModelFile.open(data_dir / "models" / "odd" / f"{name}.tflite")
    assert model.is_classifier


@pytest.mark.parametrize(
    ("name", "is_classifier"),
    [
        ("mobilenet_v1_0.25_128_quant", True),
        ("mobilenet_v1_0.25_128_quant_edgetpu", True),
        ("mobilenet_v1_1.0_224_quant_embedding_extractor", False),
        ("mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu", False),
        ("mobilenet_v2_1.0_224_quant", True),
        ("tf2_mobilenet_v2_1.0_224_ptq", True),
    ],
)
def test_corals_models(name: str, is_classifier: bool, data_dir: Path) -> None:
    model = ModelFile.open(data_dir / "models" / f"{name}.tflite")
    assert model.is_classifier is is_classifier
    assert not model.is_extractor
