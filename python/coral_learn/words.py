"""Words of messages: numbers with their nouns."""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun: ``1 photo``, ``2 photos``, ``2 copies``.

    Args:
        number: The number.
        noun: The noun for one.
        plural: The noun for several; by default the noun with an s.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Returns the first names as in ``a, b, c and 2 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
