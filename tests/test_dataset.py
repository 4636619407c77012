"""Photos in class folders, and how they are split."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.dataset import ImageFolder, split_by_class


def make_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_classes_are_sorted_and_photos_found_at_any_depth(tmp_path: Path) -> None:
    make_files(tmp_path, "tulip/b.JPG", "tulip/old/a.png", "daisy/1.webp", "LICENSE.txt")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["daisy", "tulip"]
    assert [path.name for path in folder.paths] == ["1.webp", "b.JPG", "a.png"]
    assert folder.labels.tolist() == [0, 1, 1]
    assert folder.labels.dtype == np.int64
    assert len(folder) == 3


def test_files_that_are_not_photos_are_ignored(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.jpg", "a/Thumbs.db", "a/._1.jpg", "a/.cache/2.jpg", ".git/x.png")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["a"]
    assert [path.name for path in folder.paths] == ["1.jpg"]


def test_a_loop_of_links_does_not_hang(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert len(ImageFolder(tmp_path)) == 1


def test_photos_whose_names_are_not_utf8_are_found(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.jpg")
    try:
        (tmp_path / "a" / os.fsdecode(b"caf\xe9.jpg")).touch()
    except OSError:
        pytest.skip("this file system allows only UTF-8 names")
    assert len(ImageFolder(tmp_path)) == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["a/1.jpg", "b/notes.txt"],
            r"has class folders without photos: b\. Add photos to each",
        ),
        (
            ["1.jpg"],
            r"has no class folders\. Put the photos of each class into",
        ),
    ],
)
def test_folders_without_photos_are_refused(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageFolder(make_files(tmp_path, *files))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the folder .*missing does not exist"):
        ImageFolder(tmp_path / "missing")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    make_files(tmp_path, "photos")
    with pytest.raises(ValueError, match=r"is a file\. Give the folder of your photos"):
        ImageFolder(tmp_path / "photos")


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    validation=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    seed=st.integers(0, 2**32),
)
def test_a_split_is_a_partition_with_every_class_in_the_training_part(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    split = split_by_class(labels, validation, test, seed)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == list(range(len(labels)))
    assert set(labels[split.train]) == set(range(len(sizes)))
    for size, label in zip(sizes, range(len(sizes)), strict=True):
        tests = Counter(labels[split.test])[label]
        assert tests == (min(max(round(size * test), 1), size - 1) if test else 0)


def test_the_same_seed_gives_the_same_split() -> None:
    labels = np.repeat([0, 1, 2], 30)
    first, second, other = (split_by_class(labels, 0.1, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, second.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, float("nan"))])
def test_fractions_out_of_range_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and sum to less than 1"):
        split_by_class(np.array([0, 1]), validation, test)
