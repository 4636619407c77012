"""Short commands in new processes, compared with the least that they could take.

The least is what a program of a few lines needs: Python, Click, or NumPy, the runtime and Pillow,
and the work itself.
"""

import compileall
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import coral_learn

from .commands import output_of
from .figures import Figure, Note, cost
from .photos import PhotoSet, photo_set
from .settings import Settings
from .timing import in_turn

_OF_THE_LEAST = 1.3
_COMMAND: list[str | Path] = [sys.executable, "-m", "coral_learn"]
_HELP = """
import click
@click.group()
def app(): "Retrain an image classifier on your own photos, on the device that runs it."
for name in "cache classify demo doctor evaluate extractor models project train".split():
    app.command(name, help=f"Do the work of {name}.")(lambda: None)
app()
"""
_RUN = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
model = Interpreter(sys.argv[1], num_threads=1)
model.allocate_tensors()
[given], [made] = model.get_input_details(), model.get_output_details()
_, height, width, _ = given["shape"]
photo = Image.open(sys.argv[2]).convert("RGB").resize((width, height))
model.set_tensor(given["index"], np.asarray(photo)[None].astype(given["dtype"]))
model.invoke()
print(model.get_tensor(made["index"]).argmax())
"""
# Trains twice, and says how long everything took that the second training does not need.
_TRAIN = """
import json, sys, time
import numpy, ai_edge_litert.interpreter, PIL.Image
start = time.perf_counter()
from coral_learn import EmbeddingCache, retrain
def train(): retrain(*sys.argv[1:], seed=1, cache=EmbeddingCache())
train()
first = time.perf_counter() - start
train()
print(json.dumps(first))
"""


def run(part: str, settings: Settings) -> Iterator[Figure | Note]:
    """Times ``--help``, ``classify`` of one photo, and ``train`` on cached embeddings."""
    compileall.compile_dir(coral_learn.__path__[0], quiet=1)  # as pip does
    with photo_set(settings) as photos, TemporaryDirectory() as folder:
        cases = _cases(photos, Path(folder))
        contenders = {
            (what, place): measure
            for what, pair in cases.items()
            for place, measure in enumerate(pair)
        }
        times = in_turn(contenders, settings.rounds)
    for what in cases:
        yield cost(part, what, times[what, 0], "the least", times[what, 1], _OF_THE_LEAST)


def _cases(
    photos: PhotoSet, folder: Path
) -> Mapping[str, tuple[Callable[[], float], Callable[[], float]]]:
    """Returns for each command a function that times it, and one that times the least."""
    cache = {"CORAL_LEARN_CACHE": str(folder)}
    trained = [str(photos.folder), str(photos.extractor), str(folder / "least")]
    output = str(folder / "output")
    train = ["train", trained[0], "--extractor", trained[1], "--output", output, "--seed", "1"]
    output_of([*_COMMAND, *train, "--json"], cache)
    photo = [folder / "output" / "retrained_model.tflite", photos.paths[0]]

    def train_least() -> float:
        taken, printed = _timed([sys.executable, "-c", _TRAIN, *trained], cache)
        return taken - float(json.loads(printed))

    def timed(*command: str | Path) -> Callable[[], float]:
        return lambda: _timed(list(command), cache)[0]

    return {
        "--help": (timed(*_COMMAND, "--help"), timed(sys.executable, "-c", _HELP, "--help")),
        "classify, one photo": (
            timed(*_COMMAND, "classify", *photo),
            timed(sys.executable, "-c", _RUN, *photo),
        ),
        "train, again": (timed(*_COMMAND, *train), train_least),
    }


def _timed(command: list[str | Path], environment: Mapping[str, str]) -> tuple[float, str]:
    """Returns the seconds that a command takes, and what it prints."""
    start = time.perf_counter()
    printed = output_of(command, environment)
    return time.perf_counter() - start, printed
