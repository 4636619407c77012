"""Times one training and one extraction. Under emulation the figures only show that both work."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from coral_learn import EmbeddingExtractor, SoftmaxRegression

_EXTRACTOR = Path(__file__).parents[2] / "tests" / "support" / "drawn_extractor.tflite"
_CLASSES, _FEATURES, _ROWS, _ITERATIONS = 5, 1024, 1024, 500


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    rng = np.random.default_rng(0)
    data = {
        "data_train": rng.random((_ROWS, _FEATURES), dtype=np.float32),
        "labels_train": rng.integers(_CLASSES, size=_ROWS),
    }
    head = SoftmaxRegression(_FEATURES, _CLASSES, seed=0)
    training = _seconds(lambda: head.train_with_sgd(data, _ITERATIONS, 0.01, print_every=0))
    print(f"training, {_ITERATIONS} iterations of {_CLASSES}:{_FEATURES}: {training:.2f} s")

    extractor = EmbeddingExtractor(_EXTRACTOR, workers=1)
    width, height = extractor.input_size
    photo = rng.integers(256, size=(height, width, 3), dtype=np.uint8)
    extractor.extract([photo])
    extraction = _seconds(lambda: extractor.extract([photo]))
    print(f"one extraction with the drawn extractor: {extraction:.2f} s")


if __name__ == "__main__":
    main()
