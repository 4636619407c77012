"""The note inside a model that says how its photos are resized."""

import numpy as np
import pytest
from tests.support.model_builder import build_classifier, build_extractor
from tests.support.stand_in.models import compiled

from coral_learn import (
    Embeddings,
    ImprintingEngine,
    add_class,
    create_embedding_extractor,
    create_imprinting_model,
    remember_classes,
)
from coral_learn.errors import ModelError
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.notes import write_note
from coral_learn.tflite.resize_note import read_resize, read_view, with_resize
from coral_learn.tflite.resizing import Resize, checked_resize, checked_view

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EMBEDDINGS = Embeddings(np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8), 1 / 16, 0)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def noted(content: bytes, resize: Resize = "crop") -> ModelFile:
    return ModelFile(with_resize(ModelFile(content), resize).content)


def with_unknown_way(content: bytes) -> ModelFile:
    graph = ModelFile(content).graph.copy()
    write_note(graph.model, "PHOTO_RESIZE", np.frombuffer(b"letterbox", np.uint8))
    return ModelFile(ModelFile(content).with_graph(graph).content, "new.tflite")


@pytest.mark.parametrize("resize", ["squash", "crop", "both"])
def test_the_note_is_read_as_it_was_written(resize: Resize) -> None:
    model = noted(noted(build_extractor().content).content, resize)
    assert read_resize(model) == resize
    assert read_view(model) == ("squash" if resize == "squash" else "crop")
    assert with_resize(model, resize) is model


def test_a_model_without_the_note_squashes() -> None:
    model = ModelFile(build_classifier().content)
    assert read_resize(model) == "squash"
    assert with_resize(model, "squash") is model


def test_the_labels_and_the_numbers_stay() -> None:
    content = attach_labels(build_classifier().content, ["a", "b", "c", "d"]).content
    model = noted(content)
    assert model.labels == ["a", "b", "c", "d"]
    assert [each.name for each in model.graph.operators] == [
        each.name for each in ModelFile(content).graph.operators
    ]


def test_a_compiled_model_takes_the_note() -> None:
    model = with_resize(ModelFile(compiled(build_extractor().content)), "crop")
    assert model.is_compiled
    assert ModelFile(model.content).is_compiled
    assert read_resize(ModelFile(model.content)) == "crop"


def test_a_note_of_another_type_is_none() -> None:
    graph = ModelFile(build_extractor().content).graph.copy()
    write_note(graph.model, "PHOTO_RESIZE", np.zeros(4, np.float32))
    assert read_resize(ModelFile.of_graph(graph)) == "squash"


def test_an_unknown_way_is_an_error_that_can_be_overruled() -> None:
    model = with_unknown_way(build_extractor().content)
    with pytest.raises(ModelError, match=r"new\.tflite are resized by 'letterbox'.*--resize"):
        read_resize(model)
    assert read_resize(with_resize(model, "squash")) == "squash"


def test_every_model_made_from_a_noted_one_keeps_the_note() -> None:
    classifier = noted(build_classifier().content).content
    extractor = create_embedding_extractor(classifier)
    weights = np.random.default_rng(0).normal(0, 1, (8, 3))
    retrained = append_softmax_head(extractor, weights, np.zeros(3)).content
    remembering = remember_classes(retrained, EMBEDDINGS, LABELS)
    imprinting = create_imprinting_model(extractor)
    engine = ImprintingEngine(imprinting)
    engine.train_all(EMBEDDINGS, LABELS)
    made = {
        "extractor": extractor,
        "retrained": retrained,
        "remembering": remembering,
        "one more class": add_class(remembering, EMBEDDINGS[:2], "new"),
        "one more class beside kept ones": add_class(classifier, EMBEDDINGS[:2], "new"),
        "imprinting": imprinting,
        "kept classes": create_imprinting_model(classifier, keep_classes=True),
        "imprinted": engine.serialize_model(),
        "extractor again": engine.serialize_extractor_model(),
        "labels": attach_labels(retrained, ["a", "b", "c"]).content,
        "input size": create_embedding_extractor(classifier, normalization="0..255"),
    }
    assert {name: read_resize(ModelFile(model)) for name, model in made.items()} == dict.fromkeys(
        made, "crop"
    )


@pytest.mark.parametrize("given", ["both", "letterbox", ""])
def test_a_view_that_does_not_exist_is_refused(given: str) -> None:
    with pytest.raises(
        ValueError, match=f"resize must be one of squash, crop, linear, not {given!r}"
    ):
        checked_view(given)
    if given != "both":
        with pytest.raises(ValueError, match=f"one of squash, crop, both, linear, not {given!r}"):
            checked_resize(given)
