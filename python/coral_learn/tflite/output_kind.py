"""What the numbers in a model's output mean."""

from enum import Enum


class OutputKind(Enum):
    """What the numbers in a model's output mean."""

    PROBABILITIES = "probabilities"
    """The probability of each class; together they are 1."""

    LOGITS = "logits"
    """A number for each class whose softmax is its probability."""

    LOG_PROBABILITIES = "log_probabilities"
    """The logarithm of the probability of each class."""

    SIGMOID = "sigmoid"
    """One number: the probability of the second of two classes."""

    SIGMOID_LOGIT = "sigmoid_logit"
    """One number, whose sigmoid is the probability of the second of two classes."""

    MULTI_LABEL = "multi_label"
    """The probability of each label by itself; a photo can have several labels, or none."""

    EMBEDDING = "embedding"
    """Features, and not scores of classes."""

    UNKNOWN = "unknown"
    """The layers are hidden in the operator of a compiled model, or are of an unknown kind."""

    @property
    def is_binary(self) -> bool:
        """Whether one number stands for two classes."""
        return self in (OutputKind.SIGMOID, OutputKind.SIGMOID_LOGIT)


def class_names(labels: list[str] | None, *, is_binary: bool) -> list[str] | None:
    """Returns the names of the classes of a model.

    Args:
        labels: The labels of the model; None if there are none.
        is_binary: Whether one number stands for two classes. The model may then have one label: the
            name of the second class, the one that the number is the probability of.
    """
    if is_binary and labels is not None and len(labels) == 1:
        return [f"not {labels[0]}", labels[0]]
    return labels
