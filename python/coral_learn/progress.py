"""Showing how far a run over photos has come."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any

Progress = Callable[[int, int | None], None]
"""Called with the number of photos done and the number of all, None where that is not known."""


@contextmanager
def reporting(
    progress: bool | Progress, images: Iterable[Any], title: str
) -> Iterator[Callable[[int], None]]:
    """Gives what to call with the number of photos done so far.

    Args:
        progress: True for a bar on standard error, False for nothing, or what to call.
        images: What is worked through; only its length is looked at.
        title: The name of the bar.
    """
    total = len(images) if isinstance(images, Sized) else None
    if callable(progress):
        yield lambda done: progress(done, total)
    elif progress:
        with _bar(title, total) as update:
            yield update
    else:
        yield lambda done: None


@contextmanager
def _bar(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    # rich is slow to import, and most runs from Python show no bar.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=total)
        yield lambda done: bars.update(task, completed=done)
