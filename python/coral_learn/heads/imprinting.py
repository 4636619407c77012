"""Weight imprinting: training a classifier's last layer on a few photos of each class."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PredictionVector
from ..tflite.file import ModelFile, ModelSource
from ..tflite.imprinting.append import append_imprinting_tail
from ..tflite.imprinting.read import read_imprinting_model
from ..tflite.imprinting.tail import ImprintingTail
from .inputs import EmbeddingsLike, as_embeddings, as_float_array, as_labels, as_whole_number
from .object_lock import ObjectLock

_MIN_LENGTH = 1e-30


@dataclass
class _KeptClass:
    """A class of the original model, which imprinting does not change.

    Attributes:
        weights: The weights of the class, float32 [D].
        bias: The bias of the class.
    """

    weights: NDArray[np.float32]
    bias: float


@dataclass
class _ImprintedClass:
    """A class learned from photos.

    Attributes:
        total: The sum of the embeddings of its photos, float64 [D].
        photos: The number of photos. Only counted if the model also has the classes of an ordinary
            classifier.
        rival_total: The sum, over the photos, of the highest score of any class of that classifier.
    """

    total: NDArray[np.float64]
    photos: int = 0
    rival_total: float = 0.0

    @property
    def bias(self) -> float:
        """The bias that makes the class comparable with the classes of an ordinary classifier.

        The scores of those classes are not cosines, and the cosine between any two photos is far
        from 0. The bias gives an average photo of this class the same score as the highest score
        that the ordinary classifier gives it.
        """
        if self.photos == 0:
            return 0.0
        return self.rival_total / self.photos - self.expected_cosine

    @property
    def expected_cosine(self) -> float:
        """The expected cosine between the class's weights and one more photo of the class.

        It is computed from the mean cosine between two photos of the class, which follows from the
        length of the sum of their embeddings. One more pair of photos is assumed, so that the
        estimate also works for a single photo: features are often positive, which gives any two
        photos a high cosine, and the cosine of two photos of one class is assumed to be a third
        closer to 1.
        """
        share_of_all = float(_unit(self.total).mean()) ** 2 * len(self.total)
        assumed = share_of_all + (1 - share_of_all) / 3
        pairs = self.photos * (self.photos - 1) / 2
        pair_total = (float(self.total @ self.total) - self.photos) / 2
        cosine = min(max((pair_total + assumed) / (pairs + 1), 0.0), 1.0)
        return self.photos * cosine / math.sqrt(self.photos + 2 * pairs * cosine)


class ImprintingEngine:
    """Adds classes to a model from a few photos of each, by weight imprinting.

    This is pycoral's class of the same name. The weights of a class are the normalized sum of its
    photos' embeddings, so that a photo is assigned to the class with the highest cosine similarity.
    :func:`coral_learn.create_imprinting_model` makes a suitable model from any image model.

    The model that :meth:`serialize_model` returns contains the sums: an engine that is made from it
    with ``keep_classes=True`` continues the training.

    One object can be used from several threads: a lock lets only one of them read or change the
    classes at a time. A forked process can use it too.
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
        self._model = read_imprinting_model(model)
        self._classes: list[_KeptClass | _ImprintedClass] = []
        self._labels: list[str] | None = None
        # Beside the classes of an ordinary classifier, an imprinted class needs a bias, which is
        # computed from its number of photos.
        self._counts_photos = keep_classes and self._model.tail.photo_counts is not None
        if keep_classes:
            self._classes = _load_classes(self._model.tail)
            labels = model.labels
            self._labels = labels if labels and len(labels) == len(self._classes) else None
        self._lock = ObjectLock()  # guards the classes and labels

    @property
    def embedding_dim(self) -> int:
        """D, the length of an embedding."""
        return len(self._model.tail.weights)

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
            if index == self.num_classes:
                self._classes.append(_ImprintedClass(np.zeros(self.embedding_dim)))
            trained = self._classes[index]
            assert isinstance(trained, _ImprintedClass)
            trained.total += vector
            if self._counts_photos:
                trained.photos += 1
                trained.rival_total += self._best_kept_score(vector)

    def train_all(self, embeddings: EmbeddingsLike, labels: ArrayLike) -> None:
        """Adds many photos, class by class. If there is an error, none of them is added.

        Args:
            embeddings: The embeddings of the photos, [N, D]. They are normalized here, so the
                extractor may have normalized them or not.
            labels: The class of each photo, integers [N]. New classes must have the next indices,
                without a gap.

        Raises:
            RuntimeError, ValueError: As for :meth:`train`.
        """
        vectors = _unit_rows(embeddings, self.embedding_dim)
        classes = as_labels(labels, len(vectors), 2**31 - 1, "labels")
        with self._lock:
            self._check_trainable(np.unique(classes).tolist())
            for row in np.argsort(classes, kind="stable"):
                self.train(vectors[row], classes[row])

    def predict(self, x: EmbeddingsLike) -> PredictionVector:
        """Returns the class of each embedding, int64 [N].

        Args:
            x: Embeddings [N, D], normalized or not.

        Raises:
            ValueError: The shape is wrong, or a number is not finite.
            RuntimeError: There is no class yet.
        """
        tail = self._tail()
        scores = _unit_rows(x, self.embedding_dim) @ tail.weights + tail.biases
        return np.asarray(scores.argmax(axis=1), np.int64)

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
        """Returns the model that computes the normalized embedding of a photo."""
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
        with self._lock:
            tail, labels = self._tail(), self.labels
        return append_imprinting_tail(self._model.extractor, tail, labels)

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
            elif isinstance(self._classes[index], _KeptClass):
                raise RuntimeError(
                    "Cannot change the base model classes not trained with imprinting method!"
                )

    def _best_kept_score(self, vector: NDArray[np.float64]) -> float:
        direction = _unit(vector)
        kept = (each for each in self._classes if isinstance(each, _KeptClass))
        return max((float(direction @ each.weights) + each.bias for each in kept), default=0.0)

    def _tail(self) -> ImprintingTail:
        with self._lock:
            if not self._classes:
                raise RuntimeError("Model is not trained.")
            imprinted = {
                i: c for i, c in enumerate(self._classes) if isinstance(c, _ImprintedClass)
            }
            weights = [
                _unit(each.total) if isinstance(each, _ImprintedClass) else each.weights
                for each in self._classes
            ]
            counts = [imprinted[i].photos if i in imprinted else 0 for i in range(self.num_classes)]
            return ImprintingTail(
                np.array(weights, np.float32).T,
                np.array([each.bias for each in self._classes], np.float32),
                self._model.tail.logit_scale,
                {index: float(np.linalg.norm(each.total)) for index, each in imprinted.items()},
                np.array(counts, np.int32) if self._counts_photos else None,
            )


def _load_classes(tail: ImprintingTail) -> list[_KeptClass | _ImprintedClass]:
    classes: list[_KeptClass | _ImprintedClass] = []
    for index, (weights, bias) in enumerate(zip(tail.weights.T, tail.biases, strict=True)):
        if index not in tail.sum_norms:
            classes.append(_KeptClass(weights, float(bias)))
            continue
        each = _ImprintedClass(_unit(weights) * tail.sum_norms[index])
        if tail.photo_counts is not None:
            each.photos = int(tail.photo_counts[index])
            each.rival_total = each.photos * (float(bias) + each.expected_cosine)
        classes.append(each)
    return classes


def _unit_rows(embeddings: EmbeddingsLike, feature_dim: int) -> NDArray[np.float64]:
    rows = np.asarray(as_embeddings(embeddings, feature_dim), np.float64)
    if not np.isfinite(rows).all():
        raise ValueError("embeddings must be finite float32 numbers")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH))


def _unit(vector: ArrayLike) -> NDArray[np.float64]:
    """Returns the vector scaled to length 1; a zero vector stays zero."""
    vector = np.asarray(vector, np.float64)
    return np.asarray(vector / max(float(np.linalg.norm(vector)), _MIN_LENGTH))
