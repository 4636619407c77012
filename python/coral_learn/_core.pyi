from collections.abc import Callable
from typing import TypedDict, type_check_only

from .arrays import (
    BiasVector,
    ClassWeightVector,
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
        self, embeddings: StoredEmbeddings, sample_weights: SampleWeightVector | None
    ) -> None: ...

class HeadFit:
    def __init__(
        self,
        num_classes: int,
        embeddings: StoredEmbeddings,
        labels: LabelVector,
        variation: Variation,
        rows: RowIndices,
        class_weights: ClassWeightVector | None,
        sample_weights: SampleWeightVector | None,
        *,
        threads: int,
    ) -> None: ...
    def run(
        self,
        head: Head,
        *,
        l2_penalty: float,
        tolerance: float,
        max_iterations: int,
        min_decrease: float = 0,
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
def predict(head: Head, embeddings: StoredEmbeddings, *, threads: int) -> PredictionVector: ...
def predict_proba(
    head: Head, embeddings: StoredEmbeddings, *, threads: int
) -> ProbabilityMatrix: ...
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
