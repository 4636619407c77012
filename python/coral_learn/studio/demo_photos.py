"""The demo's drawn photos, for a first look at the studio."""

import tempfile
from pathlib import Path

from ..demo.drawing import DEMO_CLASSES, write_photos
from ..progress import Progress
from .session import Session

_PER_CLASS = 20
_SEED = 0


def add_demo(session: Session, progress: Progress) -> None:
    """Adds the demo's photos to a session without classes.

    Raises:
        ValueError: It has classes.
    """
    if session.state()["classes"]:
        raise ValueError("the demo's photos go into a project without classes")
    with tempfile.TemporaryDirectory() as folder:
        for _ in write_photos(Path(folder), _PER_CLASS, _SEED):
            pass
        for number, name in enumerate(DEMO_CLASSES):
            session.add_files(name, sorted((Path(folder) / name).iterdir()))
            progress(number + 1, len(DEMO_CLASSES))
