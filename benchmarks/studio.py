"""The studio with many pictures: how soon its page is there, and a change is in the preview."""

import io
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from coral_learn import EmbeddingExtractor, Project

from .commands import output_of
from .figures import Figure, Note, Quantity, Target, exactly
from .settings import Settings
from .studio_project import frame, grow, make_project
from .studio_server import Studio
from .timing import Ratio

PART = "studio"
_CHANGES = 7
_GROWN = 5  # times as many pictures in the second case
_BARE = "print(next(line.split()[1] for line in open('/proc/self/status') if line[:5] == 'VmRSS'))"


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Measures a studio with 2,000 noisy pictures of 10 classes, and one with 10,000."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "project"
        project = make_project(path, classes=10, per_class=20 if settings.quick else 200)
        yield from _measure(project, settings, with_rate=True)
        grow(project, _GROWN)
        yield from _measure(project, settings, with_rate=False)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    yield Note(PART, f"the load was {load} in the last 1, 5 and 15 minutes")


def _measure(project: Project, settings: Settings, *, with_rate: bool) -> Iterator[Figure | Note]:
    size = f"{len(project.photos):,} pictures"
    bare = 1000 * int(output_of(["python3", "-c", _BARE]))
    with Studio(project.path) as studio:
        yield _seconds(f"{size}: start to usable page", [studio.seconds_to_start], 1.5)
        started = studio.memory()
        studio.ask(frame())
        if with_rate:
            yield _rate(studio, project, settings)
        searching, *names = studio.photo_ids(_CHANGES + 1)
        studio.move(searching)  # a penalty may have to be searched for
        before = studio.processor_seconds()
        changes = [_until_preview(studio, _moving(studio, name)) for name in names]
        taken = (studio.processor_seconds() - before) / len(names)
        yield _seconds(f"{size}: change to refreshed preview", changes, 0.5)
        yield Note(PART, f"{size}: a change takes {taken:.2f} s of processor time")
        start = time.perf_counter()
        studio.wait_until_measured()
        yield _seconds(f"{size}: then measured after", [time.perf_counter() - start])
        undone = [_until_preview(studio, studio.undo) for _ in range(3)]
        yield _seconds(f"{size}: undo to refreshed preview", undone)
        studio.quality()
        studio.wait_until_idle()
        grown = studio.memory()
        yield Figure(
            part=PART,
            what=f"{size}: memory after quality was asked",
            ours=Quantity(grown, "B"),
            against="a bare interpreter",
            theirs=Quantity(bare, "B"),
            result=exactly((grown - bare) / 1e6),
            meaning="MB more",
            target=Target(150, "at most") if with_rate else None,
        )
        yield Note(PART, f"{size}: {started / 1e6:.0f} MB at the start, {grown / 1e6:.0f} MB then")


def _moving(studio: Studio, name: str) -> Callable[[], int]:
    return lambda: studio.move(name)


def _until_preview(studio: Studio, change: Callable[[], int]) -> float:
    """Returns the seconds from a change to the first answer of the model after it."""
    start = time.perf_counter()
    version = change()
    if studio.ask(frame())["version"] != version:
        raise RuntimeError("the preview did not run the model after the change")
    return time.perf_counter() - start


def _seconds(what: str, times: Sequence[float], at_most: float | None = None) -> Figure:
    median = statistics.median(times)
    return Figure(
        part=PART,
        what=what,
        ours=Quantity(median, "s"),
        against="",
        theirs=None,
        result=Ratio(median, min(times), max(times)),
        meaning="s",
        target=None if at_most is None else Target(at_most, "at most"),
    )


def _rate(studio: Studio, project: Project, settings: Settings) -> Figure:
    """Compares the rate of the preview with that of the extractor alone, picture by picture."""
    pictures = 5 if settings.quick else 60
    ours, theirs = [], []
    with EmbeddingExtractor(project.extractor, device="cpu", workers=1) as extractor:
        for _ in range(settings.rounds):
            start = time.perf_counter()
            for _ in range(pictures):
                with Image.open(io.BytesIO(frame())) as picture:
                    extractor.extract([picture])
            theirs.append(pictures / (time.perf_counter() - start))
            ours.append(studio.rate(frame(), pictures))
    parts = [100 * one / other for one, other in zip(ours, theirs, strict=True)]
    return Figure(
        part=PART,
        what="rate of the preview",
        ours=Quantity(statistics.median(ours), "photos/s"),
        against="the extractor alone",
        theirs=Quantity(statistics.median(theirs), "photos/s"),
        result=Ratio(statistics.median(parts), min(parts), max(parts)),
        meaning="%",
        target=Target(90, "at least"),
    )
