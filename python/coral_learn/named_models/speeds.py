"""How long the named models take on this machine, as it was measured."""

import json

from ..files import write_atomically
from .store import models_folder

_NAME = "speeds.json"


def read_speeds() -> dict[str, float]:
    """Returns the milliseconds that a photo took, by the names of the models measured so far."""
    try:
        found = json.loads((models_folder() / _NAME).read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # nothing was measured, or the file is damaged: it is measured again


def add_speeds(measured: dict[str, float]) -> None:
    """Keeps the milliseconds that a photo took, by the names of the models.

    Raises:
        OSError: They cannot be written.
    """
    models_folder().mkdir(parents=True, exist_ok=True)
    text = json.dumps(read_speeds() | measured, indent=1)
    write_atomically(models_folder() / _NAME, text.encode())
