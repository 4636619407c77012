"""The public names of the package, and the parts of their docstrings."""

import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import coral_learn
from coral_learn import distributed, edgetpu, plot
from coral_learn.jobs.learning_curve import LearningCurve

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Examples):")
# Methods that modules of the package call, and nobody else; the reference leaves them out, too.
_FOR_THE_PACKAGE = {("ImageFolder", "of_found"), ("MemoryShard", "of"), ("MemoryShard", "row_sums")}
_ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): ")


class PublicName(NamedTuple):
    """A public name.

    Attributes:
        name: The name with its module, such as ``edgetpu.Device``.
        value: The class or function.
    """

    name: str
    value: Any


def public_names() -> Iterator[PublicName]:
    """Yields the public classes and functions; not those whose extra is not installed."""
    for name in coral_learn.__all__:
        if name not in ("edgetpu", "plot"):
            yield PublicName(name, getattr(coral_learn, name))
    yield PublicName("LearningCurve", LearningCurve)  # which learning_curve() returns
    for name in distributed.__all__:
        if not name.isupper():
            yield PublicName(f"distributed.{name}", getattr(distributed, name))
    for name in edgetpu.__all__:
        if not name.endswith("_VARIABLE"):
            yield PublicName(f"edgetpu.{name}", getattr(edgetpu, name))
    if find_spec("matplotlib") is not None:
        for name in plot.__all__:
            yield PublicName(f"plot.{name}", getattr(plot, name))
    try:
        from coral_learn.sklearn import SoftmaxClassifier
    except ImportError:
        return
    yield PublicName("sklearn.SoftmaxClassifier", SoftmaxClassifier)


def members(cls: type) -> dict[str, Any]:
    """Returns the public methods and properties that a class itself defines, by name."""
    kinds = (classmethod, staticmethod, property)
    return {
        name: value
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and (cls.__name__, name) not in _FOR_THE_PACKAGE
        and (isinstance(value, kinds) or inspect.isfunction(value))
    }


def sections(value: Any) -> dict[str, str]:
    """Returns the sections of a docstring by title; the part before them has the title ""."""
    parts = {"": ""}
    title = ""
    for line in (inspect.getdoc(value) or "").splitlines():
        if found := _SECTION.fullmatch(line):
            title = found[1]
            assert title not in parts, f"{value}: two sections {title}"
            parts[title] = ""
        else:
            parts[title] += f"{line}\n"
    return parts


def entries(section: str) -> set[str]:
    """Returns the names that a section such as Args or Raises describes."""
    lines = (line.removeprefix("    ") for line in section.splitlines())
    found = [match[1].split(", ") for line in lines if (match := _ENTRY.match(line))]
    return {name.lstrip("*") for names in found for name in names}
