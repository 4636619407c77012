"""Results that are made once, and again when what they were made from has changed."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class MadeOnce:
    """Keeps the last result of each name; every method may be called from any thread."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._making: dict[str, threading.RLock] = {}

    def get(self, name: str, key: Callable[[], Any], make: Callable[[], _Result]) -> _Result:
        """Returns the result of a name.

        Args:
            name: The name.
            key: Returns what is another one when the result has to be made again.
            make: Makes the result.
        """
        with self._making.setdefault(name, threading.RLock()):
            asked = key()
            known = self._kept.get(name)
            if known is None or known[0] != asked:
                known = asked, make()
                self._kept[name] = known
        result: _Result = known[1]
        return result

    def forget(self, name: str) -> None:
        """Lets a result be made again."""
        self._kept.pop(name, None)
