"""Whether labels fit a model: their number, what they count from, and names that occur twice."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..words import counted

_BACKGROUND = "background"


def labels_from_zero(labels: list[str] | None, num_classes: int) -> list[str] | None:
    """Returns labels by class index, also if their file counts classes from 1.

    A ``.pbtxt`` file, for example, does. Then there is no class 0, and the last index is one too
    large for the model. A warning tells of it.

    Args:
        labels: Labels by index; a label that is missing is the index in digits.
        num_classes: The number of the model's classes.
    """
    if labels is None or len(labels) != num_classes + 1 or labels[0] != "0":
        return labels
    warnings.warn(
        f"the labels are numbered from 1 to {num_classes}, and are taken for the classes 0 to "
        f"{num_classes - 1}",
        stacklevel=3,
    )
    return labels[1:]


def warn_of_label_count(labels: Sequence[str] | None, num_classes: int) -> None:
    """Warns if there is another number of labels than of classes: names may be wrong."""
    problem = _count_problem(labels, num_classes)
    if problem is not None:
        warnings.warn(f"{problem} Until then, names may be those of other classes.", stacklevel=4)


def check_label_count(labels: Sequence[str] | None, num_classes: int) -> None:
    """Checks that there are as many labels as classes.

    Raises:
        ValueError: There are more or fewer.
    """
    problem = _count_problem(labels, num_classes)
    if problem is not None:
        raise ValueError(problem)


def own_classes(
    names: Sequence[str], labels: Sequence[str], answers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns the class index of each photo whose true class is known by name.

    If several classes have the name, each is right: the index is that of the answer if it is one of
    them, and otherwise that of the first.

    Args:
        names: The name of the true class of each photo, [N].
        labels: The names of the model's classes, each of ``names`` among them.
        answers: The index of the class that the model finds, [N].
    """
    first = {label: len(labels) - 1 - k for k, label in enumerate(reversed(labels))}
    return np.array(
        [
            answer if labels[answer] == name else first[name]
            for name, answer in zip(names, answers.tolist(), strict=True)
        ],
        np.int64,
    )


def _count_problem(labels: Sequence[str] | None, num_classes: int) -> str | None:
    if labels is None or len(labels) == num_classes:
        return None
    have = f"there {'is' if len(labels) == 1 else 'are'} {counted(len(labels), 'label')}"
    found = f"{have if labels else 'there are no labels'} for {num_classes} outputs of the model."
    has_background = labels[:1] and labels[0].strip().lower() == _BACKGROUND
    if len(labels) == num_classes - 1 and not has_background:
        hint = (
            "Give one label for each output (--labels FILE). The first output of many ImageNet "
            "models is the class 'background': add it as the first label if this is one."
        )
    elif len(labels) == num_classes + 1 and has_background:
        hint = "The model has no class 'background': leave the first label out."
    else:
        hint = "Give a label file with one label for each output (--labels FILE)."
    return f"{found} {hint}"
