"""Hostile models: calls every function that reads .tflite files with mutated ones.

``python -m reliability.models [--quick] [--seed N] [--models N] [--first N] [--real FOLDER]``

A mutant depends only on the seed and its own number, so that two processes can share the work, and
a single mutant can be repeated: ``--first NUMBER --models 1``.

Each mutant is passed to one function; fast functions and small models are chosen more often. The
function must either raise ModelError or return models that can be read again. Nothing else may
happen, not even a warning, and it must not take more than two seconds, or more memory than
``surgery.py`` allows. One in twenty of the accepted mutants, and the models made from it, then run
in the interpreter, in a separate process that may crash.
"""

import argparse
import contextlib
import random
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from .interpreter import InterpreterProcess, Outcome
from .mutations import Seed, mutate
from .seeds import generated_seeds, real_seeds
from .surgery import FUNCTIONS, SLOW_FUNCTIONS, Finding, attack

_QUICK_MODELS = 8000
_ALL_MODELS = 1_000_000
_ONE_IN_TRACED = 200
_ONE_IN_RUN = 20
_SHARE_OF_REAL = 0.005
_MAX_REAL_BYTES = 1 << 20
_ONE_IN_REPORTED = 50_000
_WEIGHT_OF_QUICK = 20
_FOUND = Path("build/hostile-models")


class Campaign:
    """A run of the attack: it makes mutants by number and counts the outcomes."""

    def __init__(self, seed: int, real: Sequence[Seed]) -> None:
        self._seed = seed
        self._real = real
        self._generated = generated_seeds()
        self._names = list(FUNCTIONS)
        self._weights = [1 if name in SLOW_FUNCTIONS else _WEIGHT_OF_QUICK for name in self._names]
        self._start = time.perf_counter()
        self._counts: Counter[str] = Counter()
        self.findings = 0

    def run(self, number: int, interpreter: InterpreterProcess) -> None:
        """Attacks with one mutant, and keeps the files that cause a finding."""
        self._counts["mutants"] += 1
        for finding, content in self._attack(number, interpreter):
            self.findings += 1
            _FOUND.mkdir(parents=True, exist_ok=True)
            path = _FOUND / f"{self._seed}-{number}-{self.findings}.tflite"
            path.write_bytes(content)
            print(f"{path}: {finding}", file=sys.stderr, flush=True)

    def figures(self) -> str:
        """Returns the counts so far, in one line."""
        minutes = (time.perf_counter() - self._start) / 60
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self._counts.items()))
        return (
            f"hostile models: {counts}; {self.findings} findings; "
            f"seed {self._seed}, {minutes:.1f} min"
        )

    def _mutant(self, number: int) -> tuple[str, bytes, random.Random]:
        """Returns the name of a function, the file for it, and the source of further choices."""
        chance = random.Random(f"{self._seed}/{number}")
        seeds = self._real if self._real and chance.random() < _SHARE_OF_REAL else self._generated
        (chosen,) = chance.choices(seeds, [1 / len(seed.content) for seed in seeds])
        content = mutate(chosen, seeds, chance)
        (name,) = chance.choices(self._names, self._weights)
        return name, content, chance

    def _attack(
        self, number: int, interpreter: InterpreterProcess
    ) -> Iterator[tuple[Finding, bytes]]:
        name, content, chance = self._mutant(number)
        try:
            results = attack(name, content, trace_memory=chance.random() < 1 / _ONE_IN_TRACED)
        except Finding as finding:
            yield finding, content
            return
        self._counts["refused" if results is None else "accepted"] += 1
        if results is None or chance.random() >= 1 / _ONE_IN_RUN:
            return
        for model in [content, *results]:
            outcome = interpreter.run(model)
            self._counts[f"interpreter {outcome.value}"] += 1
            if outcome is Outcome.DIED:
                yield Finding(f"the interpreter dies of what {name} accepted or made"), model


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability.models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_MODELS} mutants")
    parser.add_argument(
        "--models", type=int, help=f"the number of mutants; {_ALL_MODELS} by default"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="break real models as well")
    parser.add_argument(
        "--first", type=int, default=0, metavar="NUMBER", help="the number of the first mutant"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("error")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    real = real_seeds(chosen.real, _MAX_REAL_BYTES) if chosen.real else ()
    campaign = Campaign(chosen.seed, real)
    models = chosen.models or (_QUICK_MODELS if chosen.quick else _ALL_MODELS)
    with InterpreterProcess() as interpreter, contextlib.suppress(KeyboardInterrupt):
        for number in range(chosen.first, chosen.first + models):
            campaign.run(number, interpreter)
            if (number + 1) % _ONE_IN_REPORTED == 0:
                print(campaign.figures(), file=sys.stderr, flush=True)
    print(campaign.figures())
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
