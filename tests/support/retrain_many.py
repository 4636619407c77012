"""Retrains on many photos with a stand-in Edge TPU, and prints how much memory that took.

    python retrain_many.py LIBRARY FOLDER PHOTOS

test_memory.py runs it as a separate process, because peak memory is counted per process.
"""

import resource
import sys
from pathlib import Path

from coral_learn import edgetpu, retrain
from coral_learn.demo.drawing import write_photos

sys.path.append(str(Path(__file__).parents[2]))

from tests.support.model_builder import build_extractor
from tests.support.stand_in.devices import plugged_in
from tests.support.stand_in.models import compiled


def main(library: Path, folder: Path, count: int) -> None:
    """Prints the number of bytes by which retraining raises the peak memory of the process."""
    drawn = sorted(write_photos(folder / "drawn", per_class=4))
    for number in range(count):
        photo = drawn[number % len(drawn)]
        copy = folder / "photos" / photo.parent.name / f"{number}.jpg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        # What follows the end of a JPEG is not decoded, but makes it another photo.
        copy.write_bytes(photo.read_bytes() + str(number).encode())
    twin = build_extractor("uint8", features=1024, size=(32, 32)).content
    # Load the interpreter first, so that its memory is not counted.
    edgetpu.make_interpreter(twin).allocate_tensors()
    before = peak_memory()
    with plugged_in(library, twin) as tpus:
        result = retrain(folder / "photos", compiled(twin), folder / "out", method="sgd", seed=1)
    assert result.images == count
    assert sum(tpus.inferences) >= count
    print(peak_memory() - before)


def peak_memory() -> int:
    """Returns the peak resident memory of the process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
