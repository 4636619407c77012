"""Measuring how long the stages of a job take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..progress import Stage


@dataclass
class Clock:
    """Measures the stages of a job, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Adds the time of its block as that of a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)
