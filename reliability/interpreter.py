"""A process that runs models in the interpreter, and may crash."""

import contextlib
import enum
import multiprocessing
import os
import resource
import sys
import warnings
from multiprocessing.connection import Connection

import numpy as np

from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.errors import EdgeTpuError, ModelError
from coral_learn.tflite.file import ModelFile

_MAX_SECONDS = 10.0
_MAX_MEMORY_BYTES = 4 << 30


class Outcome(enum.Enum):
    """The result of running a model."""

    RAN = "ran"
    REFUSED = "refused"
    TOOK_LONG = "took long"
    DIED = "died"


class InterpreterProcess:
    """Runs one model after the other, in a new process whenever the last one has crashed."""

    def __init__(self) -> None:
        self._start()

    def __enter__(self) -> "InterpreterProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def run(self, content: bytes) -> Outcome:
        """Runs a model once, on an input of zeros."""
        if ModelFile(content).is_compiled:
            return Outcome.REFUSED
        try:
            self._connection.send_bytes(content)
            if self._connection.poll(_MAX_SECONDS):
                return Outcome(self._connection.recv())
            outcome = Outcome.TOOK_LONG
        except (EOFError, OSError):
            outcome = Outcome.DIED
        self._stop()
        self._start()
        return outcome

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()

    def _stop(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()


def _serve(connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # the interpreter's own log
    warnings.simplefilter("ignore")
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_run(connection.recv_bytes()).value)


def _run(content: bytes) -> Outcome:
    try:
        interpreter = make_interpreter(content, "cpu", num_threads=1)
        interpreter.allocate_tensors()
        for details in interpreter.get_input_details():
            interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        interpreter.invoke()
        for details in interpreter.get_output_details():
            interpreter.get_tensor(details["index"])
    except (ModelError, EdgeTpuError, MemoryError, ValueError):
        return Outcome.REFUSED
    return Outcome.RAN
