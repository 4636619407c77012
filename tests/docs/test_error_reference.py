"""docs/reference/errors.md quotes messages that the package really has."""

import ast
import re
from functools import cache

import pytest
from tests.conftest import ROOT

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

_PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
_OURS, _OF_PIP = _PAGE.split("Messages of `pip`")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", _OURS, re.MULTILINE)


@cache
def texts() -> tuple[str, ...]:
    """Returns the texts in the code of the package, between what is filled in."""
    trees = (
        ast.parse(path.read_text(encoding="utf-8"))
        for path in (ROOT / "python" / "coral_learn").rglob("*.py")
    )
    return tuple(
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("message", MESSAGES)
def test_the_package_has_this_message(message: str) -> None:
    assert any(message in text for text in texts())


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 10
