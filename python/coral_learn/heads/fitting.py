"""Fitting a head until it has converged, with a penalty that is chosen automatically."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import core
from .copies import merge_copies
from .inputs import as_positive, as_whole_number
from .length_normalization import normalize_lengths
from .penalty_search import PenaltyChoice, TrainingSet, choose_penalty
from .records import FitRecord
from .standardization import standardization_for
from .state import HeadState, calibration_sample
from .training_data import LabeledEmbeddings

_TOLERANCE = 1e-5  # how far the loss may be above its minimum
_MIN_DECREASE = 3e-7  # of the loss, by an iteration: smaller ones are hardly worth their time
_MAX_ITERATIONS = 500


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
    losses: list[float] = []

    def on_report(iteration: int, loss: float) -> None:
        losses.append(loss)
        if progress is not None:
            progress(iteration, loss)

    shape = state.num_classes, state.feature_dim
    with state.training_lock:
        if penalty is None:
            folds_seed = state.seed if seed is None else as_whole_number(seed, "seed", 0)
            if standardization is None:
                training = _with_normalized_lengths(training)
            choice = choose_penalty(training, validation, np.random.default_rng(folds_seed))
        else:
            choice = PenaltyChoice(as_positive(penalty, "penalty"), {}, training.zero_head())
            if start is not None and standardization is None:
                first = _divided(start, 1 / (temperature or 1.0), shape)
                choice = replace(choice, head=first)
        if temperature is not None:
            choice = replace(choice, temperature=as_positive(temperature, "temperature"))
        head_fit = training.fit_to(
            np.arange(len(training.data), dtype=np.uint32), core.num_threads()
        )
        try:
            converged = head_fit.run(
                choice.head,
                l2_penalty=choice.penalty / training.count(),
                tolerance=_TOLERANCE,
                max_iterations=_MAX_ITERATIONS,
                min_decrease=_MIN_DECREASE,
                on_report=on_report,
            )
        finally:
            head = _divided(choice.head, choice.temperature, shape)
            if standardization is not None:
                head = standardization.unfold(head, shape)
            state.publish(head, calibration)
    return FitRecord(
        choice.penalty, choice.losses, losses, converged, choice.at_edge, choice.temperature
    )


def _divided(head: core.Head, temperature: float, shape: tuple[int, int]) -> core.Head:
    """Returns a head [C, D] whose logits are divided by a temperature."""
    weights, biases = np.empty(shape, np.float32), np.empty(shape[0], np.float32)
    head.copy_to(weights, biases)
    return core.Head(weights / np.float32(temperature), biases / np.float32(temperature))


def _with_normalized_lengths(training: TrainingSet) -> TrainingSet:
    embeddings = normalize_lengths(training.data.embeddings, training.num_classes)
    return replace(training, data=LabeledEmbeddings(embeddings, training.data.labels))
