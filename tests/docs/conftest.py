"""What the tests of the documentation share."""

from pathlib import Path

import pytest
from tests.support.pages_folder import make_folder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder that pages and docstrings speak of; what writes needs a copy of it."""
    return make_folder(tmp_path_factory.mktemp("pages") / "prepared")
