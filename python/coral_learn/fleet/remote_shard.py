"""A shard on a board: each of its methods asks the board, and waits for the answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ..arrays import BiasVector, WeightMatrix
from ..heads.fold_table import Fold
from ..heads.shard import HeldOutSums, LossSums, Moments, ShardDescription, ShardLostError
from . import shard_fields
from .fields import Value
from .links import Links
from .shard_fields import HeadQuestion

_T = TypeVar("_T")


class RemoteShard:
    """The rows of one board, as a :class:`Shard`.

    Attributes:
        board: The number of the board.
    """

    def __init__(self, links: Links, board: int, classes: Sequence[str], features: int) -> None:
        """Asks nothing yet.

        Args:
            links: The links to the boards.
            board: The number of the board.
            classes: The classes of the whole fleet.
            features: D, the number of features of each embedding.
        """
        self.board = board
        self._links = links
        self._classes = list(classes)
        self._features = features

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        classes = len(self._classes)
        return self._ask(
            {"ask": "describe"}, lambda answer: shard_fields.read_description(answer, classes)
        )

    def moments(self, sketch_buckets: int, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows."""
        question: dict[str, Value] = {
            "ask": "moments",
            "sketch_buckets": sketch_buckets,
            "unit_length": unit_length,
        }
        return self._ask(question, lambda answer: shard_fields.read_moments(answer, self._features))

    def loss_and_gradient(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        *,
        unit_length: bool = False,
    ) -> LossSums:
        """Returns the sums over the rows that the fold trains on; None for all rows."""
        question = HeadQuestion(weights, biases, fold, unit_length).fields("loss")
        shape = len(self._classes), self._features
        return self._ask(question, lambda answer: shard_fields.read_loss(answer, shape))

    def held_out_loss(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        temperatures: Sequence[float] = (1.0,),
        *,
        unit_length: bool = False,
    ) -> HeldOutSums:
        """Returns the sums over the rows that the fold holds out; None for all rows."""
        question = HeadQuestion(weights, biases, fold, unit_length).fields("held out")
        question["temperatures"] = np.asarray(temperatures, np.float64)
        return self._ask(question, lambda answer: shard_fields.read_held_out(answer, temperatures))

    def _ask(self, question: dict[str, Value], read: Callable[[Mapping[str, Any]], _T]) -> _T:
        """Asks the board.

        Raises:
            ShardLostError: The board is lost, or its answer is not one.
        """
        try:
            return read(self._links.ask(self.board, question | {"classes": self._classes}))
        except ValueError as error:
            reason = f"its answer cannot be used: {error}"
            self._links.lose(self.board, reason)
            raise ShardLostError(reason) from error
