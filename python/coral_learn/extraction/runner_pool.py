"""Interpreters shared by threads: each photo goes to one that is free."""

import threading
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..errors import EdgeTpuError
from .model_runner import ModelRunner, Row
from .placement import RunnerMaker


class RunnerPool:
    """Runs photos on the interpreter that comes free first, for any number of threads.

    An Edge TPU that fails is not used again, and its photo goes to another one.

    Attributes:
        size: How many interpreters there are.
        left: How many of them have not failed.
        lost: What was said of each Edge TPU that failed.
    """

    def __init__(self, runners: Sequence[ModelRunner | RunnerMaker]) -> None:
        """Takes over interpreters.

        Args:
            runners: At least one; in place of an interpreter, a function that makes it. One that
                is made already is taken before one that is not.
        """
        self.size = len(runners)
        self.left = len(runners)
        self.lost: list[str] = []
        self._free = sorted(runners, key=lambda runner: isinstance(runner, ModelRunner))
        self._closed = False
        self._changed = threading.Condition()

    def run(self, tensor: NDArray[Any]) -> Row:
        """Returns the model's output for an input tensor; waits until an interpreter is free.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The Edge TPU failed, and there is no other.
            ValueError: The pool was closed.
        """
        while True:
            runner = self._take()
            try:
                if not isinstance(runner, ModelRunner):
                    runner = runner()
                row = runner.run(tensor)
            except EdgeTpuError as error:
                self._lose(str(error))  # the error itself would keep the interpreter alive
                del runner
            except BaseException:
                self._give_back(runner)
                raise
            else:
                self._give_back(runner)
                return row

    def close(self) -> None:
        """Frees the interpreters, those in use as soon as they are done."""
        with self._changed:
            self._closed = True
            self._free.clear()
            self._changed.notify_all()

    def _take(self) -> ModelRunner | RunnerMaker:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed or not self.left)
            if self._closed:
                raise ValueError("the model was closed")
            if not self.left:
                others = f" (all {len(self.lost)} were lost)" if len(self.lost) > 1 else ""
                raise EdgeTpuError(self.lost[-1] + others)
            return self._free.pop()

    def _give_back(self, runner: ModelRunner | RunnerMaker) -> None:
        with self._changed:
            if not self._closed:
                self._free.append(runner)
            self._changed.notify()

    def _lose(self, reason: str) -> None:
        with self._changed:
            self.left -= 1
            self.lost.append(reason)
            self._changed.notify_all()
