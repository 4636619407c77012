"""The output of ``coral-learn watch``: a line for each picture, and what happened meanwhile."""

from __future__ import annotations

import sys

from ..extraction.photo_rows import SkippedPhoto
from ..jobs.watch.picture import Notice
from ..jobs.watch.run import Drift, Event, Sighting, Watch
from ..words import counted
from . import display


def print_event(event: Event, *, as_json: bool) -> None:
    """Prints what happened, at once; what is no result goes to standard error."""
    if isinstance(event, SkippedPhoto):
        display.print_note("skipped", str(event))
    elif isinstance(event, Notice):
        display.print_note("note", event.text)
    elif as_json:
        display.print_json(event.to_json())
    elif isinstance(event, Drift):
        display.print_line(display.colored(f"drift: {event}", "yellow"))
    else:
        _print_sighting(event)
    sys.stdout.flush()


def print_summary(watch: Watch) -> None:
    """Prints how often each class was seen, on standard error."""
    seen = ", ".join(
        f"{display.UNKNOWN if label is None else label} {number}"
        for label, number in watch.counts.most_common()
    )
    text = counted(watch.counts.total(), "picture") + (f": {seen}" if seen else "")
    if watch.skipped:
        text += f"; {watch.skipped} skipped"
    if watch.has_drifted:
        text += "; the last ones look unlike those that the model was trained on"
    display.print_note("watched", text)


def _print_sighting(sighting: Sighting) -> None:
    origin = sighting.picture.origin
    where = origin.get("path") or f"frame {origin['frame']}"
    time = sighting.picture.time.astimezone()
    display.print_answer(f"{time:%H:%M:%S} {where}", sighting.answer)
