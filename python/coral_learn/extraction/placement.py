"""Where a model runs: on which devices, and how many photos are worked on at once."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..edgetpu.devices import DEVICE_VARIABLE, choose_device, list_edge_tpus
from ..edgetpu.interpreter import make_interpreter
from ..edgetpu.runtime import Interpreter
from ..errors import ModelError
from ..machine import usable_cpus
from ..tflite.file import ModelFile, is_compiled
from .input_format import Normalization
from .model_runner import ModelRunner

ALL_DEVICES = "all"
"""The device string for every Edge TPU attached."""

RunnerMaker = Callable[[], ModelRunner]


@dataclass(frozen=True)
class Placement:
    """Where a model runs.

    Attributes:
        device: ``cpu``, or the Edge TPUs, such as ``:0`` or ``:0,:1``; ``edgetpu`` where none was
            chosen by name.
        workers: How many photos are decoded at once and, on the CPU, run at once.
        first: An interpreter, ready to run.
        others: What makes the others, once there is work for them.
    """

    device: str
    workers: int
    first: ModelRunner
    others: Sequence[RunnerMaker]


def place_model(
    content: bytes, device: str | Sequence[str] | None, workers: int | None
) -> Placement:
    """Opens a model.

    A model compiled for the Edge TPU gets an interpreter for each device. Any other gets one of one
    thread for each worker: several photos at once use the processors better than several threads
    on one photo.

    Args:
        content: The model.
        device: One device string, several, or :data:`ALL_DEVICES`; None for CORAL_LEARN_DEVICE, or
            else any.
        workers: See :class:`Placement`; None for as many as there are processors.
    """
    devices = _devices(device)
    workers = workers or usable_cpus()
    declared = _declared_normalization(content)

    def maker(chosen: str | None) -> RunnerMaker:
        return lambda: ModelRunner(make_interpreter(content, chosen, num_threads=1), declared)

    first = maker(devices[0])()
    if not is_compiled(content):
        return Placement("cpu", workers, first, [maker("cpu")] * (workers - 1))
    return Placement(
        device=",".join(each for each in devices if each) or "edgetpu",
        workers=workers,
        first=first,
        others=[maker(each) for each in devices[1:]],
    )


def place_interpreter(
    interpreter: Interpreter, device: str | Sequence[str] | None, workers: int | None
) -> Placement:
    """Uses an interpreter that exists, of which only the caller knows where it runs."""
    return Placement(
        device=_devices(device)[0] or "cpu",
        workers=workers or usable_cpus(),
        first=ModelRunner(interpreter),
        others=[],
    )


def _declared_normalization(content: bytes) -> Normalization | None:
    with contextlib.suppress(ModelError):  # a model that is broken is told so by the interpreter
        declared = ModelFile(content).normalization
        if declared is not None:
            return Normalization(*map(tuple, declared))
    return None


def _devices(device: str | Sequence[str] | None) -> list[str | None]:
    """Returns the devices to use; None in it stands for any Edge TPU."""
    chosen = device or os.environ.get(DEVICE_VARIABLE)
    if chosen == ALL_DEVICES:
        # One at least, which says what is wrong where there is none.
        return [f":{index}" for index in range(max(1, len(list_edge_tpus())))]
    if chosen is None or isinstance(chosen, str):
        return [choose_device(chosen)]
    return [choose_device(each) for each in chosen]
