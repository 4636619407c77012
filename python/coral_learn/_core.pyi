from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class HeadFit:
    def __init__(
        self,
        weights: NDArray[np.float32],
        biases: NDArray[np.float32],
        embeddings: StoredEmbeddings,
        labels: NDArray[np.int32],
        rows: NDArray[np.uint32],
        class_weights: NDArray[np.float32] | None,
        *,
        threads: int,
    ) -> None: ...
    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def run(
        self,
        *,
        l2_penalty: float,
        tolerance: float,
        max_iterations: int,
        on_report: Callable[[int, float], object],
    ) -> bool: ...

class SgdOptions:
    def __init__(
        self,
        *,
        iterations: int,
        learning_rate: float,
        batch_size: int,
        l2_penalty: float,
        seed: int,
        report_interval: int,
        learning_rate_decay: float,
        momentum: float,
        with_replacement: bool,
        patience: int,
    ) -> None: ...

class StoredEmbeddings:
    def __init__(
        self,
        values: NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int8],
        scale: float = 1.0,
        zero_point: float = 0.0,
    ) -> None: ...

def accuracy(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embeddings: StoredEmbeddings,
    labels: NDArray[np.int32],
    *,
    threads: int,
) -> float: ...
def build_info() -> dict[str, Any]: ...
def predict(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embeddings: StoredEmbeddings,
    *,
    threads: int,
) -> NDArray[np.int64]: ...
def predict_proba(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    embeddings: StoredEmbeddings,
    *,
    threads: int,
) -> NDArray[np.float32]: ...
def train_with_sgd(
    weights: NDArray[np.float32],
    biases: NDArray[np.float32],
    training: StoredEmbeddings,
    training_labels: NDArray[np.int32],
    validation: StoredEmbeddings | None,
    validation_labels: NDArray[np.int32] | None,
    options: SgdOptions,
    *,
    on_report: Callable[[int, float, float, float | None, float | None], object],
    threads: int,
) -> None: ...
