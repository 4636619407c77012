"""Labelled photos on disk: folders, archives and listings of them, and how they are split.

The names below load on first use, because most users of the package need only one of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; tests/test_lazy.py compares it with the table
    from .entries import photos_below as photos_below
    from .folder import ImageFolder as ImageFolder
    from .split import Split as Split
    from .split import split_by_class as split_by_class

_NAMES_IN: dict[str, list[str]] = {
    "entries": ["photos_below"],
    "folder": ["ImageFolder"],
    "split": ["Split", "split_by_class"],
}
__all__ = [name for names in _NAMES_IN.values() for name in names]


def __getattr__(name: str) -> Any:
    from ..lazy import load

    return load(__name__, _NAMES_IN, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
