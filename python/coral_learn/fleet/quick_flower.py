"""Flower without its waits, which suit thousands of nodes that train for minutes.

A node of Flower looks for work every 3 seconds, looks for an answer every half second, and waits a
second where a part of a message has not come yet. None of this can be set. An answer of a board
takes milliseconds, so a round would take 5 seconds instead of half a second. What is shortened
changes no message; where another version of Flower has other names, its own waits are kept.

Import this before any other module of Flower.
"""

import os
import time
from typing import Any

_POLL_SECONDS = 0.05
_MAX_POLL_SECONDS = 1.0
_BACKOFF_SECONDS = 0.03
_IDLE_SECONDS = 1  # a node sleeps this long or longer where it has nothing to do

# Nothing is said to others about this machine, not even which version runs.
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "1"


class _ShortWaits:
    """The module ``time`` with short sleeps, which become longer where nothing happens."""

    def __init__(self) -> None:
        self._busy = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Sleeps for a tenth of the time since there was work, within limits."""
        if seconds < _IDLE_SECONDS:
            self._busy = time.monotonic()
        wait = (time.monotonic() - self._busy) / 10
        time.sleep(min(max(wait, _POLL_SECONDS), _MAX_POLL_SECONDS, seconds))


def shorten_backoff() -> None:
    """Shortens the wait for a part of a message, in modules that are imported afterwards."""
    from flwr.supercore import constant

    constant.PULL_INITIAL_BACKOFF = _BACKOFF_SECONDS


def shorten_waits_of_node() -> None:
    """Shortens the waits of a node that this process runs."""
    shorten_backoff()
    from flwr.supernode import start_client_internal

    start_client_internal.time = _ShortWaits()
