"""The whole command ``coral-learn train``, on new photos and on photos in the cache."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from .commands import output_of
from .figures import Figure, Note, cost
from .photos import PhotoSet, photo_set
from .settings import Settings
from .timing import in_turn

PART = "retrain"

_WARM_OVER_COLD = 0.25
_COMMAND: list[str | Path] = [
    sys.executable,
    "-c",
    "from coral_learn.cli import main; main()",
    "train",
]


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Runs ``coral-learn train`` on all photos, in new processes."""
    with photo_set(settings) as photos, TemporaryDirectory() as folder:
        job = _Job(photos, Path(folder))
        kinds = {"cold": job.cold, "again": job.again, "other split": job.other_split}
        times = in_turn(kinds, settings.rounds)
    yield Note(PART, photos.name)
    for kind in ("again", "other split"):
        yield cost(PART, f"train, {kind}", times[kind], "cold", times["cold"], _WARM_OVER_COLD)
    for kind, stages in job.stages.items():
        text = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in stages.items())
        yield Note(PART, f"stages of the last train, {kind}: {text}")


class _Job:
    """Runs of ``coral-learn train`` on the same photos, with a separate cache.

    Attributes:
        stages: The seconds that each stage took in the last run of each kind.
    """

    def __init__(self, photos: PhotoSet, folder: Path) -> None:
        self._photos = photos
        self._folder = folder
        self._cache = folder
        self.stages: dict[str, dict[str, float]] = {}

    def cold(self) -> float:
        """Returns the seconds of a run with an empty cache."""
        self._cache = Path(mkdtemp(dir=self._folder))
        return self._train("cold", seed=1)

    def again(self) -> float:
        """Returns the seconds of the same run, with the cache that the last cold run left."""
        return self._train("again", seed=1)

    def other_split(self) -> float:
        """Returns the seconds of a run with another split, whose model must be verified again."""
        return self._train("other split", seed=2)

    def _train(self, kind: str, seed: int) -> float:
        command = [*_COMMAND, self._photos.folder, "--extractor", self._photos.extractor]
        command += ["--output", self._folder / "output", "--seed", str(seed), "--json"]
        start = time.perf_counter()
        printed = output_of(command, {"CORAL_LEARN_CACHE": str(self._cache)})
        taken = time.perf_counter() - start
        self.stages[kind] = json.loads(printed)["seconds"]
        return taken
