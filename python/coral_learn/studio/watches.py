"""Folders of this machine whose new pictures go into classes.

A page chooses among the folders that were named when the studio was started: a path that somebody
elsewhere sends could read any file of this machine.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..failures import explain
from ..project.class_watch import Arrival, ClassWatch, check_watched
from ..project.readable import AddedFiles
from .session import Session

_STOP_SECONDS = 10.0


class _Running:
    """A folder that is watched, in a thread of its own.

    Attributes:
        label: The name of the class that its pictures go into.
        stopped: Set to end it.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, run: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.stopped.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)


class Watches:
    """The folders that may be watched, and those that are."""

    def __init__(self, folders: Sequence[Path], session: Session) -> None:
        """Remembers the folders.

        Raises:
            ValueError: One is no folder, or has to do with the project itself.
        """
        for folder in folders:
            check_watched(folder, session.project.path)
        self._folders = list(dict.fromkeys(folders))
        self._session = session
        self._running: dict[int, _Running] = {}
        self._tell_state: Callable[[], object] = lambda: None
        self._tell: Callable[[str], object] = lambda text: None

    def start(self, tell_state: Callable[[], object], tell: Callable[[str], object]) -> None:
        """Takes what tells pages that something has changed, and a sentence, from any thread."""
        self._tell_state, self._tell = tell_state, tell

    def to_json(self) -> list[dict[str, Any]]:
        """Returns the folders, and the class of each that is watched."""
        labels = {number: running.label for number, running in list(self._running.items())}
        return [
            {"name": folder.name or str(folder), "class": labels.get(number)}
            for number, folder in enumerate(self._folders)
        ]

    def watch(self, number: int, label: str | None) -> None:
        """Lets the new pictures of a folder go into a class from now on, or into none.

        Raises:
            ValueError: There is no such folder or class, or the folder cannot be read.
        """
        if not 0 <= number < len(self._folders):
            raise ValueError("the studio was started without such a folder")
        self._stop(number)
        if label is None:
            return
        self._session.check_class(label)
        running = _Running(label)
        watch = ClassWatch(
            self._folders[number],
            self._session.project.path,
            lambda paths: self._add(running, paths),
        )
        self._running[number] = running
        running.start(lambda: self._run(number, running, watch))

    def stop(self) -> None:
        """Ends all of them."""
        for number in list(self._running):
            self._stop(number)

    def _stop(self, number: int) -> None:
        running = self._running.pop(number, None)
        if running is not None:
            running.end()

    def _add(self, running: _Running, paths: Sequence[Path]) -> AddedFiles:
        if running.stopped.is_set():
            return AddedFiles()
        return self._session.add_to_class(running.label, paths)

    def _run(self, number: int, running: _Running, watch: ClassWatch) -> None:
        try:
            for event in watch.events(running.stopped.wait):
                if isinstance(event, Arrival):
                    self._tell_state()
                    for path, label in event.added.in_other_classes:
                        self._tell(f"{path.name} is in {label} already")
                else:
                    self._tell(str(getattr(event, "text", event)))
        except Exception as error:
            if self._running.get(number) is running:
                del self._running[number]
            name = self._folders[number].name
            self._tell(f"{name} is not watched any more: {explain(error)}")
            self._tell_state()
