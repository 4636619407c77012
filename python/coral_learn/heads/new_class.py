"""Adding a class to a trained classifier, from a few photos and without the old photos."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import BiasVector, EmbeddingMatrix, WeightColumns
from ..embeddings import Embeddings
from ..tflite.cut import cut_below_head
from ..tflite.file import ModelFile, ModelSource
from ..tflite.head.append import append_softmax_head
from ..tflite.head.class_means import attach_class_means, read_class_means
from ..tflite.head.read import read_head
from ..tflite.imprinting.create import keep_head
from ..tflite.imprinting.read import has_imprinting_tail
from ..tflite.input_shape import fix_input_shape
from .class_means import class_means
from .imprinting import ImprintingEngine
from .inputs import EmbeddingsLike, as_embeddings, as_labels

_MARGIN_OF_ONE_CLASS = 4.0  # a single class gives no distance between classes to measure
_MIN_SQUARED_DISTANCE = 1e-12


def remember_classes(
    classifier: ModelSource, embeddings: EmbeddingsLike, labels: ArrayLike
) -> bytes:
    """Returns a classifier that remembers its classes, so that :func:`add_class` can build on them.

    Args:
        classifier: A ``.tflite`` file or its bytes.
        embeddings: The embeddings that it was trained on, [N, D].
        labels: The class of each embedding, integers [N] in [0, C).

    Returns:
        The bytes of the classifier with the mean embedding of each class in its metadata. What it
        says about photos does not change.

    Raises:
        ModelError: The file cannot be used.
        ValueError: A shape is wrong, a label is out of range, or a class has no embedding.

    Examples:
        >>> from coral_learn import (
        ...     EmbeddingExtractor, ImageFolder, create_embedding_extractor, remember_classes
        ... )
        >>> model, photos = "retrained/retrained_model.tflite", ImageFolder("photos")
        >>> with EmbeddingExtractor(create_embedding_extractor(model)) as extractor:
        ...     embeddings = extractor.extract(photos.paths)
        >>> content = remember_classes(model, embeddings, photos.labels)
    """
    model = ModelFile.open(classifier)
    weights, biases, _ = read_head(model)
    rows = as_embeddings(embeddings, len(weights))
    classes = as_labels(labels, len(rows), len(biases), "labels")
    return attach_class_means(model, class_means(rows, classes, len(biases))).content


def add_class(model: ModelSource, embeddings: EmbeddingsLike, label: str) -> bytes:
    """Returns a classifier with one more class.

    How well it works depends on what the model stores about its old classes. A retrained model that
    remembers them (see :func:`remember_classes`) and a model made by imprinting store enough. Any
    other classifier becomes an imprinting model, in which the new class takes more photos of the
    old classes for its own.

    Args:
        model: A classifier: a ``.tflite`` file or its bytes.
        embeddings: The embeddings of photos of the new class, by the model's own extractor, [N, D]
            with N at least 1; a few photos are enough.
        label: The name of the new class.

    Returns:
        The bytes of the classifier with the labels of the model and the new one, which comes last.

    Raises:
        ModelError: The model cannot be used.
        ValueError: The shape is wrong, or a number is not finite.

    Examples:
        >>> from pathlib import Path
        >>> from coral_learn import (
        ...     EmbeddingExtractor, add_class, create_embedding_extractor, read_labels
        ... )
        >>> model = "retrained/retrained_model.tflite"
        >>> with EmbeddingExtractor(create_embedding_extractor(model)) as extractor:
        ...     turtles = extractor.extract(sorted(Path("other_photos").iterdir()))
        >>> read_labels(add_class(model, turtles, "turtle"))
        ['daisy', 'roses', 'tulips', 'turtle']
    """
    classifier = ModelFile.open(model)
    if has_imprinting_tail(classifier):
        engine = ImprintingEngine(classifier, keep_classes=True)
        return _imprint_class(engine, embeddings, label).content
    weights, biases, labels = read_head(classifier)
    means = read_class_means(classifier)
    if means is not None and _are_means_of(means, weights, biases):
        names = _extended(labels, len(biases), label)
        return _extend_head(classifier, weights, biases, means, embeddings, names).content
    del weights  # with 1,000 classes, they take more memory than the file
    engine = ImprintingEngine.of_parts(*keep_head(fix_input_shape(classifier)))
    extended = _imprint_class(engine, embeddings, label)
    del engine  # packing the model takes memory of its own
    return extended.content


def _imprint_class(engine: ImprintingEngine, embeddings: EmbeddingsLike, label: str) -> ModelFile:
    old_labels, new_class = engine.labels, engine.num_classes
    rows = _at_least_one(as_embeddings(embeddings, engine.embedding_dim))
    engine.train_all(rows, np.full(len(rows), new_class))
    engine.labels = _extended(old_labels, new_class, label)
    return engine.to_model()


def _extend_head(
    classifier: ModelFile,
    weights: WeightColumns,
    biases: BiasVector,
    means: EmbeddingMatrix,
    embeddings: EmbeddingsLike,
    labels: list[str],
) -> ModelFile:
    """Appends the head again, with one more column, to the extractor inside the classifier."""
    photos = np.asarray(_at_least_one(as_embeddings(embeddings, len(weights))), np.float32)
    column, bias = _new_column(weights, biases, means, photos)
    return append_softmax_head(
        cut_below_head(classifier),
        np.column_stack([weights, column]),
        np.append(biases, bias),
        calibration=Embeddings(_synthetic_embeddings(means, photos)),
        labels=labels,
        class_means=np.vstack([means, photos.mean(axis=0)]),
    )


def _new_column(
    weights: WeightColumns,
    biases: BiasVector,
    means: EmbeddingMatrix,
    photos: EmbeddingMatrix,
) -> tuple[NDArray[np.float32], np.float32]:
    """Returns the weights [D] and the bias of a new class.

    The logit rises along the line from the mean of the old classes to the new photos. It is above
    the most probable old class at the photos and below it at the old means, by the mean
    margin between the old classes.
    """
    logits = means @ weights + biases
    own = np.diagonal(logits).copy()
    rivals = logits.copy()
    np.fill_diagonal(rivals, -np.inf)
    margin = _MARGIN_OF_ONE_CLASS
    if len(means) > 1:
        margin = float((own - rivals.max(axis=1)).mean())
    best_old = float((photos @ weights + biases).max(axis=1).mean())
    direction = photos.mean(axis=0) - means.mean(axis=0)
    rise = 2 * margin + max(0.0, best_old - float(own.mean()))
    distance = max(float(direction @ direction), _MIN_SQUARED_DISTANCE)
    column = direction * np.float32(rise / distance)
    return column, np.float32(best_old + margin - column @ photos.mean(axis=0))


def _synthetic_embeddings(means: EmbeddingMatrix, photos: EmbeddingMatrix) -> EmbeddingMatrix:
    """Returns embeddings about as spread out as the old photos, to choose quantization ranges."""
    center = means.mean(axis=0)
    scattered = means[:, None] + (photos - photos.mean(axis=0))
    return np.vstack([photos, scattered.reshape(-1, means.shape[1]), center + 2 * (means - center)])


def _are_means_of(means: EmbeddingMatrix, weights: WeightColumns, biases: BiasVector) -> bool:
    """Tells whether stored class means belong to this head, not to an earlier one of the model."""
    if means.shape != weights.T.shape:
        return False
    predictions = (means @ weights + biases).argmax(axis=1)
    return bool(np.mean(predictions == np.arange(len(means))) > 0.5)


def _extended(labels: list[str] | None, classes: int, label: str) -> list[str]:
    return [*(labels or map(str, range(classes))), label]


def _at_least_one(rows: Embeddings) -> Embeddings:
    if len(rows) == 0:
        raise ValueError("embeddings must hold at least one photo of the new class")
    return rows
