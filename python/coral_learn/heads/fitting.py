"""Fitting a head to rows in memory, or to shards anywhere, and publishing it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..embeddings import Embeddings
from . import core
from .copies import merge_copies
from .inputs import as_whole_number
from .memory_shard import MemoryShard
from .records import FitRecord
from .shard import Shard
from .shard_fit import FitChoice, OnLost, ShardFit
from .standardization import Standardization, standardization_for
from .state import HeadState, calibration_sample
from .training_data import LabeledEmbeddings
from .training_set import TrainingSet


def fit(
    state: HeadState,
    training: TrainingSet,
    validation: LabeledEmbeddings | None,
    penalty: float | None,
    temperature: float | None,
    seed: int | None,
    progress: Callable[[int, float], object] | None,
    start: core.Head | None = None,
) -> FitRecord:
    """Fits a head and publishes it.

    Args:
        state: The head.
        training: The data to fit it to.
        validation: The data to choose the penalty on; None for cross-validation.
        penalty: The penalty; None to choose it.
        temperature: The temperature; None to choose it together with the penalty, or else for 1.
        seed: Seeds the folds of the cross-validation; None for the seed of the head.
        progress: Called with the iteration and the loss of the final fit.
        start: The head to start from if the penalty is given and no feature is scaled; None for
            zeros.

    Raises:
        ValueError: ``penalty``, ``temperature`` or ``seed`` is out of range, or an embedding is not
            finite.
    """
    calibration = calibration_sample(training.data.embeddings)
    training = merge_copies(training)
    standardization = standardization_for(training.data.embeddings)
    if standardization is not None:
        training = replace(training, data=standardization.apply(training.data))
        validation = validation and standardization.apply(validation)
    shard = MemoryShard.of(training)
    held_out = None
    if validation is not None:
        held_out = MemoryShard.of(TrainingSet(validation, training.class_weights))
    shard_fit = ShardFit(
        [shard],
        state.feature_dim,
        state.num_classes,
        choice=replace(
            FitChoice.read(penalty, temperature), start=start if standardization is None else None
        ),
        seeds=_seeds_of_folds(state, seed),
        validation=held_out,
        equal_lengths=standardization is None,
        progress=progress,
    )
    return _run(shard_fit, state, calibration, standardization)


def fit_shards(
    state: HeadState,
    shards: Sequence[Shard],
    penalty: float | None,
    temperature: float | None,
    seed: int | None,
    progress: Callable[[int, float], object] | None,
    on_lost: OnLost | None,
) -> FitRecord:
    """Fits a head to shards and publishes it.

    The arguments are those of :func:`fit`, and ``on_lost``: see :class:`ShardFit`.
    """
    shard_fit = ShardFit(
        shards,
        state.feature_dim,
        state.num_classes,
        choice=FitChoice.read(penalty, temperature),
        seeds=_seeds_of_folds(state, seed),
        progress=progress,
        on_lost=on_lost,
    )
    return _run(shard_fit, state, None, None)


def _seeds_of_folds(state: HeadState, seed: int | None) -> np.random.SeedSequence:
    return np.random.SeedSequence(state.seed if seed is None else as_whole_number(seed, "seed", 0))


def _run(
    shard_fit: ShardFit,
    state: HeadState,
    calibration: Embeddings | None,
    standardization: Standardization | None,
) -> FitRecord:
    with state.training_lock:
        try:
            return shard_fit.run()
        finally:
            head = shard_fit.head
            if head is not None and standardization is not None:
                head = standardization.unfold(head, (state.num_classes, state.feature_dim))
            if head is not None:
                state.publish(head, calibration)
