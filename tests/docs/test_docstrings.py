"""The docstrings of public names are complete, and their examples run."""

import ast
import dataclasses
import doctest
import inspect
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.support.public_names import PublicName, entries, members, public_names, sections

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NAMES = list(public_names())
# Their examples need an Edge TPU, so that a part of them is skipped.
NEED_EDGE_TPU = {
    "edgetpu.Delegate",
    "edgetpu.get_runtime_version",
    "edgetpu.list_edge_tpus",
    "edgetpu.load_edgetpu_delegate",
}
# What the examples of a name or a method need, besides what the tests need anyway.
EXTRAS = {
    "Project.add_embedded": "pyarrow",
    "distributed.ParquetShard": "pyarrow",
    "distributed.open_parquet": "pyarrow",
}
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
each_name = pytest.mark.parametrize("public", NAMES, ids=lambda each: each.name)


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a copy of the folder that the examples speak of, which is the working directory."""
    copied = tmp_path / "folder"
    shutil.copytree(prepared, copied)
    monkeypatch.chdir(copied)
    monkeypatch.setenv("MPLBACKEND", "agg")  # plots need no screen
    return copied


@each_name
def test_the_examples_run(
    public: PublicName, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    said: list[str] = []
    for example in doctest.DocTestFinder().find(public.value, public.name, module=False, globs={}):
        if find_spec(extra := EXTRAS.get(example.name, "doctest")) is not None:
            runner.run(example, out=said.append)
        elif example.name == public.name:
            pytest.skip(f"needs {extra}")
    assert not runner.failures, "".join(said)
    assert runner.tries or public.name in NEED_EDGE_TPU


@each_name
def test_there_is_an_example_of_every_method(public: PublicName) -> None:
    shown = sections(public.value).get("Examples", "")
    assert ">>> " in shown
    assert ("+SKIP" in shown) == (public.name in NEED_EDGE_TPU)
    if inspect.isclass(public.value):
        for name, member in members(public.value).items():
            own = sections(member).get("Examples", "")
            assert f".{name}" in shown + own, f"no example has .{name}"


@each_name
def test_the_docstring_describes_what_goes_in_and_what_comes_out(public: PublicName) -> None:
    for name, function in callables(public):
        parts = sections(function)
        summary = parts[""].split("\n", 1)[0]
        assert summary.endswith((".", "``")), f"{name} has no summary of one line"
        signature = inspect.signature(function)
        parameters = set(signature.parameters) - {"self", "cls"}
        assert entries(parts.get("Args", "")) == parameters, f"{name}: Args"
        if signature.return_annotation not in (None, "None", inspect.Signature.empty):
            said = summary.startswith(("Returns ", "Yields "))
            assert said or {"Returns", "Yields"} & set(parts), f"{name}: Returns"


@each_name
def test_the_docstring_names_the_errors_that_the_code_raises(public: PublicName) -> None:
    for name, function in callables(public):
        described = sections(function).get("Raises", "")
        for error in errors_raised_in(function):
            assert f"{error}: " in described or f"{error}, " in described, f"{name}: {error}"


@each_name
def test_the_docstring_describes_every_attribute(public: PublicName) -> None:
    cls = public.value
    if not inspect.isclass(cls):
        return
    for name, member in members(cls).items():
        if isinstance(member, property):
            assert member.__doc__, f"{name} is not described"
    if dataclasses.is_dataclass(cls):
        fields = {field.name for field in dataclasses.fields(cls)}
        assert entries(sections(cls)["Attributes"]) == fields
    elif inspect.isfunction(init := vars(cls).get("__init__")) and not is_protocol(cls):
        described = entries(sections(cls).get("Attributes", ""))
        assert attributes_set_in(init) <= described | set(members(cls)) | cls_args(cls)


def is_protocol(cls: type) -> bool:
    return getattr(cls, "_is_protocol", False)


def test_the_reference_shows_every_public_name() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    shown = set(re.findall(r"^::: coral_learn\.(\S+)$", text, re.MULTILINE))
    assert {each.name for each in NAMES} - {"LearningCurve"} <= shown
    assert "jobs.learning_curve.LearningCurve" in shown


def cls_args(cls: type) -> set[str]:
    """Returns the parameters that the docstring of a class describes, as scikit-learn's do."""
    return entries(sections(cls).get("Args", ""))


def callables(public: PublicName) -> Iterator[tuple[str, Any]]:
    """Yields the function itself, or the methods of the class, with its ``__init__`` if it has one.

    Methods are unbound, so that ``inspect`` finds their docstrings and parameters.
    """
    if not inspect.isclass(public.value):
        yield public.name, public.value
        return
    cls = public.value
    generated = dataclasses.is_dataclass(cls) or is_protocol(cls)
    if (
        inspect.isfunction(init := vars(cls).get("__init__"))
        and not generated
        and not cls_args(cls)
    ):
        yield f"{public.name}.__init__", init
    for name, member in members(cls).items():
        if not isinstance(member, property):
            yield f"{public.name}.{name}", getattr(member, "__func__", member)


def tree_of(function: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))


def errors_raised_in(function: Any) -> set[str]:
    """Returns the classes of the errors that a function itself raises."""
    raised = (node.exc for node in ast.walk(tree_of(function)) if isinstance(node, ast.Raise))
    calls = (each.func if isinstance(each, ast.Call) else each for each in raised)
    names = {each.id for each in calls if isinstance(each, ast.Name)}
    return {name for name in names if name[0].isupper()}


def attributes_set_in(init: Any) -> set[str]:
    """Returns the public attributes that an ``__init__`` sets."""
    return {
        node.attr
        for node in ast.walk(tree_of(init))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "self"
        and not node.attr.startswith("_")
    }
