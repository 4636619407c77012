"""Fixtures that several test files share."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from coral_learn.demo.drawing import DEMO_CLASSES, write_photos

ROOT = Path(__file__).parents[1]

pytest_plugins = ["tests.support.stand_in.fixtures"]

# For tools/aarch64/check.sh, where all takes some twenty times as long.
EMULATION = "emulation"
settings.register_profile(EMULATION, max_examples=3, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow_when_emulated: skipped where QEMU is the processor")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what takes too long on an emulated processor, with a reason that the summary shows."""
    if config.getoption("--hypothesis-profile") != EMULATION:
        return
    for item in items:
        if item.get_closest_marker("slow_when_emulated"):
            item.add_marker(pytest.mark.skip(reason="too slow on an emulated processor"))


# A shell's background job and nohup ignore signals, and so would all that the tests start.
for _signal in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_signal) == signal.SIG_IGN:
        signal.signal(_signal, signal.SIG_DFL)


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
