"""The classes of an imprinting engine: of the original model, and learned from photos."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..tflite.imprinting.kept_head import KeptHead
from ..tflite.imprinting.tail import ImprintingTail

_MIN_LENGTH = 1e-30
# The closer the photos of a class are to each other, the more a difference between cosines tells.
# Measured on photos of flowers, with a class added to a head of four others.
_SHARPNESS = 0.4
_SHARPNESS_RANGE = (0.5, 8.0)
_MIN_DISTANCE = 1e-3  # of two photos; copies of one photo would have 0
_WEIGHT_OF_ASSUMED = 2  # as much as this number of photos


@dataclass
class KeptClass:
    """A class of the original model, which imprinting does not change.

    Attributes:
        weights: The weights of the class, float32 [F].
        bias: The bias of the class.
    """

    weights: NDArray[np.float32]
    bias: float


@dataclass
class ImprintedClass:
    """A class learned from photos.

    Attributes:
        total: The sum of the embeddings of its photos, float64 [D].
        head: The kept head of the model, or None.
        photos: The number of photos. Only counted if the model also has the classes of an ordinary
            classifier.
        rival_total: The sum, over the photos, of the highest score of any class of that classifier.
    """

    total: NDArray[np.float64]
    head: KeptHead | None = None
    photos: int = 0
    rival_total: float = 0.0

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of the class, [F]."""
        direction = unit(self.total)
        if self.head is None:
            return direction
        return self.head.embed_weights(direction, self.sharpness)

    @property
    def sharpness(self) -> float:
        """The factor between the cosine with the class and the score of the class.

        It is 1 in pycoral's models, and in models of earlier versions of this package.
        """
        if self.head is None:
            return 1.0
        spread = max(1 - self.expected_cosine, _MIN_LENGTH)
        return float(np.clip(_SHARPNESS / spread, *_SHARPNESS_RANGE))

    @property
    def bias(self) -> float:
        """The bias that makes the class comparable with the classes of an ordinary classifier.

        The scores of those classes are not cosines, and the cosine between any two photos is far
        from 0. The bias gives an average photo of this class the same score as the highest score
        that the ordinary classifier gives it.
        """
        if self.photos == 0:
            return 0.0
        return self.rival_total / self.photos - self.sharpness * self.expected_cosine

    @property
    def expected_cosine(self) -> float:
        """The expected cosine between the class's weights and one more photo of the class.

        It follows from the expected cosine between two photos of the class.
        """
        pairs = self.photos * (self.photos - 1) / 2
        cosine = 1 - self._expected_distance(pairs)
        length = math.sqrt(self.photos + 2 * pairs * cosine)
        return self.photos * cosine / max(length, _MIN_LENGTH)

    def _expected_distance(self, pairs: float) -> float:
        """Returns the expected cosine distance, 1 minus the cosine, of two photos of the class.

        The mean distance of the photos so far follows from the length of the sum of their
        embeddings. It is combined with a distance that is assumed, so that the estimate also works
        for a single photo: features are often positive, which gives any two photos a high cosine,
        and the cosine of two photos of one class is assumed to be a third closer to 1. The photos
        that teach a class are often more alike than those that come later (one scene, or copies):
        where they are closer to each other than assumed, the assumption counts for more, on a
        scale of ratios. Measured with eight kinds of new class on 21 models: the old classes lose
        about half as much accuracy as with one weight for all (1.4 points in place of 2.5), and the
        new class is found about as often (85% and 87%).
        """
        share_of_all = float(unit(self.total).mean()) ** 2 * len(self.total)
        assumed = (1 - share_of_all) * 2 / 3
        if pairs == 0:
            return assumed
        mean_cosine = (float(self.total @ self.total) - self.photos) / (2 * pairs)
        observed = max(1 - mean_cosine, _MIN_DISTANCE)
        if observed >= assumed:
            return min((pairs * observed + assumed) / (pairs + 1), 1.0)
        weight = (self.photos - 1) / (self.photos - 1 + _WEIGHT_OF_ASSUMED)
        return float(observed**weight * assumed ** (1 - weight))


def load_classes(tail: ImprintingTail, head: KeptHead | None) -> list[KeptClass | ImprintedClass]:
    """Returns the classes of an imprinting model."""
    classes: list[KeptClass | ImprintedClass] = []
    for index, (weights, bias) in enumerate(zip(tail.weights.T, tail.biases, strict=True)):
        if index not in tail.sum_norms:
            classes.append(KeptClass(weights, float(bias)))
            continue
        direction = unit(weights if head is None else head.direction_of(weights))
        each = ImprintedClass(direction * tail.sum_norms[index], head)
        if tail.photo_counts is not None:
            each.photos = int(tail.photo_counts[index])
            each.rival_total = each.photos * (float(bias) + each.sharpness * each.expected_cosine)
        classes.append(each)
    return classes


def unit(vector: ArrayLike) -> NDArray[np.float64]:
    """Returns the vector scaled to length 1; a zero vector stays zero."""
    vector = np.asarray(vector, np.float64)
    return np.asarray(vector / max(float(np.linalg.norm(vector)), _MIN_LENGTH))


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns rows scaled to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _MIN_LENGTH))
