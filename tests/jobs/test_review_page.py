"""The page of a review in a real browser."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from coral_learn.jobs.review.findings import (
    ConfusedClasses,
    Doubtful,
    Duplicates,
    Extreme,
    NearDuplicates,
    NextPhoto,
    Review,
)
from coral_learn.jobs.review.page import PageTable, render_page
from coral_learn.jobs.review.photos import Photo
from coral_learn.jobs.review.table import chosen, read_table, table_rows

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def review(photos: Path) -> Review:
    """A review with everything that a page can show, under long names."""
    label = "a class with a name that is much longer than most"
    crabs = [
        Photo(path, f"{'x' * 80}/{'y' * 90}.jpg", label)
        for path in sorted((photos / "crab").iterdir())
    ]
    fish = Photo(None, "fish, photo 1", "fish")
    return Review(
        source=f"/photos/{'z' * 70}",
        photos=60,
        classes={label: 20, "fish": 40},
        doubtful=[Doubtful(each, "fish", 0.01) for each in crabs],
        duplicates=[Duplicates([crabs[0], fish]), Duplicates(crabs[:3])],
        near_duplicates=[NearDuplicates(crabs[:2], 0.9)],
        outliers=[Extreme(crabs[0], "deviations", -3.2)],
        darkest=[Extreme(each, "brightness", 0.1) for each in crabs[:12]],
        blurriest=[Extreme(each, "sharpness", 0.5) for each in crabs[:12]],
        confused_classes=[ConfusedClasses((label, "fish"), 60, 0.61)],
        label_next=[NextPhoto(each, "fish", 0.6) for each in crabs[:5]],
        notes=["a fact"],
    )


def rendered(review: Review) -> bytes:
    photo = review.doubtful[0].photo.path
    assert photo is not None
    rows = table_rows(review, photo.parents[1])
    return render_page(review, PageTable("review.csv", rows, photo.parents[1]))


def run_in_browser(page: Path, tmp_path: Path) -> str:
    """Returns the title of a page after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no Chromium")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--no-first-run")
    done = subprocess.run(
        [browser, *options, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    return html.unescape(found[1])


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(review: Review, tmp_path: Path, width: int) -> None:
    page = html.escape(rendered(review).decode(), quote=True)
    outer = tmp_path / "outer.html"
    # A window of a browser has a least width, a frame has none.
    outer.write_text(
        f'<iframe id="frame" style="width:{width}px;height:800px;border:0" srcdoc="{page}" '
        'onload="const d = this.contentDocument; '
        "document.title = d.documentElement.scrollWidth + ' ' + d.images.length + ' ' + "
        '[...d.images].filter(i => i.naturalWidth).length"></iframe>'
    )
    wide, images, shown = map(int, run_in_browser(outer, tmp_path).split())
    assert wide <= width
    assert images == shown > 50


def test_choices_on_the_page_become_a_table(review: Review, tmp_path: Path) -> None:
    photo = replace_label(review)
    page = tmp_path / "page.html"
    script = """<script>
    const choose = (select, value) => {
      select.value = value;
      select.dispatchEvent(new Event("change"));
    };
    const [first, second] = document.querySelectorAll("#doubtful + p + .photos select");
    choose(first, "move:fish");
    choose(second, "drop");
    document.title = JSON.stringify({
      text: tableText(), count: document.getElementById("count").textContent, hidden: bar.hidden,
      same: selects.filter((each) => each.value === "move:fish").length,
    });
    </script></body>"""
    page.write_text(rendered(photo).decode().replace("</body>", script))
    found = json.loads(run_in_browser(page, tmp_path))
    assert found["count"] == "2 photos chosen"
    assert not found["hidden"]
    assert found["same"] > 1  # the photo has a choice in several places
    table = tmp_path / "review.csv"
    table.write_text(found["text"])
    rows = chosen(read_table(table))
    assert [(row.action, Path(row.path).name) for row in rows] == [
        ("move", "crab_000.jpg"),
        ("drop", "crab_001.jpg"),
    ]
    assert rows[0].new_label == "fish"
    assert rows[0].folder == photo.doubtful[0].photo.path.parents[1]  # type: ignore[union-attr]


def test_a_choice_of_many_classes_is_shown_everywhere(review: Review, tmp_path: Path) -> None:
    few = replace_label(review)
    names = [f"class {number:02}" for number in range(40)]
    last = names[-1]  # beyond those that every choice offers
    many = replace(
        few,
        classes={"crab": 20} | dict.fromkeys(names, 20),
        doubtful=[Doubtful(each.photo, last, 0.01) for each in few.doubtful],
    )
    page = tmp_path / "page.html"
    script = """<script>
    const [first] = document.querySelectorAll("#doubtful + p + .photos select");
    first.value = "move:class 39";
    for (const _ of [1, 2]) first.dispatchEvent(new Event("change"));
    const same = selects.filter((each) => each.dataset.path === first.dataset.path);
    document.title = JSON.stringify([
      same.map((each) => each.selectedOptions[0].textContent), same.map((each) => each.length),
    ]);
    </script></body>"""
    page.write_text(rendered(many).decode().replace("</body>", script))
    shown, lengths = json.loads(run_in_browser(page, tmp_path))
    assert shown == [f"move to {last}"] * 2
    assert max(lengths) == min(lengths)  # the option is added once


def replace_label(review: Review) -> Review:
    """Returns the review with photos that are in the folder of their class."""
    crabs = [each.photo._replace(label="crab") for each in review.doubtful]
    return replace(
        review,
        classes={"crab": 20, "fish": 40},
        doubtful=[Doubtful(each, "fish", 0.01) for each in crabs],
        darkest=[Extreme(each, "brightness", 0.1) for each in crabs[:12]],
    )
