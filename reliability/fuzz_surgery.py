"""Coverage-guided fuzzing: atheris looks for models that reach new code in the surgery functions.

``python -m reliability.fuzz_surgery [--quick] [--minutes M] [--seed N]``

Needs ``pip install atheris`` (Linux; Python 3.11 to 3.13). ``surgery.py`` defines what may happen.
The first input that does anything else ends the run; it is written to build/fuzz-surgery and, in
base64, to the log. The corpus is kept there too, so that the next run continues from it.
"""

import argparse
import base64
import contextlib
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

from coral_learn.errors import ModelError

_QUICK_SECONDS = 15
_ALL_MINUTES = 30
_FOLDER = Path("build/fuzz-surgery")
_MAX_INPUT_BYTES = 8192
_MAX_MEGABYTES = 2048
_CHILD = "--libfuzzer"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability.fuzz_surgery", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_SECONDS} seconds")
    parser.add_argument("--minutes", type=float, default=_ALL_MINUTES)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    seconds = _QUICK_SECONDS if chosen.quick else round(60 * chosen.minutes)
    corpus = _FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    _write_seeds(corpus)
    before = set(_FOLDER.glob("*-*"))
    start = time.perf_counter()
    # libFuzzer ends the process that it runs in.
    run = subprocess.run(
        [
            *(sys.executable, "-m", "reliability.fuzz_surgery", _CHILD, str(corpus)),
            f"-max_total_time={seconds}",
            f"-seed={chosen.seed}",
            f"-max_len={_MAX_INPUT_BYTES}",
            f"-rss_limit_mb={_MAX_MEGABYTES}",
            f"-artifact_prefix={_FOLDER}/",
            "-print_final_stats=1",
        ],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    failed = run.returncode != 0
    if failed:
        print(run.stderr[-4000:], file=sys.stderr)
        for found in set(_FOLDER.glob("*-*")) - before:
            print(f"{found.name}: {base64.b64encode(found.read_bytes()).decode()}", file=sys.stderr)
    minutes = (time.perf_counter() - start) / 60
    (_FOLDER / "log").write_text(run.stderr)
    print(
        f"fuzzed surgery: {_statistic(run.stderr, 'number_of_executed_units')} inputs, "
        f"{len(list(corpus.iterdir()))} of them kept because they reach new code; "
        f"{'a finding' if failed else '0 findings'}; seed {chosen.seed}, {minutes:.1f} min"
    )
    return 1 if failed else 0


def _write_seeds(corpus: Path) -> None:
    from .seeds import generated_seeds

    for index, seed in enumerate(generated_seeds()):
        (corpus / f"seed-{index}").write_bytes(bytes([index]) + seed.content)


def _statistic(log: str, name: str) -> str:
    lines = [line for line in log.splitlines() if line.startswith(f"stat::{name}:")]
    return lines[-1].split()[-1] if lines else "an unknown number of"


def _surgery_functions() -> Iterator[FunctionType]:
    """Yields the functions and methods of the modules that the attack has imported."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith(("coral_learn.tflite.", "coral_learn.heads.")):
            own = [
                each for each in vars(module).values() if getattr(each, "__module__", "") == name
            ]
            classes = [each for each in own if isinstance(each, type)]
            members = [member for each in classes for member in vars(each).values()]
            yield from (each for each in (*own, *members) if isinstance(each, FunctionType))


def _fuzz(arguments: list[str]) -> None:
    import atheris

    from .mutations import Seed, mutate
    from .seeds import generated_seeds
    from .surgery import FUNCTIONS, attack

    # Functions are instrumented directly, because atheris's import hooks miss an editable install.
    for function in _surgery_functions():
        atheris.instrument_func(function)
    warnings.simplefilter("error")
    names = list(FUNCTIONS)
    seeds = generated_seeds()

    def test(data: bytes) -> None:
        """Attacks with one input: its first byte chooses the function, the others are the file."""
        if data:
            attack(names[data[0] % len(names)], data[1:])

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        """Breaks the fields of the file half of the time, and otherwise leaves it to libFuzzer."""
        chance = random.Random(seed)
        if len(data) > 1 and chance.random() < 0.5:
            with contextlib.suppress(ModelError):  # it is no longer a model
                return (data[:1] + mutate(Seed.of("", data[1:]), seeds, chance))[:max_size]
        return bytes(atheris.Mutate(data, max_size))

    atheris.Setup(arguments, test, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    if _CHILD in sys.argv:
        sys.argv.remove(_CHILD)
        _fuzz(sys.argv)
    else:
        sys.exit(main())
