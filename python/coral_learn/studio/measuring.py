"""Measuring the model of a session behind its answers, until the project changes."""

from collections.abc import Callable

from .memory import give_memory_back
from .session import Session


class _ChangedError(Exception):
    """What is being measured has changed meanwhile."""


class Measuring:
    """Measures the model of a session; one thread calls it, and others may change the session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def measure(self) -> bool:
        """Measures the model on held-out photos; returns False if it changes meanwhile."""
        head = self._session.project.step.head

        def work(check: Callable[[], None]) -> None:
            self._session.project.measure(check)
            self._session.note_measured(head)

        return self._unless_changed(work)

    def complete_model(self) -> bool:
        """Makes the model that is downloaded; returns False if it changes meanwhile.

        That takes longer than its layers.
        """
        head = self._session.project.step.head
        if head is None:
            return True

        def work(check: Callable[[], None]) -> None:
            self._session.models.whole(check)
            self._session.note_measured(head)

        return self._unless_changed(work)

    def _unless_changed(self, work: Callable[[Callable[[], None]], None]) -> bool:
        """Does work that ends when the project changes; returns whether it was done."""
        version = self._session.version

        def check() -> None:
            if self._session.version != version:
                raise _ChangedError

        try:
            work(check)
        except _ChangedError:
            return False
        finally:
            give_memory_back()
        return True
