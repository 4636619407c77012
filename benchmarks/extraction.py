"""Extraction on the CPU and with a simulated accelerator.

It is compared with a sequential loop, and with what its interpreters do if they never wait.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from PIL import Image

from coral_learn import EmbeddingExtractor
from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.edgetpu.runtime import Interpreter
from coral_learn.extraction.images import load_image
from coral_learn.machine import usable_cpus

from . import memory
from .figures import Figure, Note, Quantity, Target, exactly, speed
from .photos import PhotoSet, enlarged, photo_set
from .settings import Settings
from .timing import Ratio, Series, added, times_in_turn
from .workers import Task, Worker

PART = "extraction"

_OVER_SEQUENTIAL = 1.85
_OVER_INTERPRETERS = 0.97
_PHOTOS_PER_SECOND = 430
_SIMULATED_SECONDS = 0.0022  # MobileNet v1 on an Edge TPU, both on the Dev Board and over USB 3
_TIMES_AS_MANY = 10  # to show that memory does not grow with the number of photos
_SIZES = {"500 x 375 pixels": ((500, 375), 60), "12 megapixels": ((4000, 3000), 16)}
_QUICK_PHOTOS = 2

Contenders = Mapping[str, tuple[Callable[[Path, Sequence[Path]], Task], int]]


class SimulatedAccelerator:
    """An interpreter that waits, as if for a device, instead of computing."""

    def __init__(self, model: Path) -> None:
        """Uses an interpreter of ``model`` for everything except ``invoke()``."""
        self._interpreter = make_interpreter(model)
        # The 2.2 ms of a real accelerator include the time to wake up after its interrupt.
        self._wait = _SIMULATED_SECONDS - _oversleep()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._interpreter, name)

    def invoke(self) -> None:
        """Waits for the time of one inference, and leaves the output as it is."""
        time.sleep(self._wait)


def _oversleep() -> float:
    """Returns how much longer than it is asked to this machine sleeps at least, in seconds."""
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        time.sleep(_SIMULATED_SECONDS)
        taken.append(time.perf_counter() - start)
    return min(taken) - _SIMULATED_SECONDS


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Extracts the embeddings of all photos, once in each round."""
    with photo_set(settings) as photos:
        yield Note(PART, f"{len(photos.paths)} photos: {photos.name}")
        yield from _speeds(photos, settings)
        for name, (size, count) in _SIZES.items():
            chosen = photos.paths[:: -(-len(photos.paths) // count)]
            with enlarged(chosen[:_QUICK_PHOTOS] if settings.quick else chosen, size) as paths:
                yield from _limits(name, photos.extractor, paths, settings)
        if memory.can_measure():
            yield _memory(photos)


def _speeds(photos: PhotoSet, settings: Settings) -> Iterator[Figure]:
    contenders: Contenders = {
        "cpu": (_ours_on_cpu, usable_cpus()),
        "cpu in turn": (_in_turn_on_cpu, 1),
        "accelerator": (_ours_on_accelerator, usable_cpus()),
        "accelerator in turn": (_in_turn_on_accelerator, usable_cpus()),
        "accelerator alone": (_accelerator_alone, usable_cpus()),
    }
    times = _times(contenders, photos.extractor, photos.paths, settings)
    loop = "sequential loop"
    yield speed(PART, "on the CPU", times["cpu"], loop, times["cpu in turn"], _OVER_SEQUENTIAL)
    what = f"with an accelerator of {_SIMULATED_SECONDS * 1e3} ms, simulated"
    yield speed(PART, what, times["accelerator"], loop, times["accelerator in turn"])
    yield _rate(what, times["accelerator"], times["accelerator alone"], len(photos.paths))


def _limits(name: str, model: Path, paths: Sequence[Path], settings: Settings) -> Iterator[Figure]:
    """Compares extraction on the CPU with its interpreters, and with all the work it must do."""
    contenders: Contenders = {
        "ours": (_ours_on_cpu, usable_cpus()),
        "interpreters": (_interpreters_alone, usable_cpus()),
        "decoding": (_decoding_alone, usable_cpus()),
    }
    times = _times(contenders, model, paths, settings)
    ours, interpreters = times["ours"], times["interpreters"]
    what = f"on the CPU, {name}"
    yield speed(PART, what, ours, "interpreters alone", interpreters, _OVER_INTERPRETERS)
    parts = added(interpreters, times["decoding"])
    yield speed(PART, what, ours, "interpreters, then decoding", parts, _OVER_INTERPRETERS)


def _times(
    contenders: Contenders, model: Path, paths: Sequence[Path], settings: Settings
) -> dict[str, Series]:
    with ExitStack() as stack:
        workers = {}
        for name, (make, threads) in contenders.items():
            workers[name] = stack.enter_context(Worker(threads))
            workers[name].prepare(make, model, paths)
        return times_in_turn(workers, settings.seconds, settings.rounds)


def _rate(what: str, times: Series, alone: Series, photos: int) -> Figure:
    rates = [photos / seconds for seconds in times.rounds]
    median = photos / times.median
    return Figure(
        part=PART,
        what=what,
        ours=Quantity(median, "photos/s"),
        against="no wait for photos",
        theirs=Quantity(photos / alone.median, "photos/s"),
        result=Ratio(median, min(rates), max(rates)),
        meaning="photos/s",
        target=Target(_PHOTOS_PER_SECOND, "at least"),
    )


def _memory(photos: PhotoSet) -> Figure:
    """Compares the peak memory for the photos and for ten times as many."""
    peaks = []
    for paths in (photos.paths, photos.paths * _TIMES_AS_MANY):
        with Worker(usable_cpus()) as worker:
            peaks.append(worker.call(_peak_of_extraction, photos.extractor, paths))
    few, many = peaks
    return Figure(
        part=PART,
        what=f"peak memory, {_TIMES_AS_MANY} times the photos",
        ours=Quantity(many, "B"),
        against="the photos once",
        theirs=Quantity(few, "B"),
        result=exactly(many / few),
        meaning="x the memory",
    )


def _ours_on_cpu(model: Path, paths: Sequence[Path]) -> Task:
    extractor = EmbeddingExtractor(model)
    return lambda: extractor.extract(paths)


def _ours_on_accelerator(model: Path, paths: Sequence[Path]) -> Task:
    extractor = EmbeddingExtractor(SimulatedAccelerator(model))
    return lambda: extractor.extract(paths)


def _interpreters_alone(model: Path, paths: Sequence[Path]) -> Task:
    free: SimpleQueue[Interpreter] = SimpleQueue()
    for _ in range(usable_cpus()):
        interpreter = make_interpreter(model, num_threads=1)
        interpreter.allocate_tensors()
        free.put(interpreter)

    def invoke(_: Path) -> None:
        interpreter = free.get()
        interpreter.invoke()
        free.put(interpreter)

    return _for_each(paths, invoke)


def _decoding_alone(model: Path, paths: Sequence[Path]) -> Task:
    with EmbeddingExtractor(model) as extractor:
        size = extractor.input_size
    return _for_each(paths, lambda path: load_image(path, size))


def _accelerator_alone(model: Path, paths: Sequence[Path]) -> Task:
    accelerator = SimulatedAccelerator(model)

    def wait() -> None:
        for _ in paths:
            accelerator.invoke()

    return wait


def _for_each(paths: Sequence[Path], work: Callable[[Path], object]) -> Task:
    """Returns a task that works on all photos, with a thread for each processor."""
    threads = ThreadPoolExecutor(usable_cpus())
    return lambda: list(threads.map(work, paths))


def _in_turn_on_cpu(model: Path, paths: Sequence[Path]) -> Task:
    return _in_turn(make_interpreter(model, num_threads=1), paths)


def _in_turn_on_accelerator(model: Path, paths: Sequence[Path]) -> Task:
    return _in_turn(SimulatedAccelerator(model), paths)


def _in_turn(interpreter: Interpreter, paths: Sequence[Path]) -> Task:
    """Works like the script of the tutorial: photo by photo, resized with NEAREST."""
    interpreter.allocate_tensors()
    (image,), (embedding,) = interpreter.get_input_details(), interpreter.get_output_details()
    _, height, width, _ = image["shape"]

    def extract() -> list[Any]:
        rows = []
        for path in paths:
            photo = Image.open(path).convert("RGB")
            pixels = np.asarray(photo.resize((width, height), Image.Resampling.NEAREST))
            interpreter.set_tensor(image["index"], pixels[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(embedding["index"]))
        return rows

    return extract


def _peak_of_extraction(model: Path, paths: Sequence[Path]) -> int:
    extract = _ours_on_accelerator(model, paths)
    before = memory.resident()
    memory.reset_peak()
    extract()
    return memory.peak() - before
