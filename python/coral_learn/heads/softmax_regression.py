"""Softmax regression: the trained last layer of a classifier."""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..embeddings import Embeddings
from ..files import write_atomically
from ..tflite.file import ModelSource, read_model_content
from .inputs import (
    EmbeddingsLike,
    as_array,
    as_embeddings,
    as_float_array,
    as_labels,
    as_non_negative,
    as_positive,
    as_whole_number,
    num_threads,
    stored,
)
from .length_normalization import with_equal_lengths
from .object_lock import ObjectLock
from .penalty_search import PenaltyChoice, TrainingSet, choose_penalty

if TYPE_CHECKING:
    from ..tflite.head.append import QuantizationReport

_FORMAT_VERSION = 1
_MOST_WEIGHTS = 2**29  # of 4 bytes in a file of 2 GB
_QUIET_INTERVAL = 100  # iterations between records that no one sees
_MAX_CALIBRATION_ROWS = 2048
_FIT_TOLERANCE = 1e-5  # of the loss above its minimum
_MAX_FIT_ITERATIONS = 500


@dataclass(frozen=True)
class TrainingRecord:
    """How training stands after some iterations.

    Attributes:
        iteration: Updates of the weights made so far.
        loss: Mean cross entropy over all training rows, plus the L2 penalty.
        training_accuracy: Fraction of training rows classified right, in [0, 1].
        validation_loss: Mean cross entropy over the validation rows; None without any.
        validation_accuracy: Fraction of validation rows classified right; None without any.
    """

    iteration: int
    loss: float
    training_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None

    def __str__(self) -> str:
        text = (
            f"Iteration {self.iteration}: loss {self.loss:.4f}, "
            f"training accuracy {self.training_accuracy:.4f}"
        )
        if self.validation_accuracy is None:
            return text
        return f"{text}, validation accuracy {self.validation_accuracy:.4f}"


@dataclass(frozen=True)
class FitRecord:
    """How a fit came about.

    Attributes:
        penalty: The L2 penalty of all rows together, for embeddings whose root mean square
            distance from their mean is 1.
        validation_losses: Mean cross entropy of rows that were not fitted, by penalty; empty where
            the penalty was given, or could not be judged.
        losses: The loss of the final fit, penalty included, at its start and after each iteration.
        converged: Whether the loss is known to be within 1e-5 of its minimum, or is as near to it
            as rounding lets it come.
    """

    penalty: float
    validation_losses: dict[float, float]
    losses: list[float]
    converged: bool


@dataclass(frozen=True)
class _HeadState:
    """A head as it is at one moment: weights [C, D], biases [C], and what goes with them."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    calibration: Embeddings | None
    labels: list[str] | None


class _DivergedError(ValueError):
    """Training ended in weights without bounds."""


class SoftmaxRegression:
    """A classifier's last layer: a linear map of embeddings to logits, then softmax.

    It is pycoral's class of the same name. One object can be used from several threads, by the
    object's own locks: trainings, pickling and copying wait for each other, and all else that is
    done meanwhile uses the weights last reported. Only the arrays ``weights`` and ``biases`` are
    the head's own memory, and change while they are read. Embeddings are read in place: of those
    that another thread changes meanwhile, each number is read as it was before or after the change,
    and what is read that is not finite is an error that leaves finite weights. Labels are copied
    first.

    A forked process can use a head, also one that another thread was training at that moment, whose
    weights may then be partly those of one report and partly those of the next.

    Attributes:
        weight_scale: Standard deviation of the initial weights.
    """

    def __init__(
        self,
        feature_dim: int | None = None,
        num_classes: int | None = None,
        weight_scale: float = 0.01,
        reg: float = 0.0,
        *,
        seed: int | None = None,
    ) -> None:
        """Draws the initial weights from a normal distribution; biases are zero.

        Args:
            feature_dim: D, the length of an embedding; at least 1.
            num_classes: C; at least 1.
            weight_scale: Standard deviation of the initial weights; at least 0.
            reg: L2 penalty; at least 0. The loss is mean cross entropy + reg / 2 * |weights|^2.
            seed: In [0, 2^63); the same seed gives the same weights and the same batches. None for
                other ones each time.

        Raises:
            ValueError: An argument is missing or out of its range.
        """
        if feature_dim is None or num_classes is None:
            raise ValueError("feature_dim and num_classes must be given")
        rows = as_whole_number(num_classes, "num_classes", 1)
        columns = as_whole_number(feature_dim, "feature_dim", 1)
        if rows * columns > _MOST_WEIGHTS:
            raise ValueError(
                f"{columns} features and {rows} classes are more than a .tflite file can hold"
            )
        self.weight_scale = as_non_negative(weight_scale, "weight_scale")
        self.reg = reg
        self._seed = None if seed is None else as_whole_number(seed, "seed", 0)
        self._generator = np.random.default_rng(self._seed)
        weights = self._generator.standard_normal((rows, columns), np.float32)
        with np.errstate(over="ignore"):  # refused as infinite
            weights *= np.float32(self.weight_scale)
        if not _all_finite(weights):
            raise ValueError(f"weight_scale {self.weight_scale:g} is too large")
        self._weights = weights  # [C, D], as TFLite keeps them
        self._biases = np.zeros(rows, np.float32)
        self._labels: list[str] | None = None
        self._calibration: Embeddings | None = None
        self._training_lock = ObjectLock()
        self._state_lock = ObjectLock()  # held briefly, to read or write what training changes

    @property
    def feature_dim(self) -> int:
        """D, the length of an embedding."""
        return int(self._weights.shape[1])

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self._weights.shape[0])

    @property
    def seed(self) -> int | None:
        """The seed that was given."""
        return self._seed

    @property
    def reg(self) -> float:
        """L2 penalty, at least 0; ``ValueError`` when set to anything else."""
        return self._reg

    @reg.setter
    def reg(self, value: float) -> None:
        self._reg = as_non_negative(value, "reg")

    @property
    def weights(self) -> NDArray[np.float32]:
        """Weights, float32 [D, C]. Changes of the array change the head.

        Setting another shape or numbers that are not finite raises ``ValueError``.
        """
        return self._weights.T

    @weights.setter
    def weights(self, value: ArrayLike) -> None:
        weights = as_float_array(value, (self.feature_dim, self.num_classes), "weights")
        with self._state_lock:
            self._weights[...] = weights.T

    @property
    def biases(self) -> NDArray[np.float32]:
        """Biases, float32 [C]. Changes of the array change the head.

        Setting another shape or numbers that are not finite raises ``ValueError``.
        """
        return self._biases

    @biases.setter
    def biases(self, value: ArrayLike) -> None:
        biases = as_float_array(value, (self.num_classes,), "biases")
        with self._state_lock:
            self._biases[...] = biases

    @property
    def labels(self) -> list[str] | None:
        """The name of each class, or None where unknown.

        Setting anything but one string a class, or None, raises ``ValueError``.
        """
        return self._labels

    @labels.setter
    def labels(self, value: Sequence[str] | None) -> None:
        if value is not None:
            value = list(value)
            if len(value) != self.num_classes or not all(isinstance(x, str) for x in value):
                raise ValueError(f"labels must be {self.num_classes} strings, not {value}")
        self._labels = value

    def train_with_sgd(
        self,
        data: Mapping[str, Any],
        num_iter: int,
        learning_rate: float,
        batch_size: int = 100,
        print_every: int = 100,
        *,
        momentum: float = 0.0,
        learning_rate_decay: float = 0.0,
        replacement: bool = True,
        patience: int | None = None,
        progress: Callable[[TrainingRecord], object] = print,
    ) -> list[TrainingRecord]:
        """Trains on random batches, starting from the present weights.

        Ctrl-C stops within 0.1 s; the head then has the weights of the last whole iteration, as
        after an exception from ``progress``.

        Args:
            data: ``data_train``, embeddings [N, D], and ``labels_train``, integers [N] in [0, C);
                ``data_val`` and ``labels_val`` likewise for validation, or absent, None or empty.
            num_iter: Number of iterations; at least 0.
            learning_rate: Step size; at least 0.
            batch_size: Rows a batch; at least 1.
            print_every: Iterations between records; with 0 or less ``progress`` is not called, and
                there is one record at the start and one at the end (with ``patience``, every 100
                iterations too).
            momentum: How much of each step goes on in the next, in [0, 1).
            learning_rate_decay: At least 0; the step size after t iterations is
                ``learning_rate / (1 + learning_rate_decay * t)``.
            replacement: Whether each row of a batch is drawn from all rows. If not, every row is
                drawn once before any is drawn again, as in epochs.
            patience: Stop after so many records in a row without a lower validation loss, and end
                with the weights of the record that had the lowest, also where training is not
                stopped; at least 1, and needs validation rows. None to go on to the end and keep
                the last weights.
            progress: Called with each record; prints it unless told otherwise.

        Returns:
            The records: at the start, every ``print_every`` iterations, and at the end.

        Raises:
            ValueError: Embeddings or labels that are missing, of a wrong shape, out of range or
                not finite; other arguments out of range; or the loss became infinite because
                ``learning_rate`` is too high, and the head is as it was before.
        """
        training, training_labels = self._read_data(data, "data_train", "labels_train")
        validation, validation_labels = self._read_data(data, "data_val", "labels_val")
        if training is None or training_labels is None:
            raise ValueError("data_train must hold at least one embedding")
        if patience is not None and validation is None:
            raise ValueError("patience needs data_val, to tell when to stop")
        reported = as_whole_number(print_every, "print_every", -(2**63) + 1) > 0
        threads = num_threads()
        calibration = _sample(training)
        history: list[TrainingRecord] = []

        with self._training_lock:
            options = self._sgd_options(
                num_iter,
                learning_rate,
                batch_size,
                print_every if reported else 0 if patience is None else _QUIET_INTERVAL,
                momentum,
                learning_rate_decay,
                replacement,
                patience,
            )
            before = self._snapshot()
            weights, biases = self._snapshot()

            def report(*values: Any) -> None:
                record = TrainingRecord(*values)
                if not np.isfinite(record.loss):
                    raise _DivergedError(
                        f"training diverged within {record.iteration} iterations: "
                        f"learning_rate {learning_rate} is too high"
                    )
                history.append(record)
                self._publish(weights, biases, calibration)
                if reported:
                    progress(record)

            try:
                _core.train_with_sgd(
                    weights,
                    biases,
                    stored(training),
                    training_labels,
                    None if validation is None else stored(validation),
                    validation_labels,
                    options,
                    on_report=report,
                    threads=threads,
                )
            except _DivergedError:
                weights, biases = before
                raise
            finally:
                # Someone who writes to the embeddings meanwhile can bring in what was refused.
                if not _all_finite(weights, biases):
                    weights, biases = before
                if history:  # or there was no first look at all the embeddings, or it failed
                    self._publish(weights, biases, calibration)
        return history

    def _sgd_options(
        self,
        num_iter: int,
        learning_rate: float,
        batch_size: int,
        report_interval: int,
        momentum: float,
        learning_rate_decay: float,
        replacement: bool,
        patience: int | None,
    ) -> _core.SgdOptions:
        carried = as_non_negative(momentum, "momentum")
        if carried >= 1:
            raise ValueError(f"momentum must be less than 1, not {carried:g}")
        return _core.SgdOptions(
            iterations=as_whole_number(num_iter, "num_iter", 0),
            learning_rate=as_non_negative(learning_rate, "learning_rate"),
            batch_size=as_whole_number(batch_size, "batch_size", 1, bits=31),
            l2_penalty=self.reg,
            seed=int(self._generator.integers(2**64, dtype=np.uint64)),
            report_interval=report_interval,
            learning_rate_decay=as_non_negative(learning_rate_decay, "learning_rate_decay"),
            momentum=carried,
            with_replacement=bool(replacement),
            patience=0 if patience is None else as_whole_number(patience, "patience", 1),
        )

    def fit(
        self,
        embeddings: EmbeddingsLike,
        labels: ArrayLike,
        *,
        validation: tuple[EmbeddingsLike, ArrayLike] | None = None,
        class_weight: Literal["balanced"] | ArrayLike | None = None,
        penalty: float | None = None,
        seed: int | None = None,
        progress: Callable[[int, float], object] | None = None,
    ) -> FitRecord:
        """Finds the head that L2-regularized softmax regression ends in, whatever it was before.

        The penalty is the one under which rows that were not fitted are the least surprising; the
        fit goes on until the loss is within 1e-6 of its minimum. The same data and seed give the
        same head. ``reg`` plays no part. Embeddings of few photos a class are scaled to one length
        first, unless ``penalty`` is given.

        Args:
            embeddings: [N, D]; one row a class will do.
            labels: Integers [N] in [0, C).
            validation: Embeddings and labels to choose the penalty by; None to choose it by
                cross-validation.
            class_weight: How much a row of each class counts, [C]; ``"balanced"`` so that classes
                count alike however many rows they have; None for 1 each.
            penalty: The penalty to take; None to choose it. See :class:`FitRecord` for its unit.
            seed: Of the folds of the cross-validation; None for the object's own seed.
            progress: Called with the iteration and the loss of the final fit.

        Raises:
            ValueError: A wrong shape, labels out of range, numbers that are not finite, or other
                arguments out of range.
        """
        training = self._training_set(embeddings, labels, class_weight)
        calibration = _sample(training.embeddings)
        judge = None if validation is None else self._read_validation(*_as_pair(validation))
        losses: list[float] = []

        def report(iteration: int, loss: float) -> None:
            losses.append(loss)
            if progress is not None:
                progress(iteration, loss)

        with self._training_lock:
            if penalty is None:
                even = with_equal_lengths(training.embeddings, self.num_classes)
                training = replace(training, embeddings=even)
                folds_seed = self._seed if seed is None else as_whole_number(seed, "seed", 0)
                generator = np.random.default_rng(folds_seed)
                choice = choose_penalty(training, judge, generator)
            else:
                choice = PenaltyChoice(as_positive(penalty, "penalty"), {}, training.zeros())
            rows = np.arange(len(training.labels), dtype=np.uint32)
            head = training.start_fit(choice.head, rows)
            try:
                converged = head.run(
                    l2_penalty=choice.penalty / len(rows),
                    tolerance=_FIT_TOLERANCE,
                    max_iterations=_MAX_FIT_ITERATIONS,
                    on_report=report,
                )
            finally:
                self._publish(*head.head(), calibration)
        return FitRecord(choice.penalty, choice.losses, losses, converged)

    def predict(self, x: EmbeddingsLike) -> NDArray[np.int64]:
        """Returns the most probable class of each embedding, int64 [N].

        Args:
            x: Embeddings [N, D].

        Raises:
            ValueError: A wrong shape, or numbers that are not finite.
        """
        embeddings = as_embeddings(x, self.feature_dim)
        return _core.predict(*self._snapshot(), stored(embeddings), threads=num_threads())

    def predict_proba(self, x: EmbeddingsLike) -> NDArray[np.float32]:
        """Returns the probability of each class for each embedding, float32 [N, C].

        Args:
            x: Embeddings [N, D].

        Raises:
            ValueError: A wrong shape, or numbers that are not finite.
        """
        embeddings = as_embeddings(x, self.feature_dim)
        return _core.predict_proba(*self._snapshot(), stored(embeddings), threads=num_threads())

    def get_accuracy(self, mat_x: EmbeddingsLike, labels: ArrayLike) -> float:
        """Returns the fraction of embeddings classified right, in [0, 1].

        Args:
            mat_x: Embeddings [N, D]; N at least 1.
            labels: Integers [N] in [0, C).

        Raises:
            ValueError: A wrong shape, labels out of range, or numbers that are not finite.
        """
        embeddings = as_embeddings(mat_x, self.feature_dim, "mat_x")
        if len(embeddings) == 0:
            raise ValueError("mat_x must hold at least one embedding")
        classes = as_labels(labels, len(embeddings), self.num_classes, "labels")
        return _core.accuracy(*self._snapshot(), stored(embeddings), classes, threads=num_threads())

    def serialize_model(self, in_model_path: ModelSource) -> bytes:
        """Returns a classifier: an embedding extractor with this head appended.

        Args:
            in_model_path: The extractor's ``.tflite`` file, compiled for the Edge TPU or not, or
                its bytes.

        Raises:
            ModelError: The file cannot be read, or is not an extractor for this head.
        """
        from ..tflite.head.append import append_softmax_head

        state = self._state()
        return append_softmax_head(
            read_model_content(in_model_path),
            state.weights.T,
            state.biases,
            calibration=state.calibration,
            labels=state.labels,
        ).content

    def quantization_report(
        self, in_model_path: ModelSource, embeddings: EmbeddingsLike | None = None
    ) -> "QuantizationReport":
        """Tells what :meth:`serialize_model` loses, without running a model.

        Args:
            in_model_path: The extractor, as for :meth:`serialize_model`.
            embeddings: What to compare the float head and the stored one on, [N, D], best of photos
                that were not trained on; None for those that the head was trained on.

        Raises:
            ModelError: The file cannot be read, or is not an extractor for this head.
            ValueError: A wrong shape, or no embeddings.
        """
        from ..tflite.head.append import quantization_report

        state = self._state()
        compared = state.calibration if embeddings is None else embeddings
        if compared is None:
            raise ValueError("a head that was not trained here needs embeddings to be compared on")
        return quantization_report(
            read_model_content(in_model_path),
            state.weights.T,
            state.biases,
            as_embeddings(compared, self.feature_dim),
            calibration=state.calibration,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the head to ``path`` in NumPy's .npz format, whole or not at all.

        Weights, biases, labels, ``reg``, ``weight_scale``, seed, and the embeddings that
        :meth:`serialize_model` calibrates with are kept.

        Raises:
            OSError: The file cannot be written.
        """
        state = self._state()
        fields: dict[str, Any] = {
            "version": _FORMAT_VERSION,
            "weights": state.weights.T,
            "biases": state.biases,
            "weight_scale": self.weight_scale,
            "reg": self.reg,
        }
        if self._seed is not None:
            fields["seed"] = self._seed
        if state.labels is not None:
            fields["labels"] = np.array(state.labels, dtype=np.str_)
        if state.calibration is not None:
            fields["calibration"] = state.calibration.quantized
            fields["calibration_scale"] = state.calibration.scale
            fields["calibration_zero_point"] = state.calibration.zero_point
        buffer = io.BytesIO()
        np.savez(buffer, **fields)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SoftmaxRegression":
        """Reads a head that :meth:`save` wrote.

        Raises:
            ValueError: The file holds something else.
            OSError: The file cannot be read.
        """
        content = Path(path).read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as fields:
                return cls._from_fields(dict(fields))
        except Exception as error:  # zipfile and NumPy raise many types on a broken file
            raise ValueError(f"{os.fspath(path)} is not a saved head: {error}") from error

    @classmethod
    def _from_fields(cls, fields: Mapping[str, NDArray[Any]]) -> "SoftmaxRegression":
        if fields["version"] != _FORMAT_VERSION:
            raise ValueError(f"version {fields['version']}, not {_FORMAT_VERSION}")
        feature_dim, num_classes = fields["weights"].shape
        head = cls(
            feature_dim,
            num_classes,
            weight_scale=float(fields["weight_scale"]),
            reg=float(fields["reg"]),
            seed=int(fields["seed"]) if "seed" in fields else None,
        )
        head.weights = fields["weights"]
        head.biases = fields["biases"]
        if "labels" in fields:
            head.labels = fields["labels"].tolist()
        if "calibration" in fields:
            calibration = Embeddings(
                fields["calibration"],
                float(fields["calibration_scale"]),
                int(fields["calibration_zero_point"]),
            )
            head._calibration = as_embeddings(calibration, head.feature_dim, "calibration")
        return head

    def __repr__(self) -> str:
        return f"SoftmaxRegression({self.feature_dim}, {self.num_classes}, reg={self.reg:g})"

    def __getstate__(self) -> dict[str, Any]:
        with self._training_lock, self._state_lock:
            state = self.__dict__.copy()
            state.update(
                _weights=self._weights.copy(),
                _biases=self._biases.copy(),
                _training_lock=ObjectLock(),
                _state_lock=ObjectLock(),
            )
        return state

    def _read_data(
        self, data: Mapping[str, Any], embeddings_key: str, labels_key: str
    ) -> tuple[Embeddings | None, NDArray[np.int32] | None]:
        """Returns the embeddings and labels of a part of the data, or None where it is empty."""
        if not isinstance(data, Mapping):
            raise ValueError(f"data must be a dict, not {type(data).__name__}")
        value, labels = data.get(embeddings_key), data.get(labels_key)
        if value is not None and not isinstance(value, Embeddings):
            value = as_array(value, embeddings_key)
        if value is None or value.shape[:1] == (0,):
            return None, None
        if labels is None:
            raise ValueError(f"data has {embeddings_key} but no {labels_key}")
        embeddings = as_embeddings(value, self.feature_dim, embeddings_key)
        return embeddings, as_labels(labels, len(embeddings), self.num_classes, labels_key)

    def _training_set(
        self,
        value: EmbeddingsLike,
        labels: ArrayLike,
        class_weight: Literal["balanced"] | ArrayLike | None,
    ) -> TrainingSet:
        embeddings, classes = self._read_validation(value, labels, "embeddings", "labels")
        weights = None
        if isinstance(class_weight, str):
            if class_weight != "balanced":
                raise ValueError(
                    f"class_weight must be 'balanced' or numbers, not {class_weight!r}"
                )
            counts = np.bincount(classes, minlength=self.num_classes)
            weights = (len(classes) / (self.num_classes * np.maximum(counts, 1))).astype(np.float32)
        elif class_weight is not None:
            weights = as_float_array(class_weight, (self.num_classes,), "class_weight")
            if (weights < 0).any() or not weights[classes].any():
                raise ValueError("class_weight must be at least 0, and more for some class")
        return TrainingSet(embeddings, classes, weights, self.num_classes)

    def _read_validation(
        self,
        value: EmbeddingsLike,
        labels: ArrayLike,
        name: str = "validation embeddings",
        labels_name: str = "validation labels",
    ) -> tuple[Embeddings, NDArray[np.int32]]:
        embeddings = as_embeddings(value, self.feature_dim, name)
        if not len(embeddings):
            raise ValueError(f"{name} must hold at least one embedding")
        return embeddings, as_labels(labels, len(embeddings), self.num_classes, labels_name)

    def _state(self) -> _HeadState:
        with self._state_lock:
            return _HeadState(*self._snapshot(), self._calibration, self._labels)

    def _snapshot(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with self._state_lock:
            weights, biases = self._weights.copy(), self._biases.copy()
        if not _all_finite(weights, biases):
            raise ValueError("the weights or biases of this head hold NaN or infinity: set others")
        return weights, biases

    def _publish(
        self,
        weights: NDArray[np.float32],
        biases: NDArray[np.float32],
        calibration: Embeddings,
    ) -> None:
        """Copies in place, so that arrays the user has from the properties stay in step."""
        with self._state_lock:
            self._weights[...] = weights
            self._biases[...] = biases
            self._calibration = calibration


def _as_pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError("validation must be a pair: embeddings and labels")
    return validation[0], validation[1]


def _all_finite(*arrays: NDArray[np.float32]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


def _sample(embeddings: Embeddings) -> Embeddings:
    """Returns a copy of evenly spaced rows: the logits that quantization must represent."""
    step = -(-len(embeddings) // _MAX_CALIBRATION_ROWS)
    return Embeddings(embeddings.quantized[::step].copy(), embeddings.scale, embeddings.zero_point)
