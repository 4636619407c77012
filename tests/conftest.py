"""Fixtures that several test files share."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from coral_learn.drawing import DEMO_CLASSES, write_photos

ROOT = Path(__file__).parents[1]

pytest_plugins = ["stand_in.fixtures"]

# For tools/aarch64/check.sh, where all takes some twenty times as long.
settings.register_profile("emulation", max_examples=5, deadline=None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real models and photos, which are not part of the project."""
    path = Path(os.environ.get("CORAL_LEARN_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "models").is_dir():
        pytest.skip(f"no real models and photos in {path}: set CORAL_LEARN_DATA to their folder")
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos, 20 each of three classes; not to be changed."""
    folder = tmp_path_factory.mktemp("photos")
    for _ in write_photos(folder, per_class=20, seed=7):
        pass
    for name in set(DEMO_CLASSES) - {"crab", "fish", "jellyfish"}:
        shutil.rmtree(folder / name)
    return folder
