"""The head as a scikit-learn classifier: ``pip install 'coral-learn[sklearn]'``."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .heads.softmax_regression import SoftmaxRegression


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """:meth:`SoftmaxRegression.fit <coral_learn.SoftmaxRegression.fit>` for scikit-learn.

    It chooses its L2 penalty itself, so there is nothing to search for.

    Args:
        class_weight: As for :meth:`SoftmaxRegression.fit`, with scikit-learn's own class labels
            as keys.
        random_state: The seed, an int or None, of the folds that the penalty is chosen on.

    Attributes:
        classes_: The labels, [C].
        coef_: The weights, float32 [C, D].
        intercept_: The biases, float32 [C].
        n_features_in_: D.
        head_: The head itself, whose ``serialize_model`` makes a ``.tflite`` classifier.
    """

    def __init__(self, *, class_weight: Any = None, random_state: int | None = 0) -> None:
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "SoftmaxClassifier":  # noqa: N803
        """Trains on X, numbers [N, D], and their labels y, [N]."""
        rows, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, classes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"one class alone, {self.classes_[0]!r}: there must be at least 2")
        head = SoftmaxRegression(rows.shape[1], len(self.classes_), seed=self.random_state)
        head.labels = [str(name) for name in self.classes_]
        head.fit(rows, classes, class_weight=self._weights(), seed=self.random_state)
        self.head_ = head
        return self

    @property
    def coef_(self) -> NDArray[np.float32]:
        """The weights, float32 [C, D]."""
        return self.head_.weights.T

    @property
    def intercept_(self) -> NDArray[np.float32]:
        """The biases, float32 [C]."""
        return self.head_.biases

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Returns the logits, [N, C]; of two classes, how far the second is ahead, [N]."""
        rows = self._rows(X)
        logits: NDArray[np.float32] = rows @ self.head_.weights + self.head_.biases
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Returns the probability of each class, [N, C]."""
        rows = self._rows(X)
        return self.head_.predict_proba(rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Returns the most probable label of each row, [N]."""
        rows = self._rows(X)  # says so where nothing was trained
        labels: NDArray[Any] = self.classes_[self.head_.predict(rows)]
        return labels

    def to_logistic_regression(self) -> LogisticRegression:
        """Returns scikit-learn's own classifier with these weights."""
        check_is_fitted(self, "head_")
        other = LogisticRegression()
        other.classes_ = self.classes_
        other.n_features_in_ = self.n_features_in_
        binary = len(self.classes_) == 2
        other.coef_ = self.coef_[1:] - self.coef_[:1] if binary else self.coef_.copy()
        other.intercept_ = (
            self.intercept_[1:] - self.intercept_[:1] if binary else self.intercept_.copy()
        )
        return other

    @classmethod
    def from_logistic_regression(cls, other: LogisticRegression) -> "SoftmaxClassifier":
        """Returns a classifier with the weights of scikit-learn's own.

        Raises:
            NotFittedError: It was not trained.
        """
        check_is_fitted(other)
        made = cls()
        made.classes_ = np.asarray(other.classes_)
        made.n_features_in_ = int(other.n_features_in_)
        coefficients, intercepts = np.atleast_2d(other.coef_), np.ravel(other.intercept_)
        if len(made.classes_) == 2:  # one row, of the second class against the first
            coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        head = SoftmaxRegression(made.n_features_in_, len(made.classes_))
        head.weights, head.biases = coefficients.T, intercepts
        head.labels = [str(name) for name in made.classes_]
        made.head_ = head
        return made

    def _rows(self, x: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self, "head_")
        rows: NDArray[np.float32] = validate_data(self, x, dtype=np.float32, reset=False)
        return rows

    def _weights(self) -> Any:
        if not isinstance(self.class_weight, dict):
            return self.class_weight
        return [self.class_weight.get(label, 1.0) for label in self.classes_.tolist()]
