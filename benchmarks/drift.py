"""How often `watch` tells of drift when there is none, and after how many photos when there is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from coral_learn import EmbeddingExtractor, Embeddings, ImageFolder, SoftmaxRegression
from coral_learn.heads.familiarity import fit_familiarity
from coral_learn.heads.folds import make_folds
from coral_learn.heads.strangers import familiarity
from coral_learn.jobs.watch.drift import DriftDetector
from coral_learn.jobs.watch.scenes import SceneCounter

from .figures import Figure, Note, Quantity, Target, exactly
from .flowers import Labels, Rows, own_extractors
from .settings import Settings, real_data
from .timing import Ratio

_TRAINED = 30  # photos of each of four classes; the fifth is the one that was never seen
_BEFORE = 60  # photos of a stream before it changes
_SEEDS, _QUICK_SEEDS = 30, 2
_FRAMES, _QUICK_FRAMES = 5, 1  # of a scene, of a camera that moves
_STEP = 0.025  # of the width and the height, from one frame to the next one

# Target
_FALSE_ALARMS = 2.0  # percent of the streams

_CAST = (1.0, 0.75, 0.5)  # of red, green and blue: an incandescent lamp
_BLUR = 0.02  # of the width

Change = Callable[[Image.Image], Image.Image]


def _darker(photo: Image.Image) -> Image.Image:
    return photo.point([round(0.4 * value) for value in range(256)] * 3)


def _blurred(photo: Image.Image) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(_BLUR * photo.width))


def _tinted(photo: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(photo) * np.array(_CAST)).astype(np.uint8))


def _moved(photo: Image.Image) -> Image.Image:
    """Returns a quarter of the photo, from its corner."""
    return photo.crop((0, 0, photo.width // 2, photo.height // 2))


_CHANGES: dict[str, Change] = {
    "0.4 times as bright": _darker,
    "in lamp light": _tinted,
    "blurred": _blurred,
    "a corner of each photo": _moved,
}


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Trains on some flowers, and watches the others, then changed ones."""
    data = real_data()
    if data is None:
        yield Note(part, "drift: skipped without real photos; set CORAL_LEARN_DATA")
        return
    extractors = own_extractors(data)
    changes, seeds, count = _CHANGES, _SEEDS, _FRAMES
    if settings.quick:
        extractors.pop("built-in extractor")
        changes, seeds, count = {"blurred": _blurred}, _QUICK_SEEDS, _QUICK_FRAMES
    folder = ImageFolder(data / "flowers")
    for name, extractor in extractors.items():
        with EmbeddingExtractor(extractor) as model:
            plain = model.extract(folder.paths)
            frames = model.extract(_frames(folder.paths, count))
            changed = {
                what: model.extract(_pictures(folder.paths, change))
                for what, change in changes.items()
            }
        streams = [_Stream(plain, folder.labels, seed) for seed in range(seeds)]
        alarms = [stream.first_alarm(plain, stream.rows) for stream in streams]
        accuracy = _mean_accuracy(streams, plain)
        what = f"{len(streams[0].rows)} photos, {name}"
        yield _false_alarms(part, what, alarms, accuracy, Target(_FALSE_ALARMS, "at most"))
        alarms = [stream.first_alarm(frames, _frame_rows(stream.rows, count)) for stream in streams]
        what = f"the same, {count} frames of each, {name}"
        yield _false_alarms(part, what, alarms, accuracy)
        for what, embeddings in {**changed, "a class never seen": plain}.items():
            is_class = embeddings is plain
            rows = [stream.unknown if is_class else stream.rows for stream in streams]
            delays = [
                stream.delay(plain, embeddings, each)
                for stream, each in zip(streams, rows, strict=True)
            ]
            accuracy = 0.0 if is_class else _mean_accuracy(streams, embeddings)
            yield _delays(part, f"drift told, {what}, {name}", delays, accuracy)


class _Stream:
    """A model that was trained on some flowers, and others for it to watch.

    Attributes:
        rows: Photos of the training's classes, in random order.
        unknown: Photos of the class that was left out, in random order.
    """

    def __init__(self, embeddings: Embeddings, labels: Labels, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(labels))
        self._labels = labels
        left_out = seed % (int(labels.max()) + 1)
        known = [order[labels[order] == label] for label in np.unique(labels) if label != left_out]
        train = np.concatenate([rows[:_TRAINED] for rows in known])
        folds = make_folds(labels[train], None, np.random.default_rng(seed))
        known_photos = fit_familiarity(embeddings[train], labels[train], folds)
        assert known_photos is not None
        self._known = known_photos
        self._head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, seed=seed)
        self._head.fit(embeddings[train], labels[train])
        self.rows = order[np.isin(order, np.concatenate(known)) & ~np.isin(order, train)]
        self.unknown = order[labels[order] == left_out]

    def accuracy(self, embeddings: Embeddings) -> float:
        """Returns the accuracy on the photos of the training's classes."""
        return self._head.get_accuracy(embeddings[self.rows], self._labels[self.rows])

    def first_alarm(self, embeddings: Embeddings, rows: Rows, before: int = 0) -> float:
        """Returns after how many photos drift is told; infinity if it is not.

        Args:
            embeddings: The embeddings of all photos, [N, D].
            rows: The stream.
            before: The number of photos whose alarms do not count.
        """
        drift = DriftDetector(len(self._known.quantiles))
        scenes = SceneCounter(self._known.moments.center)
        values = np.asarray(embeddings[rows])
        fractions = familiarity(self._known, embeddings[rows]).tolist()
        for number, (row, fraction) in enumerate(zip(values, fractions, strict=True), start=1):
            if scenes.counts(row, fraction):
                told = drift.update(fraction)
                if told is not None and told.state == "moved" and number > before:
                    return float(number - before)
        return np.inf

    def delay(self, plain: Embeddings, changed: Embeddings, rows: Rows) -> float:
        """Returns after how many changed photos drift is told; infinity if it is not."""
        again = np.random.default_rng(0).permutation(rows)
        both = Embeddings(
            np.concatenate([plain.quantized, changed.quantized]), plain.scale, plain.zero_point
        )
        after = len(plain) + np.concatenate([rows, again])
        return self.first_alarm(both, np.concatenate([self.rows[:_BEFORE], after]), _BEFORE)


def _pictures(paths: list[Path], change: Change) -> Iterator[Image.Image]:
    return (change(Image.open(path).convert("RGB")) for path in paths)


def _frames(paths: list[Path], count: int) -> Iterator[Image.Image]:
    """Yields the frames of each photo that a camera takes which moves slowly."""
    for path in paths:
        photo = Image.open(path).convert("RGB")
        width, height = (round((1 - _STEP * _FRAMES) * size) for size in photo.size)
        for number in range(count):
            left, top = (round(_STEP * number * size) for size in photo.size)
            yield photo.crop((left, top, left + width, top + height))


def _frame_rows(rows: Rows, count: int) -> Rows:
    return (rows[:, np.newaxis] * count + np.arange(count)).ravel()


def _mean_accuracy(streams: list[_Stream], embeddings: Embeddings) -> float:
    return float(np.mean([each.accuracy(embeddings) for each in streams]))


def _false_alarms(
    part: str, what: str, alarms: list[float], accuracy: float, target: Target | None = None
) -> Figure:
    share = float(np.isfinite(alarms).mean())
    return Figure(
        part=part,
        what=f"streams with a false alarm of drift, {what}",
        ours=Quantity(share, "%"),
        against="accuracy on such photos",
        theirs=Quantity(accuracy, "%"),
        result=exactly(100 * share),
        meaning="points",
        target=target,
    )


def _delays(part: str, what: str, delays: list[float], accuracy: float) -> Figure:
    """Returns how often drift is told, and after how many photos where it is."""
    told = [delay for delay in delays if np.isfinite(delay)]
    low, middle, high = np.quantile(told or [0.0], [0.1, 0.5, 0.9])
    return Figure(
        part=part,
        what=what,
        ours=Quantity(len(told) / len(delays), "%"),
        against="accuracy on such photos",
        theirs=Quantity(accuracy, "%"),
        result=Ratio(float(middle), float(low), float(high)),
        meaning="photos",
    )
