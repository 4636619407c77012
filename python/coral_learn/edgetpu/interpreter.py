"""Running models, on an Edge TPU or the CPU; the only file that imports an interpreter."""

import contextlib
import functools
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..errors import EdgeTpuError, ModelError
from ..tflite.file import ModelSource, is_compiled, read_model_content
from ..tflite.model import unpack
from .devices import check_device, explain_no_device
from .library import (
    Problem,
    library_name,
    library_path,
    library_version,
    list_devices,
    open_library,
    unfit_library,
)
from .probe import Verdict, probe_once
from .runtime import Interpreter, runtime_module, runtime_name

DEVICE_VARIABLE = "CORAL_LEARN_DEVICE"
"""The environment variable with the device to use where the caller names none."""


def get_runtime_version() -> str:
    """Returns libedgetpu's version, such as "BuildLabel(...), RuntimeVersion(14)".

    Raises:
        EdgeTpuError: libedgetpu cannot be used; the message says why and what to do.
    """
    library = open_library()
    if isinstance(library, Problem):
        raise library.error()
    return library_version(library)


def list_edge_tpus() -> list[dict[str, str]]:
    """Lists the attached Edge TPUs, in the order that ``:0``, ``:1`` count them.

    Returns:
        {"type": "usb" or "pci", "path": ...} for each; empty where there is no libedgetpu.
    """
    library = open_library()
    if isinstance(library, Problem):
        return []
    return [device._asdict() for device in list_devices(library)]


def choose_device(device: str | None = None) -> str | None:
    """Returns the device to use: the one given, else CORAL_LEARN_DEVICE, else None for any.

    Raises:
        ValueError: It is not a valid device string; the message lists the valid forms.
    """
    chosen = device or os.environ.get(DEVICE_VARIABLE) or None
    if chosen not in (None, "cpu"):
        check_device(chosen)
    return chosen


def load_edgetpu_delegate(options: Mapping[str, Any] | None = None) -> Any:
    """Opens an Edge TPU.

    Args:
        options: libedgetpu's options; ``{"device": "usb:1"}`` chooses the device.

    Returns:
        The runtime's delegate, which closes the device when the last reference is gone.

    Raises:
        ValueError: The device string is invalid.
        EdgeTpuError: libedgetpu or the device cannot be used; says why and what to do.
    """
    options = dict(options or {})
    device = options.get("device") or None
    if device is not None:
        check_device(device)
    # An open library first: load_delegate prints an ignored exception where it cannot open one.
    library = open_library()
    if isinstance(library, Problem):
        raise library.error()
    try:
        return runtime_module().load_delegate(library_name(), options)
    except ValueError as error:
        reason = str(error).partition("\n")[2].strip()
    # Raised outside of the handler: a chained traceback would keep the delegate alive.
    problem = explain_no_device(device, list_devices(library))
    if reason:
        problem = problem._replace(what=f"{problem.what} ({reason})")
    raise problem.error()


def make_interpreter(
    model_path_or_content: ModelSource,
    device: str | None = None,
    delegate: Any = None,
    *,
    num_threads: int | None = None,
    reproducible: bool = False,
) -> Interpreter:
    """Makes an interpreter for a model, on the Edge TPU if the model was compiled for it.

    A model that was not compiled for the Edge TPU runs on the CPU, with no libedgetpu installed
    and whatever ``device`` says, with a warning where that names an Edge TPU. Call
    ``allocate_tensors()`` before the first inference.

    Args:
        model_path_or_content: The path of a ``.tflite`` file, or its bytes.
        device: ``:<n>`` (the n-th Edge TPU), ``usb``, ``usb:<n>``, ``pci``, ``pci:<n>`` or
            ``cpu``; None for CORAL_LEARN_DEVICE, or else any Edge TPU.
        delegate: A delegate to use, such as :func:`load_edgetpu_delegate` gives; ``device`` is
            then ignored.
        num_threads: CPU threads for the operators that do not run on the Edge TPU; None for the
            runtime's default.
        reproducible: Leave out the runtime's faster CPU kernels (XNNPACK), whose results differ
            by a few quantization steps from one kind of CPU to another.

    Returns:
        The runtime's own ``Interpreter``, whose ``allocate_tensors()`` and ``invoke()`` raise
        EdgeTpuError or ModelError, with the cause.

    Raises:
        ModelError: The file cannot be read, or is not a model that the runtime can use.
        EdgeTpuError: A compiled model, and no Edge TPU to run it; says why and what to do.
        ValueError: An invalid device string or number of threads.
        ImportError: No runtime is installed.
    """
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads must be at least 1, not {num_threads}")
    content = read_model_content(model_path_or_content)
    _check_content(content)
    if delegate is None:
        delegate = _delegate_for(content, choose_device(device))
    options: dict[str, Any] = {}
    if reproducible:
        resolvers = runtime_module().OpResolverType
        options["experimental_op_resolver_type"] = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = _interpreter_class()(
            model_content=content,
            experimental_delegates=None if delegate is None else [delegate],
            num_threads=num_threads,
            **options,
        )
    except ValueError as error:
        failure = _explain_failure(error, on_edgetpu=False)
    except RuntimeError as error:
        failure = _explain_failure(error, on_edgetpu=delegate is not None)
    else:
        interpreter.on_edgetpu = delegate is not None
        return cast(Interpreter, interpreter)
    # Who keeps the error keeps its traceback, and must not keep the device open with it: raised
    # outside of the handlers, and without the delegate in this frame.
    delegate = None
    raise failure


def _check_content(content: bytes) -> None:
    """Refuses a broken model; the runtimes would read outside of it, and end the process."""
    if not content:
        raise ModelError("the model is empty")
    with contextlib.suppress(ImportError):  # the schema comes with ai-edge-litert
        unpack(content)


def _delegate_for(content: bytes, device: str | None) -> Any:
    """Opens the Edge TPU that a model needs; returns None for a model that needs none."""
    if is_compiled(content):
        if device == "cpu":
            raise EdgeTpuError(
                "the model was compiled for the Edge TPU and cannot run on the CPU: choose an "
                "Edge TPU, or use the model that it was compiled from"
            )
        _refuse_unfit_library(content, device)
        return load_edgetpu_delegate({} if device is None else {"device": device})
    if device not in (None, "cpu"):
        warnings.warn(
            f"the model was not compiled for the Edge TPU: it runs on the CPU, not on {device!r}",
            stacklevel=3,
        )
    return None


def _refuse_unfit_library(content: bytes, device: str | None) -> None:
    """Refuses a libedgetpu that would take the process down; any other trouble shows itself."""
    library = open_library()
    if isinstance(library, Problem):
        return
    outcome = probe_once(library_path(library), runtime_module().__name__, content, device)
    if outcome.verdict is Verdict.DOES_NOT_FIT:
        raise unfit_library(library_path(library), runtime_name(), outcome.detail).error()


@functools.cache
def _interpreter_class() -> Any:
    """Returns the runtime's Interpreter with errors that name the cause."""
    base: Any = runtime_module().Interpreter

    class CheckedInterpreter(base):  # type: ignore[misc]
        on_edgetpu = False

        def allocate_tensors(self) -> None:
            self._explaining(super().allocate_tensors)

        def invoke(self) -> None:
            self._explaining(super().invoke)

        def _explaining(self, action: Callable[[], None]) -> None:
            try:
                action()
            except RuntimeError as error:
                raise _explain_failure(error, on_edgetpu=self.on_edgetpu) from error

    return CheckedInterpreter


def _explain_failure(error: Exception, *, on_edgetpu: bool) -> ModelError | EdgeTpuError:
    """Returns this package's error for one that a runtime raised."""
    reason = " ".join(str(error).split()) or "no reason given"
    if not on_edgetpu:
        return ModelError(f"{runtime_name()} cannot use the model: {reason}")
    if "unresolved custom op" in reason:
        return unfit_library(library_name(), runtime_name(), reason).error()
    if "runtime version" in reason:
        return EdgeTpuError(
            f"the model was compiled for a newer libedgetpu than this one ({reason}): update "
            "libedgetpu, or compile with edgetpu_compiler's option --min_runtime_version"
        )
    return EdgeTpuError(
        f"the Edge TPU failed ({reason}): if it was unplugged or reset, plug it in again and "
        "start over; `coral-learn doctor` checks the setup"
    )
