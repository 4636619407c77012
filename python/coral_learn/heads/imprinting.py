"""Weight imprinting: training a classifier's last layer on a few photos of each class."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PredictionVector, ProbabilityMatrix
from ..tflite.file import ModelFile, ModelSource
from ..tflite.imprinting.read import read_imprinting_model
from ..tflite.imprinting.tail import ImprintingModel, ImprintingTail
from ..words import counted
from .imprinted_class import ImprintedClass, KeptClass, load_classes, unit_rows
from .inputs import EmbeddingsLike, as_embeddings, as_float_array, as_labels, as_whole_number
from .object_lock import ObjectLock


class ImprintingEngine:
    """Adds classes to a model from a few photos of each, by weight imprinting.

    This is pycoral's class of the same name. The weights of a class are the normalized sum of its
    photos' embeddings, so that a photo is assigned to the class with the highest cosine similarity.
    :func:`coral_learn.create_imprinting_model` makes a suitable model from any image model.

    The model that :meth:`serialize_model` returns contains the sums: an engine that is made from it
    with ``keep_classes=True`` continues the training.

    One object can be used from several threads: a lock lets only one of them read or change the
    classes at a time. A forked process can use it too.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import EmbeddingExtractor, ImprintingEngine, create_imprinting_model
        >>> engine = ImprintingEngine(create_imprinting_model("extractor.tflite"))
        >>> with EmbeddingExtractor(engine.serialize_extractor_model()) as extractor:
        ...     rows = extractor.extract(["photos/daisy/0.jpg", "photos/roses/0.jpg"])
        ...     more = extractor.extract(["photos/daisy/1.jpg", "photos/roses/1.jpg"])
        >>> engine.train_all(rows, [0, 1])
        >>> engine.train(more[0], class_id=0)
        >>> engine.labels = ["daisy", "roses"]
        >>> engine
        ImprintingEngine(2 classes, 256 features)
        >>> engine.num_classes, engine.embedding_dim
        (2, 256)
        >>> engine.predict(more).tolist(), engine.get_accuracy(more, [0, 1])
        ([0, 1], 1.0)
        >>> engine.predict_proba(more).shape
        (2, 2)
        >>> engine.to_model().labels
        ['daisy', 'roses']
        >>> again = ImprintingEngine(engine.serialize_model(), keep_classes=True)
        >>> again.num_classes
        2
        >>> from coral_learn.tflite.imprinting.create import keep_head
        >>> from coral_learn.tflite.file import ModelFile
        >>> parts = keep_head(ModelFile.open("retrained/retrained_model.tflite"))
        >>> ImprintingEngine.of_parts(*parts)
        ImprintingEngine(3 classes, 1280 features)
    """

    def __init__(self, model_path: ModelSource, keep_classes: bool = False) -> None:
        """Reads the model.

        Args:
            model_path: The path of a ``.tflite`` file, or its bytes, whose last operators are
                L2_NORMALIZATION, (QUANTIZE), CONV_2D, MUL, RESHAPE and SOFTMAX.
            keep_classes: Whether to keep the classes that the model has. Imprinted classes can be
                trained further; all other classes stay as they are.

        Raises:
            ModelError: The file cannot be read, or is not such a model.
        """
        model = ModelFile.open(model_path)
        self._start(
            read_imprinting_model(model), model.labels if keep_classes else None, keep_classes
        )

    @classmethod
    def of_parts(cls, model: ImprintingModel, labels: list[str] | None) -> ImprintingEngine:
        """Makes an engine that keeps the classes of a model that is not in a file yet.

        Args:
            model: The parts of an imprinting model.
            labels: The name of each class, or None.

        Returns:
            The engine, with all classes of the model.
        """
        engine = cls.__new__(cls)
        engine._start(model, labels, keep_classes=True)
        return engine

    def _start(self, model: ImprintingModel, labels: list[str] | None, keep_classes: bool) -> None:
        self._model = model
        self._classes: list[KeptClass | ImprintedClass] = []
        # Beside the classes of an ordinary classifier, an imprinted class needs a bias, which is
        # computed from its number of photos.
        self._counts_photos = keep_classes and model.tail.photo_counts is not None
        if keep_classes:
            self._classes = load_classes(model.tail, model.head)
        self._labels = labels if labels and len(labels) == len(self._classes) else None
        self._lock = ObjectLock()  # guards the classes and labels

    @property
    def embedding_dim(self) -> int:
        """D, the length of an embedding."""
        head = self._model.head
        return len(self._model.tail.weights) if head is None else head.features

    @property
    def num_classes(self) -> int:
        """The number of classes so far."""
        return len(self._classes)

    @property
    def labels(self) -> list[str] | None:
        """The name of each class, or None if unknown. Classes added since are named by their index.

        Setting anything but one string for each class, or None, raises ``ValueError``.
        """
        with self._lock:
            if self._labels is None:
                return None
            return self._labels + [str(i) for i in range(len(self._labels), self.num_classes)]

    @labels.setter
    def labels(self, value: Sequence[str] | None) -> None:
        if value is not None:
            value = list(value)
        with self._lock:
            if value is not None and (
                len(value) != self.num_classes or not all(isinstance(x, str) for x in value)
            ):
                raise ValueError(f"labels must be {self.num_classes} strings, not {value}")
            self._labels = value

    def train(self, embedding: ArrayLike, class_id: SupportsIndex) -> None:
        """Adds a photo to a class.

        Args:
            embedding: The output of the model of :meth:`serialize_extractor_model` for the photo,
                [D]: real numbers, or the stored uint8 or int8 values of a quantized model.
            class_id: An imprinted class, or :attr:`num_classes` to add a new one.

        Raises:
            RuntimeError: The embedding is not of shape [D], ``class_id`` is more than
                ``num_classes``, or the class cannot be changed. The type and texts are pycoral's.
            ValueError: The embedding holds NaN or infinity, or ``class_id`` is negative.
        """
        vector = self._as_real(embedding)
        index = as_whole_number(class_id, "class_id", 0)
        with self._lock:
            self._check_trainable([index])
            (rival,) = self._rivals(vector[None])
            self._add_photo(index, vector, rival)

    def train_all(self, embeddings: EmbeddingsLike, labels: ArrayLike) -> None:
        """Adds many photos, class by class. If there is an error, none of them is added.

        Args:
            embeddings: The embeddings of the photos, [N, D]. They are normalized here, so the
                extractor may have normalized them or not; a kept head needs their length, and takes
                a typical one for normalized embeddings.
            labels: The class of each photo, integers [N]. New classes must have the next indices,
                without a gap.

        Raises:
            RuntimeError, ValueError: As for :meth:`train`.
        """
        rows = self._rows(embeddings)
        vectors = unit_rows(rows)
        classes = as_labels(labels, len(vectors), 2**31 - 1, "labels")
        with self._lock:
            self._check_trainable(np.unique(classes).tolist())
            rivals = self._rivals(rows)
            for row in np.argsort(classes, kind="stable"):
                self._add_photo(int(classes[row]), vectors[row], rivals[row])

    def predict(self, x: EmbeddingsLike) -> PredictionVector:
        """Returns the class of each embedding, int64 [N].

        Args:
            x: Embeddings [N, D], normalized or not.

        Raises:
            ValueError: The shape is wrong, or a number is not finite.
            RuntimeError: There is no class yet.
        """
        tail = self._tail()
        scores = self._tail_inputs(self._rows(x)) @ tail.weights + tail.biases
        return np.asarray(scores.argmax(axis=1), np.int64)

    def predict_proba(self, x: EmbeddingsLike) -> ProbabilityMatrix:
        """Returns the probability of each class for each embedding, float32 [N, C], as the model.

        Args:
            x: Embeddings [N, D], normalized or not.

        Raises:
            ValueError: The shape is wrong, or a number is not finite.
            RuntimeError: There is no class yet.
        """
        tail = self._tail()
        logits = self._tail_inputs(self._rows(x)) @ tail.weights + tail.biases
        logits *= tail.logit_scale
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def get_accuracy(self, mat_x: EmbeddingsLike, labels: ArrayLike) -> float:
        """Returns the fraction of embeddings classified correctly, in [0, 1].

        Args:
            mat_x: Embeddings [N, D], normalized or not; N at least 1.
            labels: Integers [N] in [0, C).

        Raises:
            ValueError: A shape is wrong, a label is out of range, or a number is not finite.
            RuntimeError: There is no class yet.
        """
        answers = self.predict(mat_x)
        if len(answers) == 0:
            raise ValueError("mat_x must hold at least one embedding")
        return float(
            np.mean(answers == as_labels(labels, len(answers), self.num_classes, "labels"))
        )

    def serialize_extractor_model(self) -> bytes:
        """Returns the model that computes the embedding of a photo.

        The embedding is normalized, unless the model keeps the head of an ordinary classifier,
        which needs its length.
        """
        return self._model.extractor.content

    def serialize_model(self) -> bytes:
        """Returns the classifier, with its labels if they are known.

        Raises:
            RuntimeError: There is no class yet ("Model is not trained.").
        """
        return self.to_model().content

    def to_model(self) -> ModelFile:
        """Returns the classifier as :meth:`serialize_model` does, as an opened model.

        Raises:
            RuntimeError: There is no class yet ("Model is not trained.").
        """
        from ..tflite.imprinting.append import append_imprinting_tail  # not needed to train

        with self._lock:
            tail, labels = self._tail(), self.labels
        return append_imprinting_tail(self._model.body, tail, labels)

    def __repr__(self) -> str:
        classes = counted(self.num_classes, "class", "classes")
        return f"ImprintingEngine({classes}, {counted(self.embedding_dim, 'feature')})"

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return copy.deepcopy(self.__dict__)

    def _as_real(self, embedding: ArrayLike) -> NDArray[np.float64]:
        vector = np.asarray(embedding)
        if vector.shape != (self.embedding_dim,):
            raise RuntimeError(
                f"Invalid weights array shape. An embedding has the shape [{self.embedding_dim}], "
                f"not {list(vector.shape)}."
            )
        quantization = self._model.embedding
        if quantization is not None and vector.dtype == quantization.dtype:
            return quantization.dequantize(vector)
        return as_float_array(vector, vector.shape, "embedding").astype(np.float64)

    def _check_trainable(self, indices: list[int]) -> None:
        """Checks that ascending class indices can be trained one after the other."""
        following = self.num_classes
        for index in indices:
            if index > following:
                raise RuntimeError("The class index of a new category is too large!")
            if index == following:
                following += 1
            elif isinstance(self._classes[index], KeptClass):
                raise RuntimeError(
                    "Cannot change the base model classes not trained with imprinting method!"
                )

    def _add_photo(self, index: int, vector: NDArray[np.float64], rival: float) -> None:
        """Adds an embedding, with the highest score of any kept class for it, to a class."""
        head = self._model.head
        if index == self.num_classes:
            self._classes.append(ImprintedClass(np.zeros(self.embedding_dim), head))
        trained = self._classes[index]
        assert isinstance(trained, ImprintedClass)
        trained.total += vector if head is None else unit_rows(vector[None])[0]
        if self._counts_photos:
            trained.photos += 1
            trained.rival_total += float(rival)

    def _rivals(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the highest score of any kept class, [N]; zeros where it is not needed."""
        return self._best_kept_scores(rows) if self._counts_photos else np.zeros(len(rows))

    def _rows(self, embeddings: EmbeddingsLike) -> NDArray[np.float64]:
        """Returns embeddings as real numbers, [N, D]."""
        rows = np.asarray(as_embeddings(embeddings, self.embedding_dim), np.float64)
        if not np.isfinite(rows).all():
            raise ValueError("embeddings must be finite float32 numbers")
        return rows

    def _tail_inputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns what the tail reads, [N, F], for embeddings [N, D]."""
        head = self._model.head
        return unit_rows(rows) if head is None else head.join(rows)

    def _best_kept_scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the highest score of any kept class, [N], for embeddings [N, D]."""
        tail = self._model.tail
        kept = [index for index in range(len(tail.biases)) if index not in tail.sum_norms]
        if not kept:
            return np.zeros(len(rows))
        inputs = self._tail_inputs(rows).astype(np.float32)
        # The kept classes of a kept head read nothing but its logits, which come first.
        used = inputs.shape[1] if self._model.head is None else len(self._model.head.biases)
        scores = (inputs[:, :used] @ tail.weights[:used] + tail.biases)[:, kept]
        return np.asarray(scores.max(axis=1), np.float64)

    def _tail(self) -> ImprintingTail:
        with self._lock:
            if not self._classes:
                raise RuntimeError("Model is not trained.")
            imprinted = {i: c for i, c in enumerate(self._classes) if isinstance(c, ImprintedClass)}
            weights = [each.weights for each in self._classes]
            counts = [imprinted[i].photos if i in imprinted else 0 for i in range(self.num_classes)]
            return ImprintingTail(
                np.array(weights, np.float32).T,
                np.array([each.bias for each in self._classes], np.float32),
                self._model.tail.logit_scale,
                {index: float(np.linalg.norm(each.total)) for index, each in imprinted.items()},
                np.array(counts, np.int32) if self._counts_photos else None,
                self._model.tail.kept,
            )
