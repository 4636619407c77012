"""The boards of a fleet as they come and go."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .agreement import Board


@dataclass
class Roster:
    """The boards that are known so far.

    Attributes:
        say: Called with what the person at the coordinator should know, a line each.
        boards: The boards that take part, by their numbers.
        left_out: Why others do not, by their names.
        seen: The numbers of all boards that ever came.
        late: The number of boards that came during the fit.
    """

    say: Callable[[str], object]
    boards: dict[int, Board] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    late: int = 0

    def on_loss(self, number: int, reason: str) -> None:
        """Leaves a board out."""
        board = self.boards.pop(number, None)
        name = board.name if board else f"board {number}"
        self.left_out[name] = reason
        self.say(f"{name} is left out: {reason}")
