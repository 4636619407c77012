"""The check of this machine's setup: ``doctor()`` and ``coral-learn doctor``."""

import os
import platform
import re
import sys
from contextlib import suppress
from ctypes import CDLL
from importlib import metadata, resources

from ..errors import ModelError
from ..tflite.compiled import required_runtime_version
from ..tflite.file import ModelFile, ModelSource
from .device_problems import access_problem, explain_no_device, is_attached
from .devices import DEVICE_VARIABLE, check_device, choose_device, matching_devices
from .diagnosis import Diagnosis, ModelNeeds
from .interpreter import make_interpreter
from .library import library_path, library_version, list_devices, open_library
from .library_problems import incompatible_library
from .probe import Outcome, probe
from .problem import Problem
from .runtime import RUNTIME_VARIABLE, runtime_module, runtime_name

_RUNTIME_VERSION = re.compile(r"RuntimeVersion\((\d+)\)")


def doctor(model: ModelSource | None = None, *, device: str | None = None) -> Diagnosis:
    """Finds out what keeps models from running, on an Edge TPU or on the CPU.

    A machine without an Edge TPU has no problem unless one is asked for: by ``device``, by the
    environment variable CORAL_LEARN_DEVICE, or by a model that is compiled for the Edge TPU.

    Args:
        model: A model to check as well, by its path or bytes.
        device: The device to check for, as for :func:`make_interpreter`.

    Returns:
        The versions, paths and devices found, and the problems, each with its fix.

    Raises:
        ValueError: ``device`` is not a device string.

    Examples:
        >>> from coral_learn import doctor
        >>> diagnosis = doctor("retrained/retrained_model.tflite", device="cpu")
        >>> diagnosis.ok
        True
        >>> diagnosis.model
        ModelNeeds(compiled=False, runtime_version=None)
    """
    if device not in (None, "cpu"):
        check_device(device)
    diagnosis = Diagnosis(
        coral_learn=metadata.version("coral-learn"),
        python=platform.python_version(),
        python_path=sys.executable,
        system=platform.platform(),
    )
    device = device or _default_device(diagnosis)
    library = open_library()
    _check_runtime(diagnosis)
    if isinstance(library, CDLL):
        _describe_library(diagnosis, library)
    file = None if model is None else _check_model(diagnosis, model, device)
    is_compiled = file is not None and file.is_compiled
    if device != "cpu" and (device or is_compiled or diagnosis.devices or is_attached()):
        _check_edge_tpu(diagnosis, library, device, file)
    elif not diagnosis.devices:
        diagnosis.notes += _notes_without_edge_tpu(library)
    return diagnosis


def _default_device(diagnosis: Diagnosis) -> str | None:
    device = os.environ.get(DEVICE_VARIABLE)
    try:
        return None if device == "all" else choose_device()
    except ValueError as error:
        diagnosis.problems.append(Problem(str(error), f"change or unset {DEVICE_VARIABLE}"))
        return None


def _check_runtime(diagnosis: Diagnosis) -> None:
    try:
        diagnosis.runtime_path = runtime_module().__file__
        diagnosis.runtime = runtime_name()
    except ImportError as error:
        problem = Problem(str(error), "install it into the environment of this Python")
        diagnosis.problems.append(problem)
    except ValueError as error:
        problem = Problem(str(error), f"change or unset {RUNTIME_VARIABLE}")
        diagnosis.problems.append(problem)


def _describe_library(diagnosis: Diagnosis, library: CDLL) -> None:
    diagnosis.libedgetpu = library_version(library)
    diagnosis.libedgetpu_path = library_path(library)
    diagnosis.devices = list_devices(library)


def _check_edge_tpu(
    diagnosis: Diagnosis, library: CDLL | Problem, device: str | None, model: ModelFile | None
) -> None:
    """Checks the library and the Edge TPU, of which at least one is asked for or attached."""
    if isinstance(library, Problem):
        diagnosis.problems.append(library)
        return
    matching = matching_devices(device, diagnosis.devices)
    if not matching:
        diagnosis.problems.append(explain_no_device(device, diagnosis.devices))
    diagnosis.problems += filter(None, map(access_problem, matching))
    if diagnosis.ok:
        _check_inference(diagnosis, library, device, model)


def _notes_without_edge_tpu(library: CDLL | Problem) -> list[str]:
    notes = ["No Edge TPU: models run on the CPU."]
    if isinstance(library, Problem):
        notes.append(f"Only an Edge TPU needs libedgetpu, and {library.what}.")
    return notes


def _check_model(diagnosis: Diagnosis, source: ModelSource, device: str | None) -> ModelFile | None:
    """Checks a model without an Edge TPU, and returns it unless it cannot be read."""
    try:
        model = ModelFile.open(source)
        model.check()
    except ModelError as error:
        fix = "check the path, and that the file is a complete .tflite model"
        diagnosis.problems.append(Problem(str(error), fix))
        return None
    diagnosis.model = ModelNeeds(model.is_compiled, _needed_runtime_version(model))
    problem = _device_problem(model, device)
    if problem is None and model.is_compiled:
        problem = _version_problem(diagnosis.model.runtime_version, diagnosis.libedgetpu)
    elif problem is None:
        problem = _cpu_problem(model)
    if problem is not None:
        diagnosis.problems.append(problem)
    return model


def _device_problem(model: ModelFile, device: str | None) -> Problem | None:
    """Returns what keeps a model from running on the kind of device that was asked for."""
    if model.is_compiled and device == "cpu":
        return Problem(
            f"{model.name} is compiled for the Edge TPU and cannot run on the CPU",
            "choose an Edge TPU, or use the model that it was compiled from",
        )
    if not model.is_compiled and device not in (None, "cpu"):
        return Problem(
            f"{model.name} is not compiled for the Edge TPU and cannot run on {device!r}",
            "compile the quantized model with edgetpu_compiler, or choose the device 'cpu'",
        )
    return None


def _needed_runtime_version(model: ModelFile) -> int | None:
    if model.is_compiled:
        with suppress(ImportError):  # tflite-runtime comes without the schema
            return required_runtime_version(model)
    return None


def _version_problem(needed: int | None, libedgetpu: str | None) -> Problem | None:
    found = _RUNTIME_VERSION.search(libedgetpu or "")
    if found is None or needed is None or int(found[1]) >= needed:
        return None
    return Problem(
        f"the model needs version {needed} of libedgetpu's runtime, and {found[1]} is installed",
        "update libedgetpu, or compile the model with edgetpu_compiler's option "
        f"--min_runtime_version {found[1]}",
    )


def _cpu_problem(model: ModelFile) -> Problem | None:
    try:
        make_interpreter(model, device="cpu").allocate_tensors()
    except ModelError as error:
        fix = "use a model with operators that this runtime supports, or update the runtime"
        return Problem(str(error), fix)
    except (ImportError, ValueError):
        return None  # no runtime, which is a problem of its own
    return None


def _check_inference(
    diagnosis: Diagnosis, library: CDLL, device: str | None, model: ModelFile | None
) -> None:
    """Runs a compiled model in another process: ``model``, or one without an Edge TPU program."""
    runs_model = model is not None and model.is_compiled
    content = model.content if model is not None and runs_model else _model_without_program()
    path = library_path(library)
    result = probe(path, runtime_module().__name__, content, device=device)
    if result.outcome is Outcome.INCOMPATIBLE:
        diagnosis.problems.append(incompatible_library(path, runtime_name(), result.detail))
    elif result.outcome is Outcome.NOT_OPENED:
        diagnosis.problems.append(explain_no_device(device, diagnosis.devices))
    elif result.outcome is Outcome.INCONCLUSIVE and runs_model:
        diagnosis.problems.append(
            Problem(
                f"the model does not run on the Edge TPU ({result.detail})",
                "unplug the Edge TPU and plug it in again, try another model, or compile this "
                "model again",
            )
        )


def _model_without_program() -> bytes:
    """Returns a model with the Edge TPU's operator, which tests the library and runs nothing."""
    return resources.files(__package__).joinpath("data/abi_probe.tflite").read_bytes()
