"""What carries the messages of a fleet, and how much of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .fields import Fields


@dataclass(frozen=True)
class Reply:
    """What came back from a board.

    Attributes:
        ticket: The ticket of the message that it answers.
        answers: The answer to each question; empty if the board failed.
        failure: Why the board failed, or None.
        size: The bytes of the answer.
    """

    ticket: str
    answers: Sequence[Mapping[str, Any]] = ()
    failure: str | None = None
    size: int = 0


class Transport(Protocol):
    """What carries messages to boards and back; see :mod:`.flower_transport`."""

    def boards(self) -> Iterable[int]:
        """Returns the numbers of the boards that are there now."""

    def send(self, messages: Mapping[int, Sequence[Fields]]) -> tuple[Mapping[int, str], int]:
        """Sends questions to boards; returns the ticket of each message, and the bytes of all."""

    def receive(self, tickets: Iterable[str]) -> Iterable[Reply]:
        """Returns the answers that have come to any of these messages."""


@dataclass
class Traffic:
    """What the links have carried so far.

    Attributes:
        rounds: The number of times that messages were sent.
        sent: The bytes of all questions, each for one board.
        received: The bytes of all answers.
    """

    rounds: int = 0
    sent: int = 0
    received: int = 0
