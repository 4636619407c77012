"""Packages whose names load on first use."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["coral_learn", "coral_learn.dataset", "coral_learn.edgetpu"]


def typed_names(package: str) -> dict[str, str | None]:
    """Returns the names that a package imports for type checkers, with their submodules."""
    file = importlib.import_module(package).__file__
    assert file is not None
    tree = ast.parse(Path(file).read_text())
    blocks = [
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.asname: statement.module
        for block in blocks
        for statement in block
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname is not None
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_names_that_load(package: str) -> None:
    module = importlib.import_module(package)
    typed = typed_names(package)
    assert sorted(typed) == sorted(module.__all__)
    assert set(typed) <= set(dir(module))
    for name, submodule in typed.items():
        if submodule is None:
            expected = importlib.import_module(f"{package}.{name}")
        else:
            expected = getattr(importlib.import_module(f"{package}.{submodule}"), name)
        assert getattr(module, name) is expected


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


@pytest.mark.slow_when_emulated
def test_importing_the_packages_loads_nothing_else() -> None:
    code = "import coral_learn.edgetpu, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    modules = done.stdout.split()
    assert {name for name in modules if name.startswith("coral_learn")} == {
        "coral_learn",
        "coral_learn.edgetpu",
    }
    assert not {"numpy", "PIL", "ctypes", "flatbuffers"} & set(modules)
