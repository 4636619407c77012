"""The page of the studio in a browser, for tests."""

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .chromium import find_axe, open_chromium, write_film
from .studio_process import DRAWN_EXTRACTOR, StudioProcess

SHOTS = Path(os.environ.get("CORAL_LEARN_SCREENSHOTS", "build/studio-screenshots"))
SIZES = ((390, 844), (768, 1024), (1280, 860))


@dataclass
class StudioPage:
    """A browser at a studio, and what has gone wrong.

    Attributes:
        studio: The studio.
        context: The browser's window, of which all pages are tabs.
        page: The first tab.
        photos: The folders of drawn photos.
        errors: What the console said, and requests to elsewhere.
    """

    studio: StudioProcess
    context: Any
    page: Any
    photos: Path
    errors: list[str] = field(default_factory=list)

    def open(self, view: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(f"{self.studio.url}#/{view}")

    def card(self, name: str, page: Any = None) -> Any:
        return (page or self.page).get_by_role("article", name=name, exact=True)

    def expect_photos(self, name: str, number: int, page: Any = None) -> None:
        text = "1 picture" if number == 1 else f"{number} pictures"
        self.card(name, page).get_by_text(text, exact=True).wait_for()

    def count(self, name: str) -> int:
        text = self.card(name).locator(".card-count").inner_text()
        return int(text.split()[0])

    def state(self) -> Any:
        return self.context.request.get(f"{self.studio.url}api/state").json()

    def teach(self, name: str, paths: Sequence[Path]) -> None:
        """Adds pictures to a class without the page."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path in paths:
                archive.write(path, path.name)
        archive_file = {
            "name": "photos.zip",
            "mimeType": "application/zip",
            "buffer": content.getvalue(),
        }
        answer = self.context.request.post(
            f"{self.studio.url}api/photos?class={name}",
            headers={"X-Coral-Learn": "1"},
            multipart={"file": archive_file},
        )
        assert answer.json()["added"] == len(paths), answer.text()

    def try_picture(self, path: Path) -> dict[str, str]:
        """Tries a picture in the preview, and returns the text of the bar of each class."""
        self.page.locator("aside input[type=file]").set_input_files(path)
        self.page.get_by_alt_text(f"The picture {path.name}").wait_for()
        self.page.get_by_text("ms for the picture").wait_for()
        bars = self.page.locator(".bar").all()
        return dict(bar.inner_text().split("\n")[:2] for bar in bars)

    def new_page(self) -> Any:
        """Opens one more tab, whose errors count as well."""
        page = self.context.new_page()
        page.on("console", self._check_line)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._check_address(request.url))
        page.on("websocket", lambda socket: self._check_address(socket.url))
        return page

    def allow_camera(self) -> None:
        self.context.grant_permissions(["camera"], origin=self.studio.url.rstrip("/"))

    def take_shots(self, name: str) -> None:
        """Takes a picture of the page at three widths, none of which scrolls sideways."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(300)
            assert self.is_as_wide_as_window(), f"{name} scrolls sideways at {width} pixels"
            self.page.screenshot(path=SHOTS / f"{name}-{width}.png")

    def is_as_wide_as_window(self) -> bool:
        code = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        return bool(self.page.evaluate(code))

    def check_access(self, name: str) -> None:
        """Checks that axe-core, where it is, finds no serious fault."""
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.evaluate(find_axe())
            found = self.page.evaluate("axe.run()")["violations"]
            serious = [
                (each["id"], [node["target"] for node in each["nodes"]])
                for each in found
                if each["impact"] in ("serious", "critical")
            ]
            assert serious == [], f"{name}, {scheme}"

    def _check_line(self, line: Any) -> None:
        if line.type == "error":
            self.errors.append(line.text)

    def _check_address(self, url: str) -> None:
        host = self.studio.url.removeprefix("http")
        own = (f"http{host}", f"ws{host}", f"blob:http{host}", "about:", "data:")
        if not url.startswith(own):
            self.errors.append(f"a request to {url}")


@contextmanager
def open_studio(
    photos: Path, folder: Path, *options: str, extractor: Path | None = DRAWN_EXTRACTOR
) -> Iterator[StudioPage]:
    """Starts a studio with an empty project, and opens it in a browser.

    Args:
        photos: Folders of drawn photos; the camera shows the fish.
        folder: Where the project comes.
        options: More options of the command.
        extractor: The extractor of the project; None for the built-in one.
    """
    film = write_film(folder / "fish.mjpeg", sorted((photos / "fish").iterdir()))
    with open_chromium(film) as browser:
        studio = StudioProcess(folder / "garden", *options, extractor=extractor)
        studio.start()
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        opened = StudioPage(studio, context, None, photos)
        opened.allow_camera()
        opened.page = opened.new_page()
        try:
            yield opened
        finally:
            context.close()
            studio.kill()


@pytest.fixture(autouse=True)
def no_errors(story: StudioPage) -> Iterator[None]:
    """Every test ends without an error in the console, and without a request to elsewhere."""
    story.errors.clear()
    yield
    assert story.errors == []
