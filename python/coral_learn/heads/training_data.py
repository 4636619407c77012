"""The data that a head is trained on: checked embeddings, their labels, and weights of classes."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import MAX_CLASSES, ClassWeightVector, LabelVector, SampleWeightVector
from ..embeddings import Embeddings
from .inputs import (
    EmbeddingsLike,
    as_any_embeddings,
    as_array,
    as_embeddings,
    as_float_array,
    as_labels,
)

TrainingData: TypeAlias = Mapping[str, Any]
"""pycoral's dictionary of data: ``data_train``, ``labels_train``, ``data_val``, ``labels_val``."""

ClassWeights: TypeAlias = Literal["balanced"] | ArrayLike | None
"""How much each embedding of a class counts: [C], ``"balanced"``, or None for 1 each."""


@dataclass(frozen=True)
class LabeledEmbeddings:
    """At least one embedding, each with its class.

    Attributes:
        embeddings: The embeddings, [N, D], as ``inputs.as_embeddings`` returns them.
        labels: The class of each embedding, int32 [N] in [0, C).
    """

    embeddings: Embeddings
    labels: LabelVector

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ValidationRows:
    """The validation rows of pycoral's dictionary, of which some may be of no known class.

    Attributes:
        known: The rows whose label is a class; None if there are none.
        unknown: The number of rows whose label is C or more, which no prediction can match.
    """

    known: LabeledEmbeddings | None
    unknown: int

    def accuracy(self, of_known: float | None) -> float | None:
        """Returns the accuracy on all rows, from that on the known ones; None without rows."""
        known = 0 if self.known is None else len(self.known)
        rows = known + self.unknown
        return (of_known or 0.0) * known / rows if rows else None


def read_labeled(
    embeddings: EmbeddingsLike,
    labels: ArrayLike,
    feature_dim: int,
    num_classes: int,
    names: tuple[str, str] = ("embeddings", "labels"),
) -> LabeledEmbeddings:
    """Checks embeddings and their labels.

    Args:
        embeddings: [N, D], N at least 1.
        labels: Integers [N] in [0, C).
        feature_dim: D.
        num_classes: C.
        names: The names of the embeddings and the labels in error messages.

    Raises:
        ValueError: A shape is wrong, a label is out of range, or there are no embeddings.
    """
    name, labels_name = names
    rows = as_embeddings(embeddings, feature_dim, name)
    if len(rows) == 0:
        raise ValueError(f"{name} must hold at least one embedding")
    return LabeledEmbeddings(rows, as_labels(labels, len(rows), num_classes, labels_name))


def read_any_labeled(embeddings: EmbeddingsLike, labels: ArrayLike) -> LabeledEmbeddings:
    """Checks embeddings of any number of features, and labels of any number of classes.

    Raises:
        ValueError: A shape is wrong, a label is negative, or a number is not finite.
    """
    rows = as_any_embeddings(embeddings, "embeddings")
    if len(rows) == 0:
        raise ValueError("embeddings must hold at least one embedding")
    return LabeledEmbeddings(rows, as_labels(labels, len(rows), MAX_CLASSES, "labels"))


def read_training_part(
    data: TrainingData, feature_dim: int, num_classes: int
) -> LabeledEmbeddings | None:
    """Checks ``data_train`` and ``labels_train``; returns None if they are empty or missing.

    Args:
        data: pycoral's dictionary of data.
        feature_dim: D.
        num_classes: C.

    Raises:
        ValueError: A shape is wrong, a label is out of range, or there are no labels.
    """
    return _read_part(data, "train", feature_dim, num_classes)


def read_validation_part(data: TrainingData, feature_dim: int, num_classes: int) -> ValidationRows:
    """Checks ``data_val`` and ``labels_val``, which may be empty or missing.

    As in pycoral, a label may be C or more: a random split of few photos can leave a class without
    training rows, so that C is counted too low. A warning says how many rows that are.

    Args:
        data: pycoral's dictionary of data.
        feature_dim: D.
        num_classes: C.

    Raises:
        ValueError: A shape is wrong, a label is negative, or there are no labels.
    """
    rows = _read_part(data, "val", feature_dim, MAX_CLASSES)
    if rows is None:
        return ValidationRows(None, 0)
    is_known = rows.labels < num_classes
    unknown = len(rows) - int(is_known.sum())
    if unknown == 0:
        return ValidationRows(rows, 0)
    warnings.warn(
        f"labels_val has {unknown} of {len(rows)} labels that are not in [0, {num_classes}): they "
        "count as wrong in the validation accuracy, and are left out of the validation loss",
        stacklevel=4,  # the caller of SoftmaxRegression.train_with_sgd
    )
    if unknown == len(rows):
        return ValidationRows(None, unknown)
    known = rows.embeddings[is_known]
    return ValidationRows(LabeledEmbeddings(known, rows.labels[is_known]), unknown)


def _read_part(
    data: TrainingData, part: Literal["train", "val"], feature_dim: int, num_classes: int
) -> LabeledEmbeddings | None:
    if not isinstance(data, Mapping):
        raise ValueError(f"data must be a dict, not {type(data).__name__}")
    name, labels_name = f"data_{part}", f"labels_{part}"
    value, labels = data.get(name), data.get(labels_name)
    if value is not None and not isinstance(value, Embeddings):
        value = as_array(value, name)
    if value is None or value.shape[:1] == (0,):
        return None
    if labels is None:
        raise ValueError(f"data has {name} but no {labels_name}")
    return read_labeled(value, labels, feature_dim, num_classes, (name, labels_name))


def read_validation(pair: object, feature_dim: int, num_classes: int) -> LabeledEmbeddings:
    """Checks a pair of validation embeddings and labels.

    Raises:
        ValueError: ``pair`` is not a pair, a shape is wrong, a label is out of range, or there are
            no embeddings.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError("validation must be a pair: embeddings and labels")
    names = ("validation embeddings", "validation labels")
    return read_labeled(pair[0], pair[1], feature_dim, num_classes, names)


def read_sample_weights(
    sample_weight: ArrayLike | None, labels: LabelVector, num_classes: int
) -> SampleWeightVector | None:
    """Checks sample weights; returns None if all are 1.

    Raises:
        ValueError: They have another shape, are negative or not finite, or are zero for every row
            of a class that has rows.
    """
    if sample_weight is None:
        return None
    weights = as_float_array(sample_weight, labels.shape, "sample_weight")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must be at least 0, not {weights[row]:g} (row {row})")
    total = np.bincount(labels, weights=weights, minlength=num_classes)
    without = np.flatnonzero((total == 0) & (np.bincount(labels, minlength=num_classes) > 0))
    if len(without):
        raise ValueError(
            f"sample_weight is zero for every row of class {without[0]}: give one of them a "
            "weight, or leave the class out"
        )
    return None if np.all(weights == 1) else weights


def read_groups(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
    """Checks the groups of rows; returns a copy, int64 [rows].

    Raises:
        ValueError: They have another shape, or are not integers.
    """
    values = as_array(groups, "groups")
    if values.shape != (rows,) or values.dtype.kind not in "iu":
        raise ValueError(
            f"groups must be one integer for each of the {rows} embeddings, not {values.dtype} "
            f"of shape {list(values.shape)}"
        )
    return values.astype(np.int64)


def read_class_weights(
    class_weight: ClassWeights,
    labels: LabelVector,
    num_classes: int,
    sample_weights: SampleWeightVector | None = None,
) -> ClassWeightVector | None:
    """Checks class weights, or computes balanced ones, for which rows count their sample weight.

    Raises:
        ValueError: They have another shape, are negative, or are zero for every class that has
            embeddings.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight must be 'balanced' or numbers, not {class_weight!r}")
        counts = np.bincount(labels, weights=sample_weights, minlength=num_classes)
        balanced = counts.sum() / (num_classes * np.where(counts > 0, counts, 1))
        return np.asarray(balanced, np.float32)
    weights = as_float_array(class_weight, (num_classes,), "class_weight")
    if (weights < 0).any() or not weights[labels].any():
        raise ValueError(
            "class_weight must be at least 0, and more than 0 for a class with embeddings"
        )
    return weights
