"""Classifiers that give the embedding as well, and what they know of their photos."""

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.model_builder import KINDS, build_classifier, build_extractor, random_image, run

from coral_learn import add_class, create_imprinting_model, edgetpu
from coral_learn.heads.imprinting import ImprintingEngine
from coral_learn.tflite.answers import (
    AnswerNotes,
    read_answer_notes,
    with_answer_notes,
    without_familiarity,
)
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.familiarity_note import (
    MAX_BYTES,
    MAX_QUANTILES,
    FamiliarityNote,
    Moments,
)
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.notes import FAMILIARITY, write_note
from coral_learn.tflite.second_output import with_embedding

RNG = np.random.default_rng(0)


def note(features: int = 8, rank: int = 3, classes: int = 4) -> FamiliarityNote:
    moments = Moments(
        RNG.normal(size=features).astype(np.float32),
        2.0,
        RNG.normal(size=(rank, features)).astype(np.float16),
        RNG.normal(size=(classes, rank)).astype(np.float16),
        np.eye(rank, dtype=np.float16),
        np.eye(rank, dtype=np.float16),
    )
    return FamiliarityNote(moments, np.array([-1, 0, 0, 5], np.float32))


def noted(content: bytes, features: int = 8) -> ModelFile:
    made = with_answer_notes(ModelFile(content), AnswerNotes(familiarity=note(features)))
    return ModelFile(made.content)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", [2, 4])
def test_both_outputs_are_those_of_the_two_models(kind: str, rank: int) -> None:
    extractor = build_extractor(kind, rank=rank)
    weights, biases = RNG.normal(0, 0.5, (8, 4)), RNG.normal(0, 0.3, 4)
    classifier = append_softmax_head(extractor.content, weights, biases, labels=list("abcd"))
    both = with_embedding(classifier, 8)
    assert both is not None
    image = random_image(extractor)
    interpreter = edgetpu.make_interpreter(both)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    scores, embedding = (
        interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()
    )
    np.testing.assert_array_equal(scores, run(classifier.content, image))
    np.testing.assert_array_equal(embedding.ravel(), run(extractor.content, image).ravel())
    assert ModelFile(both.content).labels == list("abcd")


def test_an_imprinted_model_gives_the_embedding_before_it_is_normalized() -> None:
    built = build_extractor()
    engine = ImprintingEngine(create_imprinting_model(built.content))
    engine.train(np.arange(8, dtype=np.uint8), 0)
    engine.train(np.arange(8, dtype=np.uint8)[::-1].copy(), 1)
    both = with_embedding(ModelFile(engine.serialize_model()), 8)
    assert both is not None
    graph = ModelFile(both.content).graph
    assert graph.producers[graph.outputs[1]].name != "L2_NORMALIZATION"


def test_other_models_and_sizes_have_no_second_output() -> None:
    classifier = ModelFile(build_classifier().content)
    assert with_embedding(classifier, 9) is None
    assert with_embedding(ModelFile(averaging_model()), 8) is None
    assert with_embedding(ModelFile(b"no model"), 8) is None


def test_notes_are_read_as_they_were_written() -> None:
    read = read_answer_notes(noted(build_classifier().content)).familiarity
    assert read is not None
    expected = note()
    assert read.moments.scale == 2
    assert read.moments.directions.dtype == np.float16
    assert read.moments.directions.shape == expected.moments.directions.shape
    np.testing.assert_array_equal(read.quantiles, expected.quantiles)


def test_a_model_without_such_an_embedding_gets_no_note() -> None:
    assert read_answer_notes(noted(build_classifier().content, features=9)).familiarity is None


@pytest.mark.parametrize("name", FAMILIARITY)
@pytest.mark.parametrize(
    "damage",
    [
        lambda array: None,
        lambda array: array.astype(np.float64),
        lambda array: array[:0],
        lambda array: array[..., np.newaxis],
        lambda array: np.full_like(array, np.nan),
        lambda array: np.full_like(array, np.inf),
        lambda array: np.concatenate([array, array], axis=-1),
    ],
)
def test_notes_that_cannot_be_believed_are_ignored(name: str, damage: object) -> None:
    model = noted(build_classifier().content)
    found = read_answer_notes(model).familiarity
    assert found is not None
    moments = found.moments
    arrays = dict(
        zip(
            FAMILIARITY,
            [*moments._replace(scale=np.array([2], np.float32)), found.quantiles],  # type: ignore[arg-type]
            strict=True,
        )
    )
    graph = model.graph.copy()
    write_note(graph.model, name, damage(arrays[name]))  # type: ignore[operator]
    changed = ModelFile(model.with_graph(graph).content)
    assert read_answer_notes(changed).familiarity is None


def changed_note(name: str, array: object) -> FamiliarityNote | None:
    """Returns what is read from a model, one of whose notes is another array."""
    model = noted(build_classifier().content)
    graph = model.graph.copy()
    write_note(graph.model, name, array)  # type: ignore[arg-type]
    return read_answer_notes(ModelFile(model.with_graph(graph).content)).familiarity


@pytest.mark.parametrize(
    ("count", "is_read"), [(MAX_QUANTILES, True), (MAX_QUANTILES + 1, False), (200_000, False)]
)
def test_more_quantiles_than_are_ever_written_are_not_believed(count: int, is_read: bool) -> None:
    read = changed_note("FAMILIARITY_QUANTILES", np.linspace(0, 5, count, dtype=np.float32))
    assert (read is not None) == is_read


def test_larger_notes_than_are_ever_written_are_not_believed() -> None:
    assert changed_note("FAMILIARITY_MEANS", np.ones((1_000, 3), np.float16)) is not None
    many = np.ones((MAX_BYTES // 6 + 1, 3), np.float16)
    assert changed_note("FAMILIARITY_MEANS", many) is None


def test_other_answers_drop_the_notes() -> None:
    model = noted(build_classifier().content)
    extractor = ModelFile(create_embedding_extractor(model))
    assert not any(name.encode() in extractor.content for name in FAMILIARITY)


def test_a_further_class_drops_the_notes() -> None:
    extractor = build_extractor(features=8)
    weights, biases = RNG.normal(0, 0.5, (8, 4)), RNG.normal(0, 0.3, 4)
    means = RNG.uniform(0, 6, (4, 8)).astype(np.float32)
    made = append_softmax_head(
        extractor.content, weights, biases, labels=list("abcd"), class_means=means
    )
    model = noted(made.content)
    assert read_answer_notes(model).familiarity is not None
    more = add_class(model.content, np.arange(16, dtype=np.uint8).reshape(2, 8), "e")
    assert not any(name.encode() in more for name in FAMILIARITY)


def test_what_is_known_of_photos_can_be_left_out() -> None:
    model = noted(build_classifier().content)
    small = without_familiarity(model)
    assert not any(name.encode() in small.content for name in FAMILIARITY)
    assert without_familiarity(small) is small
