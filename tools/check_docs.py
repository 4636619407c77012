"""Checks the Markdown files: their links, the files that they name, and the commands in README.

    python tools/check_docs.py

Needs a checkout. Prints a line for each problem; the exit status is 1 if there are any.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_QUOTED = re.compile(r"`([^`\s]+)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^<!-- command: (\w+) -->$", re.MULTILINE)


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()


def _anchors(markdown: str) -> set[str]:
    """Returns the anchors that GitHub gives the headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCE.sub("", markdown))
    }


def link_problems(file: Path) -> Iterator[str]:
    """Yields links to files and headings that do not exist."""
    for link in _LINK.findall(_FENCE.sub("", file.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):  # another site
            continue
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        if not target.exists():
            yield f"links to {link}, but there is no such file"
        elif anchor and anchor not in _anchors(target.read_text(encoding="utf-8")):
            yield f"links to {link}, but there is no such heading"


def path_problems(file: Path, tracked: list[str]) -> Iterator[str]:
    """Yields names of files in code quotes, such as `cpp/core/fit.cc`, that do not exist.

    A name counts as a file name if it starts with a folder of the repository. It may contain ``*``.
    """
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    for quoted in _QUOTED.findall(_FENCE.sub("", file.read_text(encoding="utf-8"))):
        first, slash, rest = quoted.partition("/")
        if slash and rest and first in folders and not any(_ROOT.glob(quoted.rstrip("/"))):
            yield f"names {quoted}, but there is no such file"


def command_problems(file: Path) -> Iterator[str]:
    """Yields commands in README that .ci/readme_command does not find."""
    names = _COMMAND.findall(file.read_text(encoding="utf-8"))
    if not names:
        yield "has no commands marked <!-- command: NAME -->"
    for name in names:
        found = subprocess.run([_ROOT / ".ci" / "readme_command", name], capture_output=True)
        if found.returncode != 0:
            yield f"has no block of one line after <!-- command: {name} -->"


def main() -> bool:
    """Checks all Markdown files, and returns whether there are no problems."""
    tracked = _tracked()
    files = [_ROOT / name for name in tracked if name.endswith(".md")]
    problems = [
        f"{file.relative_to(_ROOT)} {problem}"
        for file in files
        for problem in (*link_problems(file), *path_problems(file, tracked))
    ]
    problems += [f"README.md {problem}" for problem in command_problems(_ROOT / "README.md")]
    print(*problems, f"{len(files)} Markdown files, {len(problems)} problems", sep="\n")
    return not problems


if __name__ == "__main__":
    sys.exit(not main())
