"""Adding a class to a trained classifier, which then knows the new class and the old ones."""

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
class Dataset:
    """Photos of five classes, the last of them new, and their embeddings."""

    extractor: BuiltModel
    photos: np.ndarray
    embeddings: Embeddings
    labels: np.ndarray

    def rows_of(self, classes: range) -> np.ndarray:
        return np.flatnonzero(np.isin(self.labels, classes))

    def softmax_head(self) -> SoftmaxRegression:
        old = self.rows_of(range(4))
        head = SoftmaxRegression(FEATURES, 4, seed=0)
        head.labels = OLD
        data = {"data_train": self.embeddings[old], "labels_train": self.labels[old]}
        head.train_with_sgd(data, 300, 0.1, print_every=0)
        return head

    def classifier(self) -> bytes:
        """Returns a retrained classifier of the four old classes that stores their means."""
        old = self.rows_of(range(4))
        model = self.softmax_head().serialize_model(self.extractor.content)
        return remember_classes(model, self.embeddings[old], self.labels[old])

    def predictions(self, model: bytes) -> np.ndarray:
        return np.array([run(model, photo).argmax() for photo in self.photos])


def make_dataset(kind: str = "uint8", seed: int = 0) -> Dataset:
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
    return Dataset(extractor, photos, embeddings, np.repeat(np.arange(5), PHOTOS))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset()


def check_old_and_new_classes(dataset: Dataset, before: bytes, after: bytes) -> None:
    old, new = dataset.rows_of(range(4)), dataset.rows_of(range(4, 5))
    predictions = dataset.predictions(after)
    assert np.mean(predictions[new] == 4) >= 0.8
    accuracy_before = np.mean(dataset.predictions(before)[old] == dataset.labels[old])
    assert np.mean(predictions[old] == dataset.labels[old]) >= accuracy_before - 0.1


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("kind", KINDS)
def test_a_class_is_added_to_a_classifier_with_class_means(kind: str) -> None:
    dataset = make_dataset(kind)
    before = dataset.classifier()
    after = add_class(before, dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW)
    check_old_and_new_classes(dataset, before, after)
    assert read_labels(after) == [*OLD, NEW]
    assert operator_names(after) == operator_names(before)


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("kind", KINDS)
def test_a_class_is_added_to_an_imprinting_model(kind: str) -> None:
    dataset = make_dataset(kind)
    old = dataset.rows_of(range(4))
    engine = ImprintingEngine(create_imprinting_model(dataset.extractor.content))
    engine.train_all(dataset.embeddings[old], dataset.labels[old])
    engine.labels = OLD
    before = engine.serialize_model()
    after = add_class(before, dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW)
    check_old_and_new_classes(dataset, before, after)
    assert read_labels(after) == [*OLD, NEW]


def test_a_classifier_without_class_means_becomes_an_imprinting_model(dataset: Dataset) -> None:
    before = dataset.softmax_head().serialize_model(dataset.extractor.content)
    new = dataset.rows_of(range(4, 5))
    after = add_class(before, dataset.embeddings[new[:5]], NEW)
    assert has_imprinting_tail(ModelFile(after))
    assert read_labels(after) == [*OLD, NEW]
    predictions, old = dataset.predictions(after), dataset.rows_of(range(4))
    assert np.mean(predictions[new] == 4) >= 0.3
    assert np.mean(predictions[old] == dataset.labels[old]) >= 0.65


def test_the_old_classes_keep_their_logits(dataset: Dataset) -> None:
    before = dataset.classifier()
    after = add_class(before, dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW)
    (old_weights, old_biases, _), (weights, biases, _) = read_head(before), read_head(after)
    rows = np.asarray(dataset.embeddings)
    np.testing.assert_allclose(
        rows @ weights[:, :4] + biases[:4], rows @ old_weights + old_biases, atol=0.3
    )


def test_several_classes_are_added_in_turn(dataset: Dataset) -> None:
    old = dataset.rows_of(range(2))
    head = SoftmaxRegression(FEATURES, 2, seed=0)
    data = {"data_train": dataset.embeddings[old], "labels_train": dataset.labels[old]}
    head.train_with_sgd(data, 300, 0.1, print_every=0)
    model = head.serialize_model(dataset.extractor.content)
    model = remember_classes(model, dataset.embeddings[old], dataset.labels[old])
    for label in (2, 3, 4):
        rows = dataset.rows_of(range(label, label + 1))[:5]
        model = add_class(model, dataset.embeddings[rows], f"class {label}")
        means = read_class_means(model)
        assert means is not None
        assert means.shape == (label + 1, FEATURES)
    assert read_labels(model) == ["0", "1", "class 2", "class 3", "class 4"]
    assert np.mean(dataset.predictions(model) == dataset.labels) >= 0.7


def test_one_photo_is_enough(dataset: Dataset) -> None:
    model = add_class(
        dataset.classifier(), dataset.embeddings[dataset.rows_of(range(4, 5))[:1]], NEW
    )
    assert np.mean(dataset.predictions(model)[dataset.rows_of(range(4, 5))] == 4) >= 0.5


def test_the_given_model_is_not_changed(dataset: Dataset, tmp_path: Any) -> None:
    path = tmp_path / "model.tflite"
    content = dataset.classifier()
    path.write_bytes(content)
    rows = dataset.embeddings[dataset.rows_of(range(4, 5))[:5]]
    assert add_class(path, rows, NEW) == add_class(content, np.asarray(rows), NEW)
    assert path.read_bytes() == content


def test_a_class_is_added_to_a_model_compiled_for_the_edge_tpu(
    dataset: Dataset, edge_tpus: Any
) -> None:
    old = dataset.rows_of(range(4))
    before = dataset.softmax_head().serialize_model(compiled(dataset.extractor.content))
    before = remember_classes(before, dataset.embeddings[old], dataset.labels[old])
    after = add_class(before, dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW)
    assert operator_names(after)[0] == "edgetpu-custom-op"
    twin = add_class(
        dataset.classifier(), dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW
    )
    with edge_tpus(dataset.extractor.content):
        interpreter = edgetpu.make_interpreter(after)
        interpreter.allocate_tensors()
        for photo in dataset.photos[::10]:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], photo)
            interpreter.invoke()
            scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            np.testing.assert_array_equal(scores, run(twin, photo))


def test_class_means_of_another_head_are_not_used(dataset: Dataset) -> None:
    """Such means stay in the file if a model is cut and gets another head."""
    classifier = dataset.classifier()
    means = read_class_means(classifier)
    assert means is not None
    confused = attach_class_means(classifier, means[::-1]).content
    added = add_class(confused, dataset.embeddings[dataset.rows_of(range(4, 5))[:5]], NEW)
    assert has_imprinting_tail(ModelFile(added))


def test_class_means_are_stored_beside_the_labels(dataset: Dataset) -> None:
    classifier = dataset.classifier()
    old = dataset.rows_of(range(4))
    expected = [
        np.asarray(dataset.embeddings[old])[dataset.labels[old] == c].mean(0) for c in range(4)
    ]
    means = read_class_means(classifier)
    assert means is not None
    np.testing.assert_allclose(means, expected, rtol=1e-3)
    assert read_labels(classifier) == OLD
    plain = dataset.softmax_head().serialize_model(dataset.extractor.content)
    assert read_class_means(plain) is None
    np.testing.assert_array_equal(dataset.predictions(classifier), dataset.predictions(plain))


def test_invalid_input_is_refused(dataset: Dataset) -> None:
    classifier, rows = dataset.classifier(), dataset.embeddings[:3]
    for model in (classifier, create_imprinting_model(classifier, keep_classes=True)):
        with pytest.raises(ValueError, match="at least one photo"):
            add_class(model, rows[:0], NEW)
        with pytest.raises(ValueError, match=f"{FEATURES} features"):
            add_class(model, np.zeros((2, FEATURES + 1)), NEW)
        with pytest.raises(ValueError, match="finite"):
            add_class(model, np.full((2, FEATURES), np.nan), NEW)
    with pytest.raises(ModelError, match="last linear layer"):
        add_class(dataset.extractor.content, rows, NEW)
    with pytest.raises(ModelError, match="compiled"):
        add_class(compiled(build_classifier().content), rows, NEW)
    with pytest.raises(ValueError, match=r"no embedding of the classes \[1, 3\]"):
        remember_classes(classifier, rows, [0, 2, 0])
