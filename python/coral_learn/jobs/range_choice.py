"""Choosing the input range of a float model by what was measured with each candidate."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..tflite.normalization import BYTES, IMAGENET, SIGNED_UNIT, UNIT, Normalization

CANDIDATES = (SIGNED_UNIT, UNIT, BYTES, IMAGENET)
"""The normalizations that are tried; the first one is kept where they give the same."""

# Between [-1, 1] and ImageNet's normalization there is little more than a factor of two of
# contrast, and [-1, 1] is far more common among TFLite models.
_IMAGENET_HANDICAP = 1.07
# A trained network gives features of about this spread in its own range, but of hundreds or
# thousandths in another one. The handicap is for each factor of e outside of it.
_USUAL_SPREAD = (0.08, 0.8)
_SPREAD_HANDICAP = 0.06
_LEAST_SPREAD = 1e-6
_SAME = 0.005  # the part of a loss by which two candidates must differ
_CLOSE_ACCURACY = 0.05  # within which the loss decides


@dataclass(frozen=True)
class Trial:
    """How well an extractor does with a normalization.

    Attributes:
        loss: The loss of a quick head on embeddings that it was not trained on.
        spread: The mean standard deviation of a feature.
    """

    loss: float
    spread: float

    @property
    def badness(self) -> float:
        """The loss, with a handicap for features of an unusual spread."""
        spread = max(self.spread, _LEAST_SPREAD)
        ratio = spread / float(np.clip(spread, *_USUAL_SPREAD))
        return self.loss * (1 + _SPREAD_HANDICAP * abs(float(np.log(ratio))))


@dataclass(frozen=True)
class Score:
    """How well a classifier does with a normalization.

    Attributes:
        accuracy: The fraction of right answers, in [0, 1].
        loss: The mean of the negative logarithms of the probabilities of the right classes.
    """

    accuracy: float
    loss: float


@dataclass(frozen=True)
class MeasuredRange:
    """The normalization that was measured.

    Attributes:
        normalization: The normalization that did best.
        note: One line that says so.
    """

    normalization: Normalization
    note: str


def choose_by_loss(trials: Mapping[Normalization, Trial], photos: int) -> MeasuredRange:
    """Chooses the range with the least held-out loss, and with features of a usual spread.

    Args:
        trials: The outcome with each candidate.
        photos: The number of photos that it was measured on.
    """
    badness = {each: trial.badness for each, trial in trials.items()}
    badness[IMAGENET] *= _IMAGENET_HANDICAP
    losses = {each: trial.loss for each, trial in trials.items()}
    figures = {each: f"{loss:.2f}" for each, loss in losses.items()}
    best = min(badness, key=lambda each: badness[each])
    least = min(losses.values())
    alike = [trial.spread for trial in trials.values()]
    if not least < max(losses.values()) * (1 - _SAME) and max(alike) <= 2 * min(alike):
        return MeasuredRange(SIGNED_UNIT, _undecided(photos, "held-out loss", figures))
    gave = "gave the lowest held-out loss"
    if figures[best] != f"{least:.2f}":
        gave = "gave features of the usual size and about the lowest held-out loss"
    return MeasuredRange(best, _decided(best, gave, photos, figures))


def choose_by_score(scores: Mapping[Normalization, Score], photos: int) -> MeasuredRange:
    """Chooses the range with the highest accuracy, or the least loss among those that come close.

    Args:
        scores: The score with each candidate.
        photos: The number of photos that it was measured on.
    """
    highest = max(score.accuracy for score in scores.values())
    close = [each for each in scores if scores[each].accuracy >= highest - _CLOSE_ACCURACY]
    best = min(close, key=lambda each: scores[each].loss)
    figures = {each: f"{score.accuracy:.0%}" for each, score in scores.items()}
    if scores[SIGNED_UNIT] == scores[best]:
        best = SIGNED_UNIT
    if len({(score.accuracy, round(score.loss, 3)) for score in scores.values()}) == 1:
        return MeasuredRange(best, _undecided(photos, "accuracy", figures))
    gave = "gave the best accuracy and probabilities"
    return MeasuredRange(best, _decided(best, gave, photos, figures))


def _decided(
    best: Normalization, gave: str, photos: int, figures: Mapping[Normalization, str]
) -> str:
    others = ", ".join(f"{each} {figure}" for each, figure in figures.items() if each != best)
    return (
        f"the model does not declare its input range; {best} {gave} on {photos} photos "
        f"({figures[best]}; {others})"
    )


def _undecided(photos: int, what: str, figures: Mapping[Normalization, str]) -> str:
    listed = ", ".join(f"{each} {figure}" for each, figure in figures.items())
    return (
        f"the model does not declare its input range, and the {what} on {photos} photos does not "
        f"tell it ({listed}); {SIGNED_UNIT} is assumed. Give another with --input-range"
    )
