"""Whether libedgetpu and the runtime fit together, found out in a process of its own.

A libedgetpu that was built against another TensorFlow than the runtime hands over a structure of
another size, and the process dies. So before the first compiled model of a process is given to the
library, another process runs it.
"""

import contextlib
import enum
import importlib
import os
import signal
import subprocess
import sys
import threading
from typing import NamedTuple

# Seconds. A USB Edge TPU takes about 3 to load its firmware at first use, and Python as much to
# start on a busy board; only a device that hangs takes all of it.
_TIMEOUT = 30.0
_MODEL_READ = "model read"
_NOT_OPENED = 3
_NO_OPERATOR = 4
# Finds this package where the parent did, and the standard library before all else: a script's own
# folder may hold a file named like one of its modules.
_START = """
import os, sys
sys.path[:] = [*filter(None, sys.path), *sys.argv[1].split(os.pathsep)]
from coral_learn.edgetpu.probe import main
sys.exit(main(*sys.argv[2:]))
"""
_OF_OTHERS = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)


class Verdict(enum.Enum):
    """What a probe found."""

    FITS = enum.auto()
    DOES_NOT_FIT = enum.auto()
    NOT_OPENED = enum.auto()
    """No device could be opened, so that nothing was tried."""
    UNCLEAR = enum.auto()
    """The model failed for another reason, or took too long: no proof of anything."""


class Outcome(NamedTuple):
    """A verdict and what was seen, such as "crashed with SIGSEGV"; empty where all went well."""

    verdict: Verdict
    detail: str


def probe_once(library: str, runtime: str, model: bytes, device: str | None) -> Outcome:
    """Does what :func:`probe` does, unless this process knows the verdict already."""
    key = library, runtime
    with _lock:
        if key not in _outcomes:
            outcome = probe(library, runtime, model, device)
            if outcome.verdict is Verdict.NOT_OPENED:
                return outcome
            _outcomes[key] = outcome
        return _outcomes[key]


def probe(library: str, runtime: str, model: bytes, device: str | None) -> Outcome:
    """Runs a compiled model in another process.

    Args:
        library: The path of libedgetpu.
        runtime: The module with the interpreter, such as "ai_edge_litert.interpreter".
        model: Compiled for the Edge TPU.
        device: A device string; None for any Edge TPU.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return Outcome(Verdict.UNCLEAR, "this Python cannot be started a second time")
    search_path = os.pathsep.join(map(os.path.abspath, sys.path))
    command = [sys.executable, "-c", _START, search_path, runtime, library, device or ""]
    try:
        done = subprocess.run(command, input=model, capture_output=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        return Outcome(Verdict.UNCLEAR, f"no answer within {_TIMEOUT:.0f} seconds")
    except OSError as error:
        return Outcome(Verdict.UNCLEAR, f"another Python could not be started: {error}")
    return _judge(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))


def _judge(status: int, output: str, errors: str) -> Outcome:
    detail = (errors.strip().splitlines() or [""])[-1]
    if status == 0:
        return Outcome(Verdict.FITS, "")
    if status == _NOT_OPENED:
        return Outcome(Verdict.NOT_OPENED, detail)
    if status == _NO_OPERATOR:
        return Outcome(Verdict.DOES_NOT_FIT, detail)
    if status < 0 and -status not in _OF_OTHERS and _MODEL_READ in output:
        return Outcome(Verdict.DOES_NOT_FIT, f"crashed with {_signal_name(-status)}")
    return Outcome(Verdict.UNCLEAR, detail or f"exit status {status}")


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def main(runtime: str, library: str, device: str) -> int:
    """Runs the model on standard input, as the process that may crash; returns its exit status."""
    _write_no_core_file()
    interpreters = importlib.import_module(runtime)
    model = sys.stdin.buffer.read()
    interpreters.Interpreter(model_content=model)
    print(_MODEL_READ, flush=True)  # a crash before this line is the model's fault
    try:
        delegate = interpreters.load_delegate(library, {"device": device} if device else {})
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return _NOT_OPENED
    interpreter = interpreters.Interpreter(model_content=model, experimental_delegates=[delegate])
    try:
        interpreter.allocate_tensors()
        interpreter.invoke()
    except RuntimeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return _NO_OPERATOR if "unresolved custom op" in str(error) else 1
    return 0


def _write_no_core_file() -> None:
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _forget_lock() -> None:
    """Makes a new lock in a forked process, where a thread that held the old one is not."""
    global _lock
    _lock = threading.Lock()


_lock = threading.Lock()
_outcomes: dict[tuple[str, str], Outcome] = {}
os.register_at_fork(after_in_child=_forget_lock)
