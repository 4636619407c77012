"""A head that was not trained by the project itself, such as the one of a fleet of boards."""

from dataclasses import replace

from numpy.typing import ArrayLike

from ..embeddings import Embeddings
from ..heads.softmax_regression import SoftmaxRegression
from ..heads.state import calibration_sample
from ..words import quoted
from .state import ProjectState


def head_of_classes(
    weights: ArrayLike, biases: ArrayLike, classes: list[str], embeddings: Embeddings
) -> SoftmaxRegression:
    """Returns a head that was trained elsewhere.

    Args:
        weights: float32 [D, C].
        biases: float32 [C].
        classes: The names of the classes.
        embeddings: Embeddings to calibrate a model with.
    """
    head = SoftmaxRegression(embeddings.shape[1], len(classes), seed=0)
    head.weights, head.biases, head.labels = weights, biases, classes
    head._state.calibration = calibration_sample(embeddings)
    return head


def ordered_head(
    head: SoftmaxRegression, classes: list[str], embeddings: Embeddings
) -> SoftmaxRegression:
    """Returns a head with its classes in the order of a project.

    Args:
        head: The head, with a label for each class.
        classes: The classes of the project.
        embeddings: The embeddings of the project.

    Raises:
        ValueError: The head has other classes than the project.
    """
    labels = head.labels or []
    if sorted(labels) != sorted(classes):
        raise ValueError(
            f"the head is for the classes {quoted(sorted(labels))}, but the project has "
            f"{quoted(sorted(classes))}"
        )
    order = [labels.index(name) for name in classes]
    return head_of_classes(head.weights[:, order], head.biases[order], list(classes), embeddings)


def state_with_head(state: ProjectState, file: str, what: str) -> ProjectState:
    """Returns a state with another head, whose accuracy nobody has measured on these photos.

    Args:
        state: The state before.
        file: The file of the head.
        what: A description of the change.
    """
    # Without a penalty, the next change trains on all photos again.
    return replace(
        state,
        what=what,
        head=file,
        accuracy=None,
        threshold=0.0,
        tested=0,
        measured=True,
        penalty=None,
        temperature=1.0,
        unsearched=0,
    )
