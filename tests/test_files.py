"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from coral_learn.files import write_atomically
from coral_learn.model_file import read_model_content


def test_a_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
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


def test_models_are_taken_as_paths_or_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"content")
    for model in (path, str(path), b"content", bytearray(b"content"), memoryview(b"content")):
        assert read_model_content(model) == b"content"


@pytest.mark.parametrize("path", ["invalid_model_path.tflite", "a\0b", "."])
def test_a_model_that_cannot_be_opened_is_named(path: str) -> None:
    with pytest.raises(ValueError, match="Failed to open file: ") as caught:
        read_model_content(path)
    assert path in str(caught.value)
