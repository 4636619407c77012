"""What the coordinator of a fleet does, from the first board to the last answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..heads.records import FitRecord
from ..heads.softmax_regression import SoftmaxRegression
from ..words import counted
from .agreement import all_classes, read_board, with_one_extractor
from .fields import Fields, Value
from .fleet_records import CoordinatorOptions, FleetProgress, FleetResult
from .links import Links
from .member import PROTOCOL
from .noisy_fleet import fit_with_noise
from .quick_fleet import fit_fleet_quickly
from .remote_shard import RemoteShard
from .roster import Roster
from .transport import Transport

_POLL_SECONDS = 0.2
_LOOK_FOR_LATE_SECONDS = 5.0
_LEAVING_SECONDS = 4.0


def fit_fleet(
    transport: Transport,
    options: CoordinatorOptions,
    progress: Callable[[FleetProgress], object] = lambda progress: None,
    say: Callable[[str], object] = lambda line: None,
) -> FleetResult:
    """Fits one head to the photos of all boards, and sends it to them.

    Args:
        transport: Carries the messages.
        options: How to fit.
        progress: Called as the fit goes on.
        say: Called with what the person at the coordinator should know, a line each.

    Raises:
        ValueError: No board came, too few classes are known, or all boards were lost.
    """
    fleet = Roster(say)
    fleet.seen = _wait_for_boards(transport, options, say)
    start = time.monotonic()
    links = Links(transport, options.patience, fleet.on_loss)
    try:
        _introduce(links, fleet)
        head, record = _fit(transport, links, fleet, options, progress)
        adopted = _hand_out(links, fleet, head)
        _end(transport, links, fleet, {"ask": "bye"})
    except BaseException:
        reason = "the coordinator stopped before the end"
        _end(transport, links, fleet, {"ask": "left out", "reason": reason})
        raise
    finally:
        links.close()
    return FleetResult(
        head,
        record,
        list(fleet.boards.values()),
        fleet.left_out,
        fleet.late,
        [fleet.boards[number] for number in adopted],
        links.traffic,
        time.monotonic() - start,
        exact=not (options.quick or any(board.noise for board in fleet.boards.values())),
    )


def _wait_for_boards(
    transport: Transport, options: CoordinatorOptions, say: Callable[[str], object]
) -> set[int]:
    end = time.monotonic() + options.wait
    known = -1
    while True:
        found = set(transport.boards())
        if len(found) != known:
            known = len(found)
            say(f"{counted(known, 'board')} of {options.boards} joined")
        if known >= options.boards:
            return found
        if time.monotonic() > end:
            if found:
                return found
            raise ValueError(
                f"no board joined within {options.wait:.0f} seconds. Join one with "
                "`coral-learn fleet join`."
            )
        time.sleep(_POLL_SECONDS)


def _introduce(links: Links, fleet: Roster) -> None:
    """Asks the boards who they are, and leaves out those whose extractor differs."""
    hello: dict[int, Fields] = {
        number: {"ask": "hello", "protocol": PROTOCOL} for number in sorted(fleet.seen)
    }
    for number, answer in links.ask_all(hello).items():
        _enter(links, fleet, number, answer)
    _, others = with_one_extractor(list(fleet.boards.values()))
    for board in others:
        reason = "its extractor has other weights than that of most boards"
        links.lose(board.number, reason)
    if not fleet.boards:
        raise ValueError("no board can take part, see above")


def _enter(links: Links, fleet: Roster, number: int, answer: Mapping[str, Any]) -> None:
    """Takes a board in that has introduced itself."""
    try:
        board = read_board(number, answer)
    except ValueError as error:
        links.lose(number, f"its answer cannot be used: {error}")
        return
    fleet.boards[number] = board
    fleet.say(f"{board.name}: {counted(board.photos, 'photo')} of {', '.join(board.classes)}")


def _fit(
    transport: Transport,
    links: Links,
    fleet: Roster,
    options: CoordinatorOptions,
    progress: Callable[[FleetProgress], object],
) -> tuple[SoftmaxRegression, FitRecord]:
    boards = list(fleet.boards.values())
    classes = all_classes(boards)
    if len(classes) < 2:
        raise ValueError(
            f"the boards have only one class ({classes[0]!r}). Add photos of another class to "
            "one of them."
        )
    features = boards[0].features
    looked = time.monotonic()
    now = FleetProgress("fitting" if options.penalty else "choosing the penalty", links.traffic)

    def on_iteration(iteration: int, loss: float) -> None:
        nonlocal looked, now
        now = FleetProgress("fitting", links.traffic, iteration, loss)
        if time.monotonic() - looked > _LOOK_FOR_LATE_SECONDS:
            looked = time.monotonic()
            _greet_late_boards(transport, links, fleet)

    head = SoftmaxRegression(features, len(classes), seed=options.seed)
    head.labels = classes
    if any(board.noise for board in boards):
        record = fit_with_noise(links, fleet, head, options, progress)
    elif options.quick:
        record = fit_fleet_quickly(links, fleet, head, progress)
    else:
        links.on_round = lambda: progress(now)
        record = head.fit_shards(
            [RemoteShard(links, board.number, classes, features) for board in boards],
            penalty=options.penalty,
            seed=options.seed,
            progress=on_iteration,
            on_lost=lambda index, error: None,  # the links have told it
        )
    _greet_late_boards(transport, links, fleet)
    return head, record


def _end(transport: Transport, links: Links, fleet: Roster, question: Fields) -> None:
    """Says something last to all boards, and gives them time to hear it and to leave."""
    for number in fleet.boards:
        links.tell(number, question)
    end = time.monotonic() + _LEAVING_SECONDS
    try:
        while time.monotonic() < end and not fleet.boards.keys().isdisjoint(transport.boards()):
            time.sleep(_POLL_SECONDS)
    except Exception:  # the transport itself may be what has failed
        return


def _greet_late_boards(transport: Transport, links: Links, fleet: Roster) -> None:
    """Tells boards that came during the fit to wait for the next one."""
    for number in set(transport.boards()) - fleet.seen:
        fleet.seen.add(number)
        fleet.late += 1
        fleet.say("a board came late: it waits for the next run")
        links.tell(number, {"ask": "wait"})


def _hand_out(links: Links, fleet: Roster, head: SoftmaxRegression) -> list[int]:
    """Sends the head to all boards; returns those whose projects have it now."""
    result: dict[str, Value] = {
        "ask": "result",
        "classes": head.labels or [],
        "weights": head.weights.T,
        "biases": head.biases,
        "boards": len(fleet.boards),
    }
    answers = links.ask_all(dict.fromkeys(fleet.boards, result))
    return [number for number, answer in answers.items() if answer.get("adopted") is True]
