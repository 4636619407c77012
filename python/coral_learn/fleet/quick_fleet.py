"""A fleet that computes a head from sums over each class, in a few rounds."""

from collections.abc import Callable

from ..heads.quick_fit import fit_quickly
from ..heads.records import FitRecord
from ..heads.softmax_regression import SoftmaxRegression
from .fleet_records import FleetProgress
from .links import Links
from .remote_shard import RemoteShard
from .roster import Roster

_FEW_PHOTOS = 10  # of a class, below which probabilities are off


def fit_fleet_quickly(
    links: Links,
    fleet: Roster,
    head: SoftmaxRegression,
    progress: Callable[[FleetProgress], object],
) -> FitRecord:
    """Computes a head, and says what it is not."""
    classes = head.labels or []
    shards = [RemoteShard(links, each, classes, head.feature_dim) for each in fleet.boards]
    links.on_round = lambda: progress(FleetProgress("asking for sums", links.traffic))
    fleet.say("WARNING: the head is not fitted, so it is not the one of all photos in one place.")
    weights, biases = fit_quickly(
        shards,
        head.feature_dim,
        head.num_classes,
        on_lost=lambda index, error: None,  # the links have told it
    )
    head.weights, head.biases = weights.T, biases
    photos = sum(board.photos for board in fleet.boards.values())
    if photos < _FEW_PHOTOS * head.num_classes:
        fleet.say(
            f"WARNING: there are fewer than {_FEW_PHOTOS} photos for each class: the classes are "
            "as right as those of a fitted head, but the probabilities mean little."
        )
    return FitRecord(0.0, {}, [], converged=False)
