"""Softmax regression: the trained last layer of a classifier."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..arrays import BiasVector, PredictionVector, ProbabilityMatrix, WeightColumns
from ..words import counted
from . import core
from .inputs import (
    EmbeddingsLike,
    as_embeddings,
    as_float_array,
    as_non_negative,
    as_whole_number,
)
from .records import FitRecord, TrainingRecord
from .state import HeadState
from .training_data import (
    ClassWeights,
    TrainingData,
    read_class_weights,
    read_groups,
    read_labeled,
    read_sample_weights,
    read_validation,
)

# Everything else is imported by the methods that need it: training loads no TFLite schema, and the
# import of this class stays short.
if TYPE_CHECKING:
    from ..tflite.file import ModelFile, ModelSource
    from ..tflite.head.append import QuantizationReport
    from .head_file import SavedHead
    from .shard import Shard
    from .shard_fit import OnLost


class SoftmaxRegression:
    """The last layer of a classifier: a linear map from embeddings to logits, then softmax.

    This is pycoral's class of the same name.

    One object can be used from several threads without further locks. Trainings, pickling and
    copying wait for each other. Everything else that is called during a training uses the weights
    that were last reported. The arrays ``weights`` and ``biases`` are the only exception: they are
    the memory of the head, and change while they are read.

    Embeddings are read in place, whereas labels are copied first. If another thread changes the
    embeddings meanwhile, each number is read as it was before or after the change. If a number that
    is read is not finite, an error is raised and the weights stay finite.

    A forked process can use a head, even if another thread was training it at the time of the fork.
    Its weights may then be partly those of one report and partly those of the next.

    Attributes:
        weight_scale: Standard deviation of the initial weights.

    Examples:
        >>> import numpy as np
        >>> rows = np.array([[0, 1], [1, 0], [0, 2], [2, 0]], np.float32)
        >>> labels = [0, 1, 0, 1]

        >>> from coral_learn import SoftmaxRegression
        >>> head = SoftmaxRegression(feature_dim=2, num_classes=2, seed=0)
        >>> head.fit(rows, labels).converged
        True
        >>> head.predict(rows).tolist(), head.get_accuracy(rows, labels)
        ([0, 1, 0, 1], 1.0)
        >>> head.predict_proba(rows).shape, head.weights.shape, head.biases.shape
        ((4, 2), (2, 2), (2,))

        To rows that are in several places, here in two objects:

        >>> from coral_learn.distributed import MemoryShard
        >>> shards = [MemoryShard(rows[:2], labels[:2]), MemoryShard(rows[2:], labels[2:])]
        >>> again = SoftmaxRegression(feature_dim=2, num_classes=2, seed=0)
        >>> penalty = again.fit_shards(shards).penalty
        >>> bool(np.allclose(again.weights, head.weights, atol=1e-4))
        True

        After a small change of the rows, from the head before:

        >>> again.fit(rows, labels, penalty=penalty, temperature=1.0, start=head).converged
        True

        With pycoral's recipe instead:

        >>> data = {"data_train": rows, "labels_train": labels}
        >>> record = head.train_with_sgd(data, num_iter=100, learning_rate=0.1, progress=print)[-1]
        Iteration 0: loss ..., training accuracy 1.0000
        Iteration 100: loss ..., training accuracy 1.0000
        >>> head.labels = ["daisy", "roses"]
        >>> head.save("head.npz")
        >>> SoftmaxRegression.load("head.npz")
        SoftmaxRegression(2 features, 2 classes, reg=0)

        On an extractor, the head becomes a classifier:

        >>> from coral_learn import EmbeddingExtractor, ImageFolder
        >>> photos = ImageFolder("photos")
        >>> with EmbeddingExtractor("extractor.tflite") as extractor:
        ...     embeddings = extractor.extract(photos.paths)
        >>> head = SoftmaxRegression(extractor.feature_dim, len(photos.classes), reg=0.01)
        >>> head.labels = photos.classes
        >>> fitted = head.fit(embeddings, photos.labels)
        >>> head.to_model("extractor.tflite").labels
        ['daisy', 'roses', 'tulips']
        >>> head.feature_dim, head.num_classes, head.reg, head.seed
        (256, 3, 0.01, None)
        >>> head.serialize_model("extractor.tflite")[4:8]
        b'TFL3'
        >>> head.quantization_report("extractor.tflite").agreement
        1.0
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
            num_classes: C, the number of classes; at least 1.
            weight_scale: Standard deviation of the initial weights; at least 0.
            reg: L2 penalty; at least 0. The loss is mean cross entropy + reg / 2 * |weights|^2.
            seed: In [0, 2^63); the same seed gives the same weights and the same batches. None for
                different ones each time.

        Raises:
            ValueError: An argument is missing or out of range.
        """
        if feature_dim is None or num_classes is None:
            raise ValueError("feature_dim and num_classes must be given")
        classes = as_whole_number(num_classes, "num_classes", 1)
        features = as_whole_number(feature_dim, "feature_dim", 1)
        self.weight_scale = as_non_negative(weight_scale, "weight_scale")
        self._state = HeadState.initial(
            features,
            classes,
            self.weight_scale,
            as_non_negative(reg, "reg"),
            None if seed is None else as_whole_number(seed, "seed", 0),
        )

    @property
    def feature_dim(self) -> int:
        """D, the length of an embedding."""
        return self._state.feature_dim

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return self._state.num_classes

    @property
    def seed(self) -> int | None:
        """The seed that was given."""
        return self._state.seed

    @property
    def reg(self) -> float:
        """L2 penalty, at least 0. Setting anything else raises ``ValueError``."""
        return self._state.reg

    @reg.setter
    def reg(self, value: float) -> None:
        self._state.reg = as_non_negative(value, "reg")

    @property
    def weights(self) -> WeightColumns:
        """Weights, float32 [D, C]. Changes of the array change the head.

        Setting another shape, or numbers that are not finite, raises ``ValueError``.
        """
        return self._state.weights.T

    @weights.setter
    def weights(self, value: ArrayLike) -> None:
        weights = as_float_array(value, (self.feature_dim, self.num_classes), "weights")
        with self._state.lock:
            self._state.weights[...] = weights.T

    @property
    def biases(self) -> BiasVector:
        """Biases, float32 [C]. Changes of the array change the head.

        Setting another shape, or numbers that are not finite, raises ``ValueError``.
        """
        return self._state.biases

    @biases.setter
    def biases(self, value: ArrayLike) -> None:
        biases = as_float_array(value, (self.num_classes,), "biases")
        with self._state.lock:
            self._state.biases[...] = biases

    @property
    def labels(self) -> list[str] | None:
        """The name of each class, or None if unknown.

        Setting anything but one string for each class, or None, raises ``ValueError``.
        """
        return self._state.labels

    @labels.setter
    def labels(self, value: Sequence[str] | None) -> None:
        if value is not None:
            value = list(value)
            if len(value) != self.num_classes or not all(isinstance(x, str) for x in value):
                raise ValueError(f"labels must be {self.num_classes} strings, not {value}")
        self._state.labels = value

    def train_with_sgd(
        self,
        data: TrainingData,
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

        Ctrl-C stops the training within 0.1 s. After that, or after an exception from ``progress``,
        the head has the weights of the last whole iteration.

        Args:
            data: ``data_train``, embeddings [N, D], and ``labels_train``, integers [N] in [0, C).
                ``data_val`` and ``labels_val`` likewise for validation; they may be missing, None
                or empty. A validation label of C or more counts as wrong, with a warning.
            num_iter: Number of iterations; at least 0.
            learning_rate: Step size; at least 0.
            batch_size: Rows in a batch; at least 1.
            print_every: Iterations between records. With 0 or less ``progress`` is not called, and
                there is one record at the start and one at the end; with ``patience`` also one
                every 100 iterations.
            momentum: The fraction of each step that the next step repeats, in [0, 1).
            learning_rate_decay: At least 0; the step size after t iterations is
                ``learning_rate / (1 + learning_rate_decay * t)``.
            replacement: Whether each row of a batch is drawn from all rows. If not, every row is
                drawn once before any row is drawn again, as in epochs.
            patience: Stop after this many records in a row without a lower validation loss. In any
                case, end with the weights of the record that had the lowest validation loss. At
                least 1; needs validation rows. None to train to the end and keep the last weights.
            progress: Called with each record. Prints it by default.

        Returns:
            The records of the start, of every ``print_every`` iterations, and of the end.

        Raises:
            ValueError: Embeddings or labels are missing, have a wrong shape, are out of range or
                not finite; another argument is out of range; or the loss became infinite because
                ``learning_rate`` is too high. In the last case the head is as it was before.
        """
        from .sgd import SgdArguments, train_with_sgd

        arguments = SgdArguments(
            num_iter=num_iter,
            learning_rate=learning_rate,
            batch_size=batch_size,
            print_every=print_every,
            momentum=momentum,
            learning_rate_decay=learning_rate_decay,
            replacement=replacement,
            patience=patience,
        )
        return train_with_sgd(self._state, data, arguments, progress)

    def fit(
        self,
        embeddings: EmbeddingsLike,
        labels: ArrayLike,
        *,
        validation: tuple[EmbeddingsLike, ArrayLike] | None = None,
        class_weight: ClassWeights = None,
        sample_weight: ArrayLike | None = None,
        penalty: float | None = None,
        seed: int | None = None,
        progress: Callable[[int, float], object] | None = None,
        groups: ArrayLike | None = None,
        temperature: float | None = None,
        start: "SoftmaxRegression | None" = None,
    ) -> FitRecord:
        """Fits the head until L2-regularized softmax regression has converged.

        The result does not depend on the weights that the head had before, and ``reg`` is not used.
        The same data and seed give the same head. Unless ``penalty`` is given, the penalty is the
        one with the lowest loss on rows that were not fitted, and embeddings are scaled to the same
        length if there are few of them for each class. The fit ends when no weight is off by more
        than about 1e-5 of the largest. The same rows then show by what temperature to divide
        weights and biases, so that the probabilities say how often the head is right
        (:attr:`FitRecord.temperature`); not above 1e7 rows x features x classes.

        This is :meth:`fit_shards` with one shard. Features in
        other units are scaled first if one of them varies more than 30 times as much as most
        others, and the weights back afterwards. Copies of a row with the same label are taken as
        one row of greater weight, so that no copy of a row is held out. Above 1e8 rows x features,
        the penalty is chosen on a part of the rows.

        Args:
            embeddings: [N, D]; one row for each class is enough.
            labels: Integers [N] in [0, C).
            validation: Embeddings and labels to choose the penalty on; None to choose it by
                cross-validation.
            class_weight: How much each row of a class counts, [C]. ``"balanced"`` lets classes
                count the same however many rows they have. None for 1 each.
            sample_weight: How much each row counts, [N], at least 0: a row of weight 3 counts like
                three copies of it, in cross-validation too. The weight of a row is multiplied by
                that of its class. None for 1 each.
            penalty: The penalty; None to choose it. See :class:`FitRecord` for its unit.
            seed: Seeds the folds of the cross-validation; None for the seed of this object.
            progress: Called with the iteration and the loss of the final fit.
            groups: The group of each row, integers [N], such as the video of a frame: rows of one
                group are held out together, because they resemble each other. None for no groups.
            temperature: What weights and biases are divided by at the end, above 0; None to choose
                it where the penalty is chosen, and for 1 where it is given.
            start: A head of the same shape whose weights to start from, which saves most of the
                time if it was fitted to nearly the same rows; only with ``penalty``, and not used
                for features that are scaled. None for zeros.

        Returns:
            How the head was fitted, with the penalty, the losses and the temperature.

        Raises:
            ValueError: A shape is wrong, a label is out of range, a number is not finite, or
                another argument is out of range.
        """
        from .buckets import buckets_of_groups
        from .fitting import fit
        from .training_set import TrainingSet

        shape = self.feature_dim, self.num_classes
        data = read_labeled(embeddings, labels, *shape)
        weights = read_sample_weights(sample_weight, data.labels, self.num_classes)
        class_weights = read_class_weights(class_weight, data.labels, self.num_classes, weights)
        buckets = None if groups is None else buckets_of_groups(read_groups(groups, len(data)))
        training = TrainingSet(data, class_weights, weights, buckets, groups is not None)
        validation_data = None if validation is None else read_validation(validation, *shape)
        if start is not None and (penalty is None or start.weights.shape != self.weights.shape):
            raise ValueError("start needs a penalty, and a head of the same shape")
        first = None if start is None else start._state.snapshot()
        return fit(
            self._state, training, validation_data, penalty, temperature, seed, progress, first
        )

    def fit_shards(
        self,
        shards: "Sequence[Shard]",
        *,
        penalty: float | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        progress: Callable[[int, float], object] | None = None,
        on_lost: "OnLost | None" = None,
    ) -> FitRecord:
        """Fits the head to rows that are in several places.

        The head is the one that :meth:`fit` finds for all the rows together: the same penalty, and
        no weight differs by more than 1e-4 of the largest. A shard only tells sums over its rows:
        see :class:`coral_learn.distributed.Shard`. Weights of rows and classes, and groups, are
        given to the shards, and features have to be in comparable units. The head has no embeddings
        to calibrate a model with, unless it is given some.

        Args:
            shards: At least one; such as :class:`coral_learn.distributed.MemoryShard`.
            penalty: As for :meth:`fit`.
            temperature: As for :meth:`fit`.
            seed: As for :meth:`fit`.
            progress: As for :meth:`fit`.
            on_lost: Called with the place of a shard that raised
                :class:`coral_learn.distributed.ShardLostError`, and with that error. The fit then
                goes on without the shard, from the head that it has. None to end with an error.

        Returns:
            How the head was fitted, as from :meth:`fit`.

        Raises:
            ValueError: An argument is out of range, shards do not fit together or to the head, or
                one of them failed or was lost; the message says which, counting from 0. After the
                search for the penalty, the head has the weights of the last whole iteration.
        """
        from .fitting import fit_shards

        return fit_shards(self._state, list(shards), penalty, temperature, seed, progress, on_lost)

    def predict(self, x: EmbeddingsLike) -> PredictionVector:
        """Returns the most probable class of each embedding, int64 [N].

        Args:
            x: Embeddings [N, D].

        Raises:
            ValueError: The shape is wrong, or a number is not finite.
        """
        embeddings = core.stored(as_embeddings(x, self.feature_dim))
        return core.predict(self._state.snapshot(), embeddings, threads=core.num_threads())

    def predict_proba(self, x: EmbeddingsLike) -> ProbabilityMatrix:
        """Returns the probability of each class for each embedding, float32 [N, C].

        Args:
            x: Embeddings [N, D].

        Raises:
            ValueError: The shape is wrong, or a number is not finite.
        """
        embeddings = core.stored(as_embeddings(x, self.feature_dim))
        return core.predict_proba(self._state.snapshot(), embeddings, threads=core.num_threads())

    def get_accuracy(self, mat_x: EmbeddingsLike, labels: ArrayLike) -> float:
        """Returns the fraction of embeddings classified correctly, in [0, 1].

        Args:
            mat_x: Embeddings [N, D]; N at least 1.
            labels: Integers [N] in [0, C).

        Raises:
            ValueError: A shape is wrong, a label is out of range, or a number is not finite.
        """
        data = read_labeled(mat_x, labels, self.feature_dim, self.num_classes, ("mat_x", "labels"))
        embeddings, head = core.stored(data.embeddings), self._state.snapshot()
        return core.accuracy(head, embeddings, data.labels, threads=core.num_threads())

    def to_model(
        self, extractor: "ModelSource", *, class_means: ArrayLike | None = None
    ) -> "ModelFile":
        """Returns a classifier: an embedding extractor with this head appended.

        Args:
            extractor: A ``.tflite`` file or its bytes, compiled for the Edge TPU or not.
            class_means: The mean embedding of each class, [C, D], to be stored in the model, so
                that :func:`coral_learn.add_class` can use them.

        Raises:
            ModelError: The file cannot be read, or is not an extractor for this head.
        """
        from ..tflite.file import ModelFile
        from ..tflite.head.append import append_softmax_head

        values = self._state.values()
        return append_softmax_head(
            ModelFile.open(extractor),
            values.weights.T,
            values.biases,
            calibration=values.calibration,
            labels=values.labels,
            class_means=class_means,
        )

    def serialize_model(self, in_model_path: "ModelSource") -> bytes:
        """Returns the bytes of a classifier: an embedding extractor with this head appended.

        Args:
            in_model_path: The extractor's ``.tflite`` file or its bytes, compiled for the Edge TPU
                or not.

        Raises:
            ModelError: The file cannot be read, or is not an extractor for this head.
        """
        return self.to_model(in_model_path).content

    def quantization_report(
        self, in_model_path: "ModelSource", embeddings: EmbeddingsLike | None = None
    ) -> "QuantizationReport":
        """Compares this head with what :meth:`serialize_model` stores, without running a model.

        Args:
            in_model_path: The extractor, as for :meth:`serialize_model`.
            embeddings: The embeddings to compare the two heads on, [N, D], preferably of photos
                that were not used in training. None for a sample of the training embeddings.

        Returns:
            How far the two heads differ.

        Raises:
            ModelError: The file cannot be read, or is not an extractor for this head.
            ValueError: The shape is wrong, or there are no embeddings.
        """
        from ..tflite.file import ModelFile
        from ..tflite.head.append import quantization_report

        values = self._state.values()
        compared = values.calibration if embeddings is None else embeddings
        if compared is None:
            raise ValueError(
                "this head was not trained here, so it has no embeddings to compare on: pass some"
            )
        return quantization_report(
            ModelFile.open(in_model_path),
            values.weights.T,
            values.biases,
            as_embeddings(compared, self.feature_dim),
            calibration=values.calibration,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the head to a file in NumPy's .npz format, completely or not at all.

        The file holds weights, biases, labels, ``reg``, ``weight_scale``, the seed, and the
        embeddings that :meth:`serialize_model` calibrates with.

        Args:
            path: The file, which is replaced if it exists.

        Raises:
            OSError: The file cannot be written.
        """
        from .head_file import SavedHead, save_head

        values = self._state.values()
        saved = SavedHead(
            weights=values.weights.T,
            biases=values.biases,
            weight_scale=self.weight_scale,
            reg=self.reg,
            seed=self.seed,
            labels=values.labels,
            calibration=values.calibration,
        )
        save_head(path, saved)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SoftmaxRegression":
        """Reads a head that :meth:`save` wrote.

        Args:
            path: The file.

        Returns:
            The head, with the same weights, biases, labels and settings.

        Raises:
            ValueError: The file holds something else, or is broken.
            OSError: The file cannot be read.
        """
        from .head_file import load_head

        return load_head(path, cls._from_saved)

    @classmethod
    def _from_saved(cls, saved: "SavedHead") -> "SoftmaxRegression":
        feature_dim, num_classes = saved.weights.shape
        head = cls(feature_dim, num_classes, saved.weight_scale, saved.reg, seed=saved.seed)
        head.weights = saved.weights
        head.biases = saved.biases
        head.labels = saved.labels
        if saved.calibration is not None:
            head._state.calibration = as_embeddings(saved.calibration, feature_dim, "calibration")
        return head

    def __repr__(self) -> str:
        features = counted(self.feature_dim, "feature")
        classes = counted(self.num_classes, "class", "classes")
        return f"SoftmaxRegression({features}, {classes}, reg={self.reg:g})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_state": self._state.copy()}
