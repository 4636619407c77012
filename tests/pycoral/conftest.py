"""Fixtures for the tests of pipelines."""

import gc
from collections.abc import Iterator

import pytest
from tests.support.pipelines import segment_threads


@pytest.fixture
def _no_segment_runs_on() -> Iterator[None]:
    """Checks that no thread of a pipeline is left after a test."""
    yield
    gc.collect()
    assert segment_threads() == []
