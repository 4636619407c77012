"""A fleet over Flower: rounds, bytes and seconds, and what noise and a quick head cost."""

import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.support.fleet import Fleet, fit_together, join

from coral_learn import ImageFolder, Project, SoftmaxRegression
from coral_learn.extraction.builtin_extractor import builtin_extractor
from coral_learn.fleet.fingerprint import fingerprint
from coral_learn.fleet.noisy_fit import AskAll, fit_noisily
from coral_learn.fleet.noisy_sums import epsilon, noisy_gradient, public_scale
from coral_learn.heads.memory_shard import MemoryShard
from coral_learn.heads.quick_fit import fit_quickly
from coral_learn.heads.shard import LossSums
from coral_learn.tflite.file import ModelFile

from .figures import Figure, Note
from .flowers import EmbeddedPhotos, Rows, embed_flowers, own_extractors
from .settings import Settings, real_data

PART = "fleet"

_BOARDS = (1, 2, 5)
_PER_CLASS = (5, 10, 20, 40)
_NOISE = (0.5, 1.0, 2.0, 4.0, 8.0)
_DRAWS, _QUICK_DRAWS = 10, 1
_PARTS = 5  # of the photos: boards, and one fifth to test on


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Runs fleets on the flowers, each board in processes of its own."""
    data = real_data()
    if data is None:
        yield Note(PART, "skipped without real photos; set CORAL_LEARN_DATA")
        return
    yield from _quick(data, settings)
    yield from _noise(embed_flowers(data, builtin_extractor().read_bytes()), settings)
    if find_spec("flwr") is None:
        yield Note(PART, "no boards without Flower: pip install 'coral-learn[fleet]'")
        return
    for boards in _BOARDS[:1] if settings.quick else _BOARDS:
        with tempfile.TemporaryDirectory() as folder:
            yield Note(PART, _run_fleet(data / "flowers", boards, Path(folder)))


def _run_fleet(flowers: Path, boards: int, folder: Path) -> str:
    projects = _projects(flowers, boards, folder)
    fleet = Fleet(folder, boards=boards)
    with fleet.said:
        joined = [join(each, fleet.port, each.path.name) for each in projects]
        try:
            head, result = fleet.result()
            for board in joined:
                board.end()
        except subprocess.TimeoutExpired:
            for board in joined:
                board.kill_all()
            raise
    expected = fit_together(projects, head.labels or [], seed=0)
    apart = np.abs(head.weights - expected.weights).max() / np.abs(expected.weights).max()
    rounds = result["rounds"]
    return (
        f"{boards} boards: {rounds} rounds in {result['seconds']:.0f} s "
        f"({result['seconds'] / rounds:.2f} s each), {result['bytes_sent'] / boards / 1e6:.2f} MB "
        f"to each board and {result['bytes_received'] / boards / 1e6:.2f} MB from it, weights "
        f"{apart:.1e} of the largest from those of one machine"
    )


def _projects(flowers: Path, boards: int, folder: Path) -> list[Project]:
    """Deals photos to boards; the last class is on the last board alone."""
    photos = ImageFolder(flowers)
    projects = [Project.create(folder / f"board-{number}") for number in range(boards)]
    for label, name in enumerate(photos.classes):
        paths = [photos.paths[row] for row in np.flatnonzero(photos.labels == label)]
        alone = label == len(photos.classes) - 1
        for number, project in enumerate(projects):
            part = paths if alone and number == boards - 1 else paths[number::boards]
            if not alone or number == boards - 1:
                project.add(name, part)
    return projects


def _quick(data: Path, settings: Settings) -> Iterator[Note]:
    """Compares quick heads with fitted ones, and fits that start from them with others."""
    for name, extractor in own_extractors(data).items():
        photos = embed_flowers(data, extractor)
        for per_class in _PER_CLASS[:1] if settings.quick else _PER_CLASS:
            found = np.mean(
                [
                    _compare(photos, *photos.draw(per_class, draw))
                    for draw in range(_QUICK_DRAWS if settings.quick else _DRAWS)
                ],
                axis=0,
            )
            yield Note(
                PART,
                f"{name}, {per_class} a class: quick {found[0]:.1%} (loss {found[1]:.2f}), fitted "
                f"{found[2]:.1%} (loss {found[3]:.2f}); iterations from the quick head "
                f"{found[4]:.1f}, from zeros {found[5]:.1f}",
            )


def _compare(photos: EmbeddedPhotos, train: Rows, test: Rows) -> list[float]:
    rows, labels = photos.embeddings[train], photos.labels[train]
    shape = rows.shape[1], int(photos.labels.max()) + 1
    quick, fitted, again = (SoftmaxRegression(*shape, seed=0) for _ in range(3))
    shards = [MemoryShard(rows, labels)]
    weights, biases = fit_quickly(shards, *shape, on_lost=lambda index, error: None)
    quick.weights, quick.biases = weights.T, biases
    penalty = fitted.fit(rows, labels, seed=0).penalty
    from_quick = again.fit(rows, labels, penalty=penalty, start=quick)
    from_zeros = again.fit(rows, labels, penalty=penalty)
    scores = []
    for head in (quick, fitted):
        probabilities = head.predict_proba(photos.embeddings[test])
        right = probabilities[np.arange(len(test)), photos.labels[test]]
        accuracy = head.get_accuracy(photos.embeddings[test], photos.labels[test])
        scores += [accuracy, float(-np.log(np.maximum(right, 1e-12)).mean())]
    return [*scores, len(from_quick.losses), len(from_zeros.losses)]


def _noise(photos: EmbeddedPhotos, settings: Settings) -> Iterator[Note]:
    center, scale = public_scale(fingerprint(ModelFile.open(builtin_extractor())))
    exact = []
    noisy: dict[float, list[float]] = {noise: [] for noise in _NOISE}
    for draw in range(_QUICK_DRAWS if settings.quick else _DRAWS):
        rows = np.random.default_rng(draw).permutation(len(photos.labels))
        test, *boards = np.array_split(rows, _PARTS + 1)
        train = np.concatenate(boards)
        head = SoftmaxRegression(photos.embeddings.shape[1], int(photos.labels.max()) + 1, seed=0)
        head.fit(photos.embeddings[train], photos.labels[train], seed=0)
        exact.append(head.get_accuracy(photos.embeddings[test], photos.labels[test]))
        for noise in _NOISE:
            fit_noisily(
                head,
                _asking(photos, boards, center, scale, noise),
                center,
                scale,
                lambda step: None,
            )
            noisy[noise].append(head.get_accuracy(photos.embeddings[test], photos.labels[test]))
    yield Note(PART, f"noise: exact {np.mean(exact):.1%}")
    for noise, found in noisy.items():
        yield Note(PART, f"noise {noise:g}, epsilon {epsilon(noise):.0f}: {np.mean(found):.1%}")


def _asking(
    photos: EmbeddedPhotos,
    boards: list[Rows],
    center: NDArray[np.float64],
    scale: float,
    noise: float,
) -> AskAll:
    """Returns a function that asks boards in this process, each with some rows of the photos."""
    generator = np.random.default_rng(0)

    def ask(weights: NDArray[np.float32], biases: NDArray[np.float32]) -> list[LossSums]:
        return [
            noisy_gradient(
                photos.embeddings[rows],
                photos.labels[rows],
                weights,
                biases,
                center=center,
                clip=scale,
                noise=noise,
                generator=generator,
            )
            for rows in boards
        ]

    return ask
