"""Training a head with stochastic gradient descent (SGD)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import core
from .inputs import as_non_negative, as_whole_number
from .records import TrainingRecord
from .state import HeadState, calibration_sample
from .training_data import TrainingData, read_training_part, read_validation_part

_DEFAULT_REPORT_INTERVAL = 100  # iterations between records, if patience needs records


class _DivergedError(ValueError):
    """Training ended in weights that are not finite."""


class SgdArguments(NamedTuple):
    """The arguments of ``SoftmaxRegression.train_with_sgd``, which documents them."""

    num_iter: int
    learning_rate: float
    batch_size: int
    print_every: int
    momentum: float
    learning_rate_decay: float
    replacement: bool
    patience: int | None

    @property
    def prints(self) -> bool:
        """Whether records are passed to ``progress``.

        Raises:
            ValueError: ``print_every`` is not an integer.
        """
        return as_whole_number(self.print_every, "print_every", -(2**63) + 1) > 0

    @property
    def report_interval(self) -> int:
        """The number of iterations between records; 0 for a record at the start and the end."""
        if self.prints:
            return self.print_every
        return 0 if self.patience is None else _DEFAULT_REPORT_INTERVAL

    def options(self, l2_penalty: float, generator: np.random.Generator) -> core.SgdOptions:
        """Checks the arguments, and draws the seed of the batches.

        Raises:
            ValueError: An argument is out of range.
        """
        momentum = as_non_negative(self.momentum, "momentum")
        if momentum >= 1:
            raise ValueError(f"momentum must be less than 1, not {momentum:g}")
        patience = 0 if self.patience is None else as_whole_number(self.patience, "patience", 1)
        return core.SgdOptions(
            iterations=as_whole_number(self.num_iter, "num_iter", 0),
            learning_rate=as_non_negative(self.learning_rate, "learning_rate"),
            batch_size=as_whole_number(self.batch_size, "batch_size", 1, bits=31),
            l2_penalty=l2_penalty,
            report_interval=self.report_interval,
            learning_rate_decay=as_non_negative(self.learning_rate_decay, "learning_rate_decay"),
            momentum=momentum,
            with_replacement=bool(self.replacement),
            patience=patience,
            seed=int(generator.integers(2**64, dtype=np.uint64)),
        )


def train_with_sgd(
    state: HeadState,
    data: TrainingData,
    arguments: SgdArguments,
    progress: Callable[[TrainingRecord], object],
) -> list[TrainingRecord]:
    """Trains a head, and publishes its weights at each record and at the end.

    Args:
        state: The head.
        data: Embeddings and labels; see ``SoftmaxRegression.train_with_sgd``.
        arguments: How to train.
        progress: Called with each record if ``print_every`` is positive.

    Raises:
        ValueError: Data or arguments are invalid, or the loss became infinite.
    """
    shape = state.feature_dim, state.num_classes
    training = read_training_part(data, *shape)
    validation_rows = read_validation_part(data, *shape)
    validation = validation_rows.known
    if training is None:
        raise ValueError("data_train must hold at least one embedding")
    if arguments.patience is not None and validation is None:
        raise ValueError("patience needs data_val and labels_val, which tell when to stop")
    prints = arguments.prints
    threads = core.num_threads()
    calibration = calibration_sample(training.embeddings)
    history: list[TrainingRecord] = []

    with state.training_lock:
        options = arguments.options(state.reg, state.generator)
        head = state.snapshot()
        before = head.copy()

        def on_report(
            iteration: int,
            loss: float,
            training_accuracy: float,
            validation_loss: float | None,
            validation_accuracy: float | None,
        ) -> None:
            if not math.isfinite(loss):
                raise _DivergedError(
                    f"training diverged within {iteration} iterations: "
                    f"learning_rate {arguments.learning_rate} is too high. Choose a lower one."
                )
            record = TrainingRecord(
                iteration,
                loss,
                training_accuracy,
                validation_loss,
                validation_rows.accuracy(validation_accuracy),
            )
            history.append(record)
            state.publish(head, calibration)
            if prints:
                progress(record)

        diverged = False
        try:
            core.train_with_sgd(
                head,
                core.stored(training.embeddings),
                training.labels,
                None if validation is None else core.stored(validation.embeddings),
                None if validation is None else validation.labels,
                options,
                on_report=on_report,
                threads=threads,
            )
        except _DivergedError:
            diverged = True
            raise
        finally:
            # Weights can also become NaN if another thread writes NaN to the embeddings meanwhile.
            usable = not diverged and head.is_finite()
            if history:  # otherwise the embeddings were rejected before the first iteration
                state.publish(head if usable else before, calibration)
    return history
