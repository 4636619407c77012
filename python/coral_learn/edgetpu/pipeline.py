"""Running the segments of a model one after the other, each in a thread of its own."""

import os
import threading
import warnings
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .interpreter import run_despite_views
from .pipeline_queue import PipelineQueue, Tensors
from .runtime import Interpreter, TensorDetails


class Pipeline:
    """Segments of a model, of which each works on another request at the same time.

    The threads end when the pipeline is closed and empty, when a segment fails, when the pipeline
    is no longer referenced, and when the process exits.

    Attributes:
        requests: The queue for the input tensors of the first segment.
        results: The queue of the output tensors of the last segment, in the same order.
    """

    def __init__(self, interpreters: Sequence[Interpreter]) -> None:
        """Starts the threads.

        Args:
            interpreters: One for each segment.

        Raises:
            ValueError: There is no interpreter, or one has an input that no other provides.
        """
        if not interpreters:
            raise ValueError("At least one interpreter expected")
        between = [PipelineQueue(max_size=1) for _ in interpreters[1:]]
        queues = [PipelineQueue(), *between, PipelineQueue()]
        self.requests, self.results = queues[0], queues[-1]
        # No thread knows the pipeline, so it goes away with the last reference of the caller.
        threads = [
            threading.Thread(
                target=_run_segment,
                args=(segment, queues[: segment.position + 1], queues[segment.position + 1]),
                name=f"coral-learn-segment-{segment.position}",
                daemon=True,
            )
            for segment in _segments(interpreters)
        ]
        weakref.finalize(self, _stop_from_any_thread, os.getpid(), queues, threads)
        for thread in threads:
            thread.start()


@dataclass(frozen=True)
class _Segment:
    """A part of a model.

    Attributes:
        position: Its position in the pipeline, from 0.
        interpreter: The interpreter that runs it.
        inputs: The indices of its input tensors by name.
        outputs: The indices of its output tensors by name.
        read_later: The names of the tensors that later segments read; those of the results if
            there is none.
    """

    position: int
    interpreter: Interpreter
    inputs: dict[str, int]
    outputs: dict[str, int]
    read_later: frozenset[str]

    def run(self, tensors: Tensors) -> Tensors:
        """Runs the segment, and returns the tensors to pass on."""
        try:
            inputs = {index: tensors[name] for name, index in self.inputs.items()}
            run_despite_views(self.interpreter, inputs)
            get_tensor = self.interpreter.get_tensor
            outputs = {name: get_tensor(index) for name, index in self.outputs.items()}
        except Exception as error:
            raise RuntimeError(f"Segment {self.position} runner error: {error}") from error
        return {
            name: tensor for name, tensor in (tensors | outputs).items() if name in self.read_later
        }


def _segments(interpreters: Sequence[Interpreter]) -> list[_Segment]:
    """Finds out which tensors each segment reads, makes and passes on.

    Raises:
        ValueError: A segment reads a tensor that is neither in a request nor made before.
    """
    inputs = [_indices(interpreter.get_input_details()) for interpreter in interpreters]
    outputs = [_indices(interpreter.get_output_details()) for interpreter in interpreters]
    known = set(inputs[0])
    segments = []
    for position, interpreter in enumerate(interpreters):
        missing = sorted(set(inputs[position]) - known)
        if missing:
            raise ValueError(
                f"Interpreter {position} can not get its input tensors: no interpreter before it "
                f"has an output {' or '.join(missing)}; there are {', '.join(sorted(known))}"
            )
        known |= set(outputs[position])
        read_later = frozenset().union(*(inputs[position + 1 :] or outputs[-1:]))
        segments.append(
            _Segment(position, interpreter, inputs[position], outputs[position], read_later)
        )
    return segments


def _indices(tensors: Iterable[TensorDetails]) -> dict[str, int]:
    """Returns the indices of tensors by name."""
    return {details["name"]: details["index"] for details in tensors}


def _run_segment(
    segment: _Segment, sources: Sequence[PipelineQueue], target: PipelineQueue
) -> None:
    """Runs a segment for each request until the last of ``sources`` ends or something fails."""
    error = None
    try:
        while (tensors := sources[-1].get()) is not None:
            target.put(segment.run(tensors))
    except RuntimeError as failure:
        error = str(failure)  # not the exception, whose traceback keeps interpreters alive
    if error is not None:
        for source in sources:
            source.close(error, discard=True)  # wakes whoever waits for room in it
    target.close(error)


def _stop_from_any_thread(
    process: int, queues: Sequence[PipelineQueue], threads: Sequence[threading.Thread]
) -> None:
    """Ends the threads, unless this is a forked process, which has none of them."""
    if process != os.getpid():
        return
    if threading.current_thread() in threads:
        # The garbage collector runs in any thread, and this one may be changing a queue.
        threading.Thread(
            target=_stop, args=(queues, threads), name="coral-learn-segments-stop"
        ).start()
    else:
        _stop(queues, threads)


def _stop(queues: Sequence[PipelineQueue], threads: Sequence[threading.Thread]) -> None:
    """Ends the threads, and waits until they have released their interpreters."""
    unused = 0 if queues[0].error else queues[0].added - queues[-1].taken
    for queue in queues:
        queue.close(discard=True)
    for thread in threads:
        if thread.is_alive():
            thread.join()
    if unused:
        warnings.warn(
            f"pipeline results that were never taken: {unused}. Call pop() until it returns None",
            ResourceWarning,
            stacklevel=2,
        )
