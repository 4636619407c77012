"""docs/reference/json.md lists every key that the commands print, and its type."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import ROOT
from tests.support.fleet import Fleet, join

from coral_learn import Project

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PAGE = ROOT / "docs" / "reference" / "json.md"

# The commands of each section; together they print all of its keys.
COMMANDS = {
    "train, demo": ["train all --output model --precision 0.5"],
    "classify": ["classify model/retrained_model.tflite photo.jpg --threshold 0"],
    "evaluate": ["evaluate model/retrained_model.tflite all"],
    "extractor": ["extractor my_classifier.tflite --output e.tflite"],
    "extractor with list": ["extractor my_classifier.tflite --list"],
    "export": ["export model/retrained_model.tflite --for python --output exported"],
    "models": ["models"],
    "models with compare": ["models --compare all"],
    "review": ["review all --unlabelled new --output review"],
    "review with apply": ["review --apply review/review.csv"],
    "project show": ["project show garden"],
    "project photos": ["project photos garden"],
    "project doubtful": ["project doubtful garden"],
    "cache": ["cache"],
    "doctor": ["doctor --model model/retrained_model.tflite", "doctor --model no_model.tflite"],
}
# What needs an extra has a test of its own.
OF_EXTRAS = ["embed", "fleet serve", "fleet join"]
# What needs an Edge TPU.
UNSEEN = {"devices[].type", "devices[].path"}
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


@pytest.fixture(scope="module")
def folder(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with photos in which a review finds something of each kind."""
    folder = tmp_path_factory.mktemp("json") / "folder"
    shutil.copytree(prepared, folder)
    photos = folder / "all"
    shutil.copytree(folder / "photos", photos)
    shutil.copytree(folder / "birds", photos, dirs_exist_ok=True)
    (photos / "roses" / "broken.jpg").write_bytes(b"no photo")
    shutil.copy(photos / "daisy" / "0.jpg", photos / "daisy" / "copy.jpg")
    shutil.move(photos / "daisy" / "1.jpg", photos / "tulips" / "wrong.jpg")
    with Image.open(photos / "robin" / "2.jpg") as photo:
        photo.save(photos / "robin" / "again.jpg", quality=60)
    noise = np.random.default_rng(0)
    for name in ("noise", "more_noise"):  # nobody can tell them apart
        for number in range(12):
            pixels = noise.integers(0, 255, (64, 64, 3), np.uint8)
            (photos / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(photos / name / f"{number}.png")
    return folder


def run(folder: Path, command: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "coral_learn", *command.split(), *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def documented() -> dict[str, dict[str, str]]:
    """Returns the types of the keys of each section."""
    _, *sections = re.split(r"^## (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        title: dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE))
        for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


def keys_of(value: Any, types: dict[str, str], key: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the keys of a value, as the page writes them, and their values."""
    if isinstance(value, dict) and not types.get(key, "").startswith("object of"):
        if key in types:
            yield key, value
        for name, inner in value.items():
            yield from keys_of(inner, types, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list) and (not value or isinstance(value[0], dict)) and key not in types:
        for inner in value:
            yield from keys_of(inner, types, f"{key}[]")
    else:
        yield key, value


def has_type(value: Any, name: str) -> bool:
    name, _, nullable = name.partition(" or ")
    if value is None:
        return nullable == "null"
    if name.startswith("list of "):
        return isinstance(value, list) and all(has_type(each, name[8:]) for each in value)
    if name.startswith("object"):
        inner = name[10:]
        return isinstance(value, dict) and all(
            not inner or has_type(each, inner) for each in value.values()
        )
    return isinstance(value, _TYPES[name]) and isinstance(value, bool) == (name == "boolean")


def assert_printed(section: str, *printed: str) -> None:
    """Checks that values have all keys of a section, of its types, and no others."""
    types, seen = documented()[section], set()
    for text in printed:
        for key, value in keys_of(json.loads(text), types):
            assert key in types, f"{section}: {key} is not on the page"
            assert has_type(value, types[key]), f"{section}: {key} is no {types[key]}: {value}"
            seen.add(key)
    assert set(types) - seen <= UNSEEN, f"{section}: not printed"


def test_every_section_has_commands() -> None:
    assert sorted(documented()) == sorted([*COMMANDS, *OF_EXTRAS])


def test_the_commands_print_what_the_page_says(folder: Path) -> None:
    for command in ("create garden", *(f"add garden {c} all/{c}" for c in ("daisy", "tulips"))):
        run(folder, f"project {command}")
    for section, commands in COMMANDS.items():
        if "apply" in section:
            table = folder / "review" / "review.csv"
            table.write_text(table.read_text().replace("\nkeep,", "\ndrop,", 1))
        assert_printed(section, *(run(folder, command, "--json") for command in commands))


def test_embed_prints_what_the_page_says(folder: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra coral-learn[parquet] is not installed")
    (folder / "photos" / "roses" / "broken.jpg").write_bytes(b"no photo")
    assert_printed("embed", run(folder, "embed photos --output new-embeddings", "--json"))


def test_a_fleet_prints_what_the_page_says(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("flwr", reason="the extra coral-learn[fleet] is not installed")
    one = Project.create(tmp_path / "one", folder / "extractor.tflite")
    other = Project.create(tmp_path / "other")  # an extractor with which it is left out
    for name in ("daisy", "roses"):
        photos = sorted((folder / "new").glob(f"{name}*"))
        one.add(name, photos)
        other.add(name, photos[1:])  # and it has fewer photos, or either could be left out
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, boards=2)
        stack.enter_context(fleet.said)
        board = stack.enter_context(join(one, fleet.port, "one", "--json"))
        stack.enter_context(join(other, fleet.port, "other"))
        _, result = fleet.result()
        assert_printed("fleet serve", json.dumps(result))
        assert_printed("fleet join", board.end())
