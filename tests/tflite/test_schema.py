"""The type stub of the schema, compared with the generated code in the installed runtime.

mypy's stubtest cannot do this, because the generated constructors differ between releases.
"""

import ast
from pathlib import Path

import pytest

from coral_learn.tflite import schema

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

STUB = Path(schema.__file__).with_suffix(".pyi")

# The schema of older releases lacks these.
NEW_MEMBERS = {"ModelT": {"externalBuffers"}}
NEW_CLASSES = {"ExternalBufferT"}
IS_NEW = hasattr(schema, "ExternalBufferT")


def stub_classes() -> dict[str, list[str]]:
    """Returns the members of each class of the stub: annotated names and methods."""
    classes = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef)]
    return {node.name: [name for part in node.body for name in declared(part)] for node in classes}


def declared(part: ast.stmt) -> list[str]:
    """Returns the names that a statement in a class declares: one, or none."""
    if isinstance(part, ast.AnnAssign):
        assert isinstance(part.target, ast.Name)
        return [part.target.id]
    return [part.name] if isinstance(part, ast.FunctionDef) else []


CLASSES = stub_classes()


def test_the_stub_is_read() -> None:
    assert {"InitFromBuf", "Pack", "buffers"} <= set(CLASSES["ModelT"])
    assert "CONV_2D" in CLASSES["BuiltinOperator"]
    assert len(CLASSES) > 25


@pytest.mark.parametrize("name", CLASSES)
def test_the_runtime_has_what_the_stub_declares(name: str) -> None:
    if name in NEW_CLASSES and not IS_NEW:
        pytest.skip("the schema of this release is older")
    generated = getattr(schema, name)
    # The fields of a table are attributes of its objects; other classes have class attributes.
    owner = generated() if name.endswith("T") else generated
    expected = set(CLASSES[name]) - (set() if IS_NEW else NEW_MEMBERS.get(name, set()))
    assert {member for member in expected if not hasattr(owner, member)} == set()
