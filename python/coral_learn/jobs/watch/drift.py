"""Drift: whether the photos of a stream still look like those that the model was trained on."""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from .rank_test import critical_values

WINDOW = 50
"""The number of photos that are compared with those of the training."""

_MIN_PHOTOS = 20  # at the start, and after it: fewer may be of one afternoon
_FALSE_ALARMS = 1e-4  # for each photo, at most
_BACK = 0.05  # the lowest probability of photos that look as before

DriftState = Literal["moved", "back"]


class DriftChange(NamedTuple):
    """The photos of a stream look different from before.

    Attributes:
        state: ``moved`` if they look unlike those of the training, ``back`` if they no longer do.
        photos: The number of photos that say so, the last ones that were counted.
        familiarity: Their mean familiarity; about 0.5 for photos like those of the training.
    """

    state: DriftState
    photos: int
    familiarity: float


class DriftDetector:
    """Compares the last photos of a stream with those that a model was trained on.

    A photo's familiarity says which part of the held-out photos of the training looked at least as
    strange. A one-sided rank-sum test compares the last 50 photos of the stream with the held-out
    ones: as long as all of them are drawn alike, any photo makes it tell of drift with a
    probability of at most 1 in 10,000, the choice of the training photos included. So on average
    there is at most one false alarm in 10,000 photos; in fact fewer, because windows overlap.

    The test holds for photos that are drawn independently. Frames that look like the one before
    are not: the caller says which these are, and :meth:`update` counts few of them.

    Attributes:
        has_drifted: Whether the last photos look unlike those of the training.
        can_tell: Whether there were enough photos in the training to tell at all.
    """

    def __init__(self, held_out: int) -> None:
        """Starts with no photos.

        Args:
            held_out: The number of held-out photos, or of their quantiles, behind a familiarity.
        """
        self._held_out = held_out
        self._moved = critical_values(WINDOW, held_out, _FALSE_ALARMS)
        self._back = critical_values(WINDOW, held_out, _BACK)
        self._as_strange: deque[int] = deque(maxlen=WINDOW)  # held-out photos, for each one
        self.has_drifted = False
        self.can_tell = bool(self._moved[WINDOW] >= 0)

    def update(self, familiarity: float) -> DriftChange | None:
        """Counts a photo, and returns what changed with it, or None.

        Args:
            familiarity: Its familiarity, in (0, 1].
        """
        self._as_strange.append(round(familiarity * (self._held_out + 1)) - 1)
        photos, statistic = len(self._as_strange), sum(self._as_strange)
        if photos < _MIN_PHOTOS:
            return None
        limits = self._back if self.has_drifted else self._moved
        if (statistic <= limits[photos]) == self.has_drifted:
            return None
        self.has_drifted = not self.has_drifted
        mean = (statistic / photos + 1) / (self._held_out + 1)
        return DriftChange("moved" if self.has_drifted else "back", photos, mean)
