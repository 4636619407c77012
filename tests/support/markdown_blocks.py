"""The blocks of code in Markdown files, and what the pages say about running them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(
    r"^(?: *<!-- (?P<mark>[^>]*) -->\n+)?(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A block of code.

    Attributes:
        page: The file.
        line: The number of its first line.
        language: What it is written in, such as "sh".
        code: Its lines, without the indentation of the block.
        mark: The HTML comment right above it; empty if there is none.
    """

    page: Path
    line: int
    language: str
    code: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.name}, line {self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yields the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        indent = found["indent"]
        code = "".join(line.removeprefix(indent) for line in found["code"].splitlines(True))
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(page, line, found["language"], code, found["mark"] or "")
