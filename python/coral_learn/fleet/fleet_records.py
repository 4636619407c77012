"""How a fleet is fitted, how far it is, and how it ended."""

from dataclasses import dataclass
from typing import Any

from ..heads.records import FitRecord
from ..heads.softmax_regression import SoftmaxRegression
from .agreement import Board
from .transport import Traffic


@dataclass(frozen=True)
class CoordinatorOptions:
    """How a fleet is fitted.

    Attributes:
        boards: The number of boards to wait for, at least 1.
        wait: Seconds to wait for them; then those that are there begin.
        patience: Seconds after which a board that does not answer is left out.
        seed: Seeds the folds.
        penalty: The penalty, above 0; None to choose it, which takes most of the rounds.
        clip: The length to which the gradient of a photo is clipped where a board wants noise, in
            units of how far embeddings of drawn pictures are apart.
        quick: Whether to compute a head from sums over each class in place of fitting it.
    """

    boards: int = 2
    wait: float = 600.0
    patience: float = 60.0
    seed: int = 0
    penalty: float | None = None
    clip: float = 1.0
    quick: bool = False


@dataclass(frozen=True)
class FleetProgress:
    """How far a fleet is.

    Attributes:
        doing: What is done now.
        traffic: What was carried so far.
        iteration: The iteration of the final fit, or None before.
        loss: The loss after it, or None before.
    """

    doing: str
    traffic: Traffic
    iteration: int | None = None
    loss: float | None = None


@dataclass
class FleetResult:
    """The head of a fleet.

    Attributes:
        head: The head, with its labels.
        record: How it was fitted.
        boards: The boards that took part to the end.
        left_out: Why other boards are left out, by their names.
        late: The number of boards that came during the fit.
        adopted: The boards whose projects have the head now.
        traffic: What was carried.
        seconds: How long it took from the first question to the last answer.
        exact: Whether the head is the one of all photos in one place.
    """

    head: SoftmaxRegression
    record: FitRecord
    boards: list[Board]
    left_out: dict[str, str]
    late: int
    adopted: list[Board]
    traffic: Traffic
    seconds: float
    exact: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain types, as ``coral-learn fleet serve --json`` prints it."""
        return {
            "classes": self.head.labels,
            "boards": [
                {"name": each.name, "photos": each.photos, "adopted": each in self.adopted}
                for each in self.boards
            ],
            "left_out": [
                {"name": name, "reason": reason} for name, reason in self.left_out.items()
            ],
            "late": self.late,
            "rounds": self.traffic.rounds,
            "bytes_sent": self.traffic.sent,
            "bytes_received": self.traffic.received,
            "seconds": self.seconds,
            "penalty": self.record.penalty,
            "temperature": self.record.temperature,
            "converged": self.record.converged,
            "exact": self.exact,
        }
