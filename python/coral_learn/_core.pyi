from collections.abc import Callable, Sequence
from typing import TypedDict, overload, type_check_only

import numpy as np
from numpy.typing import NDArray

from .arrays import (
    BiasVector,
    LabelVector,
    PredictionVector,
    ProbabilityMatrix,
    RowIndices,
    SampleWeightVector,
    StoredMatrix,
    WeightMatrix,
)

@type_check_only
class _BuildInfo(TypedDict):
    instruction_set: str
    runnable_instruction_sets: list[str]
    compiler: str

class Head:
    def __init__(self, weights: WeightMatrix, biases: BiasVector) -> None: ...
    def copy(self) -> Head: ...
    def copy_to(self, weights: WeightMatrix, biases: BiasVector) -> None: ...
    def is_finite(self) -> bool: ...

class Variation:
    def __init__(
        self,
        mean: NDArray[np.float64],
        spread: float,
        sketch: NDArray[np.float64],
        sketch_total: NDArray[np.float64],
        sketch_rows: float,
        signs: NDArray[np.float32],
    ) -> None: ...

class RowSums:
    def __init__(
        self,
        num_classes: int,
        embeddings: StoredEmbeddings,
        labels: LabelVector,
        rows: RowIndices,
        row_weights: SampleWeightVector | None,
        *,
        threads: int,
    ) -> None: ...
    def sums(self, head: Head) -> tuple[float, NDArray[np.float64], NDArray[np.float64], float]: ...

class HeadFit:
    @overload
    def __init__(self, num_classes: int, variation: Variation, rows: Sequence[RowSums]) -> None: ...
    @overload
    def __init__(
        self,
        num_classes: int,
        variation: Variation,
        rows: Callable[
            [WeightMatrix, BiasVector],
            tuple[float, NDArray[np.float64], NDArray[np.float64], float],
        ],
    ) -> None: ...
    def learn_from(self, other: HeadFit) -> None: ...
    def run(
        self,
        head: Head,
        *,
        l2_penalty: float,
        tolerance: float = 0,
        min_decrease: float = 0,
        weight_error: float = 0,
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
        self, values: StoredMatrix, scale: float = 1.0, zero_point: float = 0.0
    ) -> None: ...

def accuracy(
    head: Head, embeddings: StoredEmbeddings, labels: LabelVector, *, threads: int
) -> float: ...
def build_info() -> _BuildInfo: ...
def moments(
    embeddings: StoredEmbeddings, row_weights: SampleWeightVector | None
) -> tuple[float, NDArray[np.float64], NDArray[np.float64], float, int]: ...
def predict(head: Head, embeddings: StoredEmbeddings, *, threads: int) -> PredictionVector: ...
def predict_proba(
    head: Head, embeddings: StoredEmbeddings, *, threads: int
) -> ProbabilityMatrix: ...
def row_losses(
    head: Head,
    embeddings: StoredEmbeddings,
    labels: LabelVector,
    rows: RowIndices,
    temperatures: Sequence[float],
    *,
    threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]: ...
def sketch(
    embeddings: StoredEmbeddings, rows: RowIndices, signs: NDArray[np.float32], *, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def train_with_sgd(
    head: Head,
    training: StoredEmbeddings,
    training_labels: LabelVector,
    validation: StoredEmbeddings | None,
    validation_labels: LabelVector | None,
    options: SgdOptions,
    *,
    on_report: Callable[[int, float, float, float | None, float | None], object],
    threads: int,
) -> None: ...
