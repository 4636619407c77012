"""Resizing as OpenCV does by default."""

import importlib

import numpy as np
import pytest
from tests.support.frigate import opencv_resize

from coral_learn.extraction.images import load_image
from coral_learn.extraction.linear_resize import resize_linear

SIZES = [(100, 150), (480, 640), (448, 448), (224, 224), (1, 1), (2, 3), (225, 448)]


def picture(height: int, width: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, *channels), np.uint8)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_what_opencv_computes(height: int, width: int) -> None:
    color, gray = picture(height, width, 3), picture(height, width)
    assert np.array_equal(resize_linear(color, (224, 224)), opencv_resize(color, (224, 224)))
    expected = opencv_resize(gray[:, :, None], (224, 96))[:, :, 0]
    assert np.array_equal(resize_linear(gray, (224, 96)), expected)


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_opencv_itself_agrees(height: int, width: int) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    cv2 = importlib.import_module("cv2")
    color = picture(height, width, 3)
    apart = np.abs(resize_linear(color, (224, 224)) - cv2.resize(color, (224, 224)).astype(int))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.05


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_photos_are_loaded_so(mode: str, channels: int) -> None:
    pixels = picture(300, 500, 3)
    loaded = load_image(pixels, (64, 32), mode, resize="linear")  # type: ignore[arg-type]
    assert loaded.shape == (32, 64, channels)
    if mode == "RGB":
        assert np.array_equal(loaded, resize_linear(pixels, (64, 32)))
