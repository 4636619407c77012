"""A fleet in which some boards add noise to their sums."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..heads.records import FitRecord
from ..heads.shard import LossSums
from ..heads.softmax_regression import SoftmaxRegression
from .fields import Value
from .fleet_records import CoordinatorOptions, FleetProgress
from .links import Links
from .noisy_fit import fit_noisily
from .noisy_sums import DELTA, epsilon, public_scale
from .roster import Roster
from .shard_fields import read_loss


def fit_with_noise(
    links: Links,
    fleet: Roster,
    head: SoftmaxRegression,
    options: CoordinatorOptions,
    progress: Callable[[FleetProgress], object],
) -> FitRecord:
    """Fits a head to sums with noise, which some of the boards want."""
    boards = list(fleet.boards.values())
    center, scale = public_scale(boards[0].fingerprint)
    shape = head.num_classes, head.feature_dim
    fleet.say(
        "WARNING: some boards add noise, so the head is not the one of all photos in one place."
    )
    for board in boards:
        if board.noise:
            fleet.say(
                f"{board.name}: noise {board.noise:g}, epsilon {epsilon(board.noise):.1f} at delta "
                f"{DELTA:g}"
            )

    def ask(weights: NDArray[np.float32], biases: NDArray[np.float32]) -> list[LossSums]:
        question: dict[str, Value] = {
            "ask": "noisy",
            "classes": head.labels or [],
            "weights": weights,
            "biases": biases,
            "center": center.astype(np.float32),
            "clip": options.clip * scale,
        }
        answers = links.ask_all(dict.fromkeys(fleet.boards, question))
        found = (_read(links, number, answer, shape) for number, answer in answers.items())
        return [sums for sums in found if sums is not None]

    return fit_noisily(
        head,
        ask,
        center.astype(np.float32).astype(np.float64),
        scale,
        lambda step: progress(FleetProgress("fitting with noise", links.traffic, step)),
    )


def _read(
    links: Links, number: int, answer: Mapping[str, Any], shape: tuple[int, int]
) -> LossSums | None:
    try:
        return read_loss(answer, shape)
    except ValueError as error:
        links.lose(number, f"its answer cannot be used: {error}")
        return None
