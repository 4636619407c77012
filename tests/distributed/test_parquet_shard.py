"""Shards from Parquet files: the head is that of the same rows in memory."""

from pathlib import Path

import numpy as np
import pytest

from coral_learn import SoftmaxRegression
from coral_learn.distributed.parquet_shard import ParquetShard, divide, open_parquet, open_shards
from coral_learn.distributed.parts import PartChoice, choose_parts
from coral_learn.embedded import writer
from coral_learn.embedded.folder import EmbeddedFolder
from coral_learn.embedded.format import Description
from coral_learn.embedded.part import PhotoKey, PhotoVersion
from coral_learn.embedded.writer import EmbeddedPhoto, PartWriter
from coral_learn.embeddings import Embeddings

pytest.importorskip("pyarrow", reason="the extra coral-learn[parquet] is not installed")

_SCALES = {"uint8": (0.05, 3), "int8": (0.05, -100), "float32": (1.0, 0)}


def write_rows(
    folder: Path,
    labels: list[int],
    dtype: str,
    monkeypatch: pytest.MonkeyPatch,
    splits: list[str | None] | None = None,
    features: int = 24,
) -> Embeddings:
    """Writes drawn rows in many small row groups and several files, and returns them."""
    generator = np.random.default_rng(1)
    real = generator.normal(2 * np.eye(10, features)[labels] + 3, 1.0)
    scale, zero = _SCALES[dtype]
    stored = real if dtype == "float32" else np.clip(np.rint(real / scale + zero), -128, 127)
    if dtype == "uint8":
        stored = np.clip(np.rint(real / scale + zero), 0, 255)
    rows = Embeddings(stored.astype(dtype), scale, zero)
    width = rows.quantized[0].nbytes
    monkeypatch.setattr(writer, "_GROUP_BYTES", 50 * width)
    monkeypatch.setattr(writer, "_PART_BYTES", 120 * width)
    form = Description(features, dtype, scale, zero, "ab" * 32, "e.tflite", "squash", "", "/x")
    parts = PartWriter(folder, form)
    for row, label in enumerate(labels):
        split = None if splits is None else splits[row]
        key = PhotoKey(f"/x/{row}.jpg", f"class {label}", split)
        digest = row.to_bytes(32, "big")
        parts.add(EmbeddedPhoto(key, PhotoVersion(1, ""), digest, rows.quantized[row].tobytes()))
    parts.flush()
    return rows


@pytest.mark.parametrize("dtype", list(_SCALES))
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_the_head_is_that_of_the_rows_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, shards: int
) -> None:
    labels = sorted(np.random.default_rng(0).integers(0, 4, 600).tolist())
    rows = write_rows(tmp_path, labels, dtype, monkeypatch)
    one = SoftmaxRegression(24, 4, seed=3)
    expected = one.fit(rows, labels)
    folder = EmbeddedFolder(tmp_path)
    assert len(folder.parts) == 5
    opened = open_shards(divide(folder, PartChoice(), shards))
    assert len(opened) == shards
    many = SoftmaxRegression(24, 4, seed=3)
    found = many.fit_shards(opened)
    assert found.penalty == expected.penalty
    assert np.abs(many.weights - one.weights).max() <= 1e-4 * np.abs(one.weights).max()
    assert np.abs(many.biases - one.biases).max() <= 1e-3 * np.abs(one.weights).max()


def test_rows_that_folds_look_at_are_kept_if_they_are_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [row % 3 for row in range(300)]
    write_rows(tmp_path, labels, "uint8", monkeypatch)
    rows = divide(EmbeddedFolder(tmp_path), PartChoice(), 1)[0]
    heads, passes = [], []
    for size in (1_000_000, 0):
        shard = ParquetShard(rows, size)
        head = SoftmaxRegression(24, 3, seed=3)
        record = head.fit_shards([shard])
        heads.append(head.weights.copy())
        passes.append(shard.passes)
    assert np.abs(heads[0] - heads[1]).max() <= 1e-4 * np.abs(heads[0]).max()
    assert len(record.losses) < passes[0] < passes[1]


def test_only_rows_to_train_on_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [row % 3 for row in range(300)]
    splits: list[str | None] = [*["train"] * 200, *["test"] * 100]
    write_rows(tmp_path, labels, "uint8", monkeypatch, splits)
    shards = open_parquet(tmp_path)
    assert sum(int(shard.describe().rows.sum()) for shard in shards) == 200
    assert shards[0].classes == ["class 0", "class 1", "class 2"]


def test_a_folder_without_rows_to_train_on_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path, [0, 1], "uint8", monkeypatch, ["test", "test"])
    with pytest.raises(ValueError, match="has no photos to train on"):
        open_parquet(tmp_path)


def test_parts_are_whole_buckets_and_those_that_are_given_stay() -> None:
    choice = choose_parts({None}, 0.1, 0.2, 0)
    assert (len(choice.validation), len(choice.test)) == (26, 51)
    assert not choice.validation & choice.test
    assert choose_parts({None}, 0.1, 0.2, 0) == choice
    assert choose_parts({"train", "test"}, 0.1, 0.2, 0).test == frozenset()
    buckets = np.arange(256).astype(np.uint8)
    parts = choice.parts([None] * 256, buckets)
    assert set(np.flatnonzero(parts == 2)) == choice.test
    assert choice.parts(["test"] * 256, buckets).tolist() == [2] * 256
