"""The figures in README and in the explanations are those in docs/figures/numbers.json."""

import json
import re
from typing import Any

import pytest
from tests.conftest import ROOT

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

FIGURES = ROOT / "docs" / "figures"
NUMBERS: dict[str, Any] = json.loads((FIGURES / "numbers.json").read_text(encoding="utf-8"))
_MAX_BYTES = 60_000


def means(curve: list[dict[str, float]], *counts: int) -> str:
    by_count = {point["photos per class"]: point["mean"] for point in curve}
    return " / ".join(f"{by_count[count]:.0%}" for count in counts)


def test_the_comparison_in_readme() -> None:
    heads = NUMBERS["heads on MobileNet v1"]
    cells = [means(heads[name], 5, 20, 48) for name in ("fit", "pycoral", "Teachable Machine")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"photos of each class | {' | '.join(cells)} |" in readme


def test_the_table_of_few_photos() -> None:
    page = (ROOT / "docs" / "how-to" / "few-photos.md").read_text(encoding="utf-8")
    row = means(NUMBERS["last_layer"]["embeddings"], 1, 2, 5, 10, 20, 48).replace(" / ", " | ")
    assert f"| right answers | {row} |" in page


@pytest.mark.parametrize(
    ("page", "figures"),
    [
        (
            "last-layer",
            [f"{NUMBERS['last_layer'][k][2]['mean']:.0%}" for k in ("embeddings", "pixels")],
        ),
        (
            "calibration",
            [f"{NUMBERS['calibration'][k]['error']:.3f}" for k in ("fit", "pycoral's recipe")],
        ),
        ("quantization", [f"{NUMBERS['quantization']['largest difference']:.3f}"]),
        ("fleet-privacy", [f"{NUMBERS['sums'][2]['one of them']:.2f}"]),
        ("imprinting", [f"{NUMBERS['imprinting']['imprinting'][5]['mean']:.0%}"]),
    ],
)
def test_an_explanation_has_the_measured_figures(page: str, figures: list[str]) -> None:
    text = (ROOT / "docs" / "explanation" / f"{page}.md").read_text(encoding="utf-8")
    assert all(figure in text for figure in figures)
    [image] = re.findall(r"!\[[^\]]+\]\(\.\./figures/([\w-]+\.svg)\)", text)
    assert (FIGURES / image).stat().st_size < _MAX_BYTES
