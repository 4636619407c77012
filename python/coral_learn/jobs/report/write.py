"""Writes the report: one HTML file that needs no network, or plain text without Jinja."""

import base64
import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageOps

from ...extraction.deep_pictures import to_gray_bytes
from ...extraction.photo_file import PhotoError, read_photo
from ...extraction.picture_formats import is_deep, open_photo
from ...words import describe_accuracy, percent, quoted
from ..cross_validation import MIN_TEST_PHOTOS
from .analysis import RECOMMENDED_PHOTOS, Analysis, Prediction

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
) -> tuple[str, bytes]:
    """Returns the name and content of ``report.html``, or of ``report.txt`` without Jinja.

    Args:
        analysis: What the test photos show.
        title: The heading of the report.
        summary: Facts about the retraining, by name.
        curve: The iterations and values of the training curve; may be empty.
        curve_name: What the values of the curve are.
    """
    if find_spec("jinja2") is None:
        name, text = "report.txt", _render_text(title, analysis, summary)
    else:
        name = "report.html"
        text = _render_html(
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
    return name, text.encode(errors="backslashreplace")  # names of photos may not be valid text


def _render_html(**values: object) -> str:
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
    template = environment.get_template("template.html.j2")
    return template.render(**values)


def _render_text(title: str, analysis: Analysis, summary: dict[str, str]) -> str:
    lines = [title, "=" * len(title), ""]
    lines += [f"{name}: {value}" for name, value in summary.items()]
    if analysis.accuracy is not None and analysis.interval is not None:
        found = describe_accuracy(
            analysis.accuracy, analysis.test_photos, analysis.interval, "test photo"
        )
        lines.append(f"Accuracy of the saved model: {found}")
    if analysis.cross_validated is not None:
        validated = analysis.cross_validated
        found = describe_accuracy(validated.accuracy, validated.photos, validated.interval)
        lines.append(f"Accuracy by cross-validation: {found}")
    lines += ["", "Class: training photos, test photos, precision, recall"]
    lines += [
        f"  {c.name}: {c.training_photos}, {c.test_photos}, "
        f"{_percent(c.precision)}, {_percent(c.recall)}"
        for c in analysis.classes
    ]
    if analysis.small_classes:
        small = quoted(analysis.small_classes, len(analysis.small_classes))
        lines += ["", f"Classes with fewer than {RECOMMENDED_PHOTOS} training photos: {small}"]
    for heading, predictions in (
        ("Wrong predictions, the most confident first", analysis.wrong_predictions),
        ("Correct predictions, the least confident first", analysis.uncertain_predictions),
    ):
        lines += ["", heading] if predictions else []
        lines += [
            f"  {each.path}: {_describe(each)} ({_percent(each.probability)})"
            for each in predictions
        ]
    if analysis.near_duplicates:
        lines += ["", "Test photos that look like a training photo"]
        lines += [f"  {pair.test} looks like {pair.training}" for pair in analysis.near_duplicates]
    lines += ["", "For a page with pictures: pip install 'coral-learn[report]'", ""]
    return "\n".join(lines)


def _describe(prediction: Prediction) -> str:
    if prediction.is_correct:
        return prediction.true_class
    return f"{prediction.true_class} predicted as {prediction.predicted_class}"


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
