"""Label maps in every format that Coral's tools use."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.labels import format_labels, label_list, parse_labels, read_label_file


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 daisy\n1 tulip\n", {0: "daisy", 1: "tulip"}),
        ("0:daisy\n1: tulip\n", {0: "daisy", 1: "tulip"}),
        ("0  daisy\n5  red tulip", {0: "daisy", 5: "red tulip"}),
        ("daisy\r\nred tulip\r\n\r\n", {0: "daisy", 1: "red tulip"}),
        ("7 up\ncola\n", {0: "7 up", 1: "cola"}),
        ("\ufeff0 daisy\n", {0: "daisy"}),
        ("", {}),
    ],
)
def test_every_format_is_parsed(text: str, labels: dict[int, str]) -> None:
    assert parse_labels(text) == labels


@given(st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1), max_size=20))
def test_formatted_labels_are_parsed_back(labels: list[str]) -> None:
    assert label_list(parse_labels(format_labels(labels))) == labels


def test_missing_labels_are_named_by_their_index() -> None:
    assert label_list({0: "daisy", 2: "tulip"}) == ["daisy", "1", "tulip"]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"labels\.txt is not a label file"):
        read_label_file(path)
