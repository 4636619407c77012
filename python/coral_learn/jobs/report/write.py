"""The report's text: one HTML file that needs no network, or plain text without Jinja."""

import base64
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import ImageOps

from ...extraction.images import open_photo
from ...extraction.photo_file import PhotoError, read_photo
from .findings import FEW_PHOTOS, Findings

_THUMBNAIL = 160  # pixels, twice the size shown, for fine screens
_CURVE_WIDTH, _CURVE_HEIGHT = 600, 180


def render_report(
    findings: Findings,
    *,
    title: str,
    summary: dict[str, str],
    curve: list[tuple[int, float]],
    curve_name: str,
) -> tuple[str, bytes]:
    """Returns name and content of ``report.html``, or ``report.txt`` where Jinja is not installed.

    Args:
        findings: What there is to say.
        title: The heading.
        summary: Facts about the retraining, by name.
        curve: The training curve: step and value.
        curve_name: What the curve shows.
    """
    values: dict[str, Any] = {
        "title": title,
        "findings": findings,
        "summary": summary,
        "few": FEW_PHOTOS,
    }
    if find_spec("jinja2") is None:
        name, text = "report.txt", _as_text(**values)
    else:
        name = "report.html"
        text = _as_html(**values, curve=_points(curve), curve_name=curve_name)
    return name, text.encode(errors="backslashreplace")  # photos may have names that are no text


def _as_html(**values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["thumbnail"] = _thumbnail
    template = environment.get_template("template.html.j2")
    return template.render(**values, width=_CURVE_WIDTH, height=_CURVE_HEIGHT)


def _as_text(title: str, findings: Findings, summary: dict[str, str], few: int) -> str:
    lines = [title, "=" * len(title), ""]
    lines += [f"{name}: {value}" for name, value in summary.items()]
    if findings.interval is not None:
        interval = findings.interval
        lines.append(
            f"Accuracy on the test photos: {_percent(findings.accuracy)} "
            f"(95% sure: {_percent(interval.low)} to {_percent(interval.high)})"
        )
    lines += ["", "Class: training photos, test photos, precision, recall"]
    lines += [
        f"  {c.name}: {c.training_photos}, {c.test_photos}, "
        f"{_percent(c.precision)}, {_percent(c.recall)}"
        for c in findings.classes
    ]
    if findings.few_photos:
        lines += ["", f"Fewer than {few} training photos: {', '.join(findings.few_photos)}"]
    for heading, answers in (
        ("Most wrong", findings.most_wrong),
        ("Right, but least sure", findings.least_sure),
    ):
        lines += ["", heading] if answers else []
        lines += [
            f"  {a.path}: {a.truth} taken for {a.answer} ({_percent(a.probability)})"
            for a in answers
        ]
    if findings.near_duplicates:
        lines += ["", "Test photos that look like a training photo"]
        lines += [f"  {pair.test} like {pair.training}" for pair in findings.near_duplicates]
    lines += ["", "For pictures: pip install 'coral-learn[report]'", ""]
    return "\n".join(lines)


def _points(curve: list[tuple[int, float]]) -> list[tuple[float, float, int, float]]:
    """Returns x, y, step and value of each point, to scale with the highest value at the top."""
    if not curve:
        return []
    steps, values = [step for step, _ in curve], [value for _, value in curve]
    first, last, top = steps[0], steps[-1], max(values)
    return [
        (
            round(_CURVE_WIDTH * (step - first) / ((last - first) or 1), 1),
            round(_CURVE_HEIGHT * (1 - value / top), 1) if top > 0 else _CURVE_HEIGHT,
            step,
            value,
        )
        for step, value in curve
    ]


def _percent(fraction: float | None) -> str:
    return "none" if fraction is None else f"{fraction:.1%}"


def _thumbnail(path: Path) -> str:
    """Returns a small JPEG of a photo as a data URL, or nothing where the photo is gone."""
    try:
        content = read_photo(path).content
    except PhotoError:
        return ""
    try:
        with open_photo(content) as photo:
            photo.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            small = ImageOps.exif_transpose(photo).convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    except Exception:  # a broken file makes Pillow raise many types
        return ""
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
