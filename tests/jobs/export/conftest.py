"""Models to export, and photos to compare answers on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support.model_builder import build_extractor

from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.tflite.normalization import SIGNED_UNIT, Normalization

LABELS = ["crab", "fish", "none"]

MakeModel = Callable[..., bytes]


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """Returns a function that makes a classifier of any kind with random weights."""

    def make(
        kind: str = "uint8",
        size: tuple[int, int] = (224, 224),
        *,
        labels: Sequence[str] | None = LABELS,
        normalization: Normalization | None = SIGNED_UNIT,
    ) -> bytes:
        extractor = build_extractor(kind, size=size, normalization=normalization).content
        head = SoftmaxRegression(8, 3, weight_scale=5.0, seed=1)
        head.labels = None if labels is None else list(labels)
        return bytes(head.serialize_model(extractor))

    return make


@pytest.fixture(scope="session")
def pictures(photos: Path) -> list[Path]:
    """Drawn photos of each class."""
    return sorted(photos.glob("*/*"))
