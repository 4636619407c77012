"""The last step of a classifier: the activations that turn logits into scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .nodes import Tensor
from .output_kind import OutputKind


class Activation(NamedTuple):
    """A function that turns logits into scores.

    Attributes:
        kind: PROBABILITIES for a softmax, SIGMOID for the sigmoid of one number, MULTI_LABEL for
            the sigmoids of several.
        logits: The tensor that it reads.
        factor: The number that it multiplies the logits by first.
        obstacle: Why the output is not what the activation gives; None if it is.
    """

    kind: OutputKind
    logits: Tensor
    factor: float = 1.0
    obstacle: str | None = None


class Scores(NamedTuple):
    """What an output means, and the activations that it comes from.

    Attributes:
        kind: What the numbers mean.
        activations: The activations; several for the average of several heads.
    """

    kind: OutputKind
    activations: tuple[Activation, ...]

    @classmethod
    def of_softmax(cls, logits: Tensor | None, factor: float = 1.0) -> Scores | None:
        """Returns the scores of a softmax of logits; None if there are none."""
        if logits is None:
            return None
        kind = OutputKind.PROBABILITIES
        return cls(kind, (Activation(kind, logits, factor),))

    @classmethod
    def of_sigmoid(cls, logits: Tensor | None, factor: float = 1.0) -> Scores | None:
        """Returns the scores of one sigmoid, or of several; None if there are no logits."""
        if logits is None:
            return None
        kind = OutputKind.SIGMOID if size_of(logits) == 1 else OutputKind.MULTI_LABEL
        return cls(kind, (Activation(kind, logits, factor),))

    @classmethod
    def of_several(cls, parts: Sequence[Scores | None], obstacle: str) -> Scores | None:
        """Joins the scores of several heads; None unless all are known and of the same kind."""
        found = [part for part in parts if part is not None]
        kinds = {part.kind for part in found}
        if len(found) < len(parts) or len(kinds) != 1:
            return None
        activations = dict.fromkeys(each for part in found for each in part.activations)
        return cls(kinds.pop(), tuple(activations)).with_obstacle(obstacle)

    @property
    def is_logarithm(self) -> bool:
        """Whether the numbers are logarithms of probabilities."""
        return self.kind is OutputKind.LOG_PROBABILITIES

    def complement(self) -> Scores | None:
        """Returns the scores 1 - p of sigmoids p, which are the sigmoids of -x; None for others."""
        if self.kind not in (OutputKind.SIGMOID, OutputKind.MULTI_LABEL):
            return None
        turned = (each._replace(factor=-each.factor) for each in self.activations)
        return Scores(self.kind, tuple(turned))

    def with_obstacle(self, obstacle: str | None) -> Scores:
        """Returns the scores of activations that all have one more obstacle, unless it is None."""
        changed = (each._replace(obstacle=each.obstacle or obstacle) for each in self.activations)
        return Scores(self.kind, tuple(changed))


def size_of(tensor: Tensor) -> int:
    """Returns the number of elements of a tensor."""
    return math.prod(tensor.shape)
