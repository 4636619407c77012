"""What is wrong with this machine's setup, as data: ``doctor()`` and ``coral-learn doctor``."""

import platform
import re
import sys
from ctypes import CDLL
from importlib import metadata, resources
from typing import Any, NamedTuple

from .. import edgetpu
from ..errors import ModelError
from ..tflite.compiled import required_runtime_version
from ..tflite.file import ModelFile, ModelSource, is_compiled, read_model_content
from .devices import access_problem, explain_no_device
from .library import (
    Device,
    Problem,
    library_path,
    library_version,
    list_devices,
    open_library,
    unfit_library,
)
from .probe import Verdict, probe

_RUNTIME_VERSION = re.compile(r"RuntimeVersion\((\d+)\)")


class _Check(NamedTuple):
    """What one look gave: entries of the report, and problems."""

    facts: dict[str, Any]
    problems: list[Problem]


def doctor(model: ModelSource | None = None) -> dict[str, Any]:
    """Looks for what keeps models from running on an Edge TPU, or from running at all.

    A machine without an Edge TPU has that for a problem, though it can run every model that is not
    compiled for one.

    Args:
        model: A model to look at as well, by its path or bytes.

    Returns:
        ``ok``: whether there are no problems.
        ``problems``: {"what", "fix"} of each.
        ``coral_learn``, ``python``, ``system``, ``runtime``, ``libedgetpu``: versions.
        ``python_path``, ``runtime_path``, ``libedgetpu_path``: where they lie.
        ``devices``: {"type", "path"} of each Edge TPU that libedgetpu lists.
        ``model``: {"compiled": whether it needs an Edge TPU, "runtime_version": the N that
        libedgetpu's "RuntimeVersion(N)" must reach, or None}.

        What is not there is None.
    """
    library = open_library()
    devices = [] if isinstance(library, Problem) else list_devices(library)
    checks = [
        _check_runtime(),
        _check_library(library, devices),
        _check_model(model, library),
    ]
    problems = [problem for check in checks for problem in check.problems]
    if not problems and not isinstance(library, Problem):
        problems = _try_out(library, devices, model)
    facts: dict[str, Any] = {
        "ok": not problems,
        "problems": [problem._asdict() for problem in problems],
        "coral_learn": metadata.version("coral-learn"),
        "python": platform.python_version(),
        "python_path": sys.executable,
        "system": platform.platform(),
    }
    for check in checks:
        facts.update(check.facts)
    return facts


def _check_runtime() -> _Check:
    try:
        path = edgetpu.runtime_module().__file__
        return _Check({"runtime": edgetpu.runtime_name(), "runtime_path": path}, [])
    except ImportError as error:
        problem = Problem(str(error), "install it into the environment of this Python")
    except ValueError as error:
        problem = Problem(str(error), f"change or unset {edgetpu.RUNTIME_VARIABLE}")
    return _Check({"runtime": None, "runtime_path": None}, [problem])


def _check_library(library: CDLL | Problem, devices: list[Device]) -> _Check:
    if isinstance(library, Problem):
        return _Check({"libedgetpu": None, "libedgetpu_path": None, "devices": []}, [library])
    facts = {
        "libedgetpu": library_version(library),
        "libedgetpu_path": library_path(library),
        "devices": [device._asdict() for device in devices],
    }
    if not devices:
        return _Check(facts, [explain_no_device(None, devices)])
    return _Check(facts, [problem for problem in map(access_problem, devices) if problem])


def _check_model(model: ModelSource | None, library: CDLL | Problem) -> _Check:
    if model is None:
        return _Check({"model": None}, [])
    try:
        content = read_model_content(model)
        needed = required_runtime_version(ModelFile(content))
    except ModelError as error:
        return _Check({"model": None}, [Problem(str(error), "give a whole .tflite file")])
    compiled = is_compiled(content)
    facts = {"model": {"compiled": compiled, "runtime_version": needed}}
    problem = _version_problem(needed, library) if compiled else _cpu_problem(content)
    return _Check(facts, [problem] if problem else [])


def _version_problem(needed: int | None, library: CDLL | Problem) -> Problem | None:
    if isinstance(library, Problem) or needed is None:
        return None
    found = _RUNTIME_VERSION.search(library_version(library))
    if found is None or int(found[1]) >= needed:
        return None
    return Problem(
        f"the model needs libedgetpu's runtime version {needed}, and this is {found[1]}",
        "update libedgetpu, or compile the model with edgetpu_compiler's option "
        f"--min_runtime_version {found[1]}",
    )


def _cpu_problem(content: bytes) -> Problem | None:
    try:
        edgetpu.make_interpreter(content, device="cpu").allocate_tensors()
    except ModelError as error:
        return Problem(str(error), "use a model of operators that this runtime has, or update it")
    except (ImportError, ValueError):
        return None  # no runtime, which is a problem of its own
    return None


def _try_out(library: CDLL, devices: list[Device], model: ModelSource | None) -> list[Problem]:
    """Runs a compiled model in another process: the one given, or else one with no program."""
    content = None if model is None else read_model_content(model)
    has_program = content is not None and is_compiled(content)
    if content is None or not has_program:
        content = resources.files(__package__).joinpath("data/abi_probe.tflite").read_bytes()
    path = library_path(library)
    outcome = probe(path, edgetpu.runtime_module().__name__, content, device=None)
    if outcome.verdict is Verdict.DOES_NOT_FIT:
        return [unfit_library(path, edgetpu.runtime_name(), outcome.detail)]
    if outcome.verdict is Verdict.NOT_OPENED:
        return [explain_no_device(None, devices)]
    if outcome.verdict is Verdict.UNCLEAR and has_program:
        return [
            Problem(
                f"the model does not run on the Edge TPU ({outcome.detail})",
                "plug the Edge TPU in again, try another model, or compile this one anew",
            )
        ]
    return []
