"""Words of messages: numbers with their nouns, lists of names, and text that is safe to print."""

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


def quoted(names: Sequence[str], most: int = 10) -> str:
    """Returns names that a user has chosen, as in ``'a', 'b' and 2 more``.

    The quotes tell names such as "nothing" or "of roses" from the words of a sentence.
    """
    return listed([repr(name) for name in names], most)


def printable(text: str) -> str:
    r"""Returns the text with its control characters, as in a file name, as escapes like \x1b."""
    return "".join(
        repr(character)[1:-1] if ord(character) < 32 or 127 <= ord(character) < 160 else character
        for character in text
    )


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage with one decimal.

    Rounding errors of a model can put a probability slightly outside [0, 1]; such a fraction counts
    as 0 or 1.
    """
    return f"{min(max(fraction, 0.0), 1.0):.1%}"


def points(fraction: float) -> str:
    """Returns a difference of accuracies in words, as in ``3 points``."""
    number = round(100 * fraction)
    return counted(number, "point") if number else "less than a point"


def describe_accuracy(
    accuracy: float, photos: int, interval: tuple[float, float], noun: str = "photo"
) -> str:
    """Returns an accuracy with what it was measured on, and how far it can be trusted.

    Args:
        accuracy: The fraction of photos classified correctly.
        photos: The number of photos.
        interval: The 95% confidence interval of the accuracy.
        noun: What the photos are, in the singular: "test photo".
    """
    low, high = interval
    return (
        f"{percent(accuracy)} of {counted(photos, noun)} "
        f"(95% interval: {percent(low)} to {percent(high)})"
    )
