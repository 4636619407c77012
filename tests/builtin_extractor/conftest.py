"""The published weights, and what the converter makes of them."""

from pathlib import Path

import pytest
from builtin_extractor.__main__ import find_weights
from builtin_extractor.convert import convert
from builtin_extractor.weights import Weights, WeightsError, read_weights


@pytest.fixture(scope="session")
def weights_file() -> Path:
    try:
        return find_weights()
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def weights(weights_file: Path) -> Weights:
    return read_weights(weights_file)


@pytest.fixture(scope="session")
def converted(weights: Weights) -> bytes:
    return convert(weights)
