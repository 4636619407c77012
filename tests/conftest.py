"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real models and photos, which are not part of the project."""
    path = Path(os.environ.get("CORAL_LEARN_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "models").is_dir():
        pytest.skip(f"no real models and photos in {path}: set CORAL_LEARN_DATA to their folder")
    return path
