"""Cropping a photo to its center: the view equals a crop and a resize by Pillow."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from tests.extraction.test_images import exif, save

from coral_learn.extraction.central_crop import central_box, size_around
from coral_learn.extraction.images import load_image

SIDES = st.integers(1, 40)


def noise(width: int, height: int) -> np.ndarray:
    random = np.random.default_rng(width * 1000 + height)
    return random.integers(0, 256, (height, width, 3), np.uint8)


def cropped_by_hand(image: Image.Image, shape: tuple[int, int]) -> Image.Image:
    """Returns the center of an upright picture in the shape of another."""
    width = max(1, min(image.width, image.height * shape[0] // shape[1]))
    height = max(1, min(image.height, image.width * shape[1] // shape[0]))
    left, upper = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, upper, left + width, upper + height))


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_the_view_equals_a_crop_and_a_resize(photo: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = noise(*photo)
    expected = cropped_by_hand(Image.fromarray(pixels), size).resize(size, Image.Resampling.BOX)
    for source in (pixels, Image.fromarray(pixels)):
        np.testing.assert_array_equal(load_image(source, size, resize="crop"), np.asarray(expected))


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.integers(0, 9))
def test_the_center_of_a_turned_photo_is_that_of_the_upright_one(
    photo: tuple[int, int], size: tuple[int, int], orientation: int
) -> None:
    stored = Image.fromarray(noise(*photo))
    stored.getexif()[0x0112] = orientation
    shape = size[::-1] if orientation in (5, 6, 7, 8) else size
    found = stored.crop(central_box(stored.size, shape, orientation))
    found.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(stored)
    expected = np.asarray(cropped_by_hand(upright, size))
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(found)), expected)
    np.testing.assert_array_equal(load_image(stored, size, resize="crop"), load_image(found, size))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_the_file_of_a_turned_photo_is_cropped_as_it_is_seen(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    photo = Image.fromarray(noise(37, 22))
    path = save(tmp_path / f"photo{suffix}", photo, exif=exif(orientation), lossless=True)
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).copy()
    found = load_image(path, (22, 22), resize="crop")  # as large as the crop: nothing is averaged
    np.testing.assert_array_equal(found, np.asarray(cropped_by_hand(upright, (1, 1))))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("photo", "size"), [((1600, 300), (80, 80)), ((500, 1999), (60, 60)), ((1217, 919), (64, 100))]
)
def test_a_jpeg_is_decoded_at_a_size_that_the_crop_needs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: tuple[int, int],
    size: tuple[int, int],
    orientation: int,
) -> None:
    smooth = Image.fromarray(noise(6, 5)).resize(photo, Image.Resampling.BICUBIC)
    path = save(tmp_path / "photo.jpg", smooth, quality=95, exif=exif(orientation))
    cropped: list[tuple[int, int]] = []
    crop = Image.Image.crop

    def note_size(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        cropped.append(crop(image, box).size)
        return crop(image, box)

    monkeypatch.setattr(Image.Image, "crop", note_size)
    found = load_image(path, size, resize="crop").astype(int)
    monkeypatch.undo()
    [(width, height)] = cropped
    shape = size[::-1] if orientation == 6 else size
    assert width >= shape[0]
    assert height >= shape[1]
    assert width < photo[0]
    with Image.open(path) as opened:
        full = cropped_by_hand(ImageOps.exif_transpose(opened), size)
    expected = np.asarray(full.resize(size, Image.Resampling.BOX)).astype(int)
    assert np.abs(found - expected).mean() <= 3  # the crop is up to half a reduced pixel away


@given(*[st.integers(1, 5000)] * 2, *[st.integers(1, 400)] * 2, st.integers(0, 3))
def test_a_reduced_picture_has_all_pixels_that_the_crop_needs(
    width: int, height: int, across: int, down: int, halvings: int
) -> None:
    least = size_around((width, height), (across, down))
    factor = 2**halvings
    if width // least[0] >= factor and height // least[1] >= factor:  # as Pillow chooses it
        reduced = -(-width // factor), -(-height // factor)
        box = central_box(reduced, (across, down))
        assert box.right - box.left >= across
        assert box.lower - box.upper >= down


@pytest.mark.parametrize("size", [(1, 900), (900, 1), (1, 1), (2, 3)])
def test_a_photo_of_hardly_any_pixels_keeps_at_least_one(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 9, np.uint8)
    for target in ((224, 224), (7, 300), (300, 7)):
        assert (load_image(pixels, target, resize="crop") == 9).all()


def test_the_range_of_a_deep_picture_is_that_of_all_of_it(tmp_path: Path) -> None:
    values = np.full((10, 30), 400, np.uint16)
    values[:, 0] = 4000  # outside of the crop, and tells that 4095 is white
    path = save(tmp_path / "deep.png", Image.fromarray(values))
    assert (load_image(path, (4, 4), resize="crop") == 400 // 16).all()


def test_a_gray_view_and_a_transparent_picture_are_cropped() -> None:
    image = Image.new("RGBA", (30, 10), (0, 0, 0, 0))
    image.paste((50, 50, 50, 255), (10, 0, 20, 10))
    assert (load_image(image, (5, 5), "L", resize="crop") == 50).all()
    assert load_image(image, (5, 5), "L")[0, 0, 0] == 255
