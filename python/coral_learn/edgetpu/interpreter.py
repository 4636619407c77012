"""Making interpreters, which run a model on an Edge TPU or on the CPU."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..errors import EdgeTpuError, ModelRunError
from ..tflite.file import ModelFile, ModelSource
from .devices import choose_device
from .quiet import run_without_info_lines
from .runtime import Delegate, Interpreter, runtime_module, runtime_name

_NOT_READY = "Invoke called on model that is not ready."  # the runtimes' words


def make_interpreter(
    model_path_or_content: ModelSource,
    device: str | None = None,
    delegate: Delegate | None = None,
    *,
    num_threads: int | None = None,
    reproducible: bool = False,
) -> Interpreter:
    """Makes an interpreter for a model, on the Edge TPU if the model was compiled for it.

    A model that was not compiled for the Edge TPU runs on the CPU, and needs no libedgetpu. If
    ``device`` names an Edge TPU for such a model, a warning says that the CPU is used. Call
    ``allocate_tensors()`` before the first inference.

    Args:
        model_path_or_content: The path of a ``.tflite`` file, or its bytes.
        device: ``:<n>`` (the n-th Edge TPU), ``usb``, ``usb:<n>``, ``pci``, ``pci:<n>`` or
            ``cpu``; None for CORAL_LEARN_DEVICE, or else any Edge TPU.
        delegate: A delegate to use, from :func:`load_edgetpu_delegate`; ``device`` is then ignored.
        num_threads: The number of CPU threads for the operators that do not run on the Edge TPU;
            None for the runtime's default.
        reproducible: Whether to leave out the runtime's faster CPU kernels (XNNPACK), whose results
            differ by a few quantization steps from one kind of CPU to another.

    Returns:
        The runtime's own ``Interpreter``, whose ``allocate_tensors()`` and ``invoke()`` raise
        EdgeTpuError or ModelRunError with the cause.

    Raises:
        ModelError: The file cannot be read, or is not a model that the runtime can use.
        EdgeTpuError: The model was compiled for the Edge TPU, and no Edge TPU can run it. The
            message says why and what to do. A DelegateError if no Edge TPU can be opened.
        ValueError: The device string or the number of threads is invalid.
        ImportError: No runtime is installed.

    Examples:
        >>> from coral_learn import edgetpu
        >>> interpreter = edgetpu.make_interpreter("extractor.tflite", device="cpu")
        >>> interpreter.allocate_tensors()
        >>> interpreter.get_input_details()[0]["shape"].tolist()
        [1, 96, 96, 3]
    """
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads must be at least 1, not {num_threads}")
    model = ModelFile.open(model_path_or_content)
    model.check()  # for a broken model, the runtimes read outside their memory and crash
    if delegate is None:
        delegate = _open_edge_tpu(model, choose_device(device))
    on_edge_tpu = delegate is not None
    resolvers = runtime_module().OpResolverType
    make = functools.partial(
        _interpreter_class(on_edge_tpu),
        model_content=model.content,
        experimental_delegates=None if delegate is None else [delegate],
        num_threads=num_threads,
        experimental_op_resolver_type=(
            resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if reproducible else resolvers.AUTO
        ),
    )
    try:
        return run_without_info_lines(make)
    except ValueError as error:
        failure = _explain_failure(error, on_edge_tpu=False)
    except RuntimeError as error:
        failure = _explain_failure(error, on_edge_tpu=on_edge_tpu)
    # A caller that keeps the error keeps its traceback, which must not keep the device open:
    # raised outside the handlers, and without the delegate in this frame.
    del delegate, make
    raise failure


def run_despite_views(interpreter: Interpreter, inputs: Mapping[int, NDArray[Any]]) -> None:
    """Runs an interpreter, even if views of its tensors are in use, which the runtimes refuse.

    The views show the new values afterwards. pycoral runs models in this way.

    Args:
        interpreter: An interpreter, from :func:`make_interpreter` or of the runtime itself.
        inputs: The values of input tensors, by the tensors' indices. Each has the shape and the
            dtype of its tensor.

    Raises:
        RuntimeError: ``allocate_tensors()`` was not called, or the model failed.
    """
    try:
        for index, values in inputs.items():
            interpreter.set_tensor(index, values)
    except ValueError as error:
        if "unallocated" not in str(error):
            raise
        raise _explain_failure(RuntimeError(_NOT_READY), on_edge_tpu=False) from error
    # An interpreter of the runtime itself has no explanation of its errors.
    native: Any = interpreter
    run = getattr(native, "invoke_despite_views", None) or native._interpreter.Invoke
    run()


def _open_edge_tpu(model: ModelFile, device: str | None) -> Delegate | None:
    """Opens the Edge TPU that a model needs; returns None for a model that runs on the CPU."""
    if model.is_compiled:
        if device == "cpu":
            raise EdgeTpuError(
                f"{model.name} is compiled for the Edge TPU and cannot run on the CPU: choose an "
                "Edge TPU, or use the model that it was compiled from"
            )
        from .delegate import open_for_model  # most models need neither libedgetpu nor its probe

        return open_for_model(model, device)
    if device not in (None, "cpu"):
        warnings.warn(
            f"the model was not compiled for the Edge TPU: it runs on the CPU, not on {device!r}",
            stacklevel=3,
        )
    return None


@functools.cache
def _interpreter_class(on_edge_tpu: bool) -> Callable[..., Interpreter]:
    """Returns the runtime's Interpreter class with errors that name the cause."""
    runtime_class: type[Interpreter] = runtime_module().Interpreter

    class CheckedInterpreter(runtime_class):  # type: ignore[misc,valid-type]
        allows_views = False

        def allocate_tensors(self) -> None:
            allocate = super().allocate_tensors
            _run(lambda: run_without_info_lines(allocate))

        def invoke(self) -> None:
            _run(self._interpreter.Invoke if self.allows_views else super().invoke)

        def invoke_despite_views(self) -> None:
            _run(self._interpreter.Invoke)

    def _run(method: Callable[[], None]) -> None:
        try:
            method()
        except RuntimeError as error:
            raise _explain_failure(error, on_edge_tpu=on_edge_tpu) from error

    return CheckedInterpreter


def _explain_failure(error: Exception, *, on_edge_tpu: bool) -> RuntimeError:
    """Returns this package's error for one that a runtime raised."""
    reason = " ".join(str(error).split()) or "no reason given"
    if _NOT_READY in reason:
        return RuntimeError(f"{_NOT_READY} Call allocate_tensors() first.")
    if "reference to internal data" in reason:
        return RuntimeError(
            "an array that shows the memory of a tensor is still in use, and running the model "
            "would change it: keep a copy (numpy.array(view)), and delete the view"
        )
    if not on_edge_tpu:
        return ModelRunError(f"{runtime_name()} cannot use the model: {reason}")
    if "unresolved custom op" in reason:
        from .library import library_name
        from .library_problems import incompatible_library

        return incompatible_library(library_name(), runtime_name(), reason).error()
    if "runtime version" in reason:
        return EdgeTpuError(
            f"the model was compiled for a newer libedgetpu than this one ({reason}): update "
            "libedgetpu, or compile with edgetpu_compiler's option --min_runtime_version"
        )
    return EdgeTpuError(
        f"the Edge TPU failed ({reason}): if it was unplugged or reset, plug it in again and "
        "start over; `coral-learn doctor` checks the setup"
    )
