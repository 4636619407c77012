"""The names of classes: one spelling for each, and none that look the same."""

import unicodedata
from collections.abc import Iterable

from ..labels import check_label


def class_name(name: str) -> str:
    """Returns a name in Unicode's composed form (NFC).

    macOS gives the names of folders in the decomposed form, which looks the same but is another
    text than the name that a keyboard types.
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_class_name(name: str, what: str) -> None:
    """Checks that a label map can hold a name.

    Args:
        name: The name of a class.
        what: Where the name is from, and what must be done: ``the folder 'a' must be renamed``.

    Raises:
        ValueError: The name does not fit.
    """
    try:
        check_label(name)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def check_distinct(names: Iterable[str], place: str) -> None:
    """Checks that no two names are equal but for case or Unicode form, such as Daisy and daisy.

    Args:
        names: The names as they are on disk.
        place: The folder or file that has them.

    Raises:
        ValueError: Two names are; the error shows both.
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        other = seen.setdefault(folded, name)
        if other != name:
            first, second = _distinguishable(other, name)
            raise ValueError(
                f"{place} has two classes with almost the same name: {first} and {second}. "
                "Put their photos together, or rename one."
            )


def _distinguishable(first: str, second: str) -> tuple[str, str]:
    """Returns two names as they can be told apart: with escapes where they look the same."""
    if class_name(first) == class_name(second):
        return ascii(first), ascii(second)
    return repr(first), repr(second)
