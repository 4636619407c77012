"""Embeddings that gather around the centers of classes."""

import numpy as np


def clusters(
    per_class: int, classes: int = 3, features: int = 16, noise: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns points around a center for each class, ordered by class."""
    rng = np.random.default_rng(seed)
    centers = 3 * rng.normal(size=(classes, features))
    labels = np.repeat(np.arange(classes), per_class)
    points = centers[labels] + noise * rng.normal(size=(len(labels), features))
    return points.astype(np.float32), labels
