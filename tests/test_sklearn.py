"""The classifier for scikit-learn."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra coral-learn[sklearn] is not installed")

from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from coral_learn.sklearn import SoftmaxClassifier, _dense


@parametrize_with_checks([SoftmaxClassifier()])  # type: ignore[untyped-decorator]
@pytest.mark.filterwarnings("default")
def test_the_classifier_passes_the_checks_of_scikit_learn(
    estimator: SoftmaxClassifier, check: Callable[[Any], None]
) -> None:
    check(estimator)


def test_pipelines_cross_validation_and_calibration() -> None:
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), SoftmaxClassifier())
    assert cross_val_score(pipeline, x, y, cv=5).mean() >= 0.94
    calibrated = CalibratedClassifierCV(SoftmaxClassifier(), cv=3).fit(x, y)
    assert calibrated.score(x, y) >= 0.94


def test_labels_may_be_strings() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    classifier = SoftmaxClassifier().fit(x, names)
    assert set(classifier.predict(x)) == set(names)
    assert classifier.head_.labels == ["setosa", "versicolor", "virginica"]
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict(x), classifier.predict(x))


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_convert_to_and_from_logistic_regression(classes: int) -> None:
    x, y = load_iris(return_X_y=True)
    x, y = x[y < classes], y[y < classes]
    other = LogisticRegression(max_iter=1000).fit(x, y)
    classifier = SoftmaxClassifier.from_logistic_regression(other)
    np.testing.assert_allclose(classifier.predict_proba(x), other.predict_proba(x), atol=1e-5)
    back = classifier.to_logistic_regression()
    np.testing.assert_allclose(back.predict_proba(x), other.predict_proba(x), atol=1e-5)
    np.testing.assert_array_equal(back.predict(x), other.predict(x))


def test_class_weights_by_label() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    heavy = SoftmaxClassifier(class_weight={"b": 50.0}).fit(x, names)
    plain = SoftmaxClassifier().fit(x, names)
    assert (heavy.predict(x) == "b").sum() > (plain.predict(x) == "b").sum()
    SoftmaxClassifier(class_weight="balanced").fit(x, names)


def test_an_untrained_classifier_raises_not_fitted_error() -> None:
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().predict(np.zeros((1, 4)))
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().to_logistic_regression()
    with pytest.raises(NotFittedError):
        SoftmaxClassifier.from_logistic_regression(LogisticRegression())


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_samples_give_the_same_as_dense_ones(
    make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = load_iris(return_X_y=True)
    x[x < 1] = 0
    dense, from_sparse = SoftmaxClassifier().fit(x, y), SoftmaxClassifier().fit(make(x), y)
    np.testing.assert_array_equal(from_sparse.coef_, dense.coef_)
    monkeypatch.setattr("coral_learn.sklearn._BLOCK_VALUES", 100)  # 25 rows at a time
    np.testing.assert_array_equal(from_sparse.predict(make(x)), dense.predict(x))
    np.testing.assert_allclose(from_sparse.predict_proba(make(x)), dense.predict_proba(x))
    np.testing.assert_allclose(
        from_sparse.decision_function(make(x)), dense.decision_function(x), rtol=1e-4, atol=1e-5
    )


def test_sparse_samples_that_do_not_fit_in_memory() -> None:
    with pytest.raises(MemoryError, match=r"1000 sparse samples .* GB of memory .* fewer"):
        _dense(sparse.csr_array((1000, 2**40), dtype=np.float32))


def test_sample_weights_and_a_given_penalty() -> None:
    x, y = load_iris(return_X_y=True)
    weights = np.random.default_rng(0).integers(0, 4, size=len(y))
    weighted = SoftmaxClassifier().fit(x, y, sample_weight=weights)
    repeated = SoftmaxClassifier().fit(x.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_array_equal(weighted.coef_, repeated.coef_)
    weak, strong = (SoftmaxClassifier(penalty=p).fit(x, y) for p in (0.01, 100))
    assert np.abs(strong.coef_).max() < np.abs(weak.coef_).max()
    with pytest.raises(ValueError, match="penalty must be more than 0"):
        SoftmaxClassifier(penalty=0).fit(x, y)


def test_a_precision_gives_a_threshold() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])[np.arange(240) % 3]
    rows = rng.normal(size=(240, 12)) + 1.1 * (np.arange(12) == np.arange(240)[:, None] % 3)
    classifier = SoftmaxClassifier(precision=0.9).fit(rows[:120], labels[:120])
    confidence = classifier.predict_proba(rows[120:]).max(axis=1)
    answered = confidence >= classifier.threshold_
    right = classifier.predict(rows[120:]) == labels[120:]
    assert 0 < answered.mean() < 1
    assert right[answered].mean() > right.mean() + 0.1
    assert SoftmaxClassifier().fit(rows, labels).threshold_ is None
    with pytest.raises(ValueError, match="precision must be above 0 and at most 1, not 2"):
        SoftmaxClassifier(precision=2).fit(rows, labels)
    with pytest.raises(ValueError, match="precision must be above 0 and at most 1, not 'x'"):
        SoftmaxClassifier(precision="x").fit(rows, labels)  # type: ignore[arg-type]
    weights = np.r_[0.0, np.ones(239)]
    weights[3::3] = 0  # one row of the first class is left
    with pytest.raises(ValueError, match="sample_weight is zero"):
        SoftmaxClassifier().fit(rows, labels, np.where(labels == "a", 0.0, 1.0))
    weights[6] = 1.0
    assert SoftmaxClassifier(precision=0.5).fit(rows, labels, weights).threshold_ is not None
    with pytest.raises(ValueError, match="at least two samples"):
        SoftmaxClassifier(precision=0.5).fit(rows[:3], labels[:3])
