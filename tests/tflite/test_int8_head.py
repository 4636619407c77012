"""Moving a head from the uint8 copy of an embedding to the int8 embedding."""

import numpy as np
import pytest
from tests.support.model_builder import build_classifier, operator_names

from coral_learn.extraction.builtin_extractor import builtin_extractor
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.jobs.classification import Classifier
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.int8_head import with_int8_head


@pytest.mark.slow_when_emulated
def test_the_head_of_the_builtin_extractor() -> None:
    head = SoftmaxRegression(1280, 3, weight_scale=0.2, seed=0)
    head.labels = ["a", "b", "c"]
    model = ModelFile(head.serialize_model(builtin_extractor()), "model.tflite")
    before = model.content
    moved = with_int8_head(model)
    assert moved is not None
    assert model.content == before
    assert (moved.labels, moved.name) == (model.labels, "model.tflite")
    assert moved.normalization == model.normalization
    assert operator_names(moved.content)[-4:] == [
        "FULLY_CONNECTED",
        "RESHAPE",
        "SOFTMAX",
        "QUANTIZE",
    ]
    graph = moved.graph
    assert [each.type_name for each in (*graph.inputs, *graph.outputs)] == ["uint8", "uint8"]
    assert [each.outputs[0].type_name for each in graph.operators[-4:-1]] == ["int8"] * 3
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    with Classifier(model.content) as old, Classifier(moved.content) as new:
        expected, found = old.scores(list(pictures)), new.scores(list(pictures))
    assert np.abs(expected - found).max() < 0.05


@pytest.mark.parametrize("kind", ["uint8", "int8", "float32", "int8 with uint8 outside"])
def test_other_heads_stay_as_they_are(kind: str) -> None:
    assert with_int8_head(ModelFile(build_classifier(kind).content)) is None


@pytest.mark.parametrize("activation", ["logistic", None])
def test_other_scores_stay_as_they_are(activation: str | None) -> None:
    model = build_classifier("uint8", activation=activation)
    assert with_int8_head(ModelFile(model.content)) is None
