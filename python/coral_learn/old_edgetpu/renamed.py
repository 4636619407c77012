"""Methods under the names that they had before version 2.11, such as ``DetectWithImage``."""

from collections.abc import Callable
from typing import Any


def former_name(name: str) -> Callable[..., Any]:
    """Returns a method that calls another one, also where a subclass overrides it.

    Args:
        name: The name of the other method.
    """

    def call(self: object, *arguments: Any, **options: Any) -> Any:
        return getattr(self, name)(*arguments, **options)

    call.__doc__ = f"Calls ``{name}``."
    return call
