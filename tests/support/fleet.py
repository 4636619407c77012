"""Boards of a fleet, each in processes of its own, and what they say on the wire."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.embeddings import Embeddings
from coral_learn.heads.memory_shard import MemoryShard
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.project.project import Project

# Serves a fleet as `coral-learn fleet serve` does, and saves its head as it is: a model has it
# quantized.
_SERVE = """
import json, sys
from pathlib import Path
from coral_learn.fleet.serve import ServeOptions, serve_fleet
from coral_learn.fleet.fleet_records import CoordinatorOptions
port, head, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
def say(line): print(line, file=sys.stderr, flush=True)
def progress(each): say(f"{each.doing} {each.iteration}")
fit = CoordinatorOptions(**options)
result = serve_fleet(ServeOptions(fit, "127.0.0.1", port), say, progress)
result.head.save(head)
print(json.dumps(result.to_json()))
"""


CLASSES = ["crab", "fish", "turtle"]


def project_of(folder: Path, photos: dict[str, list[Path]]) -> Project:
    """Returns a new project with the tiny extractor and the photos of each class."""
    project = Project.create(folder, drawn_extractor())
    for name, paths in photos.items():
        project.add(name, paths)
    return project


def assert_same(head: SoftmaxRegression, expected: SoftmaxRegression) -> None:
    """Checks that weights differ by no more than 1e-4 of the largest."""
    assert head.labels == expected.labels
    for found, wanted in ((head.weights, expected.weights), (head.biases, expected.biases)):
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def free_port() -> int:
    """Returns a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Spoken:
    """A process whose standard error is read as it comes.

    Attributes:
        lines: What it has said so far.
    """

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.lines.append(line.rstrip())
                self._heard.notify_all()

    def wait_for(self, text: str, seconds: float = 300) -> None:
        """Waits until it says something."""
        end = time.monotonic() + seconds
        with self._heard:
            while not any(text in line for line in self.lines):
                assert time.monotonic() < end, f"never said {text!r}: {self.lines}"
                self._heard.wait(0.5)
                assert self.process.poll() is None or any(text in line for line in self.lines), (
                    f"ended without {text!r}: {self.lines}"
                )

    def end(self, seconds: float = 400, status: int = 0) -> str:
        """Waits for the end, and returns what it printed."""
        try:
            self.process.wait(seconds)
        finally:
            self.process.kill()
        self._thread.join()
        assert self.process.stdout is not None
        printed = self.process.stdout.read()
        assert self.process.returncode == status, self.lines
        self.close()
        return printed

    def __enter__(self) -> "Spoken":
        return self

    def __exit__(self, *args: object) -> None:
        if self.process.poll() is None:
            self.kill_all()
        self.close()

    def kill_all(self) -> None:
        """Kills it and the processes that it has started, without a warning."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Closes what was read of it."""
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Fleet:
    """A coordinator.

    Attributes:
        port: Its port.
        said: The process.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.port = free_port()
        self._head = folder / "head.npz"
        self.said = Spoken("-c", _SERVE, str(self.port), self._head, json.dumps(options))

    def result(self) -> tuple[SoftmaxRegression, dict[str, Any]]:
        """Waits for the end, and returns the head and what `serve --json` prints."""
        printed = json.loads(self.said.end())
        return SoftmaxRegression.load(self._head), printed


def join(project: Project, port: int, name: str, *options: str) -> Spoken:
    """Starts a board."""
    command = ["-m", "coral_learn", "fleet", "join", str(project.path), "--name", name]
    return Spoken(*command, "--server", f"127.0.0.1:{port}", *options)


def fit_together(projects: list[Project], classes: list[str], **options: Any) -> SoftmaxRegression:
    """Returns the head of all photos in one place."""
    rows = [project.training_rows() for project in projects]
    labels = [
        np.array([classes.index(name) for name in each.classes])[each.labels] for each in rows
    ]
    shard = MemoryShard(
        Embeddings.concatenate([each.embeddings for each in rows]),
        np.concatenate(labels),
        groups=[key for each in rows for key in each.keys],
    )
    head = SoftmaxRegression(rows[0].embeddings.shape[1], len(classes), seed=0)
    record = head.fit_shards([shard], **options)
    head.labels = classes
    head.reg = record.penalty  # to compare it, too
    return head


class Recorder:
    """A proxy that records all bytes between boards and their coordinator.

    Attributes:
        port: Where boards connect.
        up: What the boards have sent.
        down: What they were sent.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._parts: dict[tuple[int, str], bytearray] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def up(self) -> bytes:
        return b"".join(bytes(part) for (_, way), part in self._parts.items() if way == "up")

    @property
    def down(self) -> bytes:
        return b"".join(bytes(part) for (_, way), part in self._parts.items() if way == "down")

    def close(self) -> None:
        """Accepts no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                board, _ = self._listener.accept()
            except OSError:
                return
            try:
                link = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                board.close()
                continue
            number += 1
            for way, source, target in (("up", board, link), ("down", link, board)):
                part = self._parts.setdefault((number, way), bytearray())
                threading.Thread(target=_copy, args=(source, target, part), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, part: bytearray) -> None:
    try:
        while data := source.recv(1 << 16):
            part += data
            target.sendall(data)
    except OSError:
        pass
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
