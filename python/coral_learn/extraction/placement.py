"""Where a model runs: on which devices, and how many photos are worked on at once."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..edgetpu import (
    DEVICE_VARIABLE,
    Interpreter,
    choose_device,
    list_edge_tpus,
    make_interpreter,
)
from ..model_file import is_compiled
from .machine import usable_cpus
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
        workers: How many photos are worked on at once.
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

    A model compiled for the Edge TPU gets an interpreter for each device, and workers that decode
    photos on all processors while one for each device waits for it. Any other model gets an
    interpreter of one thread for each worker, and a worker for each processor: several photos at
    once use the processors better than several threads for one photo.

    Args:
        content: The model.
        device: One device string, several, or :data:`ALL_DEVICES`; None for CORAL_LEARN_DEVICE, or
            else any.
        workers: How many photos to work on at once; None to choose.
    """
    devices = _devices(device)
    first = ModelRunner(make_interpreter(content, devices[0], num_threads=1))
    if not is_compiled(content):
        workers = workers or usable_cpus()
        more_on_cpu = [_maker(content, "cpu")] * (workers - 1)
        return Placement("cpu", workers, first, more_on_cpu)
    return Placement(
        device=",".join(each for each in devices if each) or "edgetpu",
        workers=workers or usable_cpus() + len(devices),
        first=first,
        others=[_maker(content, each) for each in devices[1:]],
    )


def place_interpreter(
    interpreter: Interpreter, device: str | Sequence[str] | None, workers: int | None
) -> Placement:
    """Uses an interpreter that exists, of which only the caller knows where it runs."""
    return Placement(
        device=_devices(device)[0] or "cpu",
        workers=workers or usable_cpus() + 1,
        first=ModelRunner(interpreter),
        others=[],
    )


def _maker(content: bytes, device: str | None) -> RunnerMaker:
    return lambda: ModelRunner(make_interpreter(content, device, num_threads=1))


def _devices(device: str | Sequence[str] | None) -> list[str | None]:
    """Returns the devices to use; None in it stands for any Edge TPU."""
    chosen = device or os.environ.get(DEVICE_VARIABLE)
    if chosen == ALL_DEVICES:
        return [f":{index}" for index in range(len(list_edge_tpus()))] or [None]
    if chosen is None or isinstance(chosen, str):
        return [choose_device(chosen)]
    return [choose_device(each) for each in chosen]
