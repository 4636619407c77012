"""Records of how a head was trained."""

from dataclasses import dataclass

from ..words import counted


@dataclass(frozen=True)
class TrainingRecord:
    """The state of a training with SGD after some iterations.

    Attributes:
        iteration: The number of updates of the weights so far.
        loss: Mean cross entropy over all training rows, plus the L2 penalty.
        training_accuracy: Fraction of training rows classified correctly, in [0, 1].
        validation_loss: Mean cross entropy over the validation rows whose label is a class; None
            without any.
        validation_accuracy: Fraction of validation rows classified correctly, in [0, 1]; None
            without any.
    """

    iteration: int
    loss: float
    training_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None

    def __str__(self) -> str:
        text = (
            f"Iteration {self.iteration}: loss {self.loss:.4f}, "
            f"training accuracy {self.training_accuracy:.4f}"
        )
        if self.validation_accuracy is None:
            return text
        return f"{text}, validation accuracy {self.validation_accuracy:.4f}"


@dataclass(frozen=True)
class FitRecord:
    """How a head was fitted.

    Attributes:
        penalty: The L2 penalty on the sum of the losses of all rows, for embeddings whose root mean
            square distance from their mean is 1. If a feature varies more than 30 times as much as
            most others, all features are scaled to the same deviation before.
        validation_losses: The mean cross entropy of rows that were not fitted, for each penalty
            that was tried. Empty if the penalty was given, or if there were no such rows.
        losses: The loss of the final fit, penalty included, at the start and after each iteration.
        converged: Whether no weight seems to be off by more than 5e-6 of the largest, or rounding
            hides any further descent.
        at_edge: Whether the penalty was chosen at an end of the search, 1e-6 or 1000 for rows of
            weight 1, with the loss still falling towards it. At the strong end, the embeddings
            hardly tell the classes apart; at the weak end, a feature that varies much less than the
            others may matter more.
        temperature: What weights and biases were divided by at the end, so that the probabilities
            say how often the head is right: the one with the lowest loss on the rows that were not
            fitted. 1 if the penalty was given, if there were no such rows, or for more than 1e7
            numbers (rows x features x classes), whose heads need none.
    """

    penalty: float
    validation_losses: dict[float, float]
    losses: list[float]
    converged: bool
    at_edge: bool = False
    temperature: float = 1.0

    def __repr__(self) -> str:
        end = "converged" if self.converged else "not converged"
        return (
            f"FitRecord(penalty {self.penalty:.3g}, loss {self.losses[-1]:.4g} after "
            f"{counted(len(self.losses) - 1, 'iteration')}, {end}, "
            f"temperature {self.temperature:.3g})"
        )
