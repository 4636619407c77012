"""Adding a class to a finished classifier: the new one is known, the old ones still are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    build_extractor,
    operator_names,
    run,
)
from tests.support.stand_in.models import compiled

from coral_learn import (
    Embeddings,
    ImprintingEngine,
    ModelError,
    SoftmaxRegression,
    create_imprinting_model,
    edgetpu,
    read_head,
    read_labels,
)
from coral_learn.heads.new_class import add_class, remember_classes
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.class_means import attach_class_means, read_class_means
from coral_learn.tflite.imprinting.read import has_imprinting_tail

FEATURES, OLD, NEW = 64, ["ant", "bee", "cat", "dog"], "emu"
PHOTOS = 30  # of each class


@dataclass(frozen=True)
class World:
    """Photos of five classes, the last of them new, and what an extractor sees in them."""

    extractor: BuiltModel
    photos: np.ndarray
    embeddings: Embeddings
    labels: np.ndarray

    def of(self, classes: range) -> np.ndarray:
        return np.flatnonzero(np.isin(self.labels, classes))

    def softmax_head(self) -> SoftmaxRegression:
        old = self.of(range(4))
        head = SoftmaxRegression(FEATURES, 4, seed=0)
        head.labels = OLD
        data = {"data_train": self.embeddings[old], "labels_train": self.labels[old]}
        head.train_with_sgd(data, 300, 0.1, print_every=0)
        return head

    def classifier(self) -> bytes:
        """A retrained classifier of the four old classes, which remembers them."""
        old = self.of(range(4))
        model = self.softmax_head().serialize_model(self.extractor.content)
        return remember_classes(model, self.embeddings[old], self.labels[old])

    def answers(self, model: bytes) -> np.ndarray:
        return np.array([run(model, photo).argmax() for photo in self.photos])


def make_world(kind: str = "uint8", seed: int = 0) -> World:
    extractor = build_extractor(kind, FEATURES)
    random = np.random.default_rng(seed)
    scenes = np.repeat(random.uniform(-0.8, 0.8, (5, 1, 4, 4, 3)), PHOTOS, axis=0)
    photos = np.clip(scenes + random.normal(0, 0.25, scenes.shape), -1, 1)
    image, embedding = extractor.image, extractor.embedding
    photos = photos.astype(np.float32) if image is None else image.quantize(photos)
    rows = np.array([run(extractor.content, photo).ravel() for photo in photos])
    embeddings = (
        Embeddings(rows)
        if embedding is None
        else Embeddings(rows, embedding.scale, embedding.zero_point)
    )
    return World(extractor, photos, embeddings, np.repeat(np.arange(5), PHOTOS))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def check_all_known(world: World, before: bytes, after: bytes) -> None:
    old, new = world.of(range(4)), world.of(range(4, 5))
    answers = world.answers(after)
    assert np.mean(answers[new] == 4) >= 0.8
    was_right = np.mean(world.answers(before)[old] == world.labels[old])
    assert np.mean(answers[old] == world.labels[old]) >= was_right - 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_that_remembers_its_classes(kind: str) -> None:
    world = make_world(kind)
    before = world.classifier()
    after = add_class(before, world.embeddings[world.of(range(4, 5))[:5]], NEW)
    check_all_known(world, before, after)
    assert read_labels(after) == [*OLD, NEW]
    assert operator_names(after) == operator_names(before)


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("kind", KINDS)
def test_an_imprinting_model(kind: str) -> None:
    world = make_world(kind)
    old = world.of(range(4))
    engine = ImprintingEngine(create_imprinting_model(world.extractor.content))
    engine.train_all(world.embeddings[old], world.labels[old])
    engine.labels = OLD
    before = engine.serialize_model()
    after = add_class(before, world.embeddings[world.of(range(4, 5))[:5]], NEW)
    check_all_known(world, before, after)
    assert read_labels(after) == [*OLD, NEW]


def test_another_classifier_becomes_an_imprinting_model(world: World) -> None:
    before = world.softmax_head().serialize_model(world.extractor.content)
    new = world.of(range(4, 5))
    after = add_class(before, world.embeddings[new[:5]], NEW)
    assert has_imprinting_tail(ModelFile(after))
    assert read_labels(after) == [*OLD, NEW]
    answers, old = world.answers(after), world.of(range(4))
    assert np.mean(answers[new] == 4) >= 0.3
    assert np.mean(answers[old] == world.labels[old]) >= 0.65


def test_the_old_classes_keep_their_logits(world: World) -> None:
    before = world.classifier()
    after = add_class(before, world.embeddings[world.of(range(4, 5))[:5]], NEW)
    (old_weights, old_biases, _), (weights, biases, _) = read_head(before), read_head(after)
    rows = np.asarray(world.embeddings)
    np.testing.assert_allclose(
        rows @ weights[:, :4] + biases[:4], rows @ old_weights + old_biases, atol=0.3
    )


def test_one_class_after_the_other(world: World) -> None:
    old = world.of(range(2))
    head = SoftmaxRegression(FEATURES, 2, seed=0)
    data = {"data_train": world.embeddings[old], "labels_train": world.labels[old]}
    head.train_with_sgd(data, 300, 0.1, print_every=0)
    model = head.serialize_model(world.extractor.content)
    model = remember_classes(model, world.embeddings[old], world.labels[old])
    for label in (2, 3, 4):
        rows = world.of(range(label, label + 1))[:5]
        model = add_class(model, world.embeddings[rows], f"class {label}")
        means = read_class_means(model)
        assert means is not None
        assert means.shape == (label + 1, FEATURES)
    assert read_labels(model) == ["0", "1", "class 2", "class 3", "class 4"]
    assert np.mean(world.answers(model) == world.labels) >= 0.7


def test_one_photo_will_do(world: World) -> None:
    model = add_class(world.classifier(), world.embeddings[world.of(range(4, 5))[:1]], NEW)
    assert np.mean(world.answers(model)[world.of(range(4, 5))] == 4) >= 0.5


def test_the_model_given_does_not_change(world: World, tmp_path: Any) -> None:
    path = tmp_path / "model.tflite"
    content = world.classifier()
    path.write_bytes(content)
    rows = world.embeddings[world.of(range(4, 5))[:5]]
    assert add_class(path, rows, NEW) == add_class(content, np.asarray(rows), NEW)
    assert path.read_bytes() == content


def test_a_model_compiled_for_the_edge_tpu(world: World, edge_tpus: Any) -> None:
    old = world.of(range(4))
    before = world.softmax_head().serialize_model(compiled(world.extractor.content))
    before = remember_classes(before, world.embeddings[old], world.labels[old])
    after = add_class(before, world.embeddings[world.of(range(4, 5))[:5]], NEW)
    assert operator_names(after)[0] == "edgetpu-custom-op"
    twin = add_class(world.classifier(), world.embeddings[world.of(range(4, 5))[:5]], NEW)
    with edge_tpus(world.extractor.content):
        interpreter = edgetpu.make_interpreter(after)
        interpreter.allocate_tensors()
        for photo in world.photos[::10]:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], photo)
            interpreter.invoke()
            scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            np.testing.assert_array_equal(scores, run(twin, photo))


def test_memories_of_another_head_are_not_used(world: World) -> None:
    """As they stay behind when a model is cut, and another head appended."""
    classifier = world.classifier()
    means = read_class_means(classifier)
    assert means is not None
    confused = attach_class_means(classifier, means[::-1]).content
    added = add_class(confused, world.embeddings[world.of(range(4, 5))[:5]], NEW)
    assert has_imprinting_tail(ModelFile(added))


def test_means_are_kept_beside_the_labels(world: World) -> None:
    classifier = world.classifier()
    old = world.of(range(4))
    expected = [np.asarray(world.embeddings[old])[world.labels[old] == c].mean(0) for c in range(4)]
    means = read_class_means(classifier)
    assert means is not None
    np.testing.assert_allclose(means, expected, rtol=1e-3)
    assert read_labels(classifier) == OLD
    plain = world.softmax_head().serialize_model(world.extractor.content)
    assert read_class_means(plain) is None
    np.testing.assert_array_equal(world.answers(classifier), world.answers(plain))


def test_errors(world: World) -> None:
    classifier, rows = world.classifier(), world.embeddings[:3]
    for model in (classifier, create_imprinting_model(classifier, keep_classes=True)):
        with pytest.raises(ValueError, match="at least one photo"):
            add_class(model, rows[:0], NEW)
        with pytest.raises(ValueError, match=f"{FEATURES} features"):
            add_class(model, np.zeros((2, FEATURES + 1)), NEW)
        with pytest.raises(ValueError, match="finite"):
            add_class(model, np.full((2, FEATURES), np.nan), NEW)
    with pytest.raises(ModelError, match="last linear layer"):
        add_class(world.extractor.content, rows, NEW)
    with pytest.raises(ModelError, match="compiled"):
        add_class(compiled(build_classifier().content), rows, NEW)
    with pytest.raises(ValueError, match=r"no embedding of the classes \[1, 3\]"):
        remember_classes(classifier, rows, [0, 2, 0])
