"""Data of one fit in several places: each shard tells sums over its rows, and nothing else.

:meth:`coral_learn.SoftmaxRegression.fit_shards` fits a head to shards; :class:`Shard` says what a
shard answers.
"""

from ..heads.buckets import BUCKETS, buckets_of, buckets_of_groups
from ..heads.fold_table import LEFT_OUT, NEVER_HELD_OUT, Fold
from ..heads.memory_shard import MemoryShard
from ..heads.shard import (
    HeldOutSums,
    LossSums,
    Moments,
    Shard,
    ShardChangedError,
    ShardDescription,
    ShardError,
    ShardLostError,
)
from ..heads.sketch import SKETCH, sketch_signs
from .parquet_shard import ParquetShard, open_parquet

__all__ = [
    "BUCKETS",
    "LEFT_OUT",
    "NEVER_HELD_OUT",
    "SKETCH",
    "Fold",
    "HeldOutSums",
    "LossSums",
    "MemoryShard",
    "Moments",
    "ParquetShard",
    "Shard",
    "ShardChangedError",
    "ShardDescription",
    "ShardError",
    "ShardLostError",
    "buckets_of",
    "buckets_of_groups",
    "open_parquet",
    "sketch_signs",
]
