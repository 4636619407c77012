"""Checks that the built site asks nothing of other machines, and shows no markup as text.

    python tools/site/check_site.py build/site

So it works without a network; links that a reader follows may lead anywhere. Prints a line for each
problem; the exit status is 1 if there are any.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_ELSEWHERE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_IN_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?([^'\")\s;]+)", re.IGNORECASE)
# Lists, blocks of code and roles that were not understood, as they look in a paragraph.
_MARKUP = re.compile(r"^(?:[-*]|\d\.) |```|:(?:attr|class|func|meth):", re.MULTILINE)
_LOADED_LINKS = {"icon", "manifest", "modulepreload", "preconnect", "preload", "stylesheet"}
_ATTRIBUTES = ("src", "data", "poster")
# Elements for which the theme's own script loads something from elsewhere.
_LOADED_BY_THEME = {"mermaid": "a diagram of Mermaid", "md-source": "facts about a repository"}


class _Page(HTMLParser):
    """What a page loads by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.problems: list[str] = []
        self._in_style = self._in_paragraph = self._in_code = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self._in_paragraph = self._in_paragraph or tag == "p"
        self._in_code = tag == "code"
        self.loaded += [given[name] for name in _ATTRIBUTES if name in given]
        self.loaded += [part.strip().split(" ")[0] for part in given.get("srcset", "").split(",")]
        self.loaded += _IN_CSS.findall(given.get("style", ""))
        if tag == "link" and _LOADED_LINKS & set(given.get("rel", "").lower().split()):
            self.loaded.append(given.get("href", ""))
        for name in given.get("class", "").split():
            if name in _LOADED_BY_THEME:
                self.problems.append(f"has {_LOADED_BY_THEME[name]}, which loads more")

    def handle_endtag(self, tag: str) -> None:
        self._in_paragraph = self._in_paragraph and tag != "p"
        self._in_code = False

    def handle_data(self, data: str) -> None:
        shown = self._in_paragraph and not self._in_code
        if shown and (found := _MARKUP.search(data)):
            self.problems.append(f"shows {found[0]!r} as text: {data.strip()[:60]!r}")
        if self._in_style:
            self.loaded += _IN_CSS.findall(data)
            self._in_style = False


def problems_of(file: Path) -> Iterator[str]:
    """Yields what a file of the site loads from other machines."""
    text = file.read_text(encoding="utf-8")
    loaded = _IN_CSS.findall(text)
    if file.suffix == ".html":
        page = _Page(text)
        loaded = page.loaded
        yield from page.problems
    yield from (f"loads {address}" for address in loaded if _ELSEWHERE.match(address))


def main(site: Path) -> int:
    """Prints the problems of all pages and styles, and returns how many there are."""
    files = sorted(each for each in site.rglob("*") if each.suffix in (".css", ".html"))
    problems = [f"{file}: {problem}" for file in files for problem in problems_of(file)]
    if not any(file.suffix == ".html" for file in files):
        problems.append(f"{site} has no pages: build them with nox -s docs")
    print(*problems, f"{len(files)} files of the site, {len(problems)} problems", sep="\n")
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
