"""Retraining fits into the memory of a board with 1 GB."""

import subprocess
import sys
from pathlib import Path

import pytest

from coral_learn import edgetpu

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PHOTOS = 20_000
MAX_BYTES = 300e6  # in addition to the interpreter


@pytest.mark.skipif(
    edgetpu.runtime_name().startswith("tflite-runtime"),
    reason="tflite-runtime takes minutes for 20,000 inferences",
)
def test_retraining_on_many_photos_takes_little_memory(
    stand_in_library: Path, tmp_path: Path
) -> None:
    script = Path(__file__).parents[1] / "support" / "retrain_many.py"
    done = subprocess.run(
        [sys.executable, script, stand_in_library, tmp_path, str(PHOTOS)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MAX_BYTES
