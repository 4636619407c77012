"""The package keeps its floors: see "Where things live" in CONTRIBUTING.md."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

PACKAGE = Path(__file__).parents[1] / "python" / "coral_learn"

# From low to high. A part is a folder or a file at the top of the package; it imports only from its
# own floor and the floors under it.
FLOORS = (
    ("_core", "lazy", "arrays"),
    (
        "embeddings",
        "embedded",
        "addresses",
        "certificate",
        "dataset",
        "labels",
        "label_formats",
        "files",
        "file_lock",
        "errors",
        "failures",
        "machine",
        "notebook",
        "npz",
        "progress",
        "words",
    ),
    ("tflite", "edgetpu"),
    ("heads", "extraction", "named_models"),
    ("jobs", "project", "demo", "distributed", "fleet"),
    ("cli", "studio", "pycoral", "former_names", "old_edgetpu", "plot", "sklearn", "__main__"),
)
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

# Modules that run models.
INTERPRETER = re.compile(r"ai_edge_litert\.interpreter|tflite_runtime(\.\w+)*")


@dataclass(frozen=True)
class Import:
    """An import of one module by another, with dots: ``tflite.head.append``, "" for the root."""

    importer: str
    imported: str
    line: int
    for_types_only: bool

    def __str__(self) -> str:
        return f"{self.importer or '__init__'}, line {self.line}: imports {self.imported}"


def part_of(module: str) -> str:
    return module.split(".")[0]


@cache
def modules() -> dict[str, Path]:
    """Returns the files of the package by the name of the module within the package."""
    paths = [*PACKAGE.rglob("*.py"), PACKAGE / "_core.pyi"]
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        .removesuffix("__init__")
        .rstrip("."): path
        for path in paths
    }


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(tree: ast.AST, for_types_only: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Yields every node, and whether it is there for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        yield node, for_types_only
        if isinstance(node, ast.If) and is_type_checking(node.test):
            for child in node.body:
                yield child, True
                yield from statements(child, True)
            for child in node.orelse:
                yield child, for_types_only
                yield from statements(child, for_types_only)
        else:
            yield from statements(node, for_types_only)


def absolute_names(node: ast.AST, module: str) -> Iterator[str]:
    """Yields the full name of everything that a statement imports, such as ``numpy.linalg.norm``.

    A table of lazy names, ``lazy_names(__name__, {"submodule": [...]})``, imports its submodules.
    """
    package = f"coral_learn.{module}".rstrip(".").split(".")
    if modules()[module].name != "__init__.py":
        package.pop()
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            base = package[: len(package) + 1 - node.level] if node.level else []
            prefix = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*prefix, alias.name]) for alias in node.names)
        case ast.Call(func=ast.Name(id="lazy_names"), args=[_, ast.Dict(keys=keys)]):
            for key in keys:
                assert isinstance(key, ast.Constant)
                yield ".".join([*package, str(key.value)])


@cache
def all_names() -> list[tuple[str, ast.AST, str, bool]]:
    """Returns every import: the module, the statement, what it names, and if only for types."""
    return [
        (module, node, name, for_types_only)
        for module, path in modules().items()
        for node, for_types_only in statements(ast.parse(path.read_text()))
        for name in absolute_names(node, module)
    ]


def inner_imports() -> list[Import]:
    """Returns the imports of modules of the package by others."""
    found = []
    for importer, node, name, for_types_only in all_names():
        if part_of(name) != "coral_learn":
            continue
        imported = name.removeprefix("coral_learn").lstrip(".")
        if imported not in modules():  # the name of a function or class in a module
            imported = imported.rpartition(".")[0]
            assert imported in modules(), f"{importer or '__init__'} imports {name}"
        if imported != importer:
            line = getattr(node, "lineno", 0)
            found.append(Import(importer, imported, line, for_types_only))
    return found


def test_every_part_has_a_floor() -> None:
    assert {part_of(module) for module in modules()} - {""} <= set(FLOOR_OF)


def test_nothing_is_imported_from_a_higher_floor() -> None:
    upward = [
        str(each)
        for each in inner_imports()
        if each.importer and each.imported  # the root is a table of names from all floors
        if FLOOR_OF[part_of(each.imported)] > FLOOR_OF[part_of(each.importer)]
    ]
    assert not upward


def test_the_root_imports_lazily() -> None:
    eager = [
        name
        for module, node, name, for_types_only in all_names()
        if module == "" and isinstance(node, ast.Import | ast.ImportFrom) and not for_types_only
        if part_of(name) == "coral_learn"
    ]
    assert eager == ["coral_learn.lazy.load"]  # inside __getattr__


def test_no_module_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in inner_imports():
        if each.importer and not each.for_types_only:
            graph[each.importer].add(each.imported)
    for module, imported in graph.items():  # a package's table of its own submodules is lazy
        if modules()[module].name == "__init__.py":
            graph[module] = {name for name in imported if not name.startswith(f"{module}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imports form a cycle: {' <- '.join(error.args[1])}")


def test_no_two_parts_import_each_other() -> None:
    pairs = {
        (part_of(each.importer), part_of(each.imported))
        for each in inner_imports()
        if each.importer and each.imported and not each.for_types_only
    }
    assert not [(one, other) for one, other in pairs if one < other and (other, one) in pairs]


def test_model_files_are_handled_without_the_code_that_runs_models() -> None:
    assert not [
        str(each)
        for each in inner_imports()
        if part_of(each.importer) == "tflite" and part_of(each.imported) == "edgetpu"
    ]


def test_only_edgetpu_names_an_interpreter() -> None:
    named = {module for module, _, name, _ in all_names() if INTERPRETER.match(name)}
    for module, path in modules().items():
        strings = [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        if any(INTERPRETER.fullmatch(string) for string in strings):
            named.add(module)
    stand_in = {name for name in named if part_of(name) == "former_names"}
    assert {part_of(name) for name in named - stand_in} == {"edgetpu"}


def test_only_heads_imports_the_compiled_core() -> None:
    importers = {each.importer for each in inner_imports() if each.imported == "_core"}
    assert {part_of(importer) for importer in importers} == {"heads"}


@pytest.mark.parametrize("name", ["SoftmaxRegression", "ImprintingEngine"])
def test_a_head_is_imported_without_interpreter_and_pillow(name: str) -> None:
    script = f"""
import sys
from coral_learn import {name}
print(*{{module.split(".")[0] for module in sys.modules}})
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert "coral_learn" in loaded
    assert not loaded & {"ai_edge_litert", "tflite_runtime", "PIL", "tensorflow"}
