"""Hostile photos and folders: each is used, skipped by name, or refused with a reason."""

import ctypes
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn.dataset import ImageFolder, photos_below
from coral_learn.extraction import images
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.images import load_image
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.jobs.evaluation import evaluate
from coral_learn.jobs.retraining import retrain

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

COMMAND = str(Path(sys.executable).with_name("coral-learn"))
TRAIN = (COMMAND, "train", "--json", "--no-cache")


def draw(path: Path, value: int = 100, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (12, 9), value if mode in ("L", "P", "I;16") else (value,) * 3).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photos each of two classes, dark and light."""
    for index in range(6):
        draw(tmp_path / "photos" / "dark" / f"{index}.png", 20 + index)
        draw(tmp_path / "photos" / "light" / f"{index}.png", 200 + index)
    return tmp_path / "photos"


@pytest.fixture
def extractor(tmp_path: Path) -> Path:
    path = tmp_path / "extractor.tflite"
    path.write_bytes(build_extractor("uint8", 8).content)
    return path


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


def test_postscript_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.parent.mkdir()
    ghostscript.write_text(f"#!/bin/sh\ntouch {ran}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ghostscript.parent}:{os.environ['PATH']}")
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(POSTSCRIPT)
    with pytest.raises(PhotoError, match=r"holiday\.jpg: PostScript is a program, not a photo"):
        load_image(photo, (8, 8))
    with Image.open(photo) as opened, pytest.raises(PhotoError, match="PostScript is a program"):
        load_image(opened, (8, 8))
    assert not ran.exists()


def test_large_photos_are_decoded_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = draw(tmp_path / "photo.png")
    to_pixels, inside, counts = images._to_pixels, [], []

    def counted_to_pixels(*arguments: Any) -> np.ndarray:
        inside.append(1)
        counts.append(len(inside))
        threading.Event().wait(0.01)
        pixels = to_pixels(*arguments)
        inside.pop()
        return pixels

    monkeypatch.setattr(images, "_to_pixels", counted_to_pixels)
    with EmbeddingExtractor(build_extractor().content, workers=4) as extractor:
        extractor.extract([photo] * 20)
        assert max(counts) > 1
        counts.clear()
        monkeypatch.setattr(images, "_LARGE_PHOTO_PIXELS", 100)
        extractor.extract([photo] * 20)
        assert max(counts) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_16_bit_photos_take_no_more_memory_than_others(tmp_path: Path) -> None:
    Image.new("I;16", (4000, 4000), 0xC800).save(tmp_path / "deep.png", compress_level=1)
    script = (
        "import resource, sys; from coral_learn.extraction.images import load_image\n"
        "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "load_image(sys.argv[1] + '/small.png', (8, 8)); before = usage()\n"
        "assert load_image(sys.argv[1] + '/deep.png', (8, 8)).min() == 200\n"
        "print((usage() - before) // 1024)"
    )
    draw(tmp_path / "small.png", 7, "I;16")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 12 * 16  # MB: 12 bytes a pixel


def test_the_error_says_that_memory_is_too_small_for_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(images, "_to_mode", fail)
    photo = draw(tmp_path / "photo.png")
    with pytest.raises(PhotoError, match=r"photo\.png: there is not enough memory for this photo"):
        load_image(photo, (8, 8))
    with (
        Image.open(photo) as opened,
        pytest.raises(PhotoError, match="not enough memory for this photo"),
    ):
        load_image(opened, (8, 8))


def test_too_many_open_files_do_not_skip_photos(
    folder: Path, extractor: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="needs a limit of open files")

    def allow(limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    statuses = set()
    for limit in range(6, 20, 3):
        done = subprocess.run(
            [*TRAIN, folder, "--extractor", extractor, "--output", tmp_path / "out"],
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=functools.partial(allow, limit),
        )
        statuses.add(done.returncode)
        assert "Traceback" not in done.stderr
        if done.returncode == 0:
            assert json.loads(done.stdout)["skipped"] == []
        else:
            assert done.stderr.splitlines()[-1].startswith("coral-learn: error: ")
    assert 1 in statuses


def test_photos_of_every_format_are_used_and_other_files_are_skipped(
    folder: Path, extractor: Path, tmp_path: Path
) -> None:
    dark = folder / "dark"
    draw(dark / "deep.png", 20 << 8, "I;16")
    draw(dark / "palette.png", 0, "P")
    Image.new("CMYK", (9, 9), (0, 0, 0, 230)).save(dark / "print.jpg")
    frames = [Image.new("L", (9, 9), value) for value in (20, 240)]
    frames[0].save(dark / "moving.gif", save_all=True, append_images=frames[1:])
    whole = (dark / "print.jpg").read_bytes()
    bad = {
        "cut.jpg": whole[: len(whole) // 2],
        "empty.png": b"",
        "new.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "program.jpg": POSTSCRIPT,
    }
    for name, content in bad.items():
        (dark / name).write_bytes(content)
    (dark / "loop.jpg").symlink_to(dark / "loop.jpg")
    (dark / "gone.jpg").symlink_to(dark / "nowhere.jpg")
    (dark / "folder.jpg").symlink_to(folder)
    result = retrain(folder, extractor, tmp_path / "out", seed=0)
    assert result.images == 6 + 6 + 4
    assert {Path(photo.path).name for photo in result.skipped} == {
        *bad,
        "loop.jpg",
        "gone.jpg",
        "folder.jpg",
    }
    assert all(photo.reason for photo in result.skipped)


def test_a_photo_that_vanishes_between_listing_and_reading_is_skipped(
    folder: Path, extractor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folder / "dark" / "0.png"
    photos = ImageFolder(folder)
    first.unlink()
    monkeypatch.setattr("coral_learn.jobs.training_photos.ImageFolder", lambda path: photos)
    result = retrain(folder, extractor, tmp_path / "out", seed=0)
    [skipped] = result.skipped
    assert (skipped.path, skipped.reason) == (str(first), "there is no such file")


def test_photos_that_vanish_before_the_test_cause_a_warning(
    folder: Path, extractor: Path, tmp_path: Path
) -> None:
    def empty_the_folder(stage: str, done: int, total: int) -> None:
        if stage == "train":
            for path in (folder / "dark").iterdir():
                path.unlink()

    with pytest.warns(UserWarning, match="could be read in training but not in the test"):
        result = retrain(
            folder, extractor, tmp_path / "out", test=0.4, seed=0, progress=empty_the_folder
        )
    assert result.accuracy.test_saved == 1  # only light photos are left
    assert result.model.exists()


def test_a_folder_that_vanishes_during_the_listing_is_ignored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir: Callable[[str], Iterator[os.DirEntry[str]]] = os.scandir

    def scan(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("gone"):
            Path(path).rmdir()
        return scandir(path)

    (folder / "dark" / "gone").mkdir()
    monkeypatch.setattr(os, "scandir", scan)
    assert len(photos_below(folder / "dark")) == 6


@pytest.mark.parametrize("name", ["two\nlines", " space", "space ", "line\u2028break", "\x1cfile"])
def test_folder_names_that_do_not_fit_a_label_map_are_refused(folder: Path, name: str) -> None:
    draw(folder / name / "1.png")
    with pytest.raises(ValueError, match=r"must be renamed: .* is not a valid class name"):
        ImageFolder(folder)


def test_a_class_folder_whose_name_is_not_text_is_refused(folder: Path) -> None:
    try:
        draw(folder / os.fsdecode(b"caf\xe9") / "1.png")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    with pytest.raises(ValueError, match=r"'.*caf\\udce9' must be renamed: .*not UTF-8 text"):
        ImageFolder(folder)


def test_photos_whose_names_are_not_text_are_used(
    folder: Path, extractor: Path, tmp_path: Path
) -> None:
    odd = folder / "dark" / os.fsdecode(b"caf\xe9.png")
    try:
        (folder / "dark" / "0.png").rename(odd)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    (folder / "dark" / os.fsdecode(b"b\xe9d.png")).write_bytes(b"no photo")
    done = subprocess.run(
        [*TRAIN, folder, "--extractor", extractor, "--output", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    [skipped] = json.loads(done.stdout)["skipped"]
    assert os.fsencode(skipped["path"]).endswith(b"b\xe9d.png")
    assert r"b\udce9d.png" in done.stderr
    assert (tmp_path / "out" / "label_map.txt").read_text() == "0 dark\n1 light\n"


def test_a_class_folder_that_links_to_its_own_parent_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to(folder.parent)
    with pytest.raises(ValueError, match=r"loop is a link to a folder that contains the link"):
        ImageFolder(folder)


def test_a_class_folder_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    draw(tmp_path / "elsewhere" / "1.png")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    assert ImageFolder(folder).classes == ["dark", "light", "linked"]


def test_photos_are_found_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    deep = tmp_path / "a"
    depth = (4000 - len(str(deep))) // 2
    deep.mkdir()
    start = Path.cwd()
    try:
        os.chdir(deep)
        for _ in range(depth):
            os.mkdir("d")  # noqa: PTH102 (a path of the whole would be too long)
            os.chdir("d")
        Path("1.jpg").touch()
    finally:
        os.chdir(start)
    try:
        [photo] = ImageFolder(tmp_path).paths
        assert photo.name == "1.jpg"
        assert len(photo.parts) > depth
    finally:
        subprocess.run(["rm", "-rf", deep], check=True)  # too deep for shutil


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_a_folder_of_100_000_photos_is_listed_quickly(tmp_path: Path) -> None:
    """The limits are exceeded only if the cost is quadratic in the number of photos."""
    (tmp_path / "many").mkdir()
    source = draw(tmp_path / "1.jpg")
    for index in range(100_000):
        target = tmp_path / "many" / f"{index:06d}.jpg"
        if index % 20_000 == 0:  # file systems allow some ten thousand links
            source.replace(target) if index == 0 else target.write_bytes(b"photo")
            source = target
        else:
            os.link(source, target)
    script = (
        "import resource, sys, time; from coral_learn.dataset import ImageFolder\n"
        "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before, start = usage(), time.process_time()\n"
        "print(len(ImageFolder(sys.argv[1])))\n"
        "print(time.process_time() - start, (usage() - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    count, seconds, megabytes = map(float, done.stdout.split())
    assert count == 100_000
    assert seconds < 20
    assert megabytes < 150


def obey_permissions() -> None:
    """Removes root's capabilities to ignore permissions, in a child process before it starts."""
    if os.geteuid() == 0:
        for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def run_without_privileges(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=obey_permissions,
    )


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """Removes all permissions of a path until the test is over."""
    if sys.platform != "linux":
        pytest.skip("only Linux has capabilities")
    paths: list[Path] = []

    def lock(path: Path) -> None:
        paths.append(path)
        path.chmod(0)

    yield lock
    for path in paths:
        path.chmod(0o755)


@pytest.mark.parametrize("where", ["dark", "dark/old"])
def test_a_class_folder_without_permission_is_an_error(
    folder: Path, extractor: Path, tmp_path: Path, where: str, locked: Callable[[Path], None]
) -> None:
    draw(folder / "dark" / "old" / "1.png")
    locked(folder / where)
    arguments = ("--extractor", extractor, "--output", tmp_path / "out", "--no-cache")
    done = run_without_privileges("train", folder, *arguments)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"coral-learn: error: cannot read the folder {folder / where}: Permission denied"
    )


def test_a_data_folder_without_permission_is_a_usage_error(
    folder: Path, extractor: Path, tmp_path: Path, locked: Callable[[Path], None]
) -> None:
    locked(folder)
    done = run_without_privileges(
        "train", folder, "--extractor", extractor, "--output", tmp_path / "out"
    )
    assert done.returncode == 2
    assert "DATA_DIR" in done.stderr


def test_a_photo_without_permission_is_skipped(
    folder: Path, extractor: Path, tmp_path: Path, locked: Callable[[Path], None]
) -> None:
    locked(folder / "dark" / "0.png")
    arguments = ("--extractor", extractor, "--output", tmp_path / "out", "--no-cache", "--json")
    done = run_without_privileges("train", folder, *arguments)
    assert done.returncode == 0
    [skipped] = json.loads(done.stdout)["skipped"]
    assert skipped == {"path": str(folder / "dark" / "0.png"), "reason": "Permission denied"}


def test_a_folder_without_readable_photos_is_an_error(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"none of the 12 photos in .* could be read"):
        evaluate(build_classifier(classes=2).content, folder)
