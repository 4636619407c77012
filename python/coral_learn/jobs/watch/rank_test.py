"""The exact distribution of the rank-sum statistic of Mann and Whitney."""

import numpy as np
from numpy.typing import NDArray


def critical_values(sizes: int, others: int, level: float) -> NDArray[np.int64]:
    """Returns how small the statistic must be to be improbable, for samples of each size.

    The statistic U of a sample is the number of pairs of one of its values and one of another
    sample, of which the other value is the larger one. If all values are drawn alike, every order
    of them is equally probable. Source: H. B. Mann and D. R. Whitney, "On a test of whether one of
    two random variables is stochastically larger than the other", Annals of Mathematical
    Statistics 18, 1947, with their recurrence.

    Args:
        sizes: The largest size M of the sample.
        others: The size of the other sample.
        level: The highest probability of a U that is at most the critical value, in (0, 1).

    Returns:
        The critical values for samples of 0 to M values, int64 [M + 1]; -1 where even U = 0 is too
        probable.
    """
    longest = sizes * others + 1
    # tables[m] is the distribution of U for m values and the number of others so far.
    tables = [np.zeros(longest) for _ in range(sizes + 1)]
    for table in tables:
        table[0] = 1.0
    for other in range(1, others + 1):
        for size in range(1, sizes + 1):
            part = size / (size + other)
            tables[size] *= 1 - part
            tables[size][other:] += part * tables[size - 1][: longest - other]
    found = [int(np.searchsorted(np.cumsum(table), level, side="right")) - 1 for table in tables]
    return np.array(found, np.int64)
