"""The methods that are compared. Each trains on embeddings and classifies others."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from coral_learn import Embeddings, SoftmaxRegression

from .flowers import Labels

Learner = Callable[[Embeddings, Labels, Embeddings, int], Labels]
"""Takes (embeddings, labels, other embeddings, seed) and returns the classes of the others."""

PENALTIES = tuple(10.0**power for power in range(-5, 2))
"""Values to try for C, the inverse of the penalty in scikit-learn."""


def fitted_head(embeddings: Embeddings, labels: Labels, seed: int) -> SoftmaxRegression:
    """Returns a head that ``fit`` trained."""
    head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, seed=seed)
    head.fit(embeddings, labels)
    return head


def tutorial_head(embeddings: Embeddings, labels: Labels, seed: int) -> SoftmaxRegression:
    """Returns a head trained as in Coral's tutorial."""
    head = SoftmaxRegression(embeddings.shape[1], int(labels.max()) + 1, 0.05, seed=seed)
    data = {"data_train": embeddings, "labels_train": labels}
    head.train_with_sgd(data, num_iter=500, learning_rate=0.01, batch_size=100, print_every=0)
    return head


def by_fit(embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int) -> Labels:
    """Classifies with ``SoftmaxRegression.fit``."""
    return fitted_head(embeddings, labels, seed).predict(others)


def by_tutorial(embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int) -> Labels:
    """Classifies with the recipe of the tutorial."""
    return tutorial_head(embeddings, labels, seed).predict(others)


def by_imprinting(embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int) -> Labels:
    """Classifies as ImprintingEngine does: by the class with the nearest mean direction."""
    known, unknown = _directions(embeddings), _directions(others)
    sums = np.stack([known[labels == label].sum(axis=0) for label in range(labels.max() + 1)])
    return np.asarray((unknown @ _directions(sums).T).argmax(axis=1), np.int64)


def by_cross_validation(
    embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int
) -> Labels:
    """Classifies with LogisticRegression, its penalty chosen by 5-fold cross-validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    search = GridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": PENALTIES},
        cv=StratifiedKFold(5, shuffle=True, random_state=seed),
    )
    search.fit(np.asarray(embeddings), labels)
    return np.asarray(search.predict(np.asarray(others)), np.int64)


def by_logistic_regression(
    inverse: float, embeddings: Embeddings, labels: Labels, others: Embeddings, seed: int
) -> Labels:
    """Classifies with LogisticRegression and the given inverse of the penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse, max_iter=1000).fit(np.asarray(embeddings), labels)
    return np.asarray(model.predict(np.asarray(others)), np.int64)


def _directions(embeddings: Embeddings | NDArray[np.float32]) -> NDArray[np.float32]:
    values = np.asarray(embeddings, np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)
