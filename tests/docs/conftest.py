"""What the tests of the documentation share."""

import os
from pathlib import Path

import pytest
from tests.support.pages_folder import make_folder

from coral_learn.files import exclusive_lock


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder that pages and docstrings speak of; what writes needs a copy of it.

    The processes of a run share it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / "pages" / "prepared", base / "pages" / "done"
    folder.parent.mkdir(exist_ok=True)
    with exclusive_lock(base / "pages" / "lock"):
        if not done.exists():
            make_folder(folder)
            done.touch()
    return folder
