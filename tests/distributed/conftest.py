"""Drawn photos, embedded once for all tests of this folder."""

from pathlib import Path

import pytest
from tests.support.drawn_extractor import DRAWN_EXTRACTOR


@pytest.fixture(scope="session")
def extractor() -> Path:
    """The path of a tiny extractor."""
    return DRAWN_EXTRACTOR


@pytest.fixture(scope="session")
def embedded(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn photos as embeddings; tests must not change them."""
    pytest.importorskip("pyarrow", reason="the extra coral-learn[parquet] is not installed")
    from coral_learn.jobs.embedding.run import embed

    folder = tmp_path_factory.mktemp("embedded")
    embed(photos, DRAWN_EXTRACTOR, folder)
    return folder
