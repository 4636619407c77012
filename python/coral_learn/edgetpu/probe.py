"""The test of whether libedgetpu is compatible with the runtime, in a separate process.

A libedgetpu that was built against another TensorFlow than the runtime passes a structure of
another size, and the process crashes. Therefore another process runs a compiled model first, before
this process gives one to the library.
"""

import contextlib
import enum
import os
import signal
import subprocess
import sys
import threading
from typing import NamedTuple

from .probe_process import MODEL_READ, STATUS_NOT_OPENED, STATUS_UNRESOLVED_OPERATOR

# Seconds. A USB Edge TPU takes about 3 to load its firmware at first use, and Python takes as long
# to start on a busy board. Only a device that hangs uses up the whole time.
_TIMEOUT = 30.0
# Finds this package where the parent process found it. The standard library comes before anything
# else, because the folder of a script may hold a file with the name of one of its modules.
_START = """
import os, sys
sys.path[:] = [*filter(None, sys.path), *sys.argv[1].split(os.pathsep)]
from coral_learn.edgetpu.probe_process import main
sys.exit(main(*sys.argv[2:]))
"""
# Ends that come from outside, so that they prove nothing about the library.
_EXTERNAL_SIGNALS = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM")
_CONTROL_C_EXIT = 0xC000013A
# Windows ends a process that crashes with the code of its error, which is this number or more.
_FIRST_WINDOWS_ERROR = 0xC0000000


class Outcome(enum.Enum):
    """What a probe found out about libedgetpu and the runtime."""

    COMPATIBLE = enum.auto()
    INCOMPATIBLE = enum.auto()
    NOT_OPENED = enum.auto()
    """No device could be opened, so nothing was tested."""
    INCONCLUSIVE = enum.auto()
    """The model failed for another reason, or took too long."""


class ProbeResult(NamedTuple):
    """The result of a probe.

    Attributes:
        outcome: What the probe found out.
        detail: What happened: "crashed with SIGSEGV". Empty if all went well.
    """

    outcome: Outcome
    detail: str


def probe_once(library: str, runtime: str, model: bytes, device: str | None) -> ProbeResult:
    """Calls :func:`probe`, unless this process has the result for this library and runtime."""
    key = library, runtime
    with _lock:
        if key not in _results:
            result = probe(library, runtime, model, device)
            if result.outcome is Outcome.NOT_OPENED:
                return result
            _results[key] = result
        return _results[key]


def probe(library: str, runtime: str, model: bytes, device: str | None) -> ProbeResult:
    """Runs a compiled model in another process.

    Args:
        library: The path of libedgetpu.
        runtime: The module with the interpreter: "ai_edge_litert.interpreter".
        model: The content of a model that was compiled for the Edge TPU.
        device: A device string; None for any Edge TPU.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return ProbeResult(Outcome.INCONCLUSIVE, "this Python cannot be started a second time")
    search_path = os.pathsep.join(map(os.path.abspath, sys.path))
    command = [sys.executable, "-c", _START, search_path, runtime, library, device or ""]
    try:
        done = subprocess.run(command, input=model, capture_output=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        return ProbeResult(Outcome.INCONCLUSIVE, f"no answer within {_TIMEOUT:.0f} seconds")
    except OSError as error:
        return ProbeResult(Outcome.INCONCLUSIVE, f"another Python could not be started: {error}")
    return _result(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))


def _result(status: int, output: str, errors: str) -> ProbeResult:
    """Reads the result from the exit status and the output of the probe's process."""
    last_line = (errors.strip().splitlines() or [""])[-1]
    if status == 0:
        return ProbeResult(Outcome.COMPATIBLE, "")
    if status == STATUS_NOT_OPENED:
        return ProbeResult(Outcome.NOT_OPENED, last_line)
    if status == STATUS_UNRESOLVED_OPERATOR:
        return ProbeResult(Outcome.INCOMPATIBLE, last_line)
    crash = _crash(status)
    if crash is not None and MODEL_READ in output:
        return ProbeResult(Outcome.INCOMPATIBLE, f"crashed with {crash}")
    return ProbeResult(Outcome.INCONCLUSIVE, last_line or f"exit status {status}")


def _crash(status: int) -> str | None:
    """Returns what ended a process that crashed: a signal, or on Windows the code of an error."""
    if status >= _FIRST_WINDOWS_ERROR and status != _CONTROL_C_EXIT:
        return f"error 0x{status:X}"
    name = _signal_name(-status) if status < 0 else None
    return None if name in _EXTERNAL_SIGNALS else name


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _replace_lock() -> None:
    """Makes a new lock in a forked process, which lacks the thread that may hold the old one."""
    global _lock
    _lock = threading.Lock()


_lock = threading.Lock()
_results: dict[tuple[str, str], ProbeResult] = {}
if sys.platform != "win32":  # which cannot fork
    os.register_at_fork(after_in_child=_replace_lock)
