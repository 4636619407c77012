"""Weight imprinting: a classifier's last layer, learned from a few photos of each class."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..tflite.file import ModelFile, ModelSource
from ..tflite.imprinting.append import append_imprinting_tail
from ..tflite.imprinting.read import read_imprinting_model
from ..tflite.imprinting.tail import ImprintingTail
from .inputs import EmbeddingsLike, as_embeddings, as_float_array, as_labels, as_whole_number
from .object_lock import ObjectLock

_MIN_LENGTH = 1e-30


@dataclass
class _KeptClass:
    """A class of the model's own, which imprinting does not change."""

    weights: NDArray[np.float32]
    bias: float


@dataclass
class _ImprintedClass:
    """A class learned from photos.

    Attributes:
        total: The sum of the embeddings, [D].
        photos: How many there were; counted only next to classes of an ordinary classifier.
        rival_total: The sum, over the photos, of the largest score of a class of that classifier.
    """

    total: NDArray[np.float64]
    photos: int = 0
    rival_total: float = 0.0

    @property
    def bias(self) -> float:
        """What puts the class on a level with the classes of an ordinary classifier.

        Their scores have little to do with cosines, which for any two photos are far from 0. So the
        bias makes an average photo of this class as likely as the likeliest of those.
        """
        if self.photos == 0:
            return 0.0
        return self.rival_total / self.photos - self.expected_cosine

    @property
    def expected_cosine(self) -> float:
        """The cosine that one more photo of the class probably has with the class's weights.

        It follows from the cosine between two photos of the class, whose mean over all pairs the
        length of the sum gives. One more pair is assumed: features are often positive, which makes
        any two photos alike, and two of one class a third closer to being the same.
        """
        share_of_all = float(_unit(self.total).mean()) ** 2 * len(self.total)
        assumed = share_of_all + (1 - share_of_all) / 3
        pairs = self.photos * (self.photos - 1) / 2
        pair_total = (float(self.total @ self.total) - self.photos) / 2
        cosine = min(max((pair_total + assumed) / (pairs + 1), 0.0), 1.0)
        return self.photos * cosine / math.sqrt(self.photos + 2 * pairs * cosine)


class ImprintingEngine:
    """Teaches a model classes from a few photos each, by weight imprinting.

    It is pycoral's class of the same name. The weights of a class are the normalized sum of its
    photos' embeddings, so that a photo goes to the class whose photos it has the smallest angle to.
    :func:`coral_learn.create_imprinting_model` makes the model that it needs of any other.

    The sums live on in the model that :meth:`serialize_model` gives: an engine made from it with
    ``keep_classes=True`` goes on training where this one stopped.

    One object can be used from several threads: what it learned is read and changed by one of them
    at a time, under the object's own lock. A forked process can use it too.
    """

    def __init__(self, model_path: ModelSource, keep_classes: bool = False) -> None:
        """Reads the model.

        Args:
            model_path: The path of a ``.tflite`` file, or its bytes, whose last operators are
                L2_NORMALIZATION, (QUANTIZE), CONV_2D, MUL, RESHAPE and SOFTMAX.
            keep_classes: Keep the classes that the model has. Those that were imprinted can be
                trained on; others stay as they are.

        Raises:
            ModelError: The file cannot be read, or is not such a model.
        """
        model = ModelFile.open(model_path)
        self._model = read_imprinting_model(model)
        self._classes: list[_KeptClass | _ImprintedClass] = []
        self._labels: list[str] | None = None
        # Next to classes of an ordinary classifier, imprinted ones need a bias, and that a count.
        self._counts_photos = keep_classes and self._model.tail.photo_counts is not None
        if keep_classes:
            self._classes = _load_classes(self._model.tail)
            labels = model.labels
            self._labels = labels if labels and len(labels) == len(self._classes) else None
        self._lock = ObjectLock()  # of the classes and labels

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
        """The name of each class, or None where unknown; classes added since have a number.

        Setting anything but one string a class, or None, raises ``ValueError``.
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
            embedding: What the model of :meth:`serialize_extractor_model` gives for the photo, [D]:
                real numbers, or an array of the model's own uint8 or int8 values.
            class_id: An imprinted class, or :attr:`num_classes` to begin a new one.

        Raises:
            RuntimeError: The embedding is not of shape [D], or the class is too far or cannot be
                changed; pycoral's type and texts.
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
        """Adds many photos, class by class; all of them, or none where there is an error.

        Args:
            embeddings: [N, D], of the extractor before its normalization or after it: they are
                normalized here.
            labels: The class of each, integers [N]; classes yet unknown must follow each other.

        Raises:
            RuntimeError, ValueError: As for :meth:`train`.
        """
        vectors = _unit_rows(embeddings, self.embedding_dim)
        classes = as_labels(labels, len(vectors), 2**31 - 1, "labels")
        with self._lock:
            self._check_trainable(np.unique(classes).tolist())
            for row in np.argsort(classes, kind="stable"):
                self.train(vectors[row], classes[row])

    def predict(self, x: EmbeddingsLike) -> NDArray[np.int64]:
        """Returns the class of each embedding, int64 [N].

        Args:
            x: [N, D], of the extractor before its normalization or after it.

        Raises:
            ValueError: A wrong shape, or numbers that are not finite.
            RuntimeError: There is no class yet.
        """
        tail = self._tail()
        scores = _unit_rows(x, self.embedding_dim) @ tail.weights + tail.biases
        return np.asarray(scores.argmax(axis=1), np.int64)

    def get_accuracy(self, mat_x: EmbeddingsLike, labels: ArrayLike) -> float:
        """Returns the fraction of embeddings classified right, in [0, 1].

        Args:
            mat_x: [N, D], of the extractor before its normalization or after it; N at least 1.
            labels: Integers [N] in [0, C).

        Raises:
            ValueError: A wrong shape, labels out of range, or numbers that are not finite.
            RuntimeError: There is no class yet.
        """
        answers = self.predict(mat_x)
        if len(answers) == 0:
            raise ValueError("mat_x must hold at least one embedding")
        return float(
            np.mean(answers == as_labels(labels, len(answers), self.num_classes, "labels"))
        )

    def serialize_extractor_model(self) -> bytes:
        """Returns the model that gives the normalized embedding of a photo."""
        return self._model.extractor.content

    def serialize_model(self) -> bytes:
        """Returns the classifier, with its labels if they are known.

        Raises:
            RuntimeError: "Model is not trained.": there is no class yet.
        """
        return self.to_model().content

    def to_model(self) -> ModelFile:
        """Returns the classifier as :meth:`serialize_model` does, as an opened model.

        Raises:
            RuntimeError: "Model is not trained.": there is no class yet.
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
        """Refuses ascending class indices that cannot be trained one after the other."""
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
    """Returns the vector with length 1, or zeros as they are."""
    vector = np.asarray(vector, np.float64)
    return np.asarray(vector / max(float(np.linalg.norm(vector)), _MIN_LENGTH))
