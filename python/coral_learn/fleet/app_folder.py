"""The app of a fleet as a folder, as ``flwr run`` and ``flwr build`` take it."""

from importlib.metadata import version
from pathlib import Path

from ..files import write_together

_CLIENT = '''"""What a node answers: the app of coral-learn, which is installed on it."""

from coral_learn.fleet.client_app import app

__all__ = ["app"]
'''
_SERVER = '''"""What the SuperLink runs: the app of coral-learn, which is installed on it."""

from coral_learn.fleet.server_app import app

__all__ = ["app"]
'''
_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "coral-fleet"
version = "{version}"
description = "One head for the photos of many boards, which stay where they are."
license = {{ file = "LICENSE" }}
dependencies = ["flwr>=1.42,<1.43", "coral-learn[fleet]>={version}"]

[tool.flwr.app]
publisher = "coral-learn"
fab-format-version = 1
flwr-version-target = "{flower}"

[tool.flwr.app.components]
serverapp = "coral_fleet.server:app"
clientapp = "coral_fleet.client:app"

# Each can be changed for a run: flwr run . --run-config 'boards=5 patience=120'
[tool.flwr.app.config]
boards = 2      # the number of nodes to wait for
wait = 600.0    # seconds to wait for them; then those that are there begin
patience = 60.0 # seconds after which a node that does not answer is left out
seed = 0        # of the folds
penalty = 0.0   # 0 to choose it, which takes most of the rounds
clip = 1.0      # length of the gradient of a photo, where a node adds noise
quick = false   # true for a head from sums over each class, in a few rounds
"""
_LICENSE = """Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0
"""


def write_app(folder: Path) -> None:
    """Writes the app into a folder.

    Args:
        folder: The folder, which is created if it does not exist.

    Raises:
        ValueError: The folder has files already.
        OSError: The folder cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty. Choose a new folder.")
    package = folder / "coral_fleet"
    package.mkdir(parents=True, exist_ok=True)
    pyproject = _PYPROJECT.format(version=version("coral-learn"), flower=version("flwr"))
    write_together(
        {
            folder / "pyproject.toml": pyproject.encode(),
            folder / "LICENSE": _LICENSE.encode(),
            package / "__init__.py": b"",
            package / "client.py": _CLIENT.encode(),
            package / "server.py": _SERVER.encode(),
        }
    )
