"""The queue between two segments of a pipeline, which either side can close."""

import math
import threading
from collections import deque
from typing import Any, TypeAlias

from numpy.typing import NDArray

Tensors: TypeAlias = dict[str, NDArray[Any]]
"""The tensors of one request, by name."""


class PipelineQueue:
    """A queue of requests for threads.

    Attributes:
        error: Why a segment failed; None if none did.
        added: The number of requests that were put into the queue.
        taken: The number of requests that were taken out of it.
    """

    def __init__(self, max_size: float = math.inf) -> None:
        self.error: str | None = None
        self.added = 0
        self.taken = 0
        self._max_size = max_size
        self._is_closed = False
        self._requests: deque[Tensors] = deque()
        self._changed = threading.Condition()

    def set_max_size(self, size: int) -> None:
        """Sets the number of requests from which on :meth:`put` waits."""
        with self._changed:
            self._max_size = size
            self._changed.notify_all()

    def put(self, request: Tensors) -> None:
        """Adds a request, and waits before while the queue is full.

        Raises:
            RuntimeError: A segment failed, or the queue is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._requests) < self._max_size)
            self._refuse_if_closed()
            self._requests.append(request)
            self.added += 1
            self._changed.notify_all()

    def get(self) -> Tensors | None:
        """Waits for a request, and returns it; None at the end of a closed queue.

        Raises:
            RuntimeError: A segment failed, and the queue is empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._is_closed)
            if self._requests:
                self.taken += 1
                self._changed.notify_all()
                return self._requests.popleft()
            if self.error is not None:
                # A new one each time: its traceback must not keep objects of this call alive.
                raise RuntimeError(self.error)
            return None

    def end(self) -> None:
        """Says that no request follows those in the queue.

        Raises:
            RuntimeError: A segment failed, or the queue is closed.
        """
        with self._changed:
            self._refuse_if_closed()
            self._is_closed = True
            self._changed.notify_all()

    def close(self, error: str | None = None, *, discard: bool = False) -> None:
        """Closes the queue if it is open: what is in it can still be taken.

        Args:
            error: Why a segment failed; the first error is kept.
            discard: Whether nothing will be taken any more.
        """
        with self._changed:
            self._is_closed = True
            self.error = self.error or error
            if discard:
                self._requests.clear()
            self._changed.notify_all()

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise RuntimeError(self.error or "Pipeline was turned off before.")
