"""Runs the benchmarks: ``python -m benchmarks [PART...] [--quick] [--json FILE]``."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from . import (
    accuracy,
    extraction,
    fitting,
    fleet,
    imports,
    inference,
    kernels,
    retraining,
    saving,
    shards,
    sizes,
    studio,
    training,
    trust,
)
from .figures import Figure, Note, print_table, to_json
from .machine import describe
from .settings import Settings

_MODULES = (
    training,
    kernels,
    sizes,
    inference,
    extraction,
    retraining,
    imports,
    fitting,
    shards,
    accuracy,
    saving,
    trust,
    studio,
    fleet,
)
_PARTS: dict[str, Callable[[Settings], Iterator[Figure | Note]]] = {
    module.PART: module.run for module in _MODULES
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(_PARTS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="small cases, to check that it works")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contender")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - set(_PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; choose from {', '.join(_PARTS)}")
    settings = Settings(quick=chosen.quick, rounds=1 if chosen.quick else chosen.rounds)

    results: list[Figure | Note] = []
    try:
        for name in chosen.parts or _PARTS:
            with Console(stderr=True).status(name):
                results.extend(_PARTS[name](settings))
    finally:  # shows what was measured before Ctrl-C or a failure
        _show(results, settings, chosen.json)


def _show(results: Sequence[Figure | Note], settings: Settings, path: Path | None) -> None:
    figures = [result for result in results if isinstance(result, Figure)]
    if settings.quick:
        figures = [replace(figure, target=None) for figure in figures]
    notes = [result for result in results if isinstance(result, Note)]
    machine = describe()
    print_table(figures, notes, machine)
    if path:
        text = json.dumps(to_json(figures, notes, machine), indent=1)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
