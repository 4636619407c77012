"""Ray, on this machine or on a cluster: quiet, and without a word to the outside."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..machine import usable_cpus

INSTALL_RAY = "pip install 'coral-learn[ray]'"
# Read when Ray is imported, and by the processes that it starts.
_NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}  # or it tells its makers how it is used
_ENVIRONMENT = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its errors come as exceptions, too
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a change to come
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
_CONNECT_SECONDS = 10.0


class Cluster(NamedTuple):
    """A connection to Ray.

    Attributes:
        workers: The number of actors that run at once.
        close: Ends the connection, and Ray itself if it was started here.
    """

    workers: int
    close: Callable[[], None]


def connect(address: str | None, workers: int | None) -> Cluster:
    """Connects to a cluster, or starts Ray on this machine for as long as it is needed.

    Args:
        address: The address of a cluster; None to start Ray here.
        workers: The number of actors; None for the number of processors.

    Raises:
        ValueError: Ray is not installed, or there is no cluster.
    """
    if address is None:
        _require_token()
    else:
        _check_is_there(address)
    ray = _import_ray()
    if ray.is_initialized():  # by the program that uses this package, which also ends it
        return Cluster(workers or _cpus(ray), lambda: None)
    here: dict[str, Any] = {}
    if address is None:
        here = {"num_cpus": max(workers or 0, usable_cpus()), "include_dashboard": False}
    try:
        with _silence():
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **here,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        where = f"with the Ray cluster {address}" if address else "Ray on this machine"
        what = "no connection " if address else "cannot start "
        raise ValueError(f"{what}{where}: {reason}") from error
    return Cluster(workers or _cpus(ray), ray.shutdown)


def _import_ray() -> Any:
    os.environ.update(_NO_REPORTS)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError(f"--engine ray needs {error.name}: {INSTALL_RAY}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _require_token() -> None:
    """Lets nobody else use the Ray that is started here: it listens to the whole network.

    Ray itself would write a token to the home folder, and does if it was imported before.
    """
    if "RAY_AUTH_MODE" not in os.environ and "ray" not in sys.modules:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))


def _check_is_there(address: str) -> None:
    """Checks that something listens at ``HOST:PORT``: Ray itself would try for many minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return  # such as auto
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"there is no Ray cluster at {address} ({reason}). Start one with `ray start --head`, "
            "or correct the address."
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps what Ray's C++ part tells of its start out of standard error."""
    real, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    try:
        yield
    finally:
        os.dup2(real, 2)
        os.close(real)


def _cpus(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))
