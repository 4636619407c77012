"""The page of the studio, used in a real browser as people use it.

The tests are one story, told in their order: what one teaches, the next ones correct and take away.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.studio_page import StudioPage, no_errors, open_studio

from coral_learn.jobs.classification import Classifier

__all__ = ["no_errors"]  # a fixture

pytest.importorskip("aiohttp", reason="needs the extra 'studio'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def story(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioPage]:
    with open_studio(photos, tmp_path_factory.mktemp("studio")) as opened:
        yield opened


def test_first_visit_shows_three_steps(story: StudioPage) -> None:
    story.open()
    story.page.get_by_role("heading", name="Teach it by showing").wait_for()
    steps = story.page.locator(".step h2").all_inner_texts()
    assert steps == ["Show", "Learn", "Take away"]
    story.take_shots("welcome")


def test_class_is_taught_by_upload(story: StudioPage) -> None:
    crabs = sorted((story.photos / "crab").iterdir())
    wrong = story.photos / "fish" / "fish_000.jpg"
    story.page.get_by_label("What do you want to show first?").fill("crab")
    story.page.keyboard.press("Enter")
    card = story.card("crab")
    card.get_by_text("Drop some here").wait_for()
    broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    inputs = card.locator("input[type=file][multiple]:not([webkitdirectory])")
    inputs.set_input_files([*crabs, wrong])
    story.expect_photos("crab", len(crabs) + 1)
    inputs.set_input_files([broken])
    notice = story.page.locator(".notice", has_text="broken.jpg")
    notice.get_by_role("button", name="Close").click()


def test_class_is_taught_by_camera(story: StudioPage) -> None:
    story.page.get_by_label("Name of a new class").fill("fish")
    story.page.get_by_role("button", name="Add class", exact=True).click()
    card = story.card("fish")
    card.get_by_role("button", name="Camera").click()
    hold = card.get_by_role("button", name="Hold to record")
    card.get_by_label("Pictures a second").select_option("10")
    card.locator("video").wait_for()
    hold.focus()
    story.page.keyboard.down("Space")
    card.get_by_role("button", name="Recording").wait_for()
    card.get_by_text(re.compile(r"^[5-9]\d pictures$")).wait_for()
    story.page.keyboard.up("Space")
    told = card.get_by_text(re.compile(r"\d+ pictures recorded, \d+ kept"))
    told.wait_for()
    _, kept = re.findall(r"(\d+)", told.inner_text())[:2]
    story.expect_photos("fish", int(kept))
    assert int(kept) >= 10
    card.get_by_role("button", name="Camera").click()
    card.locator("video").wait_for(state="detached")


def test_preview_names_what_the_camera_shows(story: StudioPage) -> None:
    story.page.get_by_role("button", name="Start camera").click()
    story.page.locator(".verdict", has_text="fish").wait_for()
    line = story.page.get_by_text(re.compile(r"pictures a second, [\d.]+ ms each"))
    line.wait_for()
    story.take_shots("teach")
    story.page.get_by_role("button", name="Stop camera").click()


def test_doubtful_label_is_corrected_and_undone(story: StudioPage) -> None:
    crabs, fish = story.count("crab"), story.count("fish")
    story.page.get_by_role("navigation").get_by_role("link", name="Check").click()
    doubtful = story.page.locator(
        "section", has=story.page.get_by_role("heading", name="Labels to look at")
    )
    figure = doubtful.last.locator("figure").first
    figure.get_by_role("button", name="It is fish").wait_for()
    story.take_shots("check")
    figure.get_by_role("button", name="It is fish").click()
    story.page.get_by_text("1 picture moved to fish.").wait_for()
    story.page.get_by_role("navigation").get_by_role("link", name="Teach").click()
    story.expect_photos("crab", crabs - 1)
    story.expect_photos("fish", fish + 1)
    story.page.keyboard.press("Control+z")
    story.expect_photos("crab", crabs)
    story.page.keyboard.press("Control+Shift+z")
    story.expect_photos("crab", crabs - 1)


def test_gallery_is_walked_with_the_keyboard(story: StudioPage) -> None:
    crabs = story.count("crab")
    story.page.get_by_role("link", name="crab", exact=True).click()
    grid = story.page.get_by_role("listbox", name="Pictures of crab")
    grid.get_by_role("option").nth(5).wait_for()
    story.take_shots("gallery")
    grid.focus()
    for key in ("ArrowRight", "Space", "Shift+ArrowRight"):
        story.page.keyboard.press(key)
    story.page.get_by_text("2 selected").wait_for()
    story.page.keyboard.press("2")
    story.page.get_by_text("2 pictures moved to fish.").wait_for()
    story.page.get_by_text(f"{crabs - 2} pictures", exact=True).wait_for()
    story.page.keyboard.press("Enter")
    dialog = story.page.get_by_role("dialog")
    dialog.get_by_text(f"3 of {crabs - 2}").wait_for()
    story.page.keyboard.press("Delete")
    dialog.get_by_text(f"3 of {crabs - 3}").wait_for()
    story.page.keyboard.press("Escape")
    for _ in range(2):
        story.page.keyboard.press("Control+z")
    story.page.get_by_text(f"{crabs} pictures", exact=True).wait_for()


def test_other_tab_sees_changes(story: StudioPage) -> None:
    story.open()
    other = story.new_page()
    other.goto(story.studio.url)
    story.expect_photos("crab", story.count("crab"), other)
    other.get_by_role("button", name="Rename crab", exact=True).click()
    other.get_by_label("New name of crab").fill("Krabbe <b>")
    other.keyboard.press("Enter")
    story.card("Krabbe <b>").wait_for()
    story.page.get_by_role("button", name="Undo").click()
    story.card("crab", other).wait_for()
    other.close()


def test_downloaded_model_answers_like_the_preview(story: StudioPage, tmp_path: Path) -> None:
    story.open()
    pictures = [
        *sorted((story.photos / "fish").iterdir())[:3],
        *sorted((story.photos / "crab").iterdir())[:3],
    ]
    seen = [story.try_picture(path) for path in pictures]
    story.page.get_by_role("button", name="Take away").click()
    dialog = story.page.get_by_role("dialog")
    agree = dialog.get_by_text("The file and the preview agree on")
    agree.wait_for()
    numbers = re.findall(r"\d+", agree.inner_text())
    assert numbers[0] == numbers[1]
    story.take_shots("take-away")
    with story.page.expect_download() as download:
        dialog.get_by_role("button", name="Download garden.tflite").click()
    model = tmp_path / "garden.tflite"
    download.value.save_as(model)
    with Classifier(model) as classifier:
        answers = classifier.classify(pictures, top_k=2, threshold=0)
    for bars, answer in zip(seen, answers, strict=True):
        assert bars == {each.label: as_percent(each.score) for each in answer}
    story.page.keyboard.press("Escape")


def as_percent(value: float) -> str:
    """Returns a probability as the page writes it, which gets it with four digits."""
    value = round(value, 4)
    digits = 1 if 0.995 < value < 1 or 0 < value < 0.005 else 0
    return f"{100 * value:.{digits}f}%"


def test_unsure_pictures_are_sorted_later(story: StudioPage) -> None:
    story.open()
    story.context.request.post(
        f"{story.studio.url}api/tray",
        headers={"X-Coral-Learn": "1"},
        multipart={
            "file": {
                "name": "a.jpg",
                "mimeType": "image/jpeg",
                "buffer": (story.photos / "crab" / "crab_000.jpg").read_bytes(),
            }
        },
    )
    story.page.get_by_role("link", name=re.compile("Sort later 1")).click()
    story.page.get_by_role("button", name="Sort one by one").click()
    story.page.get_by_role("dialog").get_by_text("1 of 1").wait_for()
    story.take_shots("sort-later")
    story.page.keyboard.press("Delete")
    story.page.get_by_text("Nothing to sort.").wait_for()


def test_killed_server_loses_nothing(story: StudioPage) -> None:
    story.open()
    story.card("crab").wait_for()
    crabs, fish = story.count("crab"), story.count("fish")
    story.studio.kill()
    story.page.get_by_text("The studio is not running any more.").wait_for()
    story.studio.start()
    story.page.get_by_text("The studio is not running any more.").wait_for(state="hidden")
    story.errors.clear()  # the browser says that it could not connect meanwhile
    story.open()
    story.expect_photos("crab", crabs)
    story.expect_photos("fish", fish)


@pytest.mark.parametrize("view", ["", "class/crab", "check", "tray"])
def test_views_are_accessible(story: StudioPage, view: str) -> None:
    story.open(view)
    story.page.get_by_role("heading", level=1).wait_for()
    story.page.wait_for_timeout(500)
    story.check_access(view)


def test_dialogs_are_accessible(story: StudioPage) -> None:
    story.open("class/crab")
    story.page.get_by_role("option").first.wait_for()
    story.page.get_by_role("listbox").press("Enter")
    story.page.get_by_role("dialog").get_by_role("button", name="Next picture").wait_for()
    story.check_access("viewer")
    story.page.keyboard.press("Escape")
    story.page.get_by_role("button", name="Take away").click()
    story.page.get_by_role("button", name="Download garden.tflite").wait_for()
    story.check_access("take away")


def test_empty_project_is_accessible(story: StudioPage) -> None:
    for name in ("crab", "fish"):
        story.open()
        story.page.get_by_role("button", name=f"Remove {name}").click()
        story.card(name).wait_for(state="detached")
    story.page.get_by_role("heading", name="Teach it by showing").wait_for()
    story.check_access("welcome")
    for _ in range(2):
        story.page.keyboard.press("Control+z")
    story.card("fish").wait_for()
