"""Drawn photos: a seed gives the same photo again, and colours do not reveal the class."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coral_learn.demo.drawing import DEMO_CLASSES, draw_photo, write_photos

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def pixels(name: str, *seed: int, size: int = 160) -> np.ndarray:
    return np.asarray(draw_photo(name, np.random.default_rng(seed), size))


@pytest.mark.parametrize("name", DEMO_CLASSES)
def test_only_the_same_seed_gives_the_same_photo(name: str) -> None:
    photo = pixels(name, 5)
    assert photo.dtype == np.uint8
    assert photo.shape == (160, 160, 3)
    assert np.array_equal(photo, pixels(name, 5))
    assert not np.array_equal(photo, pixels(name, 6))


def test_photos_have_the_requested_size() -> None:
    assert pixels("crab", 0, size=64).shape == (64, 64, 3)


def test_every_class_folder_gets_the_requested_number_of_photos(tmp_path: Path) -> None:
    written = list(write_photos(tmp_path, per_class=2, seed=1))
    assert sorted(written) == sorted(tmp_path.rglob("*.*"))
    assert [path.parent.name for path in written] == [c for c in DEMO_CLASSES for _ in range(2)]
    for path in written:
        with Image.open(path) as photo:
            assert (photo.format, photo.mode) == ("JPEG", "RGB")


def test_a_photo_depends_only_on_seed_class_and_number(tmp_path: Path) -> None:
    for folder, per_class, seed in (("two", 2, 1), ("one", 1, 1), ("other", 1, 2)):
        list(write_photos(tmp_path / folder, per_class, seed))
    for one in (tmp_path / "one").rglob("*.jpg"):
        name = one.relative_to(tmp_path / "one")
        assert one.read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert one.read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_colours_do_not_reveal_the_class() -> None:
    photos = [
        [pixels(name, label, k) for k in range(40)] for label, name in enumerate(DEMO_CLASSES)
    ]
    colours = np.array([[(*p.mean((0, 1)), *p.std((0, 1))) for p in of] for of in photos])
    means = colours[:, :20].mean(axis=1)
    distances = np.linalg.norm(colours[:, 20:, None] - means, axis=-1)
    recognized = distances.argmin(axis=-1) == np.arange(len(DEMO_CLASSES))[:, None]
    assert recognized.mean() < 0.45, "with five classes, 0.2 is chance"
