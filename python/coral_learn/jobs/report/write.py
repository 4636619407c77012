"""Writes the report: one HTML file that needs no network, and its facts for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ...words import percent, points
from ..page import render
from ..review.findings import Review
from ..review.page import filters_of_findings, findings
from ..stranger_test import describe_strangers
from .analysis import Analysis
from .letter import Letter

if TYPE_CHECKING:
    from ..learning_curve import LearningCurve
    from ..stranger_test import StrangerTest
    from ..threshold import Threshold
    from ..trust import Trust

REPORT_NAME = "report.html"
JSON_NAME = "report.json"

_CURVE_WIDTH, _CURVE_HEIGHT = 600, 180
_MOST_OF_REVIEW = 6  # photos of each kind


@dataclass(frozen=True)
class _CurvePoint:
    """A point of the training curve, and its place in the drawing."""

    x: float
    y: float
    iteration: int
    value: float


def write_report(
    analysis: Analysis,
    letter: Letter,
    trust: Trust,
    review: Review,
    *,
    review_command: str,
    title: str,
    summary: dict[str, str],
    curve: list[tuple[int, float]],
    curve_name: str,
) -> dict[str, bytes]:
    """Returns the files of the report by name.

    Args:
        analysis: What the test photos show.
        letter: What the page begins with.
        trust: How far the model can be relied on.
        review: What is doubtful about the photos.
        review_command: The command that shows all of that.
        title: The heading of the report.
        summary: Facts about the retraining, by name.
        curve: The iterations and values of the training curve; may be empty.
        curve_name: What the values of the curve are.
    """
    page = render(
        "report.html.j2",
        filters_of_findings() | {"percent": _percent, "points": points, "with_code": _with_code},
        title=title,
        analysis=analysis,
        letter=letter,
        trust=trust,
        strangers=None if trust.strangers is None else describe_strangers(trust.strangers),
        summary=summary,
        curve=_scale_curve(curve),
        curve_name=curve_name,
        width=_CURVE_WIDTH,
        height=_CURVE_HEIGHT,
        review_command=review_command,
        **findings(review, _MOST_OF_REVIEW, None),
    )
    of_test = asdict(analysis)
    facts = {
        "title": title,
        "summary": summary,
        **asdict(letter),  # whose accuracy is the one to expect
        "test_accuracy": of_test.pop("accuracy"),
        "test_interval": of_test.pop("interval"),
        **of_test,
    }
    facts |= {
        name: _plain(getattr(trust, name)) for name in ("learning_curve", "threshold", "strangers")
    }
    facts["review"] = {"command": review_command, **review.to_json()}
    return {
        REPORT_NAME: page,
        JSON_NAME: (json.dumps(facts, indent=1, default=str) + "\n").encode(),
    }


def _plain(value: LearningCurve | Threshold | StrangerTest | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


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


def _with_code(text: str) -> str:
    """Returns a text as HTML, in which what stands between backticks is code."""
    from markupsafe import Markup, escape  # Jinja needs it

    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part
        for index, part in enumerate(parts)
    )


def _percent(fraction: float | None) -> str:
    return "none" if fraction is None else percent(fraction)
