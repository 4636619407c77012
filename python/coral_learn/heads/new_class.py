"""Adding a class to a finished classifier, from a few photos and without the old ones."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..embeddings import Embeddings
from ..tflite.cut import create_embedding_extractor
from ..tflite.file import ModelSource, read_model_content
from ..tflite.head.append import append_softmax_head
from ..tflite.head.class_means import attach_class_means, read_class_means
from ..tflite.head.read import read_head
from ..tflite.imprinting.create import create_imprinting_model
from ..tflite.imprinting.tail import has_imprinting_tail
from .imprinting import ImprintingEngine
from .inputs import EmbeddingsLike, as_embeddings, as_labels


def remember_classes(
    classifier: ModelSource, embeddings: EmbeddingsLike, labels: ArrayLike
) -> bytes:
    """Returns a classifier that remembers its classes, so that :func:`add_class` can set to work.

    Args:
        classifier: A ``.tflite`` file or its bytes.
        embeddings: Those that it was trained on, [N, D].
        labels: The class of each, integers [N] in [0, C).

    Raises:
        ModelError: The file cannot be used.
        ValueError: A wrong shape, labels out of range, or a class without an embedding.
    """
    weights, biases, _ = read_head(classifier)
    rows = as_embeddings(embeddings, len(weights))
    classes = as_labels(labels, len(rows), len(biases), "labels")
    return attach_class_means(classifier, class_means(rows, classes, len(biases)))


def class_means(
    embeddings: Embeddings, labels: NDArray[np.integer[Any]], num_classes: int
) -> NDArray[np.float32]:
    """Returns the mean embedding of each class, [C, D].

    Args:
        embeddings: [N, D].
        labels: The class of each, [N], in [0, C).
        num_classes: C.

    Raises:
        ValueError: A class has no embedding.
    """
    missing = sorted(set(range(num_classes)) - set(labels.tolist()))
    if missing:
        raise ValueError(f"there is no embedding of the classes {missing}")
    return np.array(
        [np.asarray(embeddings[labels == label]).mean(axis=0) for label in range(num_classes)]
    )


def add_class(model: ModelSource, embeddings: EmbeddingsLike, label: str) -> bytes:
    """Returns a classifier that knows one class more.

    How well depends on what the model tells of its old classes. A retrained model that remembers
    them (see :func:`remember_classes`) and one made by imprinting tell enough. Any other classifier
    becomes an imprinting model, which takes to the new class at some cost to the old ones.

    Args:
        model: A classifier, a ``.tflite`` file or its bytes.
        embeddings: Photos of the new class as the model's own extractor sees them, [N, D] with N
            at least 1; a handful will do.
        label: The name of the new class.

    Raises:
        ModelError: The model cannot be used.
        ValueError: A wrong shape, or numbers that are not finite.
    """
    content = read_model_content(model)
    if not has_imprinting_tail(content):
        weights, biases, labels = read_head(content)
        means = read_class_means(content)
        if means is not None and _are_means_of(means, weights, biases):
            return _extend_head(content, means, embeddings, _extended(labels, len(biases), label))
        del weights  # of 1,000 classes they are larger than the file
        content = create_imprinting_model(content, keep_classes=True)
    engine = ImprintingEngine(content, keep_classes=True)
    old_labels, new_class = engine.labels, engine.num_classes
    rows = as_embeddings(embeddings, engine.embedding_dim)
    engine.train_all(_at_least_one(rows), np.full(len(rows), new_class))
    engine.labels = _extended(old_labels, new_class, label)
    return engine.serialize_model()


def _extend_head(
    content: bytes, means: NDArray[np.float32], embeddings: EmbeddingsLike, labels: list[str]
) -> bytes:
    """Appends the head again, with one more column, to the extractor in the classifier."""
    weights, biases, _ = read_head(content)
    photos = np.asarray(_at_least_one(as_embeddings(embeddings, len(weights))), np.float32)
    column, bias = _new_column(weights, biases, means, photos)
    extended = append_softmax_head(
        create_embedding_extractor(content),
        np.column_stack([weights, column]),
        np.append(biases, bias),
        calibration=Embeddings(_imagined_photos(means, photos)),
        labels=labels,
    ).content
    return attach_class_means(extended, np.vstack([means, photos.mean(axis=0)]))


def _new_column(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    means: NDArray[np.float32],
    photos: NDArray[np.float32],
) -> tuple[NDArray[np.float32], np.float32]:
    """Returns the weights [D] and the bias of a new class.

    The logit rises along the line from the old classes' means to the new photos. At the photos it
    is above the likeliest old class, and at the means below, by as much as the old classes are
    apart from each other.
    """
    logits = means @ weights + biases
    own = np.diagonal(logits).copy()
    rivals = logits.copy()
    np.fill_diagonal(rivals, -np.inf)
    margin = float((own - rivals.max(axis=1)).mean()) if len(means) > 1 else _LONE_MARGIN
    best_old = float((photos @ weights + biases).max(axis=1).mean())
    direction = photos.mean(axis=0) - means.mean(axis=0)
    rise = 2 * margin + max(0.0, best_old - float(own.mean()))
    column = direction * np.float32(rise / max(float(direction @ direction), _LEAST_DISTANCE))
    return column, np.float32(best_old + margin - column @ photos.mean(axis=0))


def _imagined_photos(
    means: NDArray[np.float32], photos: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Returns embeddings about as spread out as the old photos were, to choose ranges by."""
    center = means.mean(axis=0)
    scattered = means[:, None] + (photos - photos.mean(axis=0))
    return np.vstack([photos, scattered.reshape(-1, means.shape[1]), center + 2 * (means - center)])


def _are_means_of(
    means: NDArray[np.float32], weights: NDArray[np.float32], biases: NDArray[np.float32]
) -> bool:
    """Tells whether noted means belong to this head, not to one that the model had before."""
    if means.shape != weights.T.shape:
        return False
    answers = (means @ weights + biases).argmax(axis=1)
    return bool(np.mean(answers == np.arange(len(means))) > 0.5)


def _extended(labels: list[str] | None, classes: int, label: str) -> list[str]:
    return [*(labels or map(str, range(classes))), label]


def _at_least_one(rows: Embeddings) -> Embeddings:
    if len(rows) == 0:
        raise ValueError("embeddings must hold at least one photo of the new class")
    return rows


_LONE_MARGIN = 4.0  # of a classifier of one class, which tells nothing of distances
_LEAST_DISTANCE = 1e-12
