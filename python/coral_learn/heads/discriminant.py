"""Linear discriminant analysis from sums over rows: a head without a fit.

The classes are taken for normal distributions that differ in their means alone. What they share,
the covariance, comes from the sketch of the rows: a few directions in which they vary most, and
the same variance in all others. Source: R. A. Fisher, "The use of multiple measurements in
taxonomic problems", 1936; the sketch is that of A. Gittens and M. W. Mahoney, "Revisiting the
Nyström method for improved large-scale machine learning", 2016.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shard import Moments
from .sketch import sketch_signs

_LEAST_PART = 1e-9  # of the largest number, below which the others are only rounding

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassSums:
    """Sums over the rows of each class.

    Attributes:
        weights: The sum of their weights, above 0, float64 [C].
        totals: The sum of the embeddings times their weights, float64 [C, D].
    """

    weights: _Floats
    totals: _Floats

    @property
    def means(self) -> _Floats:
        """The mean embedding of each class, [C, D]."""
        return self.totals / self.weights[:, np.newaxis]


@dataclass(frozen=True)
class Covariance:
    """The covariance of the embeddings of a class: ``directions @ directions.T + level * I``.

    Attributes:
        directions: The main directions of variation times their deviations, float64 [D, K].
        level: The variance in all directions.
    """

    directions: _Floats
    level: float

    def solve(self, rows: _Floats) -> _Floats:
        """Returns rows times the inverse of the covariance, [N, D]."""
        small = self.directions.T @ self.directions + self.level * np.eye(self.directions.shape[1])
        within = np.linalg.solve(small, self.directions.T @ rows.T)
        return (rows - (self.directions @ within).T) / self.level


def covariance_within(moments: Moments, classes: ClassSums, shrinkage: float) -> Covariance | None:
    """Returns how embeddings vary around the means of their classes; None if they do not.

    Args:
        moments: Those of all rows.
        classes: The sums of all rows.
        shrinkage: How much of the mean variance is added to that of each direction, above 0.
    """
    parts = classes.weights / moments.weight
    means = classes.means
    squares = moments.squares / moments.weight
    variances = squares - parts @ means**2
    if variances.sum() <= _LEAST_PART * squares.sum():
        return None
    signs = sketch_signs(len(squares)).astype(np.float64)
    sketch = moments.sketch / moments.sketch_rows - means.T @ (parts[:, np.newaxis] * means @ signs)
    small = signs.T @ sketch
    sizes, axes = np.linalg.eigh((small + small.T) / 2)
    kept = sizes > _LEAST_PART * sizes.max(initial=0)
    directions = sketch @ axes[:, kept] / np.sqrt(sizes[kept])
    rest = max(float(variances.sum() - (directions**2).sum()), 0.0)
    return Covariance(directions, (rest + shrinkage * float(variances.sum())) / len(squares))


def discriminant(covariance: Covariance, classes: ClassSums) -> tuple[_Floats, _Floats]:
    """Returns the weights, [C, D], and biases, [C], of a head.

    Args:
        covariance: How the embeddings of each class vary.
        classes: The sums of the rows that the head is for.
    """
    center = classes.totals.sum(axis=0) / classes.weights.sum()
    apart = classes.means - center
    weights = covariance.solve(apart)
    biases = np.log(classes.weights / classes.weights.sum()) - (apart * weights).sum(axis=1) / 2
    return weights, biases - weights @ center
