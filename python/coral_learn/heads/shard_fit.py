"""Fitting a head to shards until it has converged, with a penalty that is chosen automatically."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from . import core
from .inputs import as_positive
from .length_normalization import are_few, common_length
from .penalty_search import PenaltyChoice, choose_penalty
from .records import FitRecord
from .shard import Shard, ShardChangedError, ShardError, ShardLostError
from .shard_checks import name_of
from .shard_set import Member, ShardLeftError, ShardSet
from .standardization import standardization_of

# How far a weight may be off, as a part of the largest: fits to the same rows on any number of
# shards then differ by less than 1e-4.
_WEIGHT_ERROR = 5e-6
_MAX_ITERATIONS = 500

OnLost = Callable[[int, ShardLostError], object]
"""Is told the place of a shard that was lost and why, and may raise to end the fit."""


@dataclass(frozen=True)
class FitChoice:
    """What the caller of a fit has chosen.

    Attributes:
        penalty: The penalty; None to choose it.
        temperature: The temperature; None to choose it together with the penalty, or else for 1.
        start: The head to start from if the penalty is given, with the temperature in it; None for
            zeros.
    """

    penalty: float | None = None
    temperature: float | None = None
    start: core.Head | None = None

    @classmethod
    def read(cls, penalty: float | None, temperature: float | None) -> "FitChoice":
        """Checks what is given.

        Raises:
            ValueError: One of them is not positive.
        """
        return cls(
            None if penalty is None else as_positive(penalty, "penalty"),
            None if temperature is None else as_positive(temperature, "temperature"),
        )


@dataclass
class ShardFit:
    """The fit of one head.

    Attributes:
        shards: What it is fitted to; at least one.
        features: D.
        classes: C.
        choice: The penalty and the temperature.
        seeds: Seeds the generator that deals the rows to folds.
        validation: The rows to choose the penalty on; None for cross-validation.
        equal_lengths: Whether few rows may be scaled to the same length.
        progress: Called with the iteration and the loss of the final fit.
        on_lost: Called when a shard is lost; None to raise :class:`ShardError` then.
    """

    shards: Sequence[Shard]
    features: int
    classes: int
    choice: FitChoice
    seeds: np.random.SeedSequence
    validation: Shard | None = None
    equal_lengths: bool = True
    progress: Callable[[int, float], object] | None = None
    on_lost: OnLost | None = None
    _losses: list[float] = field(default_factory=list)
    _found: PenaltyChoice | None = None
    _unit_length: bool = False  # of the rows that the head is fitted to
    _length: float = 1.0  # that they had before, about

    def run(self) -> FitRecord:
        """Fits the head.

        Raises:
            ShardError: A shard does not fit to the others or to the head, failed or was lost.
            ValueError: An embedding is not finite.
        """
        if not self.shards:
            raise ShardError("there must be at least one shard")
        members = [Member(index, shard) for index, shard in enumerate(self.shards)]
        while True:
            if not members:
                raise ShardError("all shards have been lost")
            try:
                return self._run(members)
            except ShardLeftError as left:
                self._let_go(left)
                members.remove(left.member)
            except ShardChangedError:
                pass  # the shards are asked again what they hold

    @property
    def head(self) -> core.Head | None:
        """The head as far as the fit has got, [C, D]; None before the final fit."""
        if self._found is None:
            return None
        weights, biases = core.arrays_of(self._found.head, (self.classes, self.features))
        temperature = np.float32(self._found.temperature)
        return core.Head(weights / (temperature * np.float32(self._length)), biases / temperature)

    def _run(self, members: Sequence[Member]) -> FitRecord:
        with closing(ShardSet(members, self.features, self.classes)) as training:
            check_units(training)
            found = self._found or self._choose(training)
            training.unit_length = self._unit_length
            head_fit = training.fit_to(None, core.num_threads())
            if found.fit is not None:
                head_fit.learn_from(found.fit)
            self._found = replace(found, fit=None)  # its head is fitted in place
            converged = head_fit.run(
                found.head,
                l2_penalty=found.penalty / training.weights.sum(),
                weight_error=_WEIGHT_ERROR,
                max_iterations=_MAX_ITERATIONS,
                on_report=self._on_report,
            )
        return FitRecord(
            found.penalty, found.losses, self._losses, converged, found.at_edge, found.temperature
        )

    def _choose(self, training: ShardSet) -> PenaltyChoice:
        if self.choice.penalty is not None:
            found = PenaltyChoice(self.choice.penalty, {}, self._start())
        else:
            length = _common_length(training) if self.equal_lengths else None
            if length is not None:
                self._unit_length = training.unit_length = True
                self._length = length
            found = self._search(training)
        if self.choice.temperature is not None:
            found = replace(found, temperature=self.choice.temperature)
        return found

    def _start(self) -> core.Head:
        """Returns the head that a fit with a given penalty starts from."""
        weights = np.zeros((self.classes, self.features), np.float32)
        biases = np.zeros(self.classes, np.float32)
        if self.choice.start is not None:
            self.choice.start.copy_to(weights, biases)
        temperature = np.float32(self.choice.temperature or 1.0)
        return core.Head(weights * temperature, biases * temperature)

    def _search(self, training: ShardSet) -> PenaltyChoice:
        generator = np.random.default_rng(self.seeds)  # after a loss, the same again
        if self.validation is None:
            return choose_penalty(training, None, generator)
        member = Member(0, self.validation)
        with closing(ShardSet([member], self.features, self.classes)) as validation:
            validation.unit_length = self._unit_length
            return choose_penalty(training, validation, generator)

    def _on_report(self, iteration: int, loss: float) -> None:
        self._losses.append(loss)
        if self.progress is not None:
            self.progress(iteration, loss)

    def _let_go(self, left: ShardLeftError) -> None:
        index = left.member.index
        if self.on_lost is None:
            raise ShardError(f"{name_of(index)} was lost: {left.error}") from left.error
        self.on_lost(index, left.error)


def _common_length(training: ShardSet) -> float | None:
    """Returns the mean length of few rows whose lengths are to be made equal, or else None."""
    rows = float(training.weights.sum()) / training.unit
    return common_length(training.moments) if are_few(rows, training.classes) else None


def check_units(training: ShardSet) -> None:
    """Checks that features can be fitted as they are.

    Raises:
        ShardError: One of them varies much more than most, or their numbers are extreme.
    """
    if training.quantized:
        return
    moments = training.moments
    mean = moments.total / moments.weight
    square = moments.squares / moments.weight
    variance = square - mean**2
    deviation = np.sqrt(np.where(variance > 1e-12 * square, variance, 0))
    if standardization_of(mean, deviation) is not None:
        raise ShardError(
            "the features of the shards are in units that differ much, or have extreme numbers: "
            "subtract the mean from each feature and divide it by its standard deviation, the "
            "same on all shards"
        )
