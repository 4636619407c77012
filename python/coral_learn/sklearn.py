"""The head as a scikit-learn classifier: ``pip install 'coral-learn[sklearn]'``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .embeddings import Embeddings
from .heads.records import FitRecord
from .heads.refit import refit
from .heads.scenes import number_copies
from .heads.softmax_regression import SoftmaxRegression
from .jobs.held_out import score_held_out
from .jobs.threshold import as_precision, choose_threshold

if TYPE_CHECKING:
    from scipy.sparse import csr_array, csr_matrix, sparray, spmatrix
    from sklearn.utils import Tags

_BLOCK_VALUES = 1 << 22

Samples: TypeAlias = "ArrayLike | spmatrix | sparray"
"""Features, [N, D]: an array, or a sparse matrix of SciPy."""

ClassWeight: TypeAlias = Literal["balanced"] | dict[Any, float] | ArrayLike | None


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier that trains with :meth:`coral_learn.SoftmaxRegression.fit`.

    It chooses its L2 penalty by cross-validation, so there is no hyperparameter to search for.

    Args:
        class_weight: None for equal weights, ``"balanced"``, the weight of each label as a dict, or
            the weights in the order of ``classes_``. See :meth:`SoftmaxRegression.fit`.
        penalty: The L2 penalty; None to choose it. See :class:`coral_learn.FitRecord` for its unit.
        random_state: The seed of the cross-validation folds, an int or None.
        precision: The fraction of answers that are to be right, in (0, 1], for ``threshold_``; None
            for no threshold.

    Attributes:
        classes_: The labels of the C classes, [C].
        coef_: The weights, float32 [C, D].
        intercept_: The biases, float32 [C].
        n_features_in_: The number of features, D.
        head_: The trained :class:`coral_learn.SoftmaxRegression`. Its ``serialize_model`` makes a
            ``.tflite`` classifier.
        threshold_: The lowest probability of an answer with which answers are right as often as
            ``precision`` says, by cross-validation; None without ``precision``. ``predict`` answers
            in any case.

    Examples:
        >>> import numpy as np
        >>> from coral_learn.sklearn import SoftmaxClassifier
        >>> rows = np.array([[0, 1], [1, 0], [0, 2], [2, 0]], np.float32)
        >>> labels = ["daisy", "rose", "daisy", "rose"]
        >>> classifier = SoftmaxClassifier(penalty=0.1).fit(rows, labels)
        >>> classifier.predict(rows[:2]).tolist()
        ['daisy', 'rose']
        >>> classifier.predict_proba(rows).shape, classifier.decision_function(rows).shape
        ((4, 2), (4,))
        >>> classifier.coef_.shape, classifier.intercept_.shape
        ((2, 2), (2,))
        >>> other = classifier.to_logistic_regression()
        >>> SoftmaxClassifier.from_logistic_regression(other).predict(rows[:2]).tolist()
        ['daisy', 'rose']
    """

    def __init__(
        self,
        *,
        class_weight: ClassWeight = None,
        penalty: float | None = None,
        random_state: int | None = 0,
        precision: float | None = None,
    ) -> None:
        self.class_weight = class_weight
        self.penalty = penalty
        self.random_state = random_state
        self.precision = precision

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(
        self,
        X: Samples,  # noqa: N803
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> "SoftmaxClassifier":
        """Trains on samples.

        Args:
            X: The features, numbers of shape [N, D]. Sparse ones are trained on as a float32 array
                of that shape, which must fit in the memory.
            y: The labels, [N].
            sample_weight: How much each sample counts, [N]; None for 1 each.

        Returns:
            The classifier itself.

        Raises:
            ValueError: A wrong shape, numbers that are not finite, fewer than two classes, or a
                precision that no threshold gives.
            MemoryError: There is too little memory for sparse samples as an array.
        """
        if self.precision is not None:
            as_precision(self.precision)
        rows, labels = validate_data(self, X, y, dtype=np.float32, accept_sparse="csr")
        check_classification_targets(labels)
        self.classes_, classes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has only one class ({self.classes_[0]!r}). Give at least two classes."
            )
        head = SoftmaxRegression(rows.shape[1], len(self.classes_), seed=self.random_state)
        head.labels = [str(name) for name in self.classes_]
        dense = _dense(rows)
        record = head.fit(
            dense,
            classes,
            class_weight=self._class_weights(),
            sample_weight=sample_weight,
            penalty=self.penalty,
            seed=self.random_state,
        )
        self.threshold_ = None
        if self.precision is not None:
            self.threshold_ = self._threshold(dense, classes, sample_weight, record)
        self.head_ = head
        return self

    def _threshold(
        self,
        rows: NDArray[np.float32],
        classes: NDArray[np.int64],
        sample_weight: ArrayLike | None,
        record: FitRecord,
    ) -> float:
        """Returns the threshold for the precision, by heads that were fitted without each row."""
        weights = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight)
        counted = np.flatnonzero(weights > 0)  # a row without weight is not there
        rows, classes, weights = rows[counted], classes[counted], weights[counted]

        def score(part: NDArray[np.int64], others: Embeddings) -> NDArray[np.float32]:
            head = refit(
                record,
                Embeddings(rows[part]),
                classes[part],
                len(self.classes_),
                seed=self.random_state,
                class_weight=self._class_weights(),
                sample_weight=weights[part],
            )
            return head.predict_proba(others)

        embeddings = Embeddings(rows)
        copies = number_copies(embeddings, None)
        scores = score_held_out(embeddings, classes, score, self.random_state, copies)
        if scores is None:
            raise ValueError("a threshold needs at least two samples of a class")
        return choose_threshold(scores, as_precision(self.precision)).probability

    @property
    def coef_(self) -> NDArray[np.float32]:
        """The weights, float32 [C, D]."""
        return self.head_.weights.T

    @property
    def intercept_(self) -> NDArray[np.float32]:
        """The biases, float32 [C]."""
        return self.head_.biases

    def decision_function(self, X: Samples) -> NDArray[np.float32]:  # noqa: N803
        """Returns the logits, [N, C]; for two classes, the second minus the first, [N].

        Args:
            X: The features, [N, D], as for :meth:`fit`.

        Raises:
            NotFittedError: The classifier is not trained.
            ValueError: The shape is wrong, or a number is not finite.
        """
        rows = self._rows(X)
        logits: NDArray[np.float32] = rows @ self.head_.weights + self.head_.biases
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Samples) -> NDArray[np.float32]:  # noqa: N803
        """Returns the probability of each class, float32 [N, C].

        Args:
            X: The features, [N, D], as for :meth:`fit`.

        Raises:
            NotFittedError: The classifier is not trained.
            ValueError: The shape is wrong, or a number is not finite.
        """
        rows = self._rows(X)
        return np.concatenate([self.head_.predict_proba(block) for block in _blocks(rows)])

    def predict(self, X: Samples) -> NDArray[Any]:  # noqa: N803
        """Returns the most probable label of each row, [N].

        Args:
            X: The features, [N, D], as for :meth:`fit`.

        Raises:
            NotFittedError: The classifier is not trained.
            ValueError: The shape is wrong, or a number is not finite.
        """
        rows = self._rows(X)  # raises NotFittedError
        classes = np.concatenate([self.head_.predict(block) for block in _blocks(rows)])
        labels: NDArray[Any] = self.classes_[classes]
        return labels

    def to_logistic_regression(self) -> LogisticRegression:
        """Returns a LogisticRegression of scikit-learn with the same weights.

        Returns:
            A trained LogisticRegression, which needs nothing of this package.

        Raises:
            NotFittedError: The classifier is not trained.
        """
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
        """Returns a classifier with the weights of a LogisticRegression of scikit-learn.

        Args:
            other: A trained LogisticRegression.

        Returns:
            A trained classifier.

        Raises:
            NotFittedError: ``other`` is not trained.
        """
        check_is_fitted(other)
        classifier = cls()
        classifier.classes_ = np.asarray(other.classes_)
        classifier.n_features_in_ = int(other.n_features_in_)
        coefficients, intercepts = np.atleast_2d(other.coef_), np.ravel(other.intercept_)
        if len(classifier.classes_) == 2:  # one row: the logit of the second class minus the first
            coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        head = SoftmaxRegression(classifier.n_features_in_, len(classifier.classes_))
        head.weights, head.biases = coefficients.T, intercepts
        head.labels = [str(name) for name in classifier.classes_]
        classifier.head_ = head
        return classifier

    def _rows(self, x: Samples) -> "NDArray[np.float32] | csr_matrix | csr_array":
        check_is_fitted(self, "head_")
        return validate_data(self, x, dtype=np.float32, accept_sparse="csr", reset=False)

    def _class_weights(self) -> Literal["balanced"] | ArrayLike | None:
        """Returns the class weights, those of a dict in the order of ``classes_``."""
        if not isinstance(self.class_weight, dict):
            return self.class_weight
        return [self.class_weight.get(label, 1.0) for label in self.classes_.tolist()]


def _blocks(
    rows: "NDArray[np.float32] | csr_matrix | csr_array",
) -> Iterator[NDArray[np.float32]]:
    """Yields the rows, [N, D], as arrays; sparse ones some at a time, to save memory."""
    if isinstance(rows, np.ndarray):
        yield rows
        return
    size = max(1, _BLOCK_VALUES // max(1, rows.shape[1]))
    for start in range(0, rows.shape[0], size):
        yield rows[start : start + size].toarray()


def _dense(rows: "NDArray[np.float32] | csr_matrix | csr_array") -> NDArray[np.float32]:
    if isinstance(rows, np.ndarray):
        return rows
    try:
        dense: NDArray[np.float32] = rows.toarray()
    except MemoryError:
        count, features = rows.shape
        raise MemoryError(
            f"{count} sparse samples of {features} features need "
            f"{4 * count * features / 1e9:.1f} GB of memory as an array. Select or hash the "
            "features (for example with sklearn.feature_selection or sklearn.decomposition."
            "TruncatedSVD), or train on fewer samples."
        ) from None
    return dense
