"""Measures the numbers of the figures in docs/explanation/, and writes them as JSON.

    python -m benchmarks.explanations docs/figures/numbers.json

Takes a few minutes, and needs the real photos and scikit-learn. ``tools/site/draw_figures.py``
draws the figures.
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.jobs.calibration import calibration_error
from coral_learn.jobs.classification import Classifier

from .flowers import EmbeddedPhotos, Labels, embed_flowers, own_extractors
from .heads import Learner, by_fit, by_imprinting, by_tutorial, fitted_head, tutorial_head
from .machine import describe
from .settings import real_data

_BUILT_IN = "built-in extractor"
_PHOTOS_PER_CLASS = (1, 2, 5, 10, 20, 48)
_DRAWS = 20
_SAVED_DRAWS = 5
_CALIBRATED_ON = 20  # photos per class
_SMALL = 32  # pixels on a side, of the photos that a head learns from without an extractor
_BINS = np.linspace(0.2, 1, 9)  # of five classes, the most probable one has at least a fifth

Answers = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""The probability of each answer, and whether it is right."""

HeadAndFactor = tuple[SoftmaxRegression, float]
"""A head, and what its logits are multiplied by."""


def main(path: Path) -> None:
    """Measures everything, and writes it to a file."""
    data = real_data()
    if data is None:
        sys.exit("There are no real photos: set CORAL_LEARN_DATA to their folder.")
    extractors = own_extractors(data)
    photos = embed_flowers(data, extractors[_BUILT_IN])
    numbers = {
        "made by": "python -m benchmarks.explanations",
        "photos": "300 flowers, 60 of each of 5 classes; the photos not trained on are the test",
        "machine": describe(),
        "draws": _DRAWS,
        "last_layer": _last_layer(photos),
        "imprinting": _curves(
            photos, {"fit": by_fit, "imprinting": by_imprinting, "pycoral's recipe": by_tutorial}
        ),
        "heads on MobileNet v1": _curves(
            embed_flowers(data, extractors["MobileNet v1"]),
            {"fit": by_fit, "pycoral": by_tutorial, "Teachable Machine": _by_teachable_machine},
        ),
        "quantization": _quantization(extractors[_BUILT_IN], photos),
        "calibration": _calibration(photos),
        "sums": _sums(photos),
    }
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def _last_layer(photos: EmbeddedPhotos) -> dict[str, Any]:
    """Compares a head on embeddings with the same head on the pixels of the photos."""
    pixels = EmbeddedPhotos(photos.paths, photos.labels, _small_pixels(photos.paths))
    curves = {"embeddings": _curves(photos, {"fit": by_fit})["fit"]}
    return curves | {"pixels": _curves(pixels, {"fit": by_fit})["fit"]}


def _small_pixels(paths: list[Path]) -> Embeddings:
    rows = []
    for path in paths:
        with Image.open(path) as photo:
            small = photo.convert("RGB").resize((_SMALL, _SMALL), Image.Resampling.BOX)
        rows.append(np.asarray(small, np.float32).ravel() / 255)
    return Embeddings(np.stack(rows))


def _curves(photos: EmbeddedPhotos, learners: dict[str, Learner]) -> dict[str, Any]:
    """Returns mean and standard deviation of the accuracy for each number of photos per class."""
    return {
        name: [_accuracy(photos, n, by) for n in _PHOTOS_PER_CLASS] for name, by in learners.items()
    }


def _by_teachable_machine(
    embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int
) -> Labels:
    """Classifies with a head as Teachable Machine trains it: 100 hidden units, 50 epochs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    head = MLPClassifier((100,), batch_size=min(16, len(labels)), max_iter=50, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after 50 epochs, too
        head.fit(np.asarray(embeddings), labels)
    return np.asarray(head.predict(np.asarray(others)), np.int64)


def _accuracy(photos: EmbeddedPhotos, per_class: int, learner: Learner) -> dict[str, float]:
    fractions = []
    for seed in range(_DRAWS):
        train, test = photos.draw(per_class, seed)
        known, others = photos.embeddings[train], photos.embeddings[test]
        answers = learner(known, photos.labels[train], others, seed)
        fractions.append(float(np.mean(answers == photos.labels[test])))
    return {
        "photos per class": per_class,
        "mean": round(float(np.mean(fractions)), 4),
        "deviation": round(float(np.std(fractions, ddof=1)), 4),
    }


def _quantization(extractor: bytes, photos: EmbeddedPhotos) -> dict[str, Any]:
    """Returns the probability of each answer by the float head and by the saved file."""
    float_probability, file_probability, same = [], [], []
    for seed in range(_SAVED_DRAWS):
        train, test = photos.draw(max(_PHOTOS_PER_CLASS), seed)
        head = fitted_head(photos.embeddings[train], photos.labels[train], seed)
        exact = head.predict_proba(photos.embeddings[test])
        with Classifier(head.serialize_model(extractor)) as classifier:
            saved = classifier.scores([photos.paths[row] for row in test])
        answers = exact.argmax(axis=1)
        rows = np.arange(len(test))
        float_probability += exact[rows, answers].tolist()
        file_probability += saved[rows, answers].tolist()
        same += (saved.argmax(axis=1) == answers).tolist()
    difference = np.abs(np.subtract(float_probability, file_probability))
    return {
        "draws": _SAVED_DRAWS,
        "float": [round(value, 4) for value in float_probability],
        "file": [round(value, 4) for value in file_probability],
        "answers that differ": same.count(False),
        "mean difference": round(float(difference.mean()), 5),
        "largest difference": round(float(difference.max()), 4),
    }


def _calibration(photos: EmbeddedPhotos) -> dict[str, Any]:
    """Returns how often answers are right, by the probability that the head gives them."""

    def fit(seed: int, train: NDArray[np.int64]) -> HeadAndFactor:
        return fitted_head(photos.embeddings[train], photos.labels[train], seed), 1.0

    def without_temperature(seed: int, train: NDArray[np.int64]) -> HeadAndFactor:
        head = SoftmaxRegression(
            photos.embeddings.shape[1], int(photos.labels.max()) + 1, seed=seed
        )
        record = head.fit(photos.embeddings[train], photos.labels[train])
        return head, record.temperature

    def recipe(seed: int, train: NDArray[np.int64]) -> HeadAndFactor:
        return tutorial_head(photos.embeddings[train], photos.labels[train], seed), 1.0

    heads = {
        "fit": fit,
        "fit without the temperature": without_temperature,
        "pycoral's recipe": recipe,
    }
    return {name: _reliability(*_answers(photos, train_head)) for name, train_head in heads.items()}


def _answers(
    photos: EmbeddedPhotos, train_head: Callable[[int, NDArray[np.int64]], HeadAndFactor]
) -> Answers:
    probabilities, right = [], []
    for seed in range(_DRAWS):
        train, test = photos.draw(_CALIBRATED_ON, seed)
        head, factor = train_head(seed, train)
        logs = factor * np.log(np.maximum(head.predict_proba(photos.embeddings[test]), 1e-30))
        scores = np.exp(logs - logs.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        probabilities.append(scores.max(axis=1))
        right.append(scores.argmax(axis=1) == photos.labels[test])
    return np.concatenate(probabilities).astype(np.float64), np.concatenate(right)


def _reliability(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    bins = np.clip(np.digitize(probabilities, _BINS) - 1, 0, len(_BINS) - 2)
    points = [
        {
            "probability": round(float(probabilities[bins == each].mean()), 4),
            "right": round(float(right[bins == each].mean()), 4),
            "answers": int((bins == each).sum()),
        }
        for each in range(len(_BINS) - 1)
        if (bins == each).any()
    ]
    return {
        "error": round(float(calibration_error(probabilities.astype(np.float32), right)), 4),
        "points": points,
    }


def _sums(photos: EmbeddedPhotos) -> list[dict[str, float]]:
    """Compares the sum of the embeddings of n photos with one of them, and with another photo.

    The embeddings are taken relative to the mean of all; the figures are mean cosines.
    """
    rows = np.asarray(photos.embeddings, np.float64)
    rows -= rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [_likeness(rows, photos.labels, count) for count in _PHOTOS_PER_CLASS]


def _likeness(rows: NDArray[np.float64], labels: Labels, count: int) -> dict[str, float]:
    generator = np.random.default_rng(count)
    inside, outside = [], []
    for _ in range(10 * _DRAWS):
        same_class = np.flatnonzero(labels == generator.integers(labels.max() + 1))
        chosen = generator.permutation(same_class)[: count + 1]
        total = rows[chosen[:-1]].sum(axis=0)
        total /= np.linalg.norm(total)
        inside.append(float(rows[chosen[0]] @ total))
        outside.append(float(rows[chosen[-1]] @ total))
    return {
        "photos": count,
        "one of them": round(float(np.mean(inside)), 4),
        "another photo of the class": round(float(np.mean(outside)), 4),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
