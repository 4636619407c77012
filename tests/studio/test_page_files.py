"""The files of the studio's page: they fit together, and ask nothing of anybody else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "python" / "coral_learn" / "studio" / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))
FILES = [*SCRIPTS, *sorted(PAGE.glob("*.css")), PAGE / "index.html"]

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor


def read(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_small_and_has_one_job(path: Path) -> None:
    assert len(read(path).splitlines()) <= 250
    if path.suffix == ".js":
        assert read(path).startswith("/** "), "the first line says what the file is for"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_asks_for_nothing_outside(path: Path) -> None:
    outside = re.findall(r"(?:https?:|wss?:)?//[\w.-]+\.\w+[^\s\"'`]*", read(path))
    assert [url for url in outside if not url.startswith("http://www.w3.org/")] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_becomes_html_or_code(path: Path) -> None:
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", read(path)
    )
    assert found == []


def test_html_has_no_script_or_style_of_its_own() -> None:
    html = read(PAGE / "index.html")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", html)


def test_files_that_are_asked_for_exist() -> None:
    asked = set(re.findall(r"/page/([\w.-]+)", read(PAGE / "index.html")))
    for path in SCRIPTS:
        asked |= set(re.findall(r'from "\./([\w.]+)"', read(path)))
        asked |= set(re.findall(r'"/page/([\w.]+)"', read(path)))
    there = {path.name for path in PAGE.iterdir()}
    assert asked == there - {"index.html"}


def test_every_text_is_used_and_every_used_text_exists() -> None:
    used = set()
    for path in SCRIPTS:
        used |= set(re.findall(r"\btexts\.(?!js\b)(\w+)", read(path)))
    defined = set(
        re.findall(r"^  (\w+)[,:(]", read(PAGE / "texts.js").partition("texts = ")[2], re.M)
    )
    assert used == defined


def test_every_imported_name_is_exported_and_used() -> None:
    for path in SCRIPTS:
        text = read(path)
        for names, module in re.findall(r"import \{([^}]+)\} from \"\./([\w.]+)\"", text):
            for name in filter(None, map(str.strip, names.split(","))):
                exported = rf"export (?:async )?(?:const|function|class) {name}\b"
                assert re.search(exported, read(PAGE / module)), f"{path.name}: {name}"
                assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{path.name}: {name} is unused"


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_can_be_parsed(path: Path) -> None:
    command = ["node", "--check", "--input-type=module"]
    done = subprocess.run(command, input=read(path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
