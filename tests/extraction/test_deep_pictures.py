"""Pictures of more than eight bits become the eight bits that people see."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from tests.support.averaging_model import averaging_model

from coral_learn.extraction.cache import EmbeddingCache
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.extraction.images import load_image
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.extraction.picture_formats import preprocessing_of

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

RAMP = np.linspace(0, 1, 256).reshape(16, 16)
"""From black to white."""


def tiff(path: Path, values: np.ndarray, **tags: Any) -> Path:
    numbers = {"MinSampleValue": 280, "MaxSampleValue": 281, "SMax": 341, "Photometric": 262}
    directory = ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[numbers[name]] = value
    Image.fromarray(values).save(path, tiffinfo=directory)
    return path


def png(path: Path, values: np.ndarray, significant: int | None = None) -> Path:
    """Writes a gray or RGB PNG of 16 bits."""

    def chunk(name: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + end

    height, width = values.shape[:2]
    color = 0 if values.ndim == 2 else 2
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values.astype(int))
    bits = b"" if significant is None else chunk(b"sBIT", bytes([significant]))
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    content = chunk(b"IHDR", header) + bits + chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b""))
    return path


def load(picture: Any) -> tuple[np.ndarray, list[str]]:
    """Returns the gray pixels of a picture of 16 x 16 pixels, and what was assumed."""
    guesses: list[str] = []
    color = load_image(picture, (16, 16), on_guess=guesses.append)
    gray = load_image(picture, (16, 16), "L")
    np.testing.assert_array_equal(color, np.broadcast_to(gray, color.shape))
    return gray[:, :, 0].astype(int), guesses


def assert_ramp(picture: Any, guess: str | None = None, tolerance: int = 1) -> None:
    pixels, guesses = load(picture)
    assert np.abs(pixels - RAMP * 255).max() <= tolerance
    assert len(guesses) == (guess is not None)
    assert guess is None or guess in guesses[0]


def test_16_bits_are_scaled_from_65535(tmp_path: Path) -> None:
    values = (RAMP * 65535).astype(np.uint16)
    assert_ramp(png(tmp_path / "a.png", values))
    assert_ramp(tiff(tmp_path / "a.tiff", values))
    assert_ramp(Image.fromarray(values))
    assert_ramp(png(tmp_path / "color.png", np.repeat(values[:, :, None], 3, 2)))
    (tmp_path / "a.pgm").write_bytes(b"P5 16 16 65535\n" + values.astype(">u2").tobytes())
    assert_ramp(tmp_path / "a.pgm")


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_fewer_bits_in_16_are_recognized_with_a_guess(tmp_path: Path, bits: int) -> None:
    values = (RAMP * ((1 << bits) - 1)).astype(np.uint16)
    guess = f"taken for {bits} bits"
    assert_ramp(tiff(tmp_path / "a.tiff", values), guess)
    assert_ramp(Image.fromarray(values), guess)
    assert_ramp(png(tmp_path / "a.png", values), guess)


@pytest.mark.parametrize("factor", [256, 257])
def test_a_dark_png_that_was_made_of_bytes_stays_dark(tmp_path: Path, factor: int) -> None:
    pixels, guesses = load(png(tmp_path / "dark.png", np.full((16, 16), 20 * factor)))
    assert (pixels == 20).all()
    assert not guesses


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_what_the_file_says_is_used_without_a_guess(tmp_path: Path, bits: int) -> None:
    white = (1 << bits) - 1
    values = (RAMP * white).astype(np.uint16)
    assert_ramp(tiff(tmp_path / "a.tiff", values, MaxSampleValue=white))
    assert_ramp(png(tmp_path / "right.png", values, significant=bits))
    assert_ramp(png(tmp_path / "left.png", values << (16 - bits), significant=bits))
    (tmp_path / "a.pgm").write_bytes(b"P5 16 16 %d\n" % white + values.astype(">u2").tobytes())
    assert_ramp(tmp_path / "a.pgm")


def test_a_range_in_a_tiff_may_start_above_0(tmp_path: Path) -> None:
    values = (1000 + RAMP * 3000).astype(np.uint16)
    assert_ramp(tiff(tmp_path / "a.tiff", values, MinSampleValue=1000, MaxSampleValue=4000))


def test_a_range_that_the_values_leave_is_not_believed(tmp_path: Path) -> None:
    values = (RAMP * 4095).astype(np.uint16)
    assert_ramp(tiff(tmp_path / "a.tiff", values, MaxSampleValue=100), "taken for 12 bits")


def test_white_may_be_zero(tmp_path: Path) -> None:
    values = (65535 - RAMP * 65535).astype(np.uint16)
    assert_ramp(tiff(tmp_path / "a.tiff", values, Photometric=0))


@pytest.mark.parametrize(
    "values",
    [RAMP * 2000 - 1000, RAMP * 1_000_000, RAMP * 1_000_000 + 5_000_000],
    ids=["signed", "large", "far from 0"],
)
def test_other_whole_numbers_span_their_own_range(values: np.ndarray, tmp_path: Path) -> None:
    assert_ramp(Image.fromarray(values.astype(np.int32)), "taken for black to white")
    assert_ramp(tiff(tmp_path / "a.tiff", values.astype(np.int32)), "taken for black to white")


@pytest.mark.parametrize("white", [1, 255])
def test_floats_from_0_to_1_or_255_need_no_guess(tmp_path: Path, white: int) -> None:
    values = (RAMP * white).astype(np.float32)
    assert_ramp(tiff(tmp_path / "a.tiff", values))
    assert_ramp(Image.fromarray(values))


def test_other_floats_span_their_own_range(tmp_path: Path) -> None:
    values = (RAMP * 7 - 3).astype(np.float32)
    assert_ramp(tiff(tmp_path / "a.tiff", values), "from -3 to 4 were taken for black to white")
    assert_ramp(tiff(tmp_path / "b.tiff", values + 3, SMax=7.0))


def test_floats_that_are_not_finite_are_black_or_white() -> None:
    values = RAMP.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels, _ = load(Image.fromarray(values))
    assert pixels[0, :4].tolist() == [0, 255, 0, 3]
    with pytest.raises(PhotoError, match="none of its values is a finite number"):
        load(Image.fromarray(np.full((16, 16), np.inf, np.float32)))


@pytest.mark.parametrize("value", [0, 0.0])
def test_a_black_picture_needs_no_division(value: float) -> None:
    dtype = np.uint16 if isinstance(value, int) else np.float32
    assert not load(Image.fromarray(np.full((16, 16), value, dtype)))[0].any()


def test_color_of_12_bits_in_16_is_stretched_with_a_guess(tmp_path: Path) -> None:
    values = np.repeat((RAMP * 4095).astype(np.uint16)[:, :, None], 3, 2)
    assert_ramp(png(tmp_path / "a.png", values), "fit into 12 bits", tolerance=17)


def test_a_tiff_that_pillow_cannot_read_is_named(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tiff", RAMP.astype(np.float32))
    content = path.read_bytes()
    bits = struct.pack("<HHIHH", 258, 3, 1, 32, 0)  # a tag: number, type, count, value
    assert content.count(bits) == 1
    path.write_bytes(content.replace(bits, struct.pack("<HHIHH", 258, 3, 1, 64, 0)))
    with pytest.raises(PhotoError, match="Pillow cannot read this kind of TIFF: save it as JPEG"):
        load(path)


def test_one_warning_a_run_counts_the_pictures_and_shows_one(tmp_path: Path) -> None:
    values = (RAMP * 1023).astype(np.uint16)
    paths = [png(tmp_path / f"{index}.png", values + index) for index in range(3)]
    Image.fromarray(np.uint8(RAMP * 255)).save(tmp_path / "plain.png")
    cache = EmbeddingCache(tmp_path / "cache")
    message = r"assumed for 3 of the pictures, .* \(for example, .*\.png: its values go up to 102"
    with EmbeddingExtractor(averaging_model(), cache=cache) as extractor:
        for _ in range(2):  # with a cache as well
            with pytest.warns(UserWarning, match=message) as caught:
                extractor.extract([*paths, tmp_path / "plain.png"])
            assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            extractor.extract([tmp_path / "plain.png"])


def test_only_files_that_may_be_deep_have_a_preprocessing_of_their_own(tmp_path: Path) -> None:
    image = Image.fromarray(np.uint8(RAMP * 255))
    for suffix in ("jpg", "png", "gif", "bmp", "webp"):
        image.convert("RGB").save(tmp_path / f"a.{suffix}")
        assert preprocessing_of((tmp_path / f"a.{suffix}").read_bytes()) == b"", suffix
    for path in (
        png(tmp_path / "deep.png", RAMP * 65535),
        tiff(tmp_path / "deep.tiff", RAMP.astype(np.float32)),
    ):
        assert preprocessing_of(path.read_bytes())


def test_avif_is_read_by_pillow(tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    image = Image.fromarray(np.uint8(RAMP * 255))
    if ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow cannot write AVIF")
    image.save(path, quality=100)
    assert_ramp(path, tolerance=3)


def test_heic_is_read_by_pillow_heif(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="coral-learn[heif] is not installed")
    path = tmp_path / "photo.heic"
    heif.from_pillow(Image.fromarray(np.uint8(RAMP * 255)).convert("RGB")).save(path, quality=100)
    assert_ramp(path, tolerance=3)


def test_a_heif_library_that_is_missing_is_named(
    tmp_path: Path,
) -> None:
    for brand, name in ((b"heic", "HEIC"), (b"avif", "AVIF")):
        path = tmp_path / f"{name}.jpg"  # by its content, not by its name
        path.write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand)
        with pytest.raises(PhotoError, match=rf"format {name} .*pip install 'coral-learn\[heif\]'"):
            load(path)
