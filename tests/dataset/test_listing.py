"""CSV and JSON Lines files with the path and the class of each photo."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.photo_files import make_files

from coral_learn.dataset import ImageFolder
from coral_learn.dataset.listing_rows import read_rows

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PHOTOS = ["p/1.jpg", "p/2.jpg", "p/3.jpg"]


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    make_files(folder, *PHOTOS)
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "path,label\np/1.jpg,b\np/2.jpg,a\np/3.jpg,b\n"),
        ("a.csv", "\ufeffImage;id;Class\r\np/1.jpg;7;b\r\n\r\np/2.jpg;8;a\r\np/3.jpg;9;b\r\n"),
        ("a.tsv", "p/1.jpg\tb\np\\2.jpg\ta\np/3.jpg\tb"),
        ("a.csv", "b, p/1.jpg\na, p/2.jpg\nb, p/3.jpg\n"),
        ("a.csv", '"file_name","category"\n"p/1.jpg","b"\n"./p/2.jpg","a"\n"p/3.jpg","b"\n'),
        (
            "metadata.jsonl",
            '{"file_name": "p/1.jpg", "label": "b"}\n{"file_name": "p/2.jpg", "label": "a"}\n'
            '\n{"label": "b", "file_name": "p/3.jpg", "other": [1]}\n',
        ),
    ],
)
def test_forms_of_listings(tmp_path: Path, name: str, text: str) -> None:
    folder = ImageFolder(write(tmp_path, name, text))
    assert folder.classes == ["a", "b"]
    assert folder.names == ["p/2.jpg", "p/1.jpg", "p/3.jpg"]
    assert folder.labels.tolist() == [0, 1, 1]
    assert folder.split is None


def test_numbers_are_names(tmp_path: Path) -> None:
    text = '{"image": "p/1.jpg", "target": 10}\n{"image": "p/2.jpg", "target": 9}\n'
    assert ImageFolder(write(tmp_path, "a.jsonl", text)).classes == ["10", "9"]


@pytest.mark.parametrize(
    "text",
    [
        "path,label,split\np/1.jpg,a,train\np/2.jpg,a,test\np/3.jpg,a,dev\n",
        "p/1.jpg,train,a\np/2.jpg,test,a\np/3.jpg,val,a\n",
        "path,label,split\np/1.jpg,a,\np/2.jpg,a,Test\np/3.jpg,a,VALID\n",
    ],
)
def test_a_listing_with_a_split(tmp_path: Path, text: str) -> None:
    split = ImageFolder(write(tmp_path, "a.csv", text)).split
    assert split is not None
    assert (split.train.tolist(), split.test.tolist(), split.validation.tolist()) == ([0], [1], [2])


def test_a_photo_that_is_listed_twice_counts_once(tmp_path: Path) -> None:
    text = "path,label\np/1.jpg,a\np/2.jpg,b\n./p/1.jpg,a\n"
    folder = ImageFolder(write(tmp_path, "a.csv", text))
    assert len(folder) == 2
    assert folder.notes == [f"{tmp_path / 'a.csv'} names 1 photo more than once"]


def test_a_folder_with_one_listing_and_no_class_folders(tmp_path: Path) -> None:
    write(tmp_path, "labels.csv", "path,label\np/1.jpg,a\np/2.jpg,b\n")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["a", "b"]
    assert folder.notes == [f"the classes are taken from {tmp_path / 'labels.csv'}"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "path,label\np/1.jpg,a\np/9.jpg,a\n", r"names 1 file .*: p/9\.jpg \(line 3\)\."),
        ("a.csv", "id,breed\n1,a\n", r"has no columns for the path and the class .*'id, breed'"),
        ("a.csv", "path,label\np/1.jpg,\n", r"line 2: there is no class\."),
        ("a.csv", "path,label\np/1.jpg\n", r"line 2: there are fewer columns"),
        ("a.csv", "path,label,class\np/1.jpg,a,b\n", r"has the columns label and class, which"),
        ("a.csv", "path,label\nhttps://example.org/1.jpg,a\n", r"line 2: .* is an address"),
        ("a.csv", "path,label,split\np/1.jpg,a,fold1\n", r"line 2: the split 'fold1' is not known"),
        ("a.csv", "path,label,split\np/1.jpg,a,test\n", r"\(split train\) has no photos"),
        ("a.csv", "path,label\np/1.jpg,Aa\np/2.jpg,aa\n", r"almost the same name: 'Aa' and 'aa'"),
        ("a.csv", "", r"has no columns"),
        ("a.csv", "path,label\n", r"lists no photos"),
        ("a.jsonl", "[1]\n", r"line 1: this is not an object"),
        ("a.jsonl", '{"path": "p/1.jpg", "label": "a"}\nx\n', r"line 2: this is not JSON"),
        (
            "a.jsonl",
            '{"path": "p/1.jpg", "label": [1, 2]}\n',
            r"label is \[1, 2\], but",
        ),
        ("a.jsonl", '{"text": "a"}\n', r"has no path and label in its first line, only: text"),
        ("a.jsonl", "[" * 100_000, r"line 1: this is not JSON"),
    ],
)
def test_listings_that_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageFolder(write(tmp_path, name, text))


def test_a_listing_must_be_utf8(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        ImageFolder(write(tmp_path, "a.csv", "path,label\np/1.jpg,café\n", "latin-1"))


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).map(
    str.strip
)


@given(rows=st.lists(st.tuples(names.filter(bool), names.filter(bool)), min_size=1))
def test_rows_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("listing")
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("path", "label"), *rows])
    (folder / "a.csv").write_bytes(text.getvalue().encode())
    lines = [json.dumps({"path": path, "label": label}) for path, label in rows]
    (folder / "a.jsonl").write_text("\n".join(lines))
    for name in ("a.csv", "a.jsonl"):
        assert [(row.path, row.label) for row in read_rows(folder / name)] == rows
