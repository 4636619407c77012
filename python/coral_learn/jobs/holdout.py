"""The photos that are held out: by the split that a folder gives, or at random."""

import numpy as np
from numpy.typing import NDArray

from ..dataset.split import Split, split_by_class
from .training_photos import TrainingPhotos

DEFAULT_FRACTION = 0.1
"""The fraction of the photos to validate on, and to test on, unless another is asked for."""


def split_photos(
    photos: TrainingPhotos, validation: float, test: float, seed: int | None
) -> tuple[Split, list[str]]:
    """Splits photos as :func:`choose_split` does; drawn pictures are all trained on."""
    split, notes = choose_split(photos.labels, photos.split, validation, test, seed, photos.scenes)
    if photos.drawn_class is None:
        return split, notes
    train = np.concatenate([split.train, np.setdiff1d(photos.drawn, split.train)])
    held_out = (
        part[photos.labels[part] != photos.drawn_class] for part in (split.validation, split.test)
    )
    return Split(train, *held_out), notes


def choose_split(
    labels: NDArray[np.int64],
    given: Split | None,
    validation: float,
    test: float,
    seed: int | None,
    groups: NDArray[np.int64] | None = None,
) -> tuple[Split, list[str]]:
    """Returns the rows to train, to validate and to test on.

    Where a split is given, its parts are used as they are. A part that it does not have is taken
    from the training part at random.

    Args:
        labels: The class of each row, [N].
        given: The split that the folder of the photos gives, or None.
        validation: The fraction of rows to validate on, in [0, 1).
        test: The fraction of rows to test on, in [0, 1).
        seed: The seed of the random choice.
        groups: The number of the group of each row, of which all rows go to the same part, [N].

    Returns:
        The split, and notes about it for the user.
    """
    if given is None:
        return split_by_class(labels, validation, test, seed, groups), []
    notes = []
    fractions = []
    for name, rows, fraction in (
        ("validation", given.validation, validation),
        ("test", given.test, test),
    ):
        fractions.append(0.0 if len(rows) else fraction)
        if len(rows) and fraction != DEFAULT_FRACTION:
            notes.append(
                f"the photos already have a {name} part, which is used; the {name} fraction "
                f"{fraction:g} is not"
            )
        elif not len(rows) and fraction > 0:
            notes.append(
                f"the photos have no {name} part: {fraction:.0%} of the training photos are used"
            )
    groups = None if groups is None else groups[given.train]
    chosen = split_by_class(labels[given.train], fractions[0], fractions[1], seed, groups)
    return Split(
        given.train[chosen.train],
        given.validation if len(given.validation) else given.train[chosen.validation],
        given.test if len(given.test) else given.train[chosen.test],
    ), notes
