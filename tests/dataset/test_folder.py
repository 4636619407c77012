"""Photos in class folders."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.support.photo_files import make_files, make_zip

from coral_learn.dataset import ImageFolder

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


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
            r"has class folders without photos: 'b'\. Add photos to each",
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


def test_what_is_no_photo_is_counted(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.jpg", "a/Thumbs.db", "a/._1.jpg", "a/notes.txt", "b/2.jpg")
    make_files(tmp_path, "__MACOSX/a/._1.jpg", "a/@eaDir/1.jpg/S.jpg", "lost+found/3.jpg", "4.jpg")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["a", "b"]
    assert folder.names == ["a/1.jpg", "b/2.jpg"]
    beside, ignored = folder.notes
    assert beside == f"ignored 1 photo beside the class folders in {tmp_path}"
    assert ignored.startswith("ignored 3 files and 3 folders that are no photos: ")


def test_a_folder_of_photos_alone_has_no_notes(tmp_path: Path) -> None:
    folder = ImageFolder(make_files(tmp_path, "a/1.jpg", "b/2.jpg"))
    assert folder.notes == []
    assert folder.split is None


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("Daisy", "daisy", "'Daisy' and 'daisy'"),
        ("Straße", "STRASSE", "'STRASSE' and 'Straße'"),
        ("caf\u00e9", "cafe\u0301", r"'cafe\\u0301' and 'caf\\xe9'"),
    ],
)
def test_class_names_that_look_the_same_are_refused(
    tmp_path: Path, one: str, other: str, shown: str
) -> None:
    make_files(tmp_path, f"{one}/1.jpg", f"{other}/2.jpg")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system does not tell these names apart")
    with pytest.raises(ValueError, match=f"two classes with almost the same name: {shown}"):
        ImageFolder(tmp_path)


def test_class_names_are_composed_unicode(tmp_path: Path) -> None:
    folder = ImageFolder(make_files(tmp_path, "cafe\u0301/1.jpg"))
    assert folder.classes == ["caf\u00e9"]
    assert folder.paths[0].is_file()


def test_a_folder_around_the_class_folders_is_entered(tmp_path: Path) -> None:
    folder = ImageFolder(make_files(tmp_path, "x/flowers/a/1.jpg", "x/flowers/b/2.jpg"))
    assert folder.classes == ["a", "b"]
    assert folder.names == ["x/flowers/a/1.jpg", "x/flowers/b/2.jpg"]
    assert f"the classes are taken from {tmp_path / 'x'}, the only folder in" in folder.notes[0]


def test_a_single_class_may_have_folders(tmp_path: Path) -> None:
    assert ImageFolder(make_files(tmp_path, "fish/2025/1.jpg")).classes == ["fish"]


def test_the_folder_of_a_model_of_frigate(tmp_path: Path) -> None:
    make_files(tmp_path, "dataset/cat/1.webp", "dataset/none/2.webp", "train/17-cat-0.9.webp")
    make_files(tmp_path, "model.tflite", "labelmap.txt")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["cat", "none"]
    assert folder.notes[0].startswith(f"{tmp_path} is laid out as by Frigate")


def test_the_samples_that_teachable_machine_saves(tmp_path: Path) -> None:
    make_zip(tmp_path / "Cat-samples.zip", "0.jpg", "1.jpg")
    make_zip(tmp_path / "My dog-samples.zip", "0.jpg")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["Cat", "My dog"]
    assert folder.labels.tolist() == [0, 0, 1]
    assert folder.names[2] == "My dog-samples.zip/0.jpg"
    assert folder.notes == [
        f"each archive in {tmp_path} is a class: Cat-samples.zip, My dog-samples.zip"
    ]


def test_a_project_of_teachable_machine(tmp_path: Path) -> None:
    names = ["manifest.json", "Class 1-!-0.jpg", "Class 1-!-1.jpg", "Class 2-!-0.png"]
    folder = ImageFolder(make_zip(tmp_path / "project.tm", *names))
    assert folder.classes == ["Class 1", "Class 2"]
    assert folder.labels.tolist() == [0, 0, 1]


def test_a_project_of_teachable_machine_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"audio\.tm has no class folders"):
        ImageFolder(make_zip(tmp_path / "audio.tm", "manifest.json", "Class 1-!-0.webm.bin"))
