"""Placement: which devices run a model, and how many photos are processed at once."""

import contextlib
import operator
import os
import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple, SupportsIndex

from ..edgetpu.devices import DEVICE_VARIABLE, choose_device, list_edge_tpus
from ..edgetpu.interpreter import make_interpreter
from ..edgetpu.runtime import Interpreter
from ..errors import EdgeTpuError, ModelError
from ..machine import usable_cpus
from ..tflite.file import ModelFile
from ..tflite.input_shape import fix_input_shape, name_file
from ..tflite.normalization import Normalization
from .model_runner import ModelRunner

ALL_DEVICES = "all"
"""The device string that stands for every Edge TPU attached."""

_MAX_WORKERS = 1024

RunnerMaker = Callable[[], ModelRunner]


class Placement(NamedTuple):
    """The devices that run a model, and the interpreters on them.

    Attributes:
        device: ``cpu``, or the Edge TPUs, such as ``:0`` or ``:0,:1``; ``edgetpu`` if no Edge TPU
            was chosen by name.
        workers: The number of photos that are decoded at once and, on the CPU, run at once.
        knows_range: Whether the user or the model says how pixels are normalized.
        first: An interpreter that is ready to run.
        others: Functions that make the other interpreters when there is work for them.
    """

    device: str
    workers: int
    knows_range: bool
    first: ModelRunner
    others: Sequence[RunnerMaker]


def place_model(
    model: ModelFile,
    device: str | Sequence[str] | None,
    workers: int | None,
    input_size: tuple[int, int] | None = None,
    normalization: Normalization | None = None,
    features: int | None = None,
) -> Placement:
    """Makes the interpreters of a model.

    A model that was compiled for the Edge TPU gets one interpreter for each device. Any other model
    gets one interpreter with a single thread for each worker, because several photos at once use
    the processors better than several threads on one photo.

    Args:
        model: The model.
        device: One device string, several, or :data:`ALL_DEVICES`; None for the device in the
            environment variable CORAL_LEARN_DEVICE, or any device if it is not set.
        workers: The workers of the :class:`Placement`; None for the number of processors that may
            be used.
        input_size: Width and height of the input; see :class:`ModelRunner`.
        normalization: The normalization of pixels; None for the one that the model declares.
        features: The length of the embedding that a classifier is to give as a second output, if
            it has it; None for the output alone.

    Raises:
        EdgeTpuError: ``device`` is an Edge TPU, and the model is not compiled for one.
    """
    devices = _devices(device)
    check_compiled(model, device)
    model = _with_fixed_input(model, input_size)
    workers = workers or usable_cpus()
    declared, given = known_normalizations(model)
    given = normalization or given
    both = None if features is None else _with_embedding(model, features)
    is_double = both is not None

    def maker(chosen: str | None) -> RunnerMaker:
        return lambda: ModelRunner(
            make_interpreter(both or model, chosen, num_threads=1),
            declared,
            input_size,
            given,
            with_embedding=is_double,
        )

    try:
        first = maker(devices[0])()
    except ModelError as error:
        if is_double:  # the embedding is of a kind that cannot be used; the scores may be
            return place_model(model, device, workers, input_size, normalization)
        raise name_file(model, error) from error
    knows_range = (given or declared) is not None
    if not model.is_compiled:
        others = [maker("cpu")] * (workers - 1)
        return Placement("cpu", workers, knows_range, first, others)
    return Placement(
        device=",".join(each for each in devices if each) or "edgetpu",
        workers=workers,
        knows_range=knows_range,
        first=first,
        others=[maker(each) for each in devices[1:]],
    )


def uses_edge_tpu(device: str | Sequence[str] | None) -> bool:
    """Tells whether a compiled model would run on an Edge TPU.

    Args:
        device: The device, as for :func:`place_model`. For None, an Edge TPU must be attached.
    """
    devices = _devices(device)
    return bool(list_edge_tpus()) if devices == [None] else devices != ["cpu"]


def checked_workers(value: SupportsIndex) -> int:
    """Returns a number of workers that a caller chose.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is out of range.
    """
    try:
        workers = operator.index(value)
    except TypeError:
        raise TypeError(f"workers must be a whole number, not {value!r}") from None
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if workers > _MAX_WORKERS:
        raise ValueError(f"workers must be at most {_MAX_WORKERS}, not {workers}")
    return workers


def check_compiled(
    model: ModelFile, device: str | Sequence[str] | None, *, is_cut: bool = False
) -> None:
    """Rejects a model that cannot run on the Edge TPU that the caller asked for.

    The device in the environment variable is for all models, and only leads to a warning.

    Args:
        model: The model, as the caller gave it.
        device: The device, as for :func:`place_model`.
        is_cut: Whether the model is a classifier, whose last layer is cut off before it runs.

    Raises:
        EdgeTpuError: ``device`` is an Edge TPU, and the model is not compiled for one.
    """
    if not device or model.is_compiled or _devices(device) == ["cpu"]:
        return
    if model.has_float_input:
        fix = "the compiler needs a quantized model, and this one takes float32: quantize it first"
    elif is_cut:
        fix = (
            "make an extractor of it with `coral-learn extractor "
            f"{_path(model)} --output EXTRACTOR.tflite`, compile that with `edgetpu_compiler "
            "EXTRACTOR.tflite`, and give EXTRACTOR_edgetpu.tflite"
        )
    else:
        fix = f"compile it with `edgetpu_compiler {_path(model)}`, and give the file that it makes"
    raise EdgeTpuError(
        f"{model.name} is not compiled for the Edge TPU, and cannot run on {device!r}: {fix}, or "
        "choose the device 'cpu'"
    )


def _path(model: ModelFile) -> str:
    return shlex.quote(model.name) if model.is_named else "MODEL.tflite"


def place_interpreter(
    interpreter: Interpreter,
    device: str | Sequence[str] | None,
    workers: int | None,
    input_size: tuple[int, int] | None = None,
    normalization: Normalization | None = None,
) -> Placement:
    """Uses an interpreter that the caller made, on whatever device the caller chose."""
    return Placement(
        device=_devices(device)[0] or "cpu",
        workers=workers or usable_cpus(),
        knows_range=normalization is not None,
        first=ModelRunner(interpreter, input_size=input_size, given=normalization),
        others=[],
    )


def known_normalizations(
    model: ModelFile,
) -> tuple[Normalization | None, Normalization | None]:
    """Returns what a model says about its input, and what a user has said about it."""
    with contextlib.suppress(ModelError):  # the interpreter reports a broken model
        evidence = model.input_evidence if model.normalization is None else None
        declared = evidence.normalization if evidence else model.normalization
        return declared, model.given_normalization
    return None, None


def _with_embedding(model: ModelFile, features: int) -> ModelFile | None:
    from ..tflite.second_output import with_embedding  # most models do without it

    return with_embedding(model, features)


def _with_fixed_input(model: ModelFile, input_size: tuple[int, int] | None) -> ModelFile:
    """Returns a model for one image of a fixed size, or the model as it is for others.

    The runtime reports a model that cannot be run, and resizes a model whose graph cannot be
    changed; but it cannot change the numbers in the graph that stand for a batch.
    """
    try:
        return fix_input_shape(model, input_size)
    except (ModelError, ImportError):  # ImportError: without ai-edge-litert there is no schema
        return model


def _devices(device: str | Sequence[str] | None) -> list[str | None]:
    """Returns the devices to use, among which None stands for any Edge TPU."""
    chosen = device or os.environ.get(DEVICE_VARIABLE)
    if chosen == ALL_DEVICES:
        # At least one device, whose interpreter raises an error if there is no Edge TPU.
        return [f":{index}" for index in range(max(1, len(list_edge_tpus())))]
    if chosen is None or isinstance(chosen, str):
        return [choose_device(chosen)]
    return [choose_device(each) for each in chosen]
