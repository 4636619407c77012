"""A soak test: train, serialize and classify again and again in one process.

``python -m reliability.soak [--quick] [--seed N] [--cycles N]``

A cycle extracts embeddings, trains a head with each method, saves and loads it, serializes the
classifier, attaches labels, and classifies photos with it in the real interpreter. Each cycle
creates all objects again, and every tenth cycle also makes the mistakes that users make. Memory at
the end must be within 5% of the memory after the first hundred cycles, and no file descriptor or
thread may be left.
"""

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.support.model_builder import KINDS, build_extractor

from coral_learn import EmbeddingExtractor, ImprintingEngine, SoftmaxRegression
from coral_learn.jobs.classification import Classifier
from coral_learn.tflite.imprinting.create import create_imprinting_model

_ALL_CYCLES = 10_000
_QUICK_CYCLES = 600
_FIRST = 100  # cycles, after which everything is imported and every pool has its final size
_MAX_GROWTH = 0.05
_SIZE = (8, 8)
_CLASSES, _PHOTOS = 3, 12


@dataclass(frozen=True)
class Footprint:
    """The resources that the process holds.

    Attributes:
        memory: The resident memory, in bytes.
        files: The number of open file descriptors.
        threads: The number of threads, including those of the core and of the interpreter.
    """

    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> "Footprint":
        """Measures the process after a garbage collection."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE"),
            len(list(Path("/proc/self/fd").iterdir())),
            len(list(Path("/proc/self/task").iterdir())),
        )

    def __str__(self) -> str:
        return f"{self.memory / 1e6:.1f} MB, {self.files} files, {self.threads} threads"


def draw_photos(rng: np.random.Generator) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Draws noisy photos with one color for each class, and returns them with their classes."""
    labels = np.arange(_PHOTOS) % _CLASSES
    photos = rng.integers(0, 60, (_PHOTOS, *_SIZE, 3), np.uint8)
    for photo, label in zip(photos, labels, strict=True):
        photo[..., label] += 180
    return list(photos), labels


class Soak:
    """Cycles on models of each kind in turn."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._rng = np.random.default_rng(seed)
        self._saved = folder / "head.npz"
        self._model = folder / "model.tflite"
        self._extractors = [build_extractor(kind, size=_SIZE).content for kind in KINDS]
        self.photos = 0
        self.right = 0

    def cycle(self, number: int) -> None:
        """Runs one cycle; ``number`` chooses the kind of model."""
        content = self._extractors[number % len(self._extractors)]
        photos, labels = draw_photos(self._rng)
        with EmbeddingExtractor(content) as extractor:
            embeddings = extractor.extract(photos)
            head = SoftmaxRegression(extractor.feature_dim, _CLASSES, seed=number)
        data = {"data_train": embeddings, "labels_train": labels}
        head.train_with_sgd(data, 20, 0.1, batch_size=8, print_every=0)
        head.fit(embeddings, labels)
        head.labels = ["red", "green", "blue"]
        head.save(self._saved)
        self._classify(SoftmaxRegression.load(self._saved).serialize_model(content))
        engine = ImprintingEngine(create_imprinting_model(content))
        engine.train_all(embeddings, labels)
        self._classify(engine.serialize_model())
        if number % 10 == 0:
            self._make_mistakes(head, content)

    def _classify(self, model: bytes) -> None:
        self._model.write_bytes(model)
        photos, labels = draw_photos(self._rng)
        with Classifier(self._model) as classifier:
            answers = classifier.scores(photos).argmax(axis=1)
        self.photos += len(labels)
        self.right += int((answers == labels).sum())

    def _make_mistakes(self, head: SoftmaxRegression, content: bytes) -> None:
        rows = np.full((4, head.feature_dim), np.nan, np.float32)
        data = {"data_train": rows, "labels_train": [0, 1, 2, 0]}
        for attempt in (
            lambda: head.train_with_sgd(data, 5, 0.1),
            lambda: head.predict(rows),
            lambda: head.fit(rows, [0, 1, 2, 9]),
            lambda: head.serialize_model(content[: len(content) // 2]),
            lambda: SoftmaxRegression.load(self._model),
            lambda: Classifier(content[:100]),
        ):
            with contextlib.suppress(ValueError):
                attempt()
                raise RuntimeError("a mistake was not refused")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability.soak")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_CYCLES} cycles")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cycles", type=int)
    options = parser.parse_args(arguments)
    cycles = options.cycles or (_QUICK_CYCLES if options.quick else _ALL_CYCLES)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(options.seed, Path(folder))
        for number in range(_FIRST):
            soak.cycle(number)
        first = Footprint.now()
        print(f"after {_FIRST} cycles: {first}", flush=True)
        for number in range(_FIRST, cycles):
            soak.cycle(number)
            if (number + 1) % 1000 == 0:
                print(f"after {number + 1} cycles: {Footprint.now()}", flush=True)
        last = Footprint.now()
    growth = last.memory / first.memory - 1
    leaked = growth > _MAX_GROWTH or last.files > first.files or last.threads > first.threads
    print(
        f"{cycles} cycles in {time.perf_counter() - start:.0f} s, {soak.photos} photos classified, "
        f"{soak.right / soak.photos:.1%} right: memory {growth:+.1%} since the first {_FIRST}, "
        f"at the end {last}"
    )
    return int(leaked)


if __name__ == "__main__":
    sys.exit(main())
