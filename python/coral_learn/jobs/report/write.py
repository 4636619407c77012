"""Writes the report: one HTML file that needs no network."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageOps

from ...extraction.deep_pictures import to_gray_bytes
from ...extraction.photo_file import PhotoError, read_photo
from ...extraction.picture_formats import is_deep, open_photo
from ...words import percent, quoted
from ..folds import MIN_TEST_PHOTOS
from .analysis import RECOMMENDED_PHOTOS, Analysis

REPORT_NAME = "report.html"

_THUMBNAIL = 160  # pixels, enough for screens with two pixels per CSS pixel
_CURVE_WIDTH, _CURVE_HEIGHT = 600, 180


@dataclass(frozen=True)
class _CurvePoint:
    """A point of the training curve, and its place in the drawing."""

    x: float
    y: float
    iteration: int
    value: float


def render_report(
    analysis: Analysis,
    *,
    title: str,
    summary: dict[str, str],
    curve: list[tuple[int, float]],
    curve_name: str,
) -> bytes:
    """Returns the content of the report.

    Args:
        analysis: What the test photos show.
        title: The heading of the report.
        summary: Facts about the retraining, by name.
        curve: The iterations and values of the training curve; may be empty.
        curve_name: What the values of the curve are.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["quoted"] = quoted
    environment.filters["thumbnail"] = _thumbnail
    page = environment.get_template("template.html.j2").render(
        title=title,
        analysis=analysis,
        summary=summary,
        recommended=RECOMMENDED_PHOTOS,
        enough_to_test=MIN_TEST_PHOTOS,
        curve=_scale_curve(curve),
        curve_name=curve_name,
        width=_CURVE_WIDTH,
        height=_CURVE_HEIGHT,
    )
    return page.encode(errors="backslashreplace")  # names of photos may not be valid text


def _scale_curve(curve: list[tuple[int, float]]) -> list[_CurvePoint]:
    """Scales a curve to the size of the drawing, with the highest value at the top."""
    if not curve:
        return []
    first, last, top = curve[0][0], curve[-1][0], max(value for _, value in curve)
    return [
        _CurvePoint(
            x=round(_CURVE_WIDTH * (iteration - first) / ((last - first) or 1), 1),
            y=round(_CURVE_HEIGHT * (1 - value / top), 1) if top > 0 else _CURVE_HEIGHT,
            iteration=iteration,
            value=value,
        )
        for iteration, value in curve
    ]


def _percent(fraction: float | None) -> str:
    return "none" if fraction is None else percent(fraction)


def _thumbnail(path: Path) -> str:
    """Returns a small JPEG of a photo as a data URL, or "" if the photo cannot be read."""
    try:
        content = read_photo(path).content
    except PhotoError:
        return ""
    try:
        with open_photo(content) as photo:
            photo.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            shown = to_gray_bytes(photo).image if is_deep(photo) else photo
            small = ImageOps.exif_transpose(shown).convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    except Exception:  # Pillow raises many types of errors for a damaged file
        return ""
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
