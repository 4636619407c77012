"""Whether the accuracy is believable that an album with several photos of each scene gets."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from coral_learn import EmbeddingExtractor, Embeddings
from coral_learn.heads.scenes import number_scenes
from coral_learn.jobs.held_out import score_held_out

from .figures import Figure, Note, Quantity, Target
from .flowers import EmbeddedPhotos, Rows, embed_flowers, own_extractors
from .reliance import fit_as_train
from .settings import Settings, real_data
from .timing import Ratio
from .workers import Worker

_SIZE = 20  # scenes of each class
_MAX_COPIES = 3
_DRAWS, _QUICK_DRAWS = 10, 2
_MAX_ERROR = Target(2.0, "at most")  # points of accuracy


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Draws flowers, adds 1 to 3 changed copies of each, and tests on the flowers not drawn."""
    data = real_data()
    if data is None:
        yield Note(part, "bursts: skipped without real photos; set CORAL_LEARN_DATA")
        return
    extractors = own_extractors(data)
    draws = _QUICK_DRAWS if settings.quick else _DRAWS
    with Worker(threads=1) as worker:
        for name, extractor in extractors.items():
            photos = embed_flowers(data, extractor)
            copies = _embed_copies(photos.paths, extractor)
            for with_scenes in (True, False):
                how = "scenes held out whole" if with_scenes else "photos held out one by one"
                errors = worker.call(_errors, photos, copies, draws, with_scenes)
                yield Figure(
                    part=part,
                    what=f"accuracy said of bursts less the real one, {how}, {name}",
                    ours=Quantity(float(errors.mean()) / 100, "%"),
                    against="",
                    theirs=None,
                    result=Ratio(abs(errors.mean()), float(errors.min()), float(errors.max())),
                    meaning="points",
                    target=_MAX_ERROR if with_scenes else None,
                )


def _embed_copies(paths: list[Path], extractor: bytes) -> list[Embeddings]:
    with EmbeddingExtractor(extractor) as model:
        return [
            model.extract(_changed(path, row + 1000 * copy) for row, path in enumerate(paths))
            for copy in range(_MAX_COPIES)
        ]


def _changed(path: Path, seed: int) -> Image.Image:
    """Returns a photo with one or two small changes, as between the photos of a burst."""
    generator = np.random.default_rng(seed)
    photo = Image.open(path).convert("RGB")
    for change in generator.permutation(4)[: generator.integers(1, 3)]:
        if change == 0:
            photo = ImageEnhance.Brightness(photo).enhance(generator.uniform(0.8, 1.25))
        elif change == 1:
            size = 0.9 * np.array(photo.size)
            left, top = generator.uniform(0, 0.1, 2) * photo.size
            photo = photo.crop((left, top, left + size[0], top + size[1]))
        elif change == 2:
            photo = photo.rotate(generator.choice([-3, 3]), resample=Image.Resampling.BILINEAR)
        else:
            buffer = io.BytesIO()
            photo.save(buffer, "JPEG", quality=int(generator.integers(40, 75)))
            photo = Image.open(buffer).convert("RGB")
    return photo


def _errors(
    photos: EmbeddedPhotos, copies: list[Embeddings], draws: int, with_scenes: bool
) -> NDArray[np.float64]:
    """Returns by how many points the accuracy that is said is too high, in each draw."""
    errors = []
    for seed in range(draws):
        drawn, others = photos.draw(_SIZE, seed)
        embeddings, rows = _album(photos, copies, drawn, seed)
        labels = photos.labels[rows]
        scenes = np.arange(len(rows))
        if with_scenes:
            scenes = number_scenes(embeddings, labels)
        head, score = fit_as_train(embeddings, labels, scenes, seed)
        scores = score_held_out(embeddings, labels, score, seed, scenes)
        assert scores is not None
        real = head.get_accuracy(photos.embeddings[others], photos.labels[others])
        errors.append(100 * (float(scores.right.mean()) - real))
    return np.array(errors)


def _album(
    photos: EmbeddedPhotos, copies: list[Embeddings], drawn: Rows, seed: int
) -> tuple[Embeddings, Rows]:
    """Returns the embeddings of photos and of 1 to 3 copies of each, and which photo each shows."""
    numbers = np.random.default_rng(seed).integers(1, _MAX_COPIES + 1, len(drawn))
    of_copies = [drawn[numbers > copy] for copy in range(_MAX_COPIES)]
    embeddings = [photos.embeddings[drawn]]
    embeddings += [copy[rows] for copy, rows in zip(copies, of_copies, strict=True)]
    return Embeddings.concatenate(embeddings), np.concatenate([drawn, *of_copies])
