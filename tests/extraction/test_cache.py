"""The embedding cache: lookups, many processes, kills, broken files and the size limit."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import edgetpu
from coral_learn.extraction import cache_file, cache_source, cached_rows
from coral_learn.extraction.cache import EmbeddingCache
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.model_runner import ModelRunner
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.machine import CACHE_VARIABLE, cache_folder
from coral_learn.tflite.resizing import View


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def photo_files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{index}.png" for index in range(20)]
    for index, path in enumerate(paths):
        Image.new("L", (6, 6), index * 11).save(path)
    return paths


@pytest.fixture
def inferences(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each photo that goes through an interpreter."""
    run, counted = ModelRunner.run, []

    def count(runner: ModelRunner, tensor: np.ndarray) -> np.ndarray:
        counted.append(1)
        return run(runner, tensor)

    monkeypatch.setattr(ModelRunner, "run", count)
    return counted


def put(cache: EmbeddingCache, rows: dict[bytes, bytes], source: bytes = b"model") -> None:
    with cache.open(source) as cached:
        for photo, row in rows.items():
            cached.put(cached.key(photo), row)


def get(cache: EmbeddingCache, photo: bytes, source: bytes = b"model") -> bytes | None:
    with cache.open(source) as cached:
        return cached.get(cached.key(photo))


def corrupt(path: Path) -> None:
    """Writes zeros over all but the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def test_a_row_is_found_by_the_photo_and_the_source(cache: EmbeddingCache) -> None:
    put(cache, {b"photo": b"row"})
    assert get(cache, b"photo") == b"row"
    assert get(cache, b"another photo") is None
    assert get(cache, b"photo", b"another model") is None


def test_the_last_row_of_a_key_is_kept(cache: EmbeddingCache) -> None:
    with cache.open(b"model") as cached:
        cached.put(b"key", b"old")
        cached.put(b"key", b"new")
    with cache.open(b"model") as cached:
        assert cached.get(b"key") == b"new"
    assert cache.info().embeddings == 1


def test_a_second_extraction_runs_no_inference(
    cache: EmbeddingCache, photo_files: list[Path], inferences: list[int]
) -> None:
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        first = extractor.extract(photo_files)
    assert len(inferences) == 20
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        second = extractor.extract(reversed(photo_files))
    assert len(inferences) == 20
    np.testing.assert_array_equal(second.quantized, first.quantized[::-1])
    assert (second.scale, second.zero_point) == (first.scale, first.zero_point)


def test_a_photo_is_identified_by_its_content(
    cache: EmbeddingCache, photo_files: list[Path], inferences: list[int], tmp_path: Path
) -> None:
    renamed, changed = tmp_path / "renamed.png", photo_files[1]
    renamed.write_bytes(photo_files[0].read_bytes())
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        extractor.extract([*photo_files[:2]])
        extractor.extract([renamed])
        assert len(inferences) == 2
        times = changed.stat()
        Image.new("L", (6, 6), 255).save(changed)
        os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
        [row] = extractor.extract([changed]).quantized
        np.testing.assert_array_equal(row, [255, 255, 255])
        assert len(inferences) == 3


@pytest.mark.slow_when_emulated
def test_everything_that_a_row_depends_on_is_part_of_its_key(
    cache: EmbeddingCache,
    photo_files: list[Path],
    inferences: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def extract(model: bytes = averaging_model(), resize: View | None = None) -> int:
        before = len(inferences)
        with EmbeddingExtractor(model, cache=cache, resize=resize) as extractor:
            extractor.extract(photo_files)
        return len(inferences) - before

    assert extract() == 20
    assert extract() == 0
    assert extract(averaging_model(size=(6, 4))) == 20
    assert extract(resize="crop") == 20
    assert extract(resize="crop") == extract(resize="squash") == 0
    with monkeypatch.context() as patch:
        patch.setattr(cache_source, "PREPROCESSING", "another")
        assert extract() == 20
    with monkeypatch.context() as patch:
        patch.setattr(cache_source, "runtime_name", lambda: "another-runtime 1.0")
        assert extract() == 20
    with monkeypatch.context() as patch:
        patch.setattr(cache_source, "processor_kind", lambda: "another processor")
        assert extract() == 20
    assert extract() == 0


@pytest.mark.slow_when_emulated
def test_embeddings_of_an_edge_tpu_are_cached(
    cache: EmbeddingCache,
    photo_files: list[Path],
    edge_tpus: Callable[..., AbstractContextManager[StandIn]],
) -> None:
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "usb"]) as tpus:
        for _ in range(2):
            with EmbeddingExtractor(compiled(twin), device="all", cache=cache) as extractor:
                embeddings = extractor.extract(photo_files)
        assert sum(tpus.inferences) == 20
    np.testing.assert_array_equal(embeddings.quantized[:, 0], np.arange(20) * 11)


def test_unusable_photos_are_reported_each_time(
    cache: EmbeddingCache, photo_files: list[Path]
) -> None:
    photo_files[3].write_bytes(b"no photo")
    reported: list[tuple[int, PhotoError]] = []
    for _ in range(2):
        with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
            extractor.extract(photo_files, on_error=lambda *call: reported.append(call))
    assert [index for index, _ in reported] == [3, 3]
    assert cache.info().embeddings == 19


def test_photos_that_are_not_files_are_not_cached(cache: EmbeddingCache) -> None:
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        extractor.extract([np.zeros((4, 4, 3), np.uint8), Image.new("RGB", (4, 4))])
    assert cache.info().embeddings == 0


def test_a_cache_cannot_be_used_with_an_interpreter(cache: EmbeddingCache) -> None:
    interpreter = edgetpu.make_interpreter(averaging_model())
    with pytest.raises(
        ValueError, match=r"cannot be used with an interpreter.*pass the model's path or bytes"
    ):
        EmbeddingExtractor(interpreter, cache=cache)


def test_info_and_clear(cache: EmbeddingCache) -> None:
    assert (cache.info().embeddings, cache.info().bytes) == (0, 0)
    assert not cache.path.parent.exists()
    cache.clear()
    put(cache, {bytes([index]): bytes(5000) for index in range(100)})
    full = cache.info()
    assert full.path == cache.path
    assert full.embeddings == 100
    assert 500_000 < full.bytes < 1_000_000
    cache.clear()
    assert cache.info().embeddings == 0
    assert cache.info().bytes < 50_000
    assert cache.path.stat().st_size < 50_000


def test_threads_may_share_an_open_cache(cache: EmbeddingCache) -> None:
    def work(offset: int) -> None:
        for index in range(200):
            key = cached.key(b"%d" % (index + offset))
            cached.put(key, b"row %d" % (index + offset))
            assert cached.get(key) in (None, b"row %d" % (index + offset))

    with cache.open(b"model") as cached:
        threads = [threading.Thread(target=work, args=(offset,)) for offset in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert cache.info().embeddings == 400


WRITER = """
import sys
from coral_learn.extraction.cache import EmbeddingCache
folder, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with EmbeddingCache(folder).open(b"model") as cached:
    for index in range(first, first + count):
        cached.put(cached.key(b"%d" % index), b"row %d" % index * 50)
        if index % 50 == 49:
            print(index, flush=True)
"""


def writer(cache: EmbeddingCache, first: int, count: int) -> "subprocess.Popen[str]":
    """A process that writes rows once it is told to start."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            WRITER,
            str(cache.path.parent),
            str(first),
            str(count),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow_when_emulated
def test_several_processes_may_create_and_fill_a_cache_at_once(cache: EmbeddingCache) -> None:
    writers = [writer(cache, first, 300) for first in (0, 200, 400, 600)]
    for process in writers:
        start(process)
    for process in writers:
        with process:
            process.communicate()
        assert process.returncode == 0
    assert cache.info().embeddings == 900
    with cache.open(b"model") as cached:
        for index in range(900):
            assert cached.get(cached.key(b"%d" % index)) == b"row %d" % index * 50


@pytest.mark.slow_when_emulated
def test_a_cache_survives_a_kill_at_any_moment(cache: EmbeddingCache) -> None:
    generator = random.Random(5)
    last = 0
    for round_ in range(6):
        with writer(cache, last + 1 if round_ else 0, 1_000_000) as process:
            start(process)
            time.sleep(generator.uniform(0.0, 0.15))
            process.kill()
            assert process.stdout is not None
            lines = process.stdout.read().split()
        last = int(lines[-1]) if lines else last
        assert get(cache, b"-1") is None  # opens without a warning, which would be an error here
        with closing(sqlite3.connect(cache.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with cache.open(b"model") as cached:
            for index in generator.sample(range(last + 1), min(last, 50)):
                row = cached.get(cached.key(b"%d" % index))
                assert row in (b"row %d" % index * 50, None)
    kept = cache.info().embeddings
    assert last - 64 * 6 <= kept
    put(cache, {b"after": b"row"})
    assert get(cache, b"after") == b"row"


def test_extraction_continues_if_the_cache_breaks_midway(
    cache: EmbeddingCache, photo_files: list[Path]
) -> None:
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        extractor.extract(photo_files)
    corrupt(cache.path)
    with (
        EmbeddingExtractor(averaging_model(), cache=cache) as extractor,
        pytest.warns(UserWarning, match="malformed|not a database"),
    ):
        embeddings = extractor.extract(photo_files)
    np.testing.assert_array_equal(embeddings.quantized[:, 0], np.arange(20) * 11)


def test_a_cache_that_cannot_be_created_causes_one_warning(
    tmp_path: Path, photo_files: list[Path]
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(tmp_path / "file" / "cache")
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        with pytest.warns(UserWarning, match="is not used: .*file"):
            assert len(extractor.extract(photo_files)) == 20
        assert len(extractor.extract(photo_files)) == 20  # a second warning would be an error
    with pytest.raises(OSError, match="file"):
        cache.clear()


def test_a_cache_in_a_read_only_folder_causes_a_warning(
    tmp_path: Path, photo_files: list[Path]
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    cache = EmbeddingCache(folder)
    with (
        EmbeddingExtractor(averaging_model(), cache=cache) as extractor,
        pytest.warns(UserWarning, match="is not used"),
    ):
        assert len(extractor.extract(photo_files)) == 20


def test_extraction_continues_without_a_locked_cache(
    cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, {b"photo": b"row"})
    monkeypatch.setattr(cache_file, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.warns(UserWarning, match="locked"):
            put(cache, {b"other": b"row"})
        other.execute("ROLLBACK")
    assert get(cache, b"photo") == b"row"
    assert get(cache, b"other") is None


@pytest.mark.slow_when_emulated
def test_a_full_cache_deletes_the_least_recently_used_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EmbeddingCache(tmp_path, max_bytes=1_000_000)
    monkeypatch.setattr(cached_rows, "_FRESH_SECONDS", 0.0)

    def fill(first: int, last: int) -> None:
        put(cache, {b"%d" % index: bytes(1000) for index in range(first, last)})
        assert cache.info().bytes <= 1_000_000

    def found(indices: Iterable[int]) -> list[int]:
        with cache.open(b"model") as cached:
            return [index for index in indices if cached.get(cached.key(b"%d" % index)) is not None]

    fill(0, 500)
    used = range(0, 500, 10)
    assert found(used) == list(used)
    fill(500, 1000)
    evicted = set(range(1000)).difference(found(range(1000)))
    assert len(evicted) >= 100
    assert max(evicted) < 500
    assert evicted.isdisjoint(used)
    fill(1000, 3000)
    kept = found(range(3000))
    assert set(kept) >= set(range(2500, 3000))
    assert 500 <= len(kept) <= 900
    assert cache.path.stat().st_size <= 1_400_000


def test_the_size_limit_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes must be at least 1, not 0"):
        EmbeddingCache(tmp_path, max_bytes=0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not read HOME")
def test_the_folder_is_the_users_cache_or_the_one_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    assert cache_folder() == Path("/home/somebody/.cache/coral-learn")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/mine")
    assert cache_folder() == Path("/var/cache/mine/coral-learn")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path("/home/somebody/Library/Caches/coral-learn")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/home/somebody/AppData/Local")
    assert cache_folder() == Path("/home/somebody/AppData/Local/coral-learn")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    assert EmbeddingCache().path.parent == tmp_path
