"""How strange embeddings look to a model that was trained on others.

The score is the relative Mahalanobis distance: the squared distance to the nearest class, less the
one to all photos together, in which what photos have in common cancels out. Source: J. Ren et al.,
"A simple fix to Mahalanobis distance for improving near-OOD detection", 2021.

Embeddings are scaled to length 1, which tells strangers apart better than their own lengths. There
are fewer photos than features, so the covariances are known along the principal directions only;
all others share one variance, which is larger around all photos than within a class.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..arrays import present_labels
from ..embeddings import Embeddings
from ..tflite.familiarity_note import MAX_BYTES, FamiliarityNote, Moments, note_bytes

MAX_DIRECTIONS = 64
"""More directions hardly tell strangers apart better."""

_MIN_DIRECTIONS = 4
# The variance of all other directions: among all photos, in units of that within classes.
_OTHER_VARIANCE = 1.15
_MAX_SAMPLE = 4096  # photos; more of them do not change the covariances
_SHIFT = 1e-13
_MIN_SPREAD = 1e-12  # squared, of unit vectors; less is rounding
_BLOCK_VALUES = 1 << 22


def fit_moments(
    embeddings: Embeddings, labels: NDArray[np.int64], spread: float | None = None
) -> Moments | None:
    """Returns what tells strangers from photos like these.

    Args:
        embeddings: The embeddings of the photos, [N, D].
        labels: The class of each, [N].
        spread: The variance to take for directions of which nothing is known, so that the scores of
            two fits can be compared; None for the mean within the classes.

    Returns:
        The moments, with as many directions as there is room for; None if there are fewer than two
        classes, if all embeddings are alike, or if there is no room.
    """
    classes = present_labels(labels)
    rank = _affordable_rank(embeddings.shape[1], len(classes), len(labels))
    if len(classes) < 2 or rank < 1:
        return None
    numbers = np.searchsorted(classes, labels)
    means = _class_means(embeddings, numbers, len(classes))
    center = np.bincount(numbers) @ means / len(labels)
    sample = _sample(len(labels))
    rows = unit_rows(embeddings[sample])
    within = rows - means[numbers[sample]]
    around = rows - center
    freedom = len(sample) * (1 - len(classes) / len(labels))
    if freedom < 1:  # one photo of each class says nothing about the spread of a class
        within, freedom = around, float(max(1, len(sample) - 1))
    if spread is None:
        spread = float((within**2).sum()) / freedom / min(freedom, rows.shape[1])
    if not spread > _MIN_SPREAD:
        return None
    scale = spread**-0.5
    directions = _principal_directions(around, rank)

    def whitening(rows: NDArray[np.float64], freedom: float, other: float) -> NDArray[np.float16]:
        projected = rows @ directions.T * scale
        covariance = projected.T @ projected / freedom + other * np.eye(len(directions))
        return _whitening(covariance).astype(np.float16)

    return Moments(
        center.astype(np.float32),
        scale,
        directions.astype(np.float16),
        ((means - center) @ directions.T * scale).astype(np.float16),
        whitening(within, freedom, 1.0),
        whitening(around, max(1, len(sample) - 1), _OTHER_VARIANCE),
    )


def strangeness(moments: Moments, embeddings: Embeddings) -> NDArray[np.float64]:
    """Returns how strange each embedding looks, [N]; more is stranger.

    Args:
        moments: What :func:`fit_moments` returned.
        embeddings: Embeddings of the same extractor, [N, D].
    """
    directions = moments.directions.astype(np.float64)
    whitening = moments.within.astype(np.float64).T
    means = moments.means.astype(np.float64) @ whitening
    found = [
        _scores(moments, unit_rows(embeddings[rows]), directions, whitening, means)
        for rows in _blocks(len(embeddings), embeddings.shape[1] + len(means))
    ]
    return np.concatenate(found) if found else np.zeros(0)


def familiarity(note: FamiliarityNote, embeddings: Embeddings) -> NDArray[np.float32]:
    """Returns how many of the training photos look at least as strange, a fraction in (0, 1], [N].

    It is a conformal p-value: for photos like those of the training, it is below x in at most a
    fraction x of the cases. Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic learning in a
    random world", Springer 2005.

    Args:
        note: What a model knows of its training photos.
        embeddings: Embeddings of the same extractor, [N, D].
    """
    scores, quantiles = strangeness(note.moments, embeddings), note.quantiles
    stranger = len(quantiles) - np.searchsorted(quantiles, scores)
    return np.asarray((1 + stranger) / (1 + len(quantiles)), np.float32)


def _scores(
    moments: Moments,
    rows: NDArray[np.float64],
    directions: NDArray[np.float64],
    whitening: NDArray[np.float64],
    means: NDArray[np.float64],
) -> NDArray[np.float64]:
    relative = (rows - moments.center) * moments.scale
    projected = relative @ directions.T
    rest = np.maximum(0, (relative**2).sum(axis=1) - (projected**2).sum(axis=1))
    whitened = projected @ whitening
    products = whitened @ means.T
    of_classes = (means**2).sum(axis=1) - 2 * products
    nearest = of_classes.min(axis=1) + (whitened**2).sum(axis=1)
    background = ((projected @ moments.background.astype(np.float64).T) ** 2).sum(axis=1)
    scores: NDArray[np.float64] = nearest - background + rest * (1 - 1 / _OTHER_VARIANCE)
    return scores


def unit_rows(embeddings: Embeddings) -> NDArray[np.float64]:
    """Returns embeddings as vectors of length 1, [N, D]; zeros stay zeros."""
    rows = np.asarray(embeddings, np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)  # whose square may be infinite
    rows = rows / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = rows / np.where(lengths > 0, lengths, 1)
    return scaled


def _affordable_rank(features: int, classes: int, photos: int) -> int:
    """Returns the largest number of directions with which the note is small enough, or 0."""
    most = min(MAX_DIRECTIONS, features, photos - 1)
    for rank in range(most, min(most, _MIN_DIRECTIONS) - 1, -1):
        if note_bytes(features, classes, rank) <= MAX_BYTES:
            return rank
    return 0


def _class_means(
    embeddings: Embeddings, numbers: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    sums = np.zeros((classes, embeddings.shape[1]))
    for rows in _blocks(len(numbers), embeddings.shape[1]):
        order = np.argsort(numbers[rows], kind="stable")
        ordered = numbers[rows][order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        sums[ordered[starts]] += np.add.reduceat(unit_rows(embeddings[rows])[order], starts)
    means: NDArray[np.float64] = sums / np.bincount(numbers, minlength=classes)[:, np.newaxis]
    return means


def _sample(photos: int) -> NDArray[np.int64]:
    """Returns the rows to measure covariances on, ascending."""
    if photos <= _MAX_SAMPLE:
        return np.arange(photos)
    return np.sort(np.random.default_rng(0).choice(photos, _MAX_SAMPLE, replace=False))


def _principal_directions(rows: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Returns orthonormal directions in which centered rows vary most, [rank, D].

    Source: N. Halko, P. G. Martinsson and J. A. Tropp, "Finding structure with randomness", SIAM
    Review 53 (2011). All singular vectors would take many times as long.
    """
    found = rows.T @ np.random.default_rng(0).standard_normal((len(rows), rank))
    found = rows.T @ (rows @ found)  # further steps gain 0.1 points in telling strangers apart
    directions: NDArray[np.float64] = _orthonormal(_orthonormal(found)).T
    return directions


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns orthonormal columns with the same span; directions that hardly occur become short.

    By Cholesky's decomposition, because LAPACK's QR takes up to a hundred times as long with
    threads on a busy machine. Source: T. Fukaya et al., "Shifted Cholesky QR for computing the QR
    factorization of ill-conditioned matrices", SIAM Journal on Scientific Computing 42 (2020).
    """
    products = columns.T @ columns
    shift = _SHIFT * max(float(np.trace(products)), np.finfo(np.float64).tiny)
    return columns @ _whitening(products + shift * np.eye(len(products))).T


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a matrix W with the inverse of the covariance as W.T @ W."""
    inverse: NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(covariance))
    return inverse


def _blocks(rows: int, values: int) -> Iterator[slice]:
    """Yields slices of rows that need little memory, with so many values for each row."""
    size = max(1, _BLOCK_VALUES // max(1, values))
    return (slice(start, start + size) for start in range(0, rows, size))
