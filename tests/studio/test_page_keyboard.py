"""The whole story on the studio's page with a keyboard alone, and what a first visit offers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.studio_page import StudioPage, no_errors, open_studio

__all__ = ["no_errors"]  # a fixture

pytest.importorskip("aiohttp", reason="needs the extra 'studio'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

MOST_STOPS = 80


@pytest.fixture(scope="module")
def story(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioPage]:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "door").mkdir()
    with open_studio(photos, folder, "--watch", str(folder / "door")) as opened:
        yield opened


def go_to(story: StudioPage, wanted: Any) -> None:
    """Presses Tab until something has the focus."""
    for _ in range(MOST_STOPS):
        if wanted.count() and wanted.first.evaluate("it => it === document.activeElement"):
            assert wanted.first.evaluate("it => getComputedStyle(it).outlineStyle") != "none"
            return
        story.page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} cannot be reached with the keyboard")


def press(story: StudioPage, role: str, name: Any) -> None:
    go_to(story, story.page.get_by_role(role, name=name))
    story.page.keyboard.press("Enter")


def test_a_first_visit_loads_the_photos_of_the_demo(story: StudioPage) -> None:
    story.open()
    story.page.get_by_role("heading", name="Teach it by showing").wait_for()
    press(story, "button", "Or try it with drawn sea animals")
    story.card("turtle").wait_for(timeout=60_000)


def test_none_of_these_is_suggested(story: StudioPage) -> None:
    press(story, "button", "Add “none of these”")
    story.card("none of these").wait_for()
    story.page.get_by_role("button", name="Add “none of these”").wait_for(state="hidden")
    press(story, "button", "Remove none of these")
    story.card("none of these").wait_for(state="detached")


def test_a_folder_is_watched(story: StudioPage) -> None:
    choice = story.page.get_by_label("New pictures in door go to")
    go_to(story, choice)
    story.page.keyboard.type("crab")
    story.page.wait_for_function(
        "fetch('/api/state').then(answer => answer.json())"
        ".then(state => state.folders[0].class === 'crab')"
    )
    before = story.count("crab")
    folder = story.studio.project.parent / "door"
    (folder / "new.jpg").write_bytes(next((story.photos / "crab").iterdir()).read_bytes())
    story.expect_photos("crab", before + 1)
    story.check_access("folders")
    go_to(story, choice)
    story.page.keyboard.press("Home")
    story.page.wait_for_function(
        "fetch('/api/state').then(answer => answer.json())"
        ".then(state => state.folders[0].class === null)"
    )


def test_the_preview_is_started(story: StudioPage) -> None:
    press(story, "button", "Start camera")
    story.page.locator(".verdict", has_text=re.compile("fish|know")).wait_for()
    press(story, "button", "Stop camera")


def test_a_class_is_added_renamed_and_removed(story: StudioPage) -> None:
    go_to(story, story.page.get_by_label("Name of a new class"))
    story.page.keyboard.type("shell")
    story.page.keyboard.press("Enter")
    story.card("shell").wait_for()
    press(story, "button", "Rename shell")
    story.page.keyboard.type("snail")
    story.page.keyboard.press("Enter")
    story.card("snail").wait_for()
    press(story, "button", "Remove snail")
    story.card("snail").wait_for(state="detached")


def test_labels_are_checked_with_one_key_each(story: StudioPage) -> None:
    state = story.state()
    listed = story.context.request.get(f"{story.studio.url}api/photos?class=turtle&limit=5")
    ids = [photo["id"] for photo in listed.json()["photos"]]
    story.context.request.post(
        f"{story.studio.url}api/photos/move",
        headers={"X-Coral-Learn": "1"},
        data={"ids": ids, "class": "crab"},
    )
    press(story, "link", re.compile("^Check"))
    story.page.locator("figure", has_text="looks like turtle").first.wait_for()
    press(story, "button", "Open this picture of crab")
    dialog = story.page.get_by_role("dialog")
    position = dialog.get_by_text(re.compile(r"^1 of \d+$"))
    position.wait_for()
    total = int(position.inner_text().split()[-1])
    story.page.keyboard.press("Space")  # one key for the next
    dialog.get_by_text(f"2 of {total}", exact=True).wait_for()
    story.page.keyboard.press("ArrowLeft")
    place = [each["name"] for each in state["classes"]].index("turtle") + 1
    story.page.keyboard.press(str(place))
    dialog.get_by_text(f"1 of {total - 1}", exact=True).wait_for()
    story.page.keyboard.press("Escape")


def test_a_label_that_is_right_is_not_asked_again(story: StudioPage) -> None:
    story.open("check")
    doubtful = story.page.locator(
        "section", has=story.page.get_by_role("heading", name="Labels to look at")
    ).last
    first = doubtful.locator("figure img").first
    first.wait_for()
    source = first.get_attribute("src")
    press(story, "button", "Label is right")
    story.page.get_by_text("The label is right: it is not doubted again.").wait_for()
    doubtful.locator(f"img[src='{source}']").wait_for(state="detached")
    other = story.new_page()
    other.goto(f"{story.studio.url}#/check")
    other.get_by_role("heading", name="What it mixes up").wait_for()
    labels = other.locator(
        "section", has=other.get_by_role("heading", name="Labels to look at")
    ).last
    assert labels.locator(f"img[src='{source}']").count() == 0
    other.close()


def test_a_number_of_the_matrix_is_chosen(story: StudioPage) -> None:
    press(story, "button", re.compile("pictures? of crab named turtle"))
    story.page.get_by_role("heading", name="Pictures of crab that it names turtle").wait_for()


def test_the_model_is_taken_away(story: StudioPage) -> None:
    story.open()
    story.card("turtle").wait_for()
    press(story, "button", "Take away")
    story.page.get_by_role("button", name="Download garden.tflite").wait_for(timeout=60_000)
    with story.page.expect_download() as download:
        press(story, "button", "Download garden.tflite")
    assert download.value.suggested_filename == "garden.tflite"
    story.page.keyboard.press("Escape")
    story.page.get_by_role("dialog").wait_for(state="detached")
    taken = story.page.get_by_role("button", name="Take away")
    assert taken.evaluate("it => it === document.activeElement"), "the focus comes back"
