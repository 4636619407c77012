"""Progress: the functions that are called while a job runs, and bars on standard error."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # rich is slow to import, and most runs from Python show no bar
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Progress = Callable[[int, int | None], None]
"""Called with the number of photos done and the total, which is None if it is not known."""

Stage = Literal["draw", "extract", "train", "serialize", "verify", "inspect"]
"""A part of a job."""

StageProgress = Callable[[Stage, int, int], None]
"""Called with the stage of a job, how many of its steps are done, and how many there are."""

_BarUpdate = Callable[[str, int, int | None], None]
"""Called with the title of a bar, the number of steps done and the total."""


@contextmanager
def counting(
    progress: bool | Progress, images: Iterable[object], title: str
) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with the number of photos done so far.

    Args:
        progress: True for a bar on standard error, False for no report, or a function to call.
        images: The photos; only their number is read, if they have a length.
        title: The title of the bar.
    """
    total = len(images) if isinstance(images, Sized) else None
    if callable(progress):
        yield lambda done: progress(done, total)
    elif progress:
        with progress_bars() as update:
            yield lambda done: update(title, done, total)
    else:
        yield lambda done: None


@contextmanager
def progress_bars(*, in_bytes: bool = False, rate: bool = False) -> Iterator[_BarUpdate]:
    """Yields a function that draws progress bars, one for each title that it is called with.

    The bars are on standard error. Lines that are printed there meanwhile appear above them.

    Args:
        in_bytes: Whether the steps are bytes of a download.
        rate: Whether to show the number of steps a second.
    """
    bars: Bars | None = None
    tasks: dict[str, TaskID] = {}

    def update(title: str, done: int, total: int | None) -> None:
        nonlocal bars
        if bars is None:
            bars = _started_bars(in_bytes, rate)
        if title not in tasks:
            tasks[title] = bars.add_task(title, total=total)
        bars.update(tasks[title], completed=done, total=total)

    try:
        yield update
    finally:
        if bars is not None:
            bars.stop()


def _started_bars(in_bytes: bool, rate: bool) -> "Bars":
    from rich import progress as rich
    from rich.console import Console
    from rich.text import Text

    class Rate(rich.ProgressColumn):
        def render(self, task: rich.Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f} a second")

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.DownloadColumn() if in_bytes else rich.MofNCompleteColumn(),
        *([Rate()] if rate else []),
        rich.TimeRemainingColumn(),
    )
    bars = rich.Progress(*columns, console=Console(stderr=True))
    bars.start()
    return bars
