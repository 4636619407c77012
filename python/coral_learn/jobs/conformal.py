"""Sets of classes that contain the right one as often as is wished (conformal prediction)."""

import numpy as np
from numpy.typing import NDArray

_MOST_QUANTILES = 500  # 1 kB in the model; coverage is exact to 0.2%


def own_class_quantiles(of_own_class: NDArray[np.float32], photos: int) -> NDArray[np.float16]:
    """Returns what a model keeps of held-out scores, for :func:`lowest_probability`.

    Args:
        of_own_class: The probability of the right class each time that a photo was held out, [R].
        photos: The number of photos of different scenes. Further ones, and repeats, make the
            probabilities more exact, but promise no higher coverage than so many photos can.

    Returns:
        The probabilities in ascending order, float16 [K] with K at most ``photos`` and 500: all of
        them, or evenly spaced ones.
    """
    ascending = np.sort(of_own_class)
    most = min(_MOST_QUANTILES, photos)
    if len(ascending) > most:
        places = np.linspace(0, len(ascending) - 1, most)
        ascending = ascending[np.floor(places).astype(np.int64)]
    return ascending.astype(np.float16)


def lowest_probability(quantiles: NDArray[np.float16], coverage: float) -> float:
    """Returns the lowest probability of a class in a set that has the right one often enough.

    Sets of all classes that reach it contain the right class in the fraction ``coverage`` of photos
    like those that were held out. Source: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic
    learning in a random world", Springer 2005, with the probability of a class as its conformity.

    Args:
        quantiles: Probabilities of right classes, ascending, [K].
        coverage: The fraction of photos whose right class is to be in the set, in (0, 1).
    """
    rank = int(np.floor((1 - coverage) * (len(quantiles) + 1)))
    return float(quantiles[rank - 1]) if rank else 0.0
