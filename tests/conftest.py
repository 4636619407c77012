"""Fixtures that several test files share."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from coral_learn.demo.drawing import DEMO_CLASSES, write_photos
from coral_learn.edgetpu import probe

ROOT = Path(__file__).parents[1]

pytest_plugins = ["tests.support.mosquitto", "tests.support.stand_in.fixtures"]

# No test measures wall time, which says little on a busy machine.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# The profile for tools/aarch64/check.sh: everything takes about twenty times as long there.
EMULATION = "emulation"
settings.register_profile(EMULATION, max_examples=3, deadline=None)


_SLOW_FILE = re.compile("^pytestmark = .*slow_when_emulated", re.MULTILINE)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow_when_emulated: skipped where QEMU is the processor")


class _SlowFile(pytest.File):
    """A file that is not even imported, since that takes seconds on an emulated processor."""

    def collect(self) -> Iterable[pytest.Item]:
        stand_in = _AllTests.from_parent(self, name="all tests")
        reason = "a whole file: too slow on an emulated processor"
        stand_in.add_marker(pytest.mark.skip(reason=reason))
        yield stand_in


class _AllTests(pytest.Item):
    """Stands for all tests of a file that is skipped."""

    def runtest(self) -> None: ...

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """Skips files all of whose tests are too slow on an emulated processor."""
    if not _emulated(parent.config) or not _SLOW_FILE.search(module_path.read_text("utf-8")):
        return None
    return _SlowFile.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips tests that are too slow on an emulated processor, with a reason for the summary."""
    if not _emulated(config):
        return
    probe._TIMEOUT = 300.0  # a probe that is given up finds no problem
    for item in items:
        if item.get_closest_marker("slow_when_emulated"):
            item.add_marker(pytest.mark.skip(reason="too slow on an emulated processor"))


def _emulated(config: pytest.Config) -> bool:
    return bool(config.getoption("--hypothesis-profile") == EMULATION)


# In a shell's background job and under nohup these signals are ignored, and every process that the
# tests start would ignore them too.
if sys.platform != "win32":
    for _signal in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(_signal) == signal.SIG_IGN:
            signal.signal(_signal, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def numpy_seed() -> None:
    """Seeds NumPy's global state, from which the old edgetpu classes draw, as they always did."""
    np.random.seed(0)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real models and photos, which are not part of the project."""
    path = Path(os.environ.get("CORAL_LEARN_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "models").is_dir():
        pytest.skip(f"no real models and photos in {path}: set CORAL_LEARN_DATA to their folder")
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn photos, 20 in each of three classes; tests must not change it."""
    folder = tmp_path_factory.mktemp("photos")
    for _ in write_photos(folder, per_class=20, seed=7):
        pass
    for name in set(DEMO_CLASSES) - {"crab", "fish", "jellyfish"}:
        shutil.rmtree(folder / name)
    return folder
