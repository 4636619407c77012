"""Tar files of samples, as WebDataset has them."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from coral_learn.dataset.folder import ImageFolder


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["cls", "label", "txt", "json"])
def test_the_class_is_in_the_file_beside_the_photo(
    tmp_path: Path, photo: bytes, suffix: str
) -> None:
    files = {}
    for number, label in enumerate(["1", "0", "1"]):
        content = json.dumps({"label": int(label)}) if suffix == "json" else f"{label}\n"
        files[f"{number:06}.jpg"] = photo
        files[f"{number:06}.{suffix}"] = content.encode()
    folder = ImageFolder(write_tar(tmp_path / "samples.tar", files))
    assert folder.classes == ["0", "1"]
    assert folder.names == ["000001.jpg", "000000.jpg", "000002.jpg"]
    assert "the classes are taken from the files beside the photos" in folder.notes[0]


def test_class_folders_in_a_tar_file_need_no_such_files(tmp_path: Path, photo: bytes) -> None:
    files = {"a/1.jpg": photo, "b/2.jpg": photo, "b/readme.txt": b"about b"}
    folder = ImageFolder(write_tar(tmp_path / "photos.tar", files))
    assert folder.classes == ["a", "b"]
    assert folder.notes == ["ignored 1 file that is no photo: readme.txt"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("1.json", b"{", "does not have the class of a photo"),
        ("1.json", b'{"caption": "a"}', "it has none of"),
        ("1.cls", b"\xff", "does not have the class of a photo"),
        ("1.cls", b"", "must be changed"),
        ("1.txt", b"x" * 200_000, "too large"),
    ],
)
def test_a_class_that_cannot_be_read_is_named(
    tmp_path: Path, photo: bytes, name: str, content: bytes, message: str
) -> None:
    archive = write_tar(tmp_path / "samples.tar", {"1.jpg": photo, name: content})
    with pytest.raises(ValueError, match=message) as caught:
        ImageFolder(archive)
    assert str(archive / name) in str(caught.value)
