"""Parts of the studio's page, in a real browser, each for itself."""

import base64
import io
import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.support.studio_page import StudioPage, no_errors, open_studio

__all__ = ["no_errors"]  # a fixture

pytest.importorskip("aiohttp", reason="needs the extra 'studio'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def story(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioPage]:
    with open_studio(photos, tmp_path_factory.mktemp("studio")) as opened:
        crabs, fish = (sorted((photos / name).iterdir()) for name in ("crab", "fish"))
        opened.teach("crab", [*crabs, fish[0]])  # one label is wrong
        opened.teach("fish", fish[1:])
        yield opened


def test_matrix_shows_the_pictures_of_a_number(story: StudioPage) -> None:
    story.open("check")
    story.page.get_by_role("button", name="1 picture of crab named fish").click()
    story.page.get_by_role("heading", name="Pictures of crab that it names fish").wait_for()
    wrong = story.page.locator("section", has=story.page.locator("#wrong")).last
    wrong.get_by_role("button", name="Open this picture of crab").click()
    story.page.get_by_role("dialog").get_by_text("Class: crab").wait_for()
    story.page.keyboard.press("Escape")
    story.page.get_by_role("button", name="Show all mistakes").click()
    story.page.get_by_role("heading", name="What it gets wrong").wait_for()
    story.open()


def test_ten_thousand_pictures_are_in_the_gallery_but_not_in_the_document(
    story: StudioPage,
) -> None:
    page = story.new_page()
    page.route(re.compile("/api/photos[?]class="), answer_with_many_photos)
    picture = story.photos / "crab" / "crab_000.jpg"
    page.route("**/thumbnail", lambda route: route.fulfill(path=picture))
    page.goto(f"{story.studio.url}#/class/crab")
    grid = page.get_by_role("listbox")
    for key, number in (("End", 10_000), ("PageUp", None), ("Home", 1)):
        grid.press(key)
        if number:
            page.get_by_role("option", name=f"crab, picture {number:,}", exact=True).wait_for()
        assert grid.get_by_role("option").count() < 200
    grid.press("Control+a")
    page.get_by_text("10,000 selected").wait_for()
    page.close()


def answer_with_many_photos(route: Any) -> None:
    start, count = map(int, re.findall(r"(?:offset|limit)=(\d+)", route.request.url))
    rows = range(start, min(start + count, 10_000))
    photos = [{"id": f"{row:012x}", "label": "crab", "has_picture": True} for row in rows]
    route.fulfill(json={"total": 10_000, "photos": photos})


def test_pictures_are_dropped_and_pasted_on_a_card(story: StudioPage) -> None:
    story.open()
    story.card("crab").wait_for()
    crabs = story.count("crab")
    for event, number in (("drop", 1), ("paste", 2)):
        picture = Image.effect_noise((64, 64), 50 * number)
        content = io.BytesIO()
        picture.save(content, "PNG")
        give = [event, base64.b64encode(content.getvalue()).decode()]
        story.card("crab").get_by_role("button", name="Files").focus()
        story.card("crab").evaluate(GIVE, give)
        story.expect_photos("crab", crabs + number)
    story.page.keyboard.press("Control+z")
    story.page.keyboard.press("Control+z")
    story.expect_photos("crab", crabs)


GIVE = """(card, [name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "given.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  card.dispatchEvent(name === "drop" ? new DragEvent(name, { ...options, dataTransfer: transfer })
    : new ClipboardEvent(name, { ...options, clipboardData: transfer }));
}"""


def test_refused_camera_says_what_to_do(story: StudioPage) -> None:
    story.context.clear_permissions()
    story.open()
    story.page.get_by_role("button", name="Start camera").click()
    story.page.get_by_text("The browser was not allowed to use the camera.").wait_for()
    story.context.grant_permissions(["camera"], origin=story.studio.url.rstrip("/"))
    story.page.get_by_role("button", name="Start camera").click()
    story.page.get_by_role("button", name="Stop camera").click()


def test_unsure_pictures_are_kept_at_most_one_a_second(story: StudioPage) -> None:
    page = story.new_page()
    scores = [{"label": "crab", "score": 0.5}, {"label": "fish", "score": 0.5}]
    answer = json.dumps({"classes": scores, "label": None, "milliseconds": 1.0, "version": 1})
    page.route_web_socket(
        "**/api/preview", lambda socket: socket.on_message(lambda _: socket.send(answer))
    )
    times: list[float] = []

    def keep(route: Any) -> None:
        times.append(time.monotonic())
        route.fulfill(json=story.state())

    page.route("**/api/tray", keep)
    page.goto(story.studio.url)
    page.get_by_role("switch", name="Keep pictures that it is unsure of").check()
    page.get_by_role("button", name="Start camera").click()
    page.locator(".verdict", has_text="know").wait_for()
    page.wait_for_timeout(3500)
    page.close()
    assert len(times) >= 2
    assert min(later - sooner for sooner, later in pairwise(times)) > 0.7


def test_short_press_takes_one_picture(story: StudioPage) -> None:
    story.open()
    card = story.card("fish")
    card.get_by_role("button", name="Camera").click()
    card.locator("video").wait_for()
    hold = card.get_by_role("button", name="Hold to record")
    hold.click()
    card.get_by_text("1 picture recorded").wait_for()
    hold.evaluate(
        "hold => hold.closest('.recorder').querySelector('[role=status]').textContent = ''"
    )
    hold.evaluate("hold => hold.click()")  # as screen readers do
    card.get_by_text("1 picture recorded").wait_for()


@pytest.mark.parametrize("view", ["", "class/", "check"])
def test_long_name_fits_on_a_phone(story: StudioPage, view: str) -> None:
    name = "x" * 90
    story.open()
    story.page.get_by_role("button", name="Rename crab", exact=True).click()
    story.page.get_by_label("New name of crab").fill(name)
    story.page.keyboard.press("Enter")
    story.card(name).wait_for()
    story.page.set_viewport_size({"width": 390, "height": 844})
    story.open(view + name * view.endswith("/"))
    story.page.get_by_text(name).first.wait_for()
    story.page.wait_for_timeout(300)
    assert story.is_as_wide_as_window()
    story.page.keyboard.press("Control+z")
    story.page.get_by_role("button", name=re.compile("^Redo: rename")).wait_for()
