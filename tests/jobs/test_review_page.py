"""The page of a review in a real browser."""

import html
import re
import shutil
import subprocess
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
from coral_learn.jobs.review.page import render_page
from coral_learn.jobs.review.photos import Photo

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
        lacks_photos=True,
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(review: Review, tmp_path: Path, width: int) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no Chromium")
    page = html.escape(render_page(review, "review.csv").decode(), quote=True)
    outer = tmp_path / "outer.html"
    # A window of a browser has a least width, a frame has none.
    outer.write_text(
        f'<iframe id="frame" style="width:{width}px;height:800px;border:0" srcdoc="{page}" '
        'onload="const d = this.contentDocument; '
        "document.title = d.documentElement.scrollWidth + ' ' + d.images.length + ' ' + "
        '[...d.images].filter(i => i.naturalWidth).length"></iframe>'
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--no-first-run")
    done = subprocess.run(
        [browser, *options, f"--user-data-dir={tmp_path / 'profile'}", outer.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)
    assert found is not None, done.stderr[-2000:]
    wide, images, shown = map(int, found.groups())
    assert wide <= width
    assert images == shown > 50
