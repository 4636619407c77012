"""Starting and stopping Flower's processes, and reading why they failed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ..words import printable

# How to start a process that Ctrl-C does not reach, so that it is stopped in order.
if sys.platform == "win32":
    OUT_OF_REACH: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    OUT_OF_REACH: dict[str, Any] = {"start_new_session": True}

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class FlowerProcesses:
    """The processes of Flower that one command runs, with a home folder of their own.

    Flower keeps its settings and the apps that it runs in a home folder. This one is removed in the
    end, and what others have there stays as it is.

    Attributes:
        home: The folder.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = tempfile.TemporaryDirectory(
            prefix="coral-learn-fleet-", ignore_cleanup_errors=True
        )
        self.home = Path(self._stack.enter_context(folder))
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []

    def __enter__(self) -> "FlowerProcesses":
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()

    def start(self, kind: str, arguments: Sequence[str]) -> None:
        """Starts a process that runs until :meth:`stop`.

        Args:
            kind: ``link`` or ``node``.
            arguments: The arguments of ``flower-superlink`` or ``flower-supernode``.
        """
        log = self.home / f"{kind}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(kind, arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                **OUT_OF_REACH,
            )
        self._running.append((process, log))

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Runs ``flwr``, and returns what it prints in JSON.

        Raises:
            ValueError: It failed.
        """
        ended = subprocess.run(
            _command("flwr", [*arguments, "--format", "json"]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self._environment(),
            check=False,
        )
        found = ended.stdout[ended.stdout.find("{") :]
        try:
            answer: dict[str, Any] = json.loads(found)
        except ValueError:
            answer = {}
        if ended.returncode or not answer.get("success"):
            said = answer.get("error-message") or ended.stderr or ended.stdout
            raise ValueError(f"Flower failed: {_last_words(str(said))}")
        return answer

    def are_running(self) -> bool:
        """Tells whether none of the processes has ended."""
        return all(process.poll() is None for process, _ in self._running)

    def check(self) -> None:
        """Checks that all processes still run.

        Raises:
            ValueError: One has ended.
        """
        for process, log in self._running:
            if process.poll() is not None:
                said = log.read_text(errors="replace") if log.exists() else ""
                raise ValueError(f"Flower has ended: {_last_words(said)}")

    def wait_for(self, host: str, port: int) -> None:
        """Waits until something listens at an address.

        Raises:
            ValueError: A process has ended, or it takes too long.
        """
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            self.check()
            try:
                socket.create_connection((host, port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise ValueError(f"Flower does not answer at {host}:{port}")

    def stop(self) -> None:
        """Stops the processes, and removes the folder."""
        for process, _ in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process, _ in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()
        self._running.clear()
        self._stack.close()

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "FLWR_HOME": str(self.home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
        }


def free_port() -> int:
    """Returns a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Checks that a port can be listened on: Flower would find that out too late, and silently.

    Raises:
        ValueError: It cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if sys.platform != "win32":  # where it would allow what is to be found out
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ValueError(
            f"cannot listen on {host}:{port} ({error.strerror}). Choose another --port or --host; "
            "--port 0 takes a free one."
        ) from error


def _command(kind: str, arguments: Sequence[str]) -> list[str]:
    module = f"{__package__}.flower_process"
    return [sys.executable, "-m", module, kind, str(os.getpid()), *arguments]


def _last_words(log: str) -> str:
    """Returns the end of what a process has printed, in one line."""
    lines = [line.strip(" │╭╮╰╯─") for line in _COLORS.sub("", log).splitlines()]
    return printable(" ".join([line for line in lines if line][-5:])) or "it said nothing"
