"""Whether accuracies, intervals, probabilities and gains are what they say, on the flowers."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from coral_learn import SoftmaxRegression
from coral_learn.embeddings import Embeddings
from coral_learn.heads.cross_fitting import Score
from coral_learn.heads.refit import score_by_refits
from coral_learn.heads.scenes import number_scenes
from coral_learn.jobs.calibration import calibration_error
from coral_learn.jobs.cross_validation import cross_validation_of
from coral_learn.jobs.held_out import HeldOutScores, score_held_out
from coral_learn.jobs.learning_curve import measure_learning_curve

from .figures import Figure, Note, Quantity, Target
from .flowers import EmbeddedPhotos, Labels, Rows, embed_flowers, own_extractors
from .settings import Settings, real_data
from .timing import Ratio
from .workers import Worker

_DRAWS, _QUICK_DRAWS = 50, 2
_MORE = 20  # photos of each class
_DEVIATIONS = 1.96

# Numbers of photos of each class, and targets
_CALIBRATED = {5: Target(4.0, "at most"), 20: None, 48: Target(2.0, "at most")}  # points
_COVERED_SIZES, _COVERED = (20, 40), 90.0  # percent of the draws
_GAIN_SIZES, _GAIN = (10, 20, 35), 2.0  # points


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Draws flowers several times, and tests what is said about them on the others."""
    data = real_data()
    if data is None:
        yield Note(part, "reliance: skipped without real photos; set CORAL_LEARN_DATA")
        return
    extractors = own_extractors(data)
    draws = _QUICK_DRAWS if settings.quick else _DRAWS
    with Worker(threads=1) as worker:
        for name, extractor in extractors.items():
            photos = embed_flowers(data, extractor)
            for size, target in _CALIBRATED.items():
                errors = worker.call(_calibration_errors, photos, size, draws)
                what = f"calibration error, {size} photos a class, {name}"
                yield _figure(part, what, errors, target)
            for size in _COVERED_SIZES:
                covered = worker.call(_covered, photos, size, draws)
                what = f"draws whose interval is right, {size} photos a class, {name}"
                yield _figure(part, what, covered, Target(_COVERED, "at least"))
            for size in _GAIN_SIZES:
                errors = worker.call(_gain_errors, photos, size, draws)
                what = f"error of the gain of {_MORE} more than {size} photos a class, {name}"
                yield _figure(part, what, errors, Target(_GAIN, "at most"))


def _figure(part: str, what: str, values: NDArray[np.float64], target: Target | None) -> Figure:
    """Returns a figure of fractions: the first counts, and the others are its extremes."""
    points = 100 * values
    return Figure(
        part=part,
        what=what,
        ours=Quantity(float(values[0]), "%"),
        against="",
        theirs=None,
        result=Ratio(float(points[0]), float(points.min()), float(points.max())),
        meaning="points",
        target=target,
    )


def fit_as_train(
    embeddings: Embeddings, labels: Labels, scenes: Rows, seed: int
) -> tuple[SoftmaxRegression, Score]:
    """Fits a head; returns it, and what fits others in the same way, as `train` does."""
    classes = int(labels.max()) + 1
    head = SoftmaxRegression(embeddings.shape[1], classes, seed=seed)
    record = head.fit(embeddings, labels, groups=scenes)
    return head, score_by_refits(record, embeddings, labels, classes, seed=seed)


def _fit(photos: EmbeddedPhotos, rows: Rows, seed: int) -> tuple[SoftmaxRegression, Score, Rows]:
    """Fits a head to some photos; returns the scenes of these, too."""
    scenes = number_scenes(photos.embeddings[rows], photos.labels[rows])
    return *fit_as_train(photos.embeddings[rows], photos.labels[rows], scenes, seed), scenes


def _calibration_errors(photos: EmbeddedPhotos, size: int, draws: int) -> NDArray[np.float64]:
    """Returns the error over all draws, and that of single ones, which chance makes larger."""
    confidence, right = [], []
    for seed in range(draws):
        train, others = photos.draw(size, seed)
        head = _fit(photos, train, seed)[0]
        probabilities = head.predict_proba(photos.embeddings[others])
        confidence.append(probabilities.max(axis=1))
        right.append(probabilities.argmax(axis=1) == photos.labels[others])
    of_draws = map(calibration_error, confidence, right)
    whole = calibration_error(np.concatenate(confidence), np.concatenate(right))
    return np.array([whole, *of_draws])


def _held_out(
    photos: EmbeddedPhotos, rows: Rows, seed: int
) -> tuple[SoftmaxRegression, Score, HeldOutScores]:
    head, score, scenes = _fit(photos, rows, seed)
    scores = score_held_out(photos.embeddings[rows], photos.labels[rows], score, seed, scenes)
    assert scores is not None
    return head, score, scores


def _covered(photos: EmbeddedPhotos, size: int, draws: int) -> NDArray[np.float64]:
    """Returns the fraction of the draws in which the accuracy on the others is in the interval.

    The others are few: the interval is widened by what chance does to their accuracy.
    """
    names = [str(label) for label in np.unique(photos.labels)]
    covered = 0
    for seed in range(draws):
        train, others = photos.draw(size, seed)
        head, _, scores = _held_out(photos, train, seed)
        low, high = cross_validation_of(scores, names).interval
        accuracy = head.get_accuracy(photos.embeddings[others], photos.labels[others])
        chance = _DEVIATIONS * np.sqrt(accuracy * (1 - accuracy) / len(others))
        covered += abs(accuracy - (low + high) / 2) <= np.hypot((high - low) / 2, chance)
    return np.array([covered / draws])


def _gain_errors(photos: EmbeddedPhotos, size: int, draws: int) -> NDArray[np.float64]:
    """Returns the error of the mean gain that is said, and that of single draws."""
    said, real = [], []
    for seed in range(draws):
        more, others = photos.draw(size + _MORE, seed)
        train = photos.draw(size, seed)[0]  # the same draw, of which the first of each class
        head, score, scores = _held_out(photos, train, seed)
        rows, labels = photos.embeddings[train], photos.labels[train]
        curve = measure_learning_curve(
            rows, labels, score, scores, seed, number_scenes(rows, labels)
        )
        assert curve is not None
        said.append(curve.gain(_MORE))
        larger = _fit(photos, more, seed)[0]
        test = photos.embeddings[others], photos.labels[others]
        real.append(larger.get_accuracy(*test) - head.get_accuracy(*test))
    errors = np.abs(np.array(said) - np.mean(real))
    return np.array([abs(np.mean(said) - np.mean(real)), *errors])
