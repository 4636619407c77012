"""Finding labels that are probably wrong, by what heads say that were fitted to other rows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import ProbabilityMatrix, present_labels
from ..embeddings import Embeddings
from .cross_fitting import Score, score_folds
from .folds import FoldRows, make_folds
from .inputs import EmbeddingsLike, as_whole_number
from .refit import score_by_refits
from .scenes import number_scenes
from .softmax_regression import SoftmaxRegression
from .training_data import LabeledEmbeddings, read_any_labeled, read_groups

_REPEATS = 3  # how often all rows are held out in turn, in other folds each time
_MAX_WORK_TO_REPEAT = 50_000_000  # rows x features x classes; above this, repeats take too long
_MAX_LEFT_OUT = 0.1  # of the rows of a class: as many labels as are wrong in a bad data set


class Doubts(NamedTuple):
    """How much the label of each row is doubted.

    Attributes:
        order: All rows, the most doubtful first, int64 [N].
        probabilities: The probabilities of the classes for each row, by heads that were fitted
            without it and without labels that are probably wrong, float32 [N, C].
    """

    order: NDArray[np.int64]
    probabilities: ProbabilityMatrix


def find_label_errors(
    embeddings: EmbeddingsLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Returns all rows, those first whose label is most probably wrong.

    Rows are ordered by the probability of their label, which heads give that were fitted without
    the row, its copies and its near-duplicates. So that wrong labels do not defend each other,
    heads are fitted twice: the second time without the labels that the first ones doubt most.

    With 60 photos of each of 5 kinds of flowers, of which 5 or 10% had a wrong label, the first
    rows, twice as many as were wrong, had 92 to 99% of the wrong ones.

    Args:
        embeddings: [N, D].
        labels: Integers [N], at least 0, of which some may be wrong.
        groups: The group of each row, integers [N], such as the video of a frame: rows of one group
            do not vouch for each other. None for no groups.
        seed: Seeds the cross-validation.

    Returns:
        The rows, int64 [N], the most doubtful first.

    Raises:
        ValueError: A shape is wrong, a label is negative, a number is not finite, or there are no
            rows.

    Examples:
        >>> from coral_learn import EmbeddingExtractor, ImageFolder, find_label_errors
        >>> photos = ImageFolder("photos")
        >>> with EmbeddingExtractor("extractor.tflite") as extractor:
        ...     embeddings = extractor.extract(photos.paths)
        >>> labels = photos.labels.copy()
        >>> labels[5] = 2  # a daisy among the tulips
        >>> int(find_label_errors(embeddings, labels)[0])
        5
    """
    data = read_any_labeled(embeddings, labels)
    given = None if groups is None else read_groups(groups, len(data))
    scenes = number_scenes(data.embeddings, data.labels, given)
    return doubt_labels(data, scenes, as_whole_number(seed, "seed", 0)).order


def doubt_labels(data: LabeledEmbeddings, scenes: NDArray[np.int64], seed: int) -> Doubts:
    """Orders rows by how much their labels are doubted, as :func:`find_label_errors` does.

    Args:
        data: N embeddings and their labels.
        scenes: The scene of each row, [N], which is held out whole.
        seed: Seeds the cross-validation.
    """
    rows, labels = data.embeddings, data.labels.astype(np.int64)
    features, classes = rows.shape[1], int(labels.max()) + 1
    record = SoftmaxRegression(features, classes, seed=seed).fit(rows, labels, groups=scenes)
    score = score_by_refits(record, rows, labels, classes, seed=seed)
    generator = np.random.default_rng(seed)
    first = _held_out_probabilities(rows, labels, score, scenes, generator)
    work = rows.quantized.size * classes
    repeats = _REPEATS if work <= _MAX_WORK_TO_REPEAT else 1
    return doubt_again(rows, labels, score, scenes, first, generator, repeats)


def doubt_again(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    scenes: NDArray[np.int64],
    first: ProbabilityMatrix,
    generator: np.random.Generator,
    repeats: int,
) -> Doubts:
    """Orders rows by how much heads doubt their labels that were trained on trusted ones.

    Args:
        embeddings: The embeddings, [N, D].
        labels: The class of each row, [N].
        score: Trains a head, and returns its probabilities.
        scenes: The scene of each row, [N], which is held out whole.
        first: The probabilities by heads that were trained without the row, but with labels that
            may be wrong, [N, C].
        generator: Shuffles the rows into folds.
        repeats: How often all rows are held out in turn.
    """
    trusted = _trusted(first, labels)
    rounds = [
        _held_out_probabilities(embeddings, labels, score, scenes, generator, trusted)
        for _ in range(repeats)
    ]
    probabilities = np.asarray(np.mean(rounds, axis=0), np.float32)
    of_labels = probabilities[np.arange(len(labels)), labels]
    return Doubts(np.argsort(of_labels, kind="stable"), probabilities)


def _held_out_probabilities(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    score: Score,
    scenes: NDArray[np.int64],
    generator: np.random.Generator,
    trusted: NDArray[np.bool_] | None = None,
) -> ProbabilityMatrix:
    """Returns the probabilities of the rows by heads that were trained without them, [N, C].

    Rows that are never held out get the mean of all heads, which were trained on them.
    """
    everything = np.arange(len(labels))
    folds = make_folds(labels, scenes, generator) or [(everything, everything[:0])]
    never = np.delete(everything, np.concatenate([held_out for _, held_out in folds]))
    parts: list[FoldRows] = [
        (_trusted_part(rows, trusted), np.concatenate([held_out, never]))
        for rows, held_out in folds
    ]
    total = np.zeros((len(labels), int(labels.max()) + 1))
    for (_, answered), answers in zip(parts, score_folds(embeddings, parts, score), strict=True):
        total[answered] += answers
    total[never] /= len(folds)
    return total.astype(np.float32)


def _trusted_part(rows: NDArray[np.int64], trusted: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    if trusted is None or not trusted[rows].any():
        return rows
    return rows[trusted[rows]]


def _trusted(probabilities: ProbabilityMatrix, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns which rows to fit heads to, [N]: not those whose label is doubted most."""
    of_labels = probabilities[np.arange(len(labels)), labels]
    doubted = probabilities.argmax(axis=1) != labels
    trusted = np.ones(len(labels), bool)
    for label in present_labels(labels):
        rows = np.flatnonzero((labels == label) & doubted)
        most = int(_MAX_LEFT_OUT * np.count_nonzero(labels == label))
        trusted[rows[np.argsort(of_labels[rows], kind="stable")[:most]]] = False
    return trusted
