"""Many photos: extraction on Ray, and a fit to Parquet files that are larger than memory.

``python -m benchmarks.engines extraction [--photos N]``, ``... writing [--photos N]`` and ``...
streaming [--rows N]``. They need the extras parquet and ray, and space in the folder for temporary
files.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from coral_learn import SoftmaxRegression
from coral_learn.distributed.parquet_shard import open_parquet
from coral_learn.distributed.ray_extraction import rows_of
from coral_learn.embedded.format import Description, schema_of
from coral_learn.embedded.part import PhotoKey, PhotoVersion
from coral_learn.embedded.writer import EmbeddedPhoto, PartWriter, pack

from .machine import describe

_FEATURES, _CLASSES, _PART_ROWS, _BLOCK = 1024, 10, 62_500, 256


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("what", choices=["extraction", "writing", "streaming", "fit"])
    parser.add_argument("folder", nargs="?", type=Path, help="of embeddings, to fit to")
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--iterations", type=int, default=500, help="after which a fit is stopped and measured"
    )
    chosen = parser.parse_args()
    if chosen.what == "fit":
        print(json.dumps(fit(chosen.folder, chosen.iterations)))
        return
    print(describe())
    with tempfile.TemporaryDirectory(prefix="coral-learn-bench-") as folder:
        if chosen.what == "extraction":
            extraction(Path(folder), chosen.photos, chosen.rounds)
        elif chosen.what == "writing":
            writing(Path(folder), chosen.photos)
        else:
            streaming(Path(folder), chosen.rows, chosen.iterations)


def extraction(folder: Path, photos: int, rounds: int) -> None:
    """Embeds photos with two threads and with two actors of Ray, in turn."""
    draw_photos(folder / "photos", photos)
    ratios = []
    for number in range(rounds):
        rates = {}
        for engine in ("local", "ray"):
            output = folder / f"{engine}-{number}"
            started = time.perf_counter()
            found = embed(folder / "photos", output, engine)
            whole = time.perf_counter() - started
            assert found["photos"] == photos
            rates[engine] = photos / found["seconds"]
            print(f"{engine}: {rates[engine]:.0f} photos/s, {whole:.0f} s with the start")
        ratios.append(rates["ray"] / rates["local"])
    print(f"Ray by local: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def writing(folder: Path, photos: int) -> None:
    """Writes what Ray brings back, as the one machine does that runs the command."""
    import pyarrow as pa

    form = Description(_FEATURES, "uint8", 0.02, 0, "ab" * 32, "drawn", "squash", "", "/drawn")
    writer = PartWriter(folder, form)
    columns = {
        "embedding": pa.array([os.urandom(_FEATURES) for _ in range(_BLOCK)], pa.large_binary()),
        "digest": pa.array([os.urandom(32) for _ in range(_BLOCK)], pa.binary()),
        "problem": pa.array([""] * _BLOCK),
    }
    started, used = time.perf_counter(), time.process_time()
    for start in range(0, photos, _BLOCK):
        block = pa.table({"number": list(range(start, start + _BLOCK)), **columns})
        for row in rows_of(block):
            key = PhotoKey(f"/drawn/class/{row.number}.jpg", "class", None)
            version = PhotoVersion(1000, f"{row.number}.0")
            writer.add(EmbeddedPhoto(key, version, row.digest, row.embedding))
    writer.flush()
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    print(
        f"{photos / seconds:.0f} rows a second, {photos / processor:.0f} a second of processor time"
    )


def embed(photos: Path, output: Path, engine: str) -> Any:
    command = [sys.executable, "-m", "coral_learn", "embed", str(photos), "--output", str(output)]
    options = ["--engine", engine, "--workers", "2", "--no-cache", "--json"]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def draw_photos(folder: Path, count: int) -> None:
    """Draws JPEG files of 320 x 240 pixels in ten class folders."""
    generator = np.random.default_rng(0)
    for label in range(_CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for number in range(count):
        image = Image.new("RGB", (320, 240), tuple(generator.integers(0, 255, 3).tolist()))
        draw = ImageDraw.Draw(image)
        for _ in range(6):
            x, y, width, height = generator.integers(0, 240, 4).tolist()
            color = tuple(generator.integers(0, 255, 3).tolist())
            draw.ellipse((x, y, x + width // 2 + 5, y + height // 2 + 5), fill=color)
        image.save(folder / f"class{number % _CLASSES}" / f"{number:06}.jpg", quality=85)


def streaming(folder: Path, rows: int, iterations: int) -> None:
    """Fits a head to drawn embeddings in Parquet files."""
    started = time.perf_counter()
    write_rows(folder, rows)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"wrote {size / 1e9:.2f} GB in {time.perf_counter() - started:.0f} s", flush=True)
    for cold in (True, False):
        seconds = read_once(folder, cold)
        where = "from the disk" if cold else "again"
        print(f"reading it once {where}: {seconds:.1f} s, {size / seconds / 1e9:.2f} GB/s")
    command = [sys.executable, "-m", "benchmarks.engines", "fit", str(folder)]
    command += ["--iterations", str(iterations)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(f"fit: {found}")
    for name in ("seconds_of_a_pass", "seconds_of_an_iteration"):
        print(f"{name}: {found[name]:.1f}, {size / found[name] / 1e9:.2f} GB/s")


class _EnoughError(Exception):
    """Ends a fit that would take too long."""


def fit(folder: Path, iterations: int) -> dict[str, float]:
    """Fits a head to a folder of embeddings, and tells how; in a process of its own."""
    started = time.perf_counter()
    shards = open_parquet(folder)
    opened = time.perf_counter() - started
    head = SoftmaxRegression(_FEATURES, len(shards[0].classes), seed=0)
    times: list[float] = []

    def on_iteration(iteration: int, loss: float) -> None:
        times.append(time.perf_counter() - started)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{times[-1]:.0f} s: {iteration}, {loss:.6f}, {memory:.0f} MB", file=sys.stderr)
        if len(times) > iterations:
            raise _EnoughError

    with suppress(_EnoughError):
        head.fit_shards(shards, progress=on_iteration)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, passes = time.perf_counter() - started, max(shard.passes for shard in shards)
    return {
        "seconds": seconds,
        "seconds_to_open": opened,
        "seconds_to_the_end_of_the_search": times[0],
        "seconds_of_processor": used.ru_utime + used.ru_stime,
        "passes": passes,
        "iterations": len(times) - 1,
        "seconds_of_a_pass": seconds / passes,
        "seconds_of_an_iteration": (times[-1] - times[0]) / max(1, len(times) - 1),
        "peak_memory_mb": used.ru_maxrss / 1e3,
    }


def read_once(folder: Path, cold: bool) -> float:
    """Returns how long reading all bytes of the files takes."""
    for path in folder.iterdir() if cold else ():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    started = time.perf_counter()
    for path in folder.iterdir():
        with path.open("rb", buffering=0) as file:
            while file.read(8_000_000):
                pass
    return time.perf_counter() - started


def write_rows(folder: Path, rows: int) -> None:
    """Writes embeddings of classes that overlap, sorted by class as photos in folders are."""
    import pyarrow as pa

    generator = np.random.default_rng(0)
    form = Description(_FEATURES, "uint8", 0.02, 0, "ab" * 32, "drawn", "squash", "", "/drawn")
    schema = schema_of(form)
    means = generator.integers(0, 16, (_CLASSES, _FEATURES)).astype(np.uint8)
    for part, start in enumerate(range(0, rows, _PART_ROWS)):
        count = min(_PART_ROWS, rows - start)
        labels = (np.arange(start, start + count) * _CLASSES) // rows
        noise = np.frombuffer(generator.bytes(count * _FEATURES), np.uint8) // 2
        stored = noise.reshape(count, _FEATURES) + means[labels]
        digests = generator.bytes(32 * count)
        columns = [
            pa.array([f"/drawn/{row}.jpg" for row in range(start, start + count)]),
            pa.array([f"class {label}" for label in labels]),
            pa.nulls(count, pa.string()),
            pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(32), count, [None, pa.py_buffer(digests)]
            ),
            pa.array([bytes.fromhex(form.extractor)] * count, pa.binary(32)),
            pa.array([1000] * count, pa.int64()),
            pa.array(["1"] * count),
            pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(_FEATURES), count, [None, pa.py_buffer(stored)]
            ),
        ]
        table = pa.Table.from_arrays(columns, schema=schema)
        (folder / f"part-{part:05}.parquet").write_bytes(pack(table))


if __name__ == "__main__":
    main()
