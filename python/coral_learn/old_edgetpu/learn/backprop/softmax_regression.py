"""Softmax regression, as it was before pycoral."""

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....files import write_atomically
from ....heads.records import TrainingRecord
from ....heads.softmax_regression import SoftmaxRegression as Head
from ...models import model_errors

__all__ = ["SoftmaxRegression"]


class SoftmaxRegression:
    """The last layer of a classifier, trained by :class:`coral_learn.SoftmaxRegression`.

    Checkpoints (``_save_ckpt`` and ``_load_ckpt``) are left out, because a pickle file can run any
    code when it is loaded.

    Attributes:
        feature_dim: D, the length of an embedding.
        num_classes: C, the number of classes.
        reg: L2 penalty.
        label_map: The name of each class, or None; nothing reads it.
        params: ``mat_w``, the weights, float32 [D, C], and ``vec_b``, the biases, float32 [C].
            Training changes these arrays. Empty if the dimensions are not given.
    """

    def __init__(
        self,
        feature_dim: int | None = None,
        num_classes: int | None = None,
        weight_scale: float = 0.01,
        reg: float = 0.0,
    ) -> None:
        """Draws the initial weights from NumPy's global generator; biases are zero.

        Args:
            feature_dim: D.
            num_classes: C.
            weight_scale: Standard deviation of the initial weights.
            reg: L2 penalty.
        """
        self.feature_dim = feature_dim
        self.num_classes = num_classes
        self.reg = reg
        self.label_map: Mapping[int, str] | None = None
        self.params: dict[str, NDArray[np.float32]] = {}
        self._head: Head | None = None
        if feature_dim and num_classes:
            weights = weight_scale * np.random.randn(feature_dim, num_classes)
            self.params["mat_w"] = weights.astype(np.float32)
            self.params["vec_b"] = np.zeros(num_classes, np.float32)

    def run_inference(self, mat_x: ArrayLike) -> Any:
        """Returns the most probable class of each embedding.

        Args:
            mat_x: Embeddings [N, D], or a single one, [D].

        Returns:
            Class indices [N], or a single one.
        """
        embeddings = np.asarray(mat_x)
        classes = self._current_head().predict(np.atleast_2d(embeddings))
        return classes if embeddings.ndim > 1 else classes[0]

    def get_accuracy(self, mat_x: ArrayLike, labels: ArrayLike) -> float:
        """Returns the fraction of embeddings classified correctly.

        Args:
            mat_x: Embeddings [N, D].
            labels: The class of each embedding. Labels that are not classes count as wrong.
        """
        return float(np.mean(self.run_inference(mat_x) == np.asarray(labels)))

    def train_with_sgd(
        self,
        data: Mapping[str, Any],
        num_iter: int,
        learning_rate: float,
        batch_size: int = 100,
        print_every: int = 100,
    ) -> None:
        """Trains on random batches, starting from the present weights.

        Args:
            data: ``data_train`` and ``data_val``, embeddings [N, D]; ``labels_train`` and
                ``labels_val``, their classes.
            num_iter: The number of iterations.
            learning_rate: Step size.
            batch_size: Rows in a batch.
            print_every: The number of iterations between printed lines; 0 to print nothing.

        Raises:
            ValueError: Data or arguments are invalid, or the learning rate is too high.
        """
        head = self._current_head()
        head.reg = self.reg

        def show(record: TrainingRecord) -> None:
            if record.iteration < num_iter:  # the old library printed nothing at the end
                print(_progress_line(record))

        try:
            head.train_with_sgd(
                data, num_iter, learning_rate, batch_size, print_every, progress=show
            )
        finally:  # after Ctrl-C the weights are those of the last whole iteration
            self.params["mat_w"][...] = head.weights
            self.params["vec_b"][...] = head.biases

    def save_as_tflite_model(
        self, in_model_path: str | os.PathLike[str], out_model_path: str | os.PathLike[str]
    ) -> None:
        """Appends this layer to an embedding extractor, and writes the classifier.

        Args:
            in_model_path: The extractor's ``.tflite`` file, compiled for the Edge TPU or not.
            out_model_path: The file to write, completely or not at all.

        Raises:
            RuntimeError: The extractor cannot be used.
            ValueError: It gives embeddings of another length.
            OSError: The file cannot be written.
        """
        with model_errors():
            classifier = self._current_head().serialize_model(in_model_path)
        write_atomically(out_model_path, classifier)

    def _set_label_map(self, label_map: Mapping[int, str] | None) -> None:
        self.label_map = label_map

    def _get_label_map(self) -> Mapping[int, str] | None:
        return self.label_map

    def _current_head(self) -> Head:
        """Returns a head with the present ``params``, which scripts may replace.

        It remembers a sample of the embeddings of the last training, which sets the range of the
        quantized logits.
        """
        weights, biases = self.params["mat_w"], self.params["vec_b"]
        head = self._head
        if head is None or (head.feature_dim, head.num_classes) != weights.shape:
            seed = int(np.random.randint(2**31))
            head = self._head = Head(len(weights), len(biases), weight_scale=0.0, seed=seed)
        head.weights, head.biases = weights, biases
        return head


def _progress_line(record: TrainingRecord) -> str:
    validation = record.validation_accuracy
    return (
        f"Loss {record.loss:.2f}, train acc {100 * record.training_accuracy:.2f}%, "
        f"val acc {100 * (math.nan if validation is None else validation):.2f}%"
    )
