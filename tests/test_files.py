"""Files are written completely or not at all."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from coral_learn import files
from coral_learn.files import write_atomically, write_together
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "model", b"new")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "model").read_bytes() == b"new"
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "model", b"")


def test_models_are_read_from_paths_or_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"content")
    for model in (path, str(path), b"content", bytearray(b"content"), memoryview(b"content")):
        assert ModelFile.open(model).content == b"content"


@pytest.mark.parametrize("path", ["invalid_model_path.tflite", "a\0b", "."])
def test_the_error_names_a_model_that_cannot_be_opened(path: str) -> None:
    with pytest.raises(ValueError, match="Failed to open file: ") as caught:
        ModelFile.open(path)
    assert path in str(caught.value)


def test_files_written_together_change_all_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("model", "labels", "report")]
    write_together(dict.fromkeys(paths, b"old"))
    flushed: list[int] = []

    def fail_at_the_third(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail_at_the_third)
    with pytest.raises(OSError, match=r"No space left on device: .*report'"):
        write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in paths] == [b"old"] * 3
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in paths] == [b"new"] * 3


@pytest.mark.parametrize("old", [b"old", None])
@pytest.mark.parametrize("failure", [OSError(errno.EIO, "disk"), KeyboardInterrupt()])
def test_a_failed_rename_undoes_the_renames_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes | None, failure: BaseException
) -> None:
    paths = [tmp_path / name for name in ("model", "labels", "report")]
    if old is not None:
        write_together(dict.fromkeys(paths, old))
    replace = os.replace

    def fail_at_the_report(source: str, target: str) -> None:
        if Path(target).name == "report":
            raise failure
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_report)
    with pytest.raises(type(failure)):
        write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([old] * 3 if old else [])


def test_a_signal_just_after_the_last_rename_leaves_all_files_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("model", "labels", "report")]
    write_together(dict.fromkeys(paths, b"old"))
    replace = os.replace

    def interrupt_after_the_report(source: str, target: str) -> None:
        replace(source, target)
        if Path(target).name == "report":
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt_after_the_report)
    with pytest.raises(KeyboardInterrupt):
        write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"] * 3


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EINVAL])
def test_files_are_written_on_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    paths = [tmp_path / name for name in ("model", "labels")]
    for content in (b"old", b"new"):
        write_together(dict.fromkeys(paths, content))
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [content] * 2


def test_an_error_names_the_file_and_not_a_temporary_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "missing" / "model", b"")
    assert caught.value.filename == str(tmp_path / "missing" / "model")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught_2:
        write_atomically(tmp_path / "folder", b"")
    assert caught_2.value.filename == str(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_next_write_removes_the_temporary_file_of_a_killed_process(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from coral_learn.files import write_atomically\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(sys.argv[1], b'new')"
    )
    for name in ("model", "other"):
        assert subprocess.run([sys.executable, "-c", script, tmp_path / name]).returncode == -9
    assert len(list(tmp_path.iterdir())) == 2
    write_atomically(tmp_path / "model", b"new")
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2
    assert "model" in left
    assert any(name.startswith(".other.") for name in left)


def test_where_open_files_stay_they_are_closed_before_they_are_renamed_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[BinaryIO] = []
    create, replace, unlink = files._create_beside, os.replace, os.unlink

    def create_and_list(path: Path) -> BinaryIO:
        opened.append(create(path))
        return opened[-1]

    def refuse_open(change: Callable[..., None], *paths: str) -> None:
        if any(file.name == paths[0] and not file.closed for file in opened):
            raise PermissionError(errno.EACCES, "The process cannot access the file", paths[0])
        change(*paths)

    monkeypatch.setattr(files, "_OPEN_FILES_STAY", True)  # as on Windows
    monkeypatch.setattr(files, "_create_beside", create_and_list)
    monkeypatch.setattr(os, "replace", partial(refuse_open, replace))
    monkeypatch.setattr(os, "unlink", partial(refuse_open, unlink))
    paths = [tmp_path / name for name in ("model", "labels")]
    for content in (b"old", b"new"):
        write_together(dict.fromkeys(paths, content))
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [content] * 2
    with pytest.raises(FileNotFoundError):
        write_together({tmp_path / "model": b"", tmp_path / "missing" / "model": b""})
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_where_open_files_stay_old_temporary_files_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_OPEN_FILES_STAY", True)
    old, new = (tmp_path / f".model.{digit * 16}" for digit in "01")
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    write_atomically(tmp_path / "model", b"new")
    assert set(tmp_path.iterdir()) == {new, tmp_path / "model"}


def test_concurrent_writers_do_not_remove_each_others_files(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: write_atomically(path, bytes([n]) * 5000), range(200)):
            assert len(set(path.read_bytes())) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"not a file that can be replaced: .*pipe"):
        write_atomically(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows opens no folders")
def test_the_folder_is_flushed_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[bool, bool]] = []
    flush = os.fsync

    def noting(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append((is_folder, (tmp_path / "file").exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_atomically(tmp_path / "file", b"data")
    assert flushed == [(False, False), (True, True)]
