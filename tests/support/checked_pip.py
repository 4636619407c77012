"""Stands for pip where the pages of the documentation install something.

Tests have no network, so nothing is installed. What the pages say is checked: the command, and
that the package has the extra that they name.
"""

import re
import sys

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

_OURS = re.compile(r"(?:coral-learn|\.)(?:\[([\w,]+)\])?")


def main() -> None:
    """Checks the arguments of ``pip install``."""
    command, *arguments = sys.argv[1:]
    if command != "install":
        raise SystemExit(f"pip {command} is not what a page should say")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for argument in arguments:
        found = _OURS.fullmatch(argument)
        for extra in (found[1] or "").split(",") if found else []:
            if extra and extra not in project["optional-dependencies"]:
                raise SystemExit(f"there is no extra {extra!r}")


if __name__ == "__main__":
    main()
