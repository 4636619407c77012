"""Finding labels that are probably wrong, by what heads say that were fitted to other rows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import LabelVector, ProbabilityMatrix
from .held_out import REPEATS, choose_penalty, cross_fitted, draw_folds, read_any_labeled
from .inputs import EmbeddingsLike, as_whole_number
from .scenes import number_scenes
from .training_data import LabeledEmbeddings, read_groups

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
    rows, twice as many as were wrong, had 93 to 99% of the wrong ones.

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
    """
    data = read_any_labeled(embeddings, labels)
    given = None if groups is None else read_groups(groups, len(data))
    return doubt_labels(data, given, as_whole_number(seed, "seed", 0)).order


def doubt_labels(data: LabeledEmbeddings, groups: NDArray[np.int64] | None, seed: int) -> Doubts:
    """Orders rows by how much their labels are doubted, as :func:`find_label_errors` does."""
    scenes = number_scenes(data.embeddings, data.labels, groups)
    penalty = choose_penalty(data, scenes, seed)
    first = draw_folds(data.labels, scenes, 1, seed)
    everything = np.ones(len(data), bool)
    probabilities = cross_fitted(data, first, penalty, everything)
    work = data.embeddings.quantized.size * (int(data.labels.max()) + 1)
    repeats = REPEATS if work <= _MAX_WORK_TO_REPEAT else 1
    folds = draw_folds(data.labels, scenes, repeats, seed + 1)
    trusted = _trusted(probabilities, data.labels)
    probabilities = cross_fitted(data, folds, penalty, trusted)
    of_labels = probabilities[np.arange(len(data)), data.labels]
    return Doubts(np.argsort(of_labels, kind="stable"), probabilities)


def _trusted(probabilities: ProbabilityMatrix, labels: LabelVector) -> NDArray[np.bool_]:
    """Returns which rows to fit heads to, [N]: not those whose label is doubted most."""
    of_labels = probabilities[np.arange(len(labels)), labels]
    doubted = probabilities.argmax(axis=1) != labels
    trusted = np.ones(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & doubted)
        most = int(_MAX_LEFT_OUT * np.count_nonzero(labels == label))
        trusted[rows[np.argsort(of_labels[rows], kind="stable")[:most]]] = False
    return trusted
