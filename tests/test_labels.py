"""Label files in every format and encoding that people have."""

import codecs
import contextlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coral_learn.labels import (
    check_label,
    format_labels,
    label_list,
    parse_labels,
    read_label_file,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 daisy\n1 tulip\n", {0: "daisy", 1: "tulip"}),
        ("0:daisy\n1: tulip\n", {0: "daisy", 1: "tulip"}),
        ("0  daisy\n5  red tulip", {0: "daisy", 5: "red tulip"}),
        ("0\tdaisy\n1\ttulip", {0: "daisy", 1: "tulip"}),
        ("daisy\r\nred tulip\r\n\r\n", {0: "daisy", 1: "red tulip"}),
        ("daisy\rtulip\r", {0: "daisy", 1: "tulip"}),
        ("\ufeff0 daisy\n", {0: "daisy"}),
        ("", {}),
        # plain lists in which a few names begin with a number
        ("7 up\ncola\n", {0: "7 up", 1: "cola"}),
        ("cola\n7 up\nmilk\n3 d glasses", {0: "cola", 1: "7 up", 2: "milk", 3: "3 d glasses"}),
        ("8\n9\n10", {0: "8", 1: "9", 2: "10"}),
        # an empty line is a class without a name
        ("daisy\n\ntulip\n", {0: "daisy", 2: "tulip"}),
        # numbered lists with something else in between
        ("0 daisy\n\n1 tulip\n\n\n2 rose\n", {0: "daisy", 1: "tulip", 2: "rose"}),
        ("# flowers\n0 daisy\n// more\n1 tulip\n", {0: "daisy", 1: "tulip"}),
        ("# flowers\ndaisy\ntulip\n", {0: "daisy", 1: "tulip"}),
        ("flowers:\n0 daisy\n1 tulip\n", {0: "daisy", 1: "tulip"}),
        ("0 daisy\ntulip\n2 rose\n", {0: "daisy", 1: "tulip", 2: "rose"}),
        ("0 daisy\ntulip\n", {0: "daisy", 1: "tulip"}),
        ("0 daisy\n1\n2 rose\n", {0: "daisy", 2: "rose"}),
        ("0: daisy\n1:\n2: rose\n", {0: "daisy", 2: "rose"}),
        ("2 rose\n0 daisy\n", {0: "daisy", 2: "rose"}),
        ("0 7 up\n1 cola\n", {0: "7 up", 1: "cola"}),
    ],
)
def test_every_line_is_parsed(text: str, labels: dict[int, str]) -> None:
    assert parse_labels(text) == labels


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


def is_valid(name: str) -> bool:
    try:
        check_label(name)
    except ValueError:
        return False
    return True


def read_as_pycoral(path: Path) -> dict[int, str]:
    """Reads labels as pycoral's read_label_file does."""
    labels = {}
    with path.open(encoding="utf-8") as file:
        for row, line in enumerate(file):
            first, *rest = re.split(r"[:\s]+", line.strip(), maxsplit=1)
            if rest and first.strip().isdigit():
                labels[int(first)] = rest[0].strip()
            else:
                labels[row] = line.strip()
    return labels


def read_as_frigate(path: Path) -> dict[int, str]:
    """Reads labels as Frigate does: numbered throughout if the first line is."""
    with path.open(encoding="utf-8") as file:
        lines = file.readlines()
    if lines and lines[0].split(" ", maxsplit=1)[0].isdigit():
        pairs = (line.split(" ", maxsplit=1) for line in lines)
        return {int(index): label.strip() for index, label in pairs}
    return {row: line.strip() for row, line in enumerate(lines)}


@example([",", ","])
@given(st.lists(NAMES.filter(is_valid), max_size=20))
def test_label_maps_are_read_back_by_all(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "label_map.txt"
    path.write_text(format_labels(names), encoding="utf-8")
    expected = dict(enumerate(names))
    assert read_label_file(path) == expected
    assert read_as_pycoral(path) == expected
    assert read_as_frigate(path) == expected
    assert label_list(expected) == names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        (" ", "it is empty"),
        (" a", "it begins or ends with a space"),
        ("a ", "it begins or ends with a space"),
        (":a", "it begins with a colon"),
        ("a\nb", "it contains a line break"),
        ("a\rb", "it contains a line break"),
        ("a\u2028b", "it contains a line break"),
        ("\udcff", "it is not UTF-8 text"),
    ],
)
def test_names_that_some_tool_would_not_read_back_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"is not a valid class name: {reason}"):
        check_label(name)


@pytest.mark.parametrize(
    "name", ["7 up", "7", "# 1", "item {", "a:b", "{a}", "names:", "a, 1", "é"]
)
def test_names_that_look_like_another_format_are_read_back(name: str, tmp_path: Path) -> None:
    check_label(name)
    path = tmp_path / "label_map.txt"
    path.write_text(format_labels([name, "cat"]), encoding="utf-8")
    assert read_label_file(path) == {0: name, 1: "cat"}


def test_missing_labels_are_named_by_their_index() -> None:
    assert label_list({0: "daisy", 2: "tulip"}) == ["daisy", "1", "tulip"]


@pytest.mark.parametrize(
    "content",
    [
        "0 pâquerette\n1 tulipe\n".encode(),
        codecs.BOM_UTF8 + "0 pâquerette\n1 tulipe\n".encode(),
        "0 pâquerette\r\n1 tulipe\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "pâquerette\ntulipe\n".encode("utf-16-be"),
        "pâquerette\ntulipe\n".encode("utf-16-le"),
        "pâquerette\ntulipe\n".encode("utf-16-be"),
        "pâquerette\ntulipe\n".encode("utf-32"),
        "pâquerette\ntulipe\n".encode("latin-1"),
        "0 pâquerette\n1 tulipe\n".encode("cp1252"),
    ],
)
def test_every_encoding_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    assert read_label_file(path) == {0: "pâquerette", 1: "tulipe"}


PBTXT = """
# made by a tool
item {
  name: "/m/01g317"
  id: 1
  display_name: "person"
}
item: { id: 3 name: 'it\\'s a {car}' }
"""
YAML_BLOCK = """# data.yaml of Ultralytics
path: ../datasets/flowers
train: images/train
names:
  0: daisy  # white
  1: "red tulip"
nc: 2
"""
FLOWERS = {0: "daisy", 1: "red tulip"}


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("map.pbtxt", PBTXT, {1: "person", 3: "it's a {car}"}),
        ("map.txt", "item {\n id: 1\n name: 'cat'\n}\n", {1: "cat"}),
        ("l.json", '["daisy", "red tulip"]', FLOWERS),
        ("l.json", '{"0": "daisy", "1": "red tulip"}', FLOWERS),
        ("l.json", '{"daisy": 0, "red tulip": 1}', FLOWERS),
        ("l.json", '{"labels": ["daisy", "red tulip"], "version": 2}', FLOWERS),
        ("l.json", '{"id2label": {"0": "daisy", "1": "red tulip"}}', FLOWERS),
        ("l.json", '[{"id": 0, "name": "daisy"}, {"id": 1, "name": "red tulip"}]', FLOWERS),
        ("l.json", '{"0": ["n01", "daisy"], "1": ["n02", "red tulip"]}', FLOWERS),
        ("l.json", '\ufeff{"0": "daisy", "1": "red tulip"}', FLOWERS),
        ("l.txt", "{0: 'daisy',\n 1: 'red tulip'}\n", FLOWERS),
        ("data.yaml", YAML_BLOCK, FLOWERS),
        ("data.yaml", "nc: 2\nnames: ['daisy', \"red tulip\"]\n", FLOWERS),
        ("data.yaml", "nc: 2\nnames: [daisy,\n  red tulip]\n", FLOWERS),
        ("data.yaml", "names: {0: daisy, 1: red tulip}\n", FLOWERS),
        ("data.yml", "names:\n- daisy\n- red tulip\nnc: 2\n", FLOWERS),
        ("data.yaml", "names:\r\n  - daisy\r\n  - red tulip\r\n", FLOWERS),
        ("l.txt", "[daisy]\n{red tulip}\n", {0: "[daisy]", 1: "{red tulip}"}),
        ("l.txt", "tench, Tinca tinca\ngoldfish\n", {0: "tench, Tinca tinca", 1: "goldfish"}),
        ("l.csv", "daisy\nred tulip\n", FLOWERS),
    ],
)
def test_files_of_other_tools_are_read(
    tmp_path: Path, name: str, text: str, labels: dict[int, str]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_label_file(path) == labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.txt", b"\xff\xfe\x00", "it is not text"),
        ("labels.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is not text"),
        ("model.tflite", b"\x1c\0\0\0TFL3" + bytes(100), "it is not text"),
        ("labels.txt", b"<!DOCTYPE html>\n<html>", "it is a web page"),
        ("labels.csv", b"id,name\n0,daisy\n1,tulip\n", "it looks like a table"),
        ("labels.txt", b"daisy,0\ntulip,1\n", "it looks like a table"),
        ("labels.tsv", b"a\tb\nc\td\n", "it looks like a table"),
        ("labels.json", b'{"a": {"b": 1}}', "it has no list of names"),
        ("labels.json", b'{"0": "daisy"', "it has no list of names"),
        ("labels.json", b"[1.5, null]", "a name in it is None"),
        ("map.pbtxt", b"label { }", "it has no items"),
        ("map.pbtxt", b"item { name: 'cat' }", "an item in it has no id or no name"),
        ("data.yaml", b"nc: 3\n", "it has no names:"),
    ],
)
def test_other_files_are_refused_as_what_they_are(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a label file, because")) as info:
        read_label_file(path)
    assert message in str(info.value)
    assert str(info.value).endswith("Give a text file with one label a line.")


@given(st.binary(max_size=200), st.sampled_from(["txt", "json", "yaml", "pbtxt", "csv"]))
def test_any_bytes_are_labels_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"labels.{suffix}"
    path.write_bytes(content)
    labels: dict[int, str] = {}
    with contextlib.suppress(ValueError):
        labels = read_label_file(path)
    assert all(index >= 0 for index in labels)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_json_lists_are_read_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.json"
    path.write_text(json.dumps(names), encoding="utf-8")
    assert read_label_file(path) == {k: " ".join(name.split()) for k, name in enumerate(names)}
