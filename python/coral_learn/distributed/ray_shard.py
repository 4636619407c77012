"""Shards on Ray: each actor keeps its rows in memory, in the type that the extractor gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import BiasVector, WeightMatrix
from ..embedded.folder import EmbeddedFolder, RowGroup
from ..heads.buckets import BUCKETS
from ..heads.fold_table import Fold
from ..heads.shard import HeldOutSums, LossSums, Moments, ShardDescription, ShardLostError
from .parquet_rows import ParquetRows
from .parts import PartChoice
from .scan import evenly


class ShardActor:
    """Holds the rows of one shard; an actor that dies is started again, and reads them again."""

    def __init__(
        self, path: str, groups: Sequence[RowGroup], classes: Sequence[str], choice: PartChoice
    ) -> None:
        """Reads rows; the arguments are those of :class:`ParquetRows`."""
        rows = ParquetRows(EmbeddedFolder(path), groups, classes, choice)
        self._shard = rows.load(rows.is_trained)

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Returns what the shard answers."""
        return getattr(self._shard, method)(*arguments, **options)


class RayShard:
    """A shard in an actor of Ray, as a :class:`~coral_learn.distributed.Shard`."""

    def __init__(self, actor: Any) -> None:
        """Takes the handle of a :class:`ShardActor`."""
        self._actor = actor

    def describe(self) -> ShardDescription:
        """Returns what the shard holds."""
        found: ShardDescription = self._ask("describe")
        return found

    def moments(self, sketch_buckets: int = BUCKETS, *, unit_length: bool = False) -> Moments:
        """Returns sums over all rows; the sketch is over the first ``sketch_buckets`` buckets."""
        found: Moments = self._ask("moments", sketch_buckets, unit_length=unit_length)
        return found

    def loss_and_gradient(
        self,
        weights: WeightMatrix,
        biases: BiasVector,
        fold: Fold | None = None,
        *,
        unit_length: bool = False,
    ) -> LossSums:
        """Returns the sums over the rows that the fold trains on; None for all rows."""
        found: LossSums = self._ask(
            "loss_and_gradient", np.array(weights), np.array(biases), fold, unit_length=unit_length
        )
        return found

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
        found: HeldOutSums = self._ask(
            "held_out_loss",
            np.array(weights),
            np.array(biases),
            fold,
            tuple(temperatures),
            unit_length=unit_length,
        )
        return found

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        try:
            return ray.get(self._actor.ask.remote(method, *arguments, **options))
        except RayActorError as error:
            raise ShardLostError(" ".join(str(error).split())) from error
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, ValueError) else None
            raise cause or ValueError(" ".join(str(error).split())) from error


def open_on_ray(rows: Sequence[ParquetRows], choice: PartChoice, workers: int) -> list[RayShard]:
    """Starts an actor for each shard of a folder of embedded photos.

    Args:
        rows: The rows of the folder, which all machines of the cluster can read at its path.
        choice: Which rows are trained on.
        workers: The number of shards, or fewer if there are few rows.
    """
    import ray

    path = str(rows[0].folder.path.absolute())
    groups = [each.groups[group] for each in rows for group in each.trained_groups]
    actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(ShardActor)
    return [
        RayShard(actor.remote(path, part, rows[0].classes, choice))
        for part in evenly(groups, workers)
    ]
