"""The pictures of the studio in the documentation, made by using it as the documentation says.

With CORAL_LEARN_RENEW_PICTURES=1 in the environment, these tests write the pictures of docs/ anew:

    CORAL_LEARN_RENEW_PICTURES=1 pytest tests/studio/test_doc_pictures.py
"""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.support.studio_page import StudioPage, open_studio

pytest.importorskip("aiohttp", reason="needs the extra 'studio'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

DOCS = Path(__file__).parents[2] / "docs"
LARGE, PHONE = (1024, 720), (390, 780)
PICTURES = {
    "studio.jpg": LARGE,
    "images/studio-welcome.jpg": (1024, 800),
    "images/studio-check.jpg": LARGE,
    "images/studio-one-by-one.jpg": LARGE,
    "images/studio-take-away.jpg": LARGE,
    "images/studio-phone.jpg": PHONE,
}


@pytest.fixture(scope="module")
def story(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioPage]:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "door-camera").mkdir()
    watched = ("--watch", str(folder / "door-camera"))
    with open_studio(photos, folder, *watched, extractor=None) as opened:
        yield opened
        assert opened.errors == []


def take(story: StudioPage, name: str, *, scheme: str = "light") -> None:
    """Takes a picture that the documentation shows, and writes it if that is wished."""
    width, height = PICTURES[name]
    story.page.set_viewport_size({"width": width, "height": height})
    story.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    story.page.evaluate("scrollTo(0, 0)")
    story.page.wait_for_timeout(500)
    with Image.open(io.BytesIO(story.page.screenshot())) as picture:
        assert picture.size == (width, height)
        assert len(picture.convert("L").getcolors() or [0] * 256) > 16, "it shows nothing"
        if os.environ.get("CORAL_LEARN_RENEW_PICTURES"):
            (DOCS / name).parent.mkdir(exist_ok=True)
            picture.convert("RGB").save(DOCS / name, quality=85, optimize=True)


def test_first_visit(story: StudioPage) -> None:
    story.open()
    demo = story.page.get_by_role("button", name="Or try it with drawn sea animals")
    demo.wait_for()
    take(story, "images/studio-welcome.jpg")
    demo.click()
    story.card("crab").wait_for(timeout=120_000)


def test_teaching(story: StudioPage) -> None:
    story.page.get_by_role("button", name="Start camera").click()
    story.page.locator(".verdict", has_text="fish").wait_for()
    story.page.get_by_text(re.compile(r"pictures a second, [\d.]+ ms each")).wait_for()
    take(story, "studio.jpg")
    story.page.get_by_role("button", name="Stop camera").click()
    take(story, "images/studio-phone.jpg", scheme="dark")


def test_checking(story: StudioPage) -> None:
    ids = [
        photo["id"]
        for photo in story.context.request.get(
            f"{story.studio.url}api/photos?class=turtle&limit=2"
        ).json()["photos"]
    ]
    story.context.request.post(
        f"{story.studio.url}api/photos/move",
        headers={"X-Coral-Learn": "1"},
        data={"ids": ids, "class": "crab"},
    )
    story.open("check")
    figure = story.page.locator("figure", has_text="looks like turtle").first
    figure.wait_for()
    take(story, "images/studio-check.jpg")
    figure.get_by_role("button", name="Open this picture of crab").click()
    story.page.get_by_role("dialog").get_by_text("Class: crab").wait_for()
    take(story, "images/studio-one-by-one.jpg")
    story.page.keyboard.press("Escape")


def test_taking_away(story: StudioPage) -> None:
    story.open()
    story.page.get_by_role("button", name="Take away").click()
    story.page.get_by_text("The file and the preview agree on").wait_for(timeout=120_000)
    story.page.get_by_role("button", name="Download garden.tflite").wait_for(timeout=120_000)
    take(story, "images/studio-take-away.jpg")


@pytest.mark.parametrize("name", PICTURES)
def test_the_documentation_shows_them(name: str) -> None:
    with Image.open(DOCS / name) as picture:
        assert (picture.format, picture.size) == ("JPEG", PICTURES[name])
    assert (DOCS / name).stat().st_size < 150_000
    assert f"]({name})" in (DOCS / "studio.md").read_text("utf-8")


def test_the_first_page_shows_one_and_the_command() -> None:
    first_screen = (DOCS.parent / "README.md").read_text("utf-8").splitlines()[:25]
    assert any("](docs/studio.jpg)" in line for line in first_screen)
    assert any(line.startswith("coral-learn studio ") for line in first_screen)


def test_no_other_picture_of_the_studio_is_kept() -> None:
    kept = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("studio*.jpg")}
    assert kept == set(PICTURES)
