"""Softmax regression, the trained last layer."""

from ....heads.softmax_regression import SoftmaxRegression

__all__ = ["SoftmaxRegression"]
