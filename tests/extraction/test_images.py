"""Decoding photos: any file or image that Pillow reads becomes upright RGB of the right size."""

import contextlib
import io
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from coral_learn.extraction.images import load_image
from coral_learn.extraction.photo_file import PhotoError

QUADRANTS = np.zeros((6, 8, 3), np.uint8)
QUADRANTS[:3, :4], QUADRANTS[:3, 4:], QUADRANTS[3:, :4] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
"""An image with red and green quarters above blue and black ones."""


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def test_a_path_an_image_and_an_array_give_the_same_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "photo.png", Image.fromarray(QUADRANTS))
    with Image.open(path) as opened:
        for source in (path, str(path), opened, Image.fromarray(QUADRANTS), QUADRANTS):
            pixels = load_image(source, (8, 6))
            assert pixels.dtype == np.uint8
            np.testing.assert_array_equal(pixels, QUADRANTS)


def test_the_size_is_width_by_height() -> None:
    assert load_image(QUADRANTS, (5, 9)).shape == (9, 5, 3)


def test_shrinking_a_photo_averages_its_pixels() -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * np.uint8(200)
    np.testing.assert_allclose(load_image(checkers.astype(np.uint8), (8, 8)), 100, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_the_exif_orientation_is_honoured(tmp_path: Path, orientation: int, suffix: str) -> None:
    # The inverse of each orientation turns an upright image into what a camera would have stored.
    turns = Image.Transpose
    stored = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }
    upright = Image.fromarray(QUADRANTS).resize((64, 48), Image.Resampling.NEAREST)
    image = upright.transpose(stored[orientation]) if orientation > 1 else upright
    path = save(tmp_path / f"photo{suffix}", image, exif=exif(orientation), quality=95)
    with Image.open(path) as opened:
        for source in (path, opened):
            pixels = load_image(source, (8, 6)).astype(int)
            assert np.abs(pixels - QUADRANTS).max() < 40


def test_a_photo_with_broken_exif_is_used_unchanged(tmp_path: Path) -> None:
    path = save(tmp_path / "photo.jpg", Image.fromarray(QUADRANTS), exif=b"Exif\0\0nonsense")
    assert load_image(path, (8, 6)).shape == (6, 8, 3)


def with_transparent_color() -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (Image.new("L", (4, 4), 77), (77, 77, 77)),
        (Image.new("LA", (4, 4), (77, 255)), (77, 77, 77)),
        (Image.new("LA", (4, 4), (77, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 255)), (10, 20, 30)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (55, 155, 255, 128)), (155, 205, 255)),
        (Image.new("CMYK", (4, 4), (255, 0, 0, 0)), (0, 255, 255)),
        (Image.new("HSV", (4, 4), (0, 255, 255)), (255, 0, 0)),
        (Image.new("YCbCr", (4, 4), (100, 128, 128)), (100, 100, 100)),
        (Image.new("I;16", (4, 4), 0xC800), (200, 200, 200)),
        (Image.new("I;16B", (4, 4), 0xC800), (200, 200, 200)),
        (Image.new("I", (4, 4), 0xC800), (200, 200, 200)),
        (with_transparent_color(), (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_every_mode_becomes_rgb(image: Image.Image, expected: tuple[int, int, int]) -> None:
    before = image.tobytes()
    assert np.abs(load_image(image, (2, 2)).astype(int) - expected).max() <= 1
    assert image.tobytes() == before


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (Image.new("I;16", (4, 4), 0xC800), "deep.png", 200),
        (Image.new("I;16", (4, 4), 0xC800), "deep.tiff", 200),
        (Image.new("L", (4, 4), 200), "gray.jpg", 200),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 55)), "print.jpg", 200),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 55)), "print.tiff", 200),
    ],
)
def test_files_of_other_modes_become_rgb(
    tmp_path: Path, image: Image.Image, name: str, expected: int
) -> None:
    pixels = load_image(save(tmp_path / name, image), (2, 2))
    assert np.abs(pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_the_first_frame_of_an_animation_is_used(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("white", "black", "black")]
    path = save(
        tmp_path / f"moving{suffix}", frames[0], save_all=True, append_images=frames[1:], duration=9
    )
    assert load_image(path, (2, 2)).min() > 250


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_arrays_of_every_shape_and_stride_are_read(channels: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, *channels), np.uint8)
    if channels == (4,):
        pixels[..., 3] = 255
    pixels.flags.writeable = False
    flipped = load_image(pixels[:, ::-1], (8, 6))
    np.testing.assert_array_equal(flipped[:, ::-1], load_image(pixels, (8, 6)))
    expected = pixels[..., :3] if len(channels) and channels != (1,) else pixels.reshape(6, 8, 1)
    np.testing.assert_array_equal(load_image(pixels, (8, 6)), np.broadcast_to(expected, (6, 8, 3)))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "are float32, but must be uint8 from 0 to 255"),
        (np.zeros((4, 4, 3), np.int64), "are int64, but must be uint8 from 0 to 255"),
        (np.zeros((4, 4, 2), np.uint8), r"its shape is \[4, 4, 2\], but must be"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"its shape is \[1, 4, 4, 3\],"),
        (np.zeros((0, 4, 3), np.uint8), r"its shape is \[0, 4, 3\],"),
        (np.zeros(4, np.uint8), r"its shape is \[4\],"),
        (Image.new("F", (4, 4), float("nan")), "none of its values is a finite number"),
    ],
)
def test_unsupported_images_are_refused(pixels: Any, message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        load_image(pixels, (2, 2))


@pytest.mark.parametrize("source", [None, 7, b"bytes", [[1, 2], [3, 4]]])
def test_a_value_that_is_not_a_photo_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="a path, a PIL image or a NumPy array"):
        load_image(source, (2, 2))


def jpeg_bytes() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "jpeg")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.jpg", None, "there is no such file"),
        ("empty.jpg", b"", "the file is empty"),
        ("text.jpg", b"These are not the pixels you want.", "not a picture that Pillow can read"),
        ("cut.jpg", jpeg_bytes()[:1500], "damaged or not supported"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"HEIC cannot .*\[heif\]'"),
    ],
)
def test_the_error_names_the_file_and_the_reason(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PhotoError, match=reason) as caught:
        load_image(path, (8, 8))
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.path == path
    assert isinstance(caught.value, ValueError)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="not a file, but a folder: give the photos in it"):
        load_image(tmp_path, (8, 8))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(PhotoError, match="this is not a file"):
            load_image(tmp_path / "pipe.jpg", (8, 8))


def test_an_invalid_path_is_a_photo_error() -> None:
    with pytest.raises(PhotoError, match="null"):
        load_image("a\0b.jpg", (8, 8))
    with pytest.raises(PhotoError, match="too long"):
        load_image("a" * 5000, (8, 8))


def test_a_file_too_large_for_a_photo_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "film.jpg").open("wb") as file:
        file.truncate(400_000_000)
    with pytest.raises(PhotoError, match="has 400000000 bytes, but at most"):
        load_image(tmp_path / "film.jpg", (8, 8))


def test_the_error_names_a_broken_image_that_was_opened_lazily(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(jpeg_bytes()[:1500])
    with Image.open(path) as image, pytest.raises(PhotoError, match=r"cut\.jpg: .*damaged"):
        load_image(image, (8, 8))


@pytest.mark.parametrize("factor", [1.5, 3])
def test_a_decompression_bomb_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    path = save(tmp_path / "bomb.png", Image.new("1", (60, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(6000 / factor))
    with pytest.raises(PhotoError, match=r"6000 pixels|60 x 100 pixels"):
        load_image(path, (8, 8))


@pytest.mark.slow_when_emulated
def test_pillow_does_not_warn_of_a_decompression_bomb_in_a_session(tmp_path: Path) -> None:
    path = save(tmp_path / "bomb.png", Image.new("1", (60, 100)))
    session = (
        "from PIL import Image; from coral_learn.extraction.images import load_image\n"
        "Image.MAX_IMAGE_PIXELS = 4000\n"
        f"try: load_image({str(path)!r}, (8, 8))\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", session], capture_output=True, text=True)
    assert done.stderr == ""
    assert "it has 60 x 100 pixels, but Pillow allows at most 4000" in done.stdout


@given(
    st.binary(max_size=200)
    | st.builds(lambda n, x: jpeg_bytes()[:n] + x, st.integers(0, 2000), st.binary())
)
def test_random_bytes_raise_only_photo_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.jpg"
    path.write_bytes(content)
    with contextlib.suppress(PhotoError):
        assert load_image(path, (4, 4)).shape == (4, 4, 3)


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_resizing_stays_within_the_colors_of_the_photo(pixels: np.ndarray) -> None:
    resized = load_image(pixels, (7, 5))
    assert resized.shape == (5, 7, 3)
    assert resized.min() >= pixels.min()
    assert resized.max() <= pixels.max()


def test_a_large_jpeg_looks_the_same_when_decoded_at_a_reduced_size(tmp_path: Path) -> None:
    smooth = Image.fromarray(QUADRANTS).resize((1600, 1200), Image.Resampling.BICUBIC)
    path = save(tmp_path / "large.jpg", smooth, quality=95)
    drafted = load_image(path, (80, 60)).astype(int)
    full = load_image(np.asarray(Image.open(path)), (80, 60)).astype(int)
    assert np.abs(drafted - full).max() <= 6
    assert np.abs(drafted - full).mean() <= 1


def test_one_image_may_be_loaded_by_many_threads_at_once(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    path = save(tmp_path / "photo.png", Image.fromarray(noise))
    expected = load_image(path, (32, 32))
    start = threading.Barrier(8)

    def load(image: Image.Image) -> np.ndarray:
        start.wait()
        return load_image(image, (32, 32))

    for _ in range(10):
        with ThreadPoolExecutor(8) as pool:
            for pixels in pool.map(load, [Image.open(path)] * 8):
                np.testing.assert_array_equal(pixels, expected)


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(PhotoError("the file is empty", "a.jpg")))
    assert (str(error), error.path, error.reason) == (
        "a.jpg: the file is empty",
        "a.jpg",
        "the file is empty",
    )
