"""Photos at addresses: fsspec's own store in memory stands for S3 and its like."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from coral_learn.dataset.folder import ImageFolder
from coral_learn.extraction.photo_file import PhotoError, read_photo

fsspec = pytest.importorskip("fsspec", reason="the extra coral-learn[parquet] is not installed")


@pytest.fixture
def store() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    for name in ("red", "blue"):
        for number in range(3):
            found.pipe(f"/colors/{name}/{number}.jpg", jpeg(name, number))
    yield found
    found.store.clear()


def jpeg(color: str, size: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20 + size, 20), color).save(file, "JPEG")
    return file.getvalue()


def test_the_folders_at_an_address_are_classes(store: Any) -> None:
    folder = ImageFolder("memory://colors")
    assert folder.classes == ["blue", "red"]
    assert folder.names[:2] == ["blue/0.jpg", "blue/1.jpg"]
    assert folder.paths[0].read_bytes() == store.cat("/colors/blue/0.jpg")
    assert repr(folder) == "ImageFolder('memory://colors': 6 photos of 2 classes)"


def test_photos_that_are_only_listed_stay_where_they_are(store: Any) -> None:
    folder = ImageFolder.listed("memory://colors")
    assert not folder.paths[0].read_bytes()
    origin = folder.origin(0)
    assert origin.location == origin.name == "memory://colors/blue/0.jpg"
    assert origin.size == store.size("/colors/blue/0.jpg")
    assert read_photo(origin.location).content == store.cat("/colors/blue/0.jpg")


def test_an_archive_and_a_listing_at_an_address_are_read(store: Any) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("red", "blue"):
            entry = tarfile.TarInfo(f"{name}/1.jpg")
            content = jpeg(name, 1)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    store.pipe("/packed/photos.tar", packed.getvalue())
    folder = ImageFolder("memory://packed/photos.tar")
    assert folder.names == ["blue/1.jpg", "red/1.jpg"]
    assert folder.origin(0).name == "memory://packed/photos.tar/blue/1.jpg"
    assert Path(folder.origin(0).location).is_file()
    store.pipe("/listed/photos.csv", b"path,label\nmemory://colors/red/0.jpg,red\n")
    assert ImageFolder("memory://listed/photos.csv").classes == ["red"]


def test_a_listing_on_this_machine_names_photos_at_addresses(store: Any, tmp_path: Path) -> None:
    listing = tmp_path / "photos.csv"
    lines = [f"memory://colors/{name}/0.jpg,{name}" for name in ("red", "blue", "missing")]
    listing.write_text("\n".join(["path,label", *lines]))
    folder = ImageFolder(listing)
    assert [path.is_file() for path in folder.paths] == [True, False, True]
    assert folder.names[0] == "memory://colors/blue/0.jpg"


def test_a_file_address_is_a_path(photos: Path) -> None:
    assert ImageFolder(f"file://{photos}").paths == ImageFolder(photos).paths


def test_what_is_not_there_is_named(store: Any) -> None:
    with pytest.raises(OSError, match="there is nothing at memory://nowhere"):
        ImageFolder("memory://nowhere")
    with pytest.raises(OSError, match=r"nowhere://x cannot be read: .*not known"):
        ImageFolder("nowhere://x")
    with pytest.raises(PhotoError, match="there is nothing at memory://colors/red/9"):
        read_photo("memory://colors/red/9.jpg")
    store.pipe("/colors/red/empty.jpg", b"")
    with pytest.raises(PhotoError, match="the file is empty"):
        read_photo("memory://colors/red/empty.jpg")


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    listing = tmp_path / "photos.csv"
    listing.write_text("path,label\nmemory://colors/../../etc/passwd.jpg,red\n")
    with pytest.raises(ValueError, match=r"one that is \. or \.\."):
        ImageFolder(listing)
