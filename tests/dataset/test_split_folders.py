"""Folders that are split already: train, val and test."""

from pathlib import Path

import pytest
from tests.support.photo_files import make_files

from coral_learn.dataset import ImageFolder

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

COMPLETE = ["train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "val/b/4.jpg", "test/a/5.jpg"]


def parts(folder: ImageFolder) -> list[list[str]]:
    """Returns the names of the photos of each part."""
    split = folder.split
    assert split is not None
    return [
        [folder.names[row] for row in rows] for rows in (split.train, split.validation, split.test)
    ]


def test_the_parts_are_no_classes(tmp_path: Path) -> None:
    folder = ImageFolder(make_files(tmp_path, *COMPLETE))
    assert folder.classes == ["a", "b"]
    assert parts(folder) == [
        ["train/a/1.jpg", "train/b/2.jpg"],
        ["val/a/3.jpg", "val/b/4.jpg"],
        ["test/a/5.jpg"],
    ]
    assert folder.notes == [
        f"{tmp_path / 'test'} has no photos of 'b'",
        f"train/, val/ and test/ in {tmp_path} are used as the split",
    ]


@pytest.mark.parametrize(
    ("train", "other", "part"),
    [
        ("TRAIN", "Validation", 1),
        ("training", "valid", 1),
        ("Train", "testing", 2),
    ],
)
def test_names_of_the_parts(tmp_path: Path, train: str, other: str, part: int) -> None:
    make_files(tmp_path, f"{train}/a/1.jpg", f"{train}/b/2.jpg", f"{other}/a/3.jpg")
    found = parts(ImageFolder(tmp_path))
    assert len(found[0]) == 2
    assert found[part] == [f"{other}/a/3.jpg"]
    assert found[3 - part] == []


@pytest.mark.parametrize(
    "names",
    [
        ["train/1.jpg", "test/2.jpg"],
        ["bus/1.jpg", "car/2.jpg", "train/3.jpg"],
        ["bus/1.jpg", "train/steam/2.jpg", "train/electric/3.jpg"],
        ["train/old/1.jpg", "train/2.jpg", "bus/3.jpg"],
    ],
)
def test_classes_may_be_called_train_and_test(tmp_path: Path, names: list[str]) -> None:
    folder = ImageFolder(make_files(tmp_path, *names))
    assert folder.classes == sorted({name.split("/")[0] for name in names})
    assert folder.split is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a/1.jpg", "train/b/1.jpg", "test/1.jpg"], r"test has photos that are in no class"),
        (["train/1.jpg", "test/a/1.jpg", "test/b/1.jpg"], r"train has photos that are in no class"),
        (["val/a/1.jpg", "test/a/1.jpg"], r"has test/ and val/, but no train/\. Add it, or give"),
        (["train/a/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"], r"has both val/ and valid/"),
        (["train/a/1.jpg", "test/a/1.jpg", "test/b/1.jpg"], r"test has classes that .*: 'b'\. Add"),
        (["train/a/1.jpg", "test/a/1.jpg", "bus/1.jpg"], r"and beside them the folders 'bus'\."),
        (["train/Aa/1.jpg", "train/b/1.jpg", "test/aa/1.jpg"], r"'Aa' and 'aa'"),
        (["train/a/1.jpg", "test/a/1.jpg", "test/b/x.txt"], r"class folders without photos: 'b'"),
        (["train/1.jpg", "test/2.jpg", "train.csv"], r"If .*train\.csv lists their classes, give"),
    ],
)
def test_splits_that_are_not_complete_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ImageFolder(make_files(tmp_path, *names))


def test_a_data_set_of_hugging_face(tmp_path: Path) -> None:
    make_files(tmp_path, "train/1.jpg", "train/2.jpg", "test/1.jpg")
    (tmp_path / "train/metadata.csv").write_text("file_name,label\n1.jpg,a\n2.jpg,b\n")
    (tmp_path / "test/metadata.jsonl").write_text('{"file_name": "1.jpg", "label": "a"}\n')
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["a", "b"]
    assert parts(folder) == [["train/1.jpg", "train/2.jpg"], [], ["test/1.jpg"]]
