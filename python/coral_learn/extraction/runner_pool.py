"""A pool of interpreters that threads share: each photo goes to an interpreter that is free."""

import threading
from collections.abc import Sequence

from ..errors import EdgeTpuError
from .input_format import InputTensor
from .model_runner import ModelRunner, Row
from .placement import RunnerMaker


class RunnerPool:
    """Runs photos on the first interpreter that is free, for any number of threads.

    An Edge TPU that fails is not used again, and another one runs its photo.

    Attributes:
        size: The number of interpreters.
        left: The number of interpreters that have not failed.
        lost: The error message of each Edge TPU that failed.
    """

    def __init__(self, runners: Sequence[ModelRunner | RunnerMaker]) -> None:
        """Takes over interpreters.

        Args:
            runners: At least one interpreter, or a function that makes it. An interpreter that
                exists is used before another one is made.
        """
        self.size = len(runners)
        self.left = len(runners)
        self.lost: list[str] = []
        self._free = sorted(runners, key=lambda runner: isinstance(runner, ModelRunner))
        self._closed = False
        self._changed = threading.Condition()

    def run(self, tensor: InputTensor) -> Row:
        """Waits for a free interpreter, and returns the model's output for an input tensor.

        Raises:
            ModelError: The model failed.
            EdgeTpuError: The Edge TPU failed, and no other is left.
            ValueError: The pool was closed.
        """
        while True:
            runner = self._take()
            try:
                if not isinstance(runner, ModelRunner):
                    runner = runner()
                row = runner.run(tensor)
            except EdgeTpuError as error:
                self._lose(str(error))  # not the error, which would keep the interpreter alive
                del runner
            except BaseException:
                self._give_back(runner)
                raise
            else:
                self._give_back(runner)
                return row

    def close(self) -> None:
        """Frees the interpreters; one that is running is freed when it has finished."""
        with self._changed:
            self._closed = True
            self._free.clear()
            self._changed.notify_all()

    def _take(self) -> ModelRunner | RunnerMaker:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed or not self.left)
            if self._closed:
                raise ValueError("the model is closed: open it again to run more photos")
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
