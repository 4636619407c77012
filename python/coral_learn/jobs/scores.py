"""The scores of a classifier as probabilities, whatever its output means."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..errors import ModelError
from ..extraction.model_runner import OutputFormat
from ..tflite.file import ModelFile
from ..tflite.output_kind import OutputKind
from ..tflite.quantization import probability_quantization

Probabilities = NDArray[np.float32]
"""A probability in [0, 1] for each photo and class, of shape [N, C]."""

_TOLERANCE = 0.01


class ScoreConverter:
    """Turns the output of a classifier into probabilities.

    Attributes:
        kind: What the output means. UNKNOWN if only the scores themselves can tell.
        is_binary: Whether one number stands for two classes.
        num_classes: The number of classes.
    """

    def __init__(
        self, model: ModelFile, output: OutputFormat, labels: Sequence[str] | None
    ) -> None:
        """Finds out what the output of a model means.

        A model whose operators do not show it gives probabilities if the values are fractions that
        sum to 1, or if they are stored as the runtimes require of a softmax. If not, and if there
        is one label for each number, they are logits.

        Args:
            model: The model.
            output: The format of its output.
            labels: The names of the classes; None if there are none.

        Raises:
            ModelError: The model is an embedding extractor, or damaged.
        """
        self._name, self._is_named = model.name, model.is_named
        self._size = output.size
        self._has_labels = labels is not None and len(labels) == max(2, output.size)
        # Each stored probability is at most half a step away from the real one.
        step = output.scale if output.dtype != np.float32 else 0.0
        self._largest_sum = 1 + _TOLERANCE + output.size * step / 2
        self._is_stored_as_softmax = _is_stored_as_softmax(output)
        self.kind = model.output_kind
        self._may_be_classes = self.kind is not OutputKind.EMBEDDING or not model.is_extractor
        if self.kind is OutputKind.EMBEDDING:
            if not (self._may_be_classes and self._has_labels):
                raise self._not_a_classifier()
            self.kind = OutputKind.LOGITS
        is_single = self.kind is OutputKind.UNKNOWN and output.size == 1
        self.is_binary = self.kind.is_binary or is_single
        self.num_classes = 2 if self.is_binary else output.size

    def probabilities(self, rows: Embeddings) -> tuple[Probabilities, OutputKind]:
        """Returns the probabilities of the classes, and what the rows mean.

        Args:
            rows: The model's output for each photo, [N, D].

        Raises:
            ModelError: A score is NaN or infinite, or the rows are features.
        """
        scores = np.asarray(rows, np.float32)
        self._check_finite(scores)
        kind = self._kind_of(scores)
        return _as_probabilities(scores, kind), kind

    def _kind_of(self, scores: NDArray[np.float32]) -> OutputKind:
        """Returns :attr:`kind` or, if it is unknown, what the values of the scores show."""
        if self.kind is not OutputKind.UNKNOWN:
            return self.kind
        are_fractions = bool(((scores >= 0) & (scores <= 1)).all())
        if self._size == 1:
            return OutputKind.SIGMOID if are_fractions else OutputKind.SIGMOID_LOGIT
        sums = scores.sum(axis=1)
        sum_to_one = bool((sums <= self._largest_sum).all())
        if self._is_stored_as_softmax:
            return OutputKind.PROBABILITIES if sum_to_one else OutputKind.MULTI_LABEL
        if are_fractions and sum_to_one and (sums >= 2 - self._largest_sum).all():
            return OutputKind.PROBABILITIES
        if not self._has_labels:
            raise self._not_a_classifier()
        return OutputKind.LOGITS

    def _check_finite(self, scores: NDArray[np.float32]) -> None:
        finite = np.isfinite(scores)
        if self.kind is OutputKind.LOG_PROBABILITIES:
            finite |= np.isneginf(scores)  # the logarithm of 0
        if not finite.all():
            raise ModelError(
                f"{self._name} gives scores that are not finite numbers (NaN or infinity), so its "
                "answers mean nothing: check the range of its input, or convert the model again"
            )

    def _not_a_classifier(self) -> ModelError:
        path = shlex.quote(self._name) if self._is_named else "EXTRACTOR.tflite"
        advice = (
            f". If they are the scores of {self._size} classes, pass a file with their labels"
            if self._may_be_classes
            else ""
        )
        return ModelError(
            f"{self._name} is an embedding extractor: it gives {self._size} features, not class "
            f"scores. Train a classifier on it: `coral-learn train PHOTOS --extractor {path} "
            f"--output DIR`{advice}"
        )


def _is_stored_as_softmax(output: OutputFormat) -> bool:
    if output.dtype not in (np.uint8, np.int8):
        return False
    required = probability_quantization(output.dtype)
    return (output.scale, output.zero_point) == (required.scale, required.zero_point)


def _as_probabilities(scores: NDArray[np.float32], kind: OutputKind) -> Probabilities:
    match kind:
        case OutputKind.LOGITS:
            scores = _softmax(scores)
        case OutputKind.LOG_PROBABILITIES:
            scores = np.exp(scores)
        case OutputKind.SIGMOID_LOGIT:
            scores = _softmax(np.hstack([np.zeros_like(scores), scores]))
        case OutputKind.SIGMOID:
            scores = np.hstack([1 - scores, scores])
        case OutputKind.PROBABILITIES:
            scores = _as_fractions(scores)
    return np.asarray(scores.clip(0, 1))


def _softmax(logits: NDArray[np.float32]) -> Probabilities:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True).astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return np.asarray(probabilities, np.float32)


def _as_fractions(scores: NDArray[np.float32]) -> Probabilities:
    """Returns probabilities that a model gives as percentages, or as a sum of heads, as such."""
    if scores.max(initial=0) <= 1 + _TOLERANCE:
        return scores
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))
