"""Pipelines of two and three tiny segments, and what their tests need."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.support.segments import arithmetic_model

from coral_learn.edgetpu import Interpreter, make_interpreter
from coral_learn.pycoral.pipeline.pipelined_model_runner import PipelinedModelRunner

TWO = [
    arithmetic_model(["image"], {"double": ("MUL", "image", 2)}),
    arithmetic_model(["double"], {"result": ("ADD", "double", 1)}),
]
# The last segment also reads what the first one made, and one of the inputs of the first.
THREE_WITH_SKIPS = [
    arithmetic_model(
        ["image", "mask"], {"product": ("MUL", "image", "mask"), "early": ("ADD", "mask", 5)}
    ),
    arithmetic_model(
        ["product"], {"more": ("ADD", "product", 100), "unused": ("ADD", "product", 1)}
    ),
    arithmetic_model(
        ["early", "mask", "more"],
        {"sum": ("ADD", "more", "early"), "masked": ("MUL", "more", "mask")},
    ),
]

TIMEOUT = 60.0
"""What is waited for at most, in seconds, until a test fails instead of hanging."""


class HookedInterpreter:
    """An interpreter that calls a function before each run."""

    def __init__(self, interpreter: Interpreter, before_run: Callable[[], object]) -> None:
        self._inner: Any = interpreter
        self._before_run = before_run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def invoke_despite_views(self) -> None:
        self._before_run()
        self._inner.invoke_despite_views()


def segment_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("coral-learn-segment")]


def interpreters_for(models: Sequence[bytes], *, allocate: bool = True) -> list[Interpreter]:
    interpreters = [make_interpreter(model) for model in models]
    for interpreter in interpreters if allocate else []:
        interpreter.allocate_tensors()
    return interpreters


def runner_for(models: Sequence[bytes]) -> PipelinedModelRunner:
    return PipelinedModelRunner(interpreters_for(models))


def hooked_runner(
    models: Sequence[bytes], position: int, before_run: Callable[[], object]
) -> PipelinedModelRunner:
    interpreters: list[Any] = interpreters_for(models)
    interpreters[position] = HookedInterpreter(interpreters[position], before_run)
    return PipelinedModelRunner(interpreters)


def row(*values: float) -> NDArray[np.float32]:
    return np.array([values], np.float32)


def in_thread(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Calls a function in a thread, which does not keep a test that fails from ending."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future


def drain(runner: PipelinedModelRunner) -> list[dict[str, NDArray[Any]]]:
    results = []
    while (result := runner.pop()) is not None:
        results.append(result)
    return results


def fail_on(*runs: int) -> Callable[[], None]:
    """Returns a function that fails when it is called for one of these times, from 1."""
    calls = iter(range(1, 1_000_000))

    def before_run() -> None:
        if next(calls) in runs:
            raise RuntimeError("the cable is loose")

    return before_run
