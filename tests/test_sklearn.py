"""The classifier for scikit-learn."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra coral-learn[sklearn] is not installed")

from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from coral_learn.sklearn import SoftmaxClassifier


@parametrize_with_checks([SoftmaxClassifier()])
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
