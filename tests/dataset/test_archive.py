"""Archives of photos, honest and hostile ones."""

import gc
import io
import stat
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.photo_files import make_files, make_zip

from coral_learn.dataset import ImageFolder, archive
from coral_learn.dataset.entries import Ignored

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NAMES = ["flowers/daisy/1.jpg", "flowers/roses/2.JPG", "flowers/read.me", "__MACOSX/._1.jpg"]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, with nothing else in it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def add(opened: tarfile.TarFile, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(name) if kind == tarfile.REGTYPE else 0
    opened.addfile(info, io.BytesIO(name.encode()))


def make_tar(path: Path, mode: str, *names: str) -> Path:
    with tarfile.open(path, mode) as opened:  # type: ignore[call-overload]
        for name in names:
            add(opened, name)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("photos.zip", ""),
        ("photos.tar", "w:"),
        ("photos.tar.gz", "w:gz"),
        ("Photos.TGZ", "w:gz"),
        ("photos.tar.bz2", "w:bz2"),
        ("photos.tar.xz", "w:xz"),
    ],
)
def test_kinds_of_archives(tmp_path: Path, temporary: Path, name: str, mode: str) -> None:
    path = tmp_path / name
    packed = make_tar(path, mode, *NAMES) if mode else make_zip(path, *NAMES)
    folder = ImageFolder(packed)
    assert folder.classes == ["daisy", "roses"]
    assert folder.names == ["flowers/daisy/1.jpg", "flowers/roses/2.JPG"]
    assert folder.shown(str(folder.paths[0])) == str(path / "flowers/daisy/1.jpg")
    assert [each.read_text() for each in folder.paths] == folder.names
    assert folder.notes == [
        f"the classes are taken from {path / 'flowers'}, the only folder in {path}",
        "ignored 2 files that are no photos: read.me, __MACOSX",
    ]
    del folder
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_a_split_and_a_listing_in_an_archive(tmp_path: Path) -> None:
    split = ImageFolder(make_zip(tmp_path / "a.zip", "x/train/a/1.jpg", "x/test/a/2.jpg")).split
    assert split is not None
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as opened:
        opened.writestr("images/1.jpg", "1")
        opened.writestr("images/2.jpg", "2")
        opened.writestr("labels.csv", "path,label\nimages/1.jpg,a\nimages/2.jpg,b\n")
    assert ImageFolder(tmp_path / "b.zip").classes == ["a", "b"]


def test_a_listing_in_an_archive_names_no_files_outside(tmp_path: Path) -> None:
    make_files(tmp_path, "secret.jpg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("1.jpg", "1")
        opened.writestr("labels.csv", f"path,label\n1.jpg,a\n{tmp_path}/secret.jpg,b\n")
    with pytest.raises(ValueError, match=r"line 3: .*secret\.jpg is outside of the archive"):
        ImageFolder(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "name",
    ["../a/1.jpg", "a/../../1.jpg", "/a/1.jpg", "..\\a\\1.jpg", "C:\\a\\1.jpg", "\\a\\1.jpg"],
)
def test_names_that_lead_outside_are_refused(tmp_path: Path, temporary: Path, name: str) -> None:
    packed = [make_zip(tmp_path / "a.zip", "a/0.jpg", name)]
    packed.append(make_tar(tmp_path / "a.tar", "w:", "a/0.jpg", name))
    for path in packed:
        with pytest.raises(ValueError, match="would be written outside of its folder"):
            ImageFolder(path)
    gc.collect()
    assert sorted(tmp_path.iterdir()) == sorted([*packed, temporary])
    assert list(temporary.iterdir()) == []


@given(name=st.text("abC:/\\.. é", min_size=1, max_size=12))
def test_no_name_leads_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("archive")
    target = folder / "target"
    target.mkdir()
    packed = make_zip(folder / "a.zip", f"{name}.jpg", f"{name}/1.jpg")
    with suppress(ValueError):
        archive.unpack(packed, target, Ignored())
    assert sorted(folder.iterdir()) == [packed, target]


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "a/1.jpg"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_not_made(tmp_path: Path, kind: bytes, link: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:") as opened:
        add(opened, "a/1.jpg")
        add(opened, "a/2.jpg", kind, link)
    folder = ImageFolder(tmp_path / "a.tar")
    assert folder.names == ["a/1.jpg"]
    assert folder.notes == ["ignored 1 file that is no photo: 2.jpg"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with tarfile.open(tmp_path / "a.tar", "w:") as opened:
        add(opened, "a", tarfile.SYMTYPE, str(tmp_path / "outside"))
        add(opened, "a/1.jpg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        link = zipfile.ZipInfo("a/2.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, str(tmp_path / "outside"))
        zipped.writestr("a/1.jpg", "1")
    for name in ("a.tar", "a.zip"):
        assert ImageFolder(tmp_path / name).names == ["a/1.jpg"]
    assert list((tmp_path / "outside").iterdir()) == []


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_ANY_RATIO_BYTES", 1_000_000)
    zeros = bytes(8_000_000)
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/1.jpg", zeros)
    with zipfile.ZipFile(tmp_path / "many.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for number in range(80):
            opened.writestr(f"a/{number}.jpg", zeros[:100_000])
    for name, inner in (("photo.tar.gz", "a/1.jpg"), ("other.tar.gz", "a/1.bin")):
        with tarfile.open(tmp_path / name, "w:gz") as packed:
            info = tarfile.TarInfo(inner)
            info.size = len(zeros)
            packed.addfile(info, io.BytesIO(zeros))
    for path in sorted(tmp_path.glob("*.*")):
        with pytest.raises(ValueError, match="made to fill the disk"):
            ImageFolder(path)


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4_000_000_000
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(ValueError, match=r"is damaged.*a header claims 4000000000 bytes"):
        ImageFolder(tmp_path / "a.tar")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MAX_FILES", 3)
    with pytest.raises(ValueError, match="has more than 3 files"):
        ImageFolder(make_zip(tmp_path / "a.zip", *(f"a/{number}.jpg" for number in range(4))))


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SPARE_BYTES", 10**18)
    with pytest.raises(ValueError, match=r"almost full\. Set TMPDIR"):
        ImageFolder(make_zip(tmp_path / "a.zip", "a/1.jpg"))


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", "a/1.jpg")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory of the archive
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is encrypted\. Unpack it with its password"):
        ImageFolder(path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tm"])
def test_files_that_are_no_archives_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"is damaged, or it is no (zip|tar) file"):
        ImageFolder(make_files(tmp_path, name) / name)


@pytest.mark.parametrize("mode", ["", "w:gz", "w:xz", "w:bz2"])
def test_damaged_archives_are_refused_or_read(tmp_path: Path, mode: str) -> None:
    """A byte that changes gives an error that a user can read, or no error."""
    names = [f"{label}/{number}.jpg" for label in "ab" for number in range(3)]
    path = tmp_path / ("a.tar." + mode[2:] if mode else "a.zip")
    content = (make_tar(path, mode, *names) if mode else make_zip(path, *names)).read_bytes()
    for position in range(0, len(content), max(1, len(content) // 150)):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        with suppress(ValueError):
            ImageFolder(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        ImageFolder(path)


def test_an_empty_class_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.zip has class folders without photos: 'b'\."):
        ImageFolder(make_zip(tmp_path / "a.zip", "a/1.jpg", "b/notes.txt"))


def test_other_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.7z is a file\. Give the folder .*, a zip or tar"):
        ImageFolder(make_files(tmp_path, "a.7z") / "a.7z")
