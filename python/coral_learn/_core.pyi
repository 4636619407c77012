from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

class StoredEmbeddings:
    def __init__(
        self,
        values: NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int8],
        scale: float = 1.0,
        zero_point: float = 0.0,
    ) -> None: ...
    def find_non_finite_row(self) -> int: ...

def accuracy(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embeddings: StoredEmbeddings,
    labels: NDArray[np.int32],
) -> float: ...
def predict(
    weights: NDArray[np.float32], biases: NDArray[np.float32], embeddings: StoredEmbeddings
) -> NDArray[np.int64]: ...
def predict_proba(
    weights: NDArray[np.float32], biases: NDArray[np.float32], embeddings: StoredEmbeddings
) -> NDArray[np.float32]: ...
def train_with_sgd(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    training: StoredEmbeddings,
    training_labels: NDArray[np.int32],
    validation: StoredEmbeddings | None,
    validation_labels: NDArray[np.int32] | None,
    *,
    iterations: int,
    learning_rate: float,
    batch_size: int,
    l2_penalty: float,
    seed: int,
    report_interval: int,
    on_report: Callable[[int, float, float, float | None], object],
) -> None: ...
