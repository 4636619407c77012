"""A real browser for tests of pages: the machine's Chromium, whose camera shows a film."""

import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FRAMES_OF_PICTURE = 8  # of thirty a second
_CAMERA_SIZE = (320, 240)


@contextmanager
def open_chromium(camera: Path) -> Iterator[Any]:
    """Opens a browser of Playwright's; tests are skipped where there is none.

    Args:
        camera: The film that its camera shows, again and again.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    arguments = [
        *(() if os.geteuid() else ("--no-sandbox",)),
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def write_film(path: Path, pictures: Sequence[Path]) -> Path:
    """Writes an MJPEG film that shows each picture for a moment."""
    with path.open("wb") as film:
        for picture in pictures:
            content = io.BytesIO()
            with Image.open(picture) as image:
                image.convert("RGB").resize(_CAMERA_SIZE).save(content, "JPEG", quality=92)
            film.write(content.getvalue() * _FRAMES_OF_PICTURE)
    return path


def find_axe() -> str:
    """Returns the source of axe-core; the test is skipped where it is not installed."""
    node_modules = Path(os.environ.get("NODE_PATH", "/usr/share/nodejs"))
    given = os.environ.get("CORAL_LEARN_AXE")
    path = Path(given) if given else node_modules / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("no axe-core: set CORAL_LEARN_AXE to its axe.min.js")
    return path.read_text("utf-8")
