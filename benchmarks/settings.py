"""The settings of a run of the benchmarks."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Settings:
    """How thorough a run is.

    Attributes:
        quick: Small cases that show that the benchmarks work; their figures mean nothing.
        rounds: How many times each contender is measured, in turn with the others.
    """

    quick: bool
    rounds: int

    @property
    def seconds(self) -> float:
        """The minimum time of one measurement; a shorter task is repeated."""
        return 0.01 if self.quick else 0.2


def real_data() -> Path | None:
    """Returns the folder of real models and photos, or None if there is none."""
    path = Path(os.environ.get("CORAL_LEARN_DATA", ROOT.parent / "shared" / "data"))
    return path if (path / "models").is_dir() else None
