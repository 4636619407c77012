"""The modules of edgetpu 2.12.2, their public names, and the functions in ``utils``."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coral_learn import old_edgetpu
from coral_learn.old_edgetpu.utils import dataset_utils, image_processing
from coral_learn.pycoral.utils.dataset import read_label_file

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NAMES = {
    "": "",
    ".basic": "",
    ".basic.basic_engine": "BasicEngine",
    ".basic.edgetpu_utils": (
        "SUPPORTED_RUNTIME_VERSION EDGE_TPU_STATE_ASSIGNED EDGE_TPU_STATE_UNASSIGNED "
        "EDGE_TPU_STATE_NONE GetRuntimeVersion ListEdgeTpuPaths"
    ),
    ".classification": "",
    ".classification.engine": "ClassificationEngine BasicEngine",
    ".detection": "",
    ".detection.engine": "DetectionEngine DetectionCandidate BasicEngine",
    ".learn": "",
    ".learn.backprop": "",
    ".learn.backprop.softmax_regression": "SoftmaxRegression",
    ".learn.imprinting": "",
    ".learn.imprinting.engine": "ImprintingEngine",
    ".utils": "",
    ".utils.dataset_utils": "read_label_file ReadLabelFile",
    ".utils.image_processing": "resampling_with_original_ratio ResamplingWithOriginalRatio",
}


@pytest.mark.parametrize("module", NAMES)
def test_every_module_has_its_names(module: str) -> None:
    found = import_module(old_edgetpu.__name__ + module)
    assert all(hasattr(found, name) for name in NAMES[module].split())


def test_the_version() -> None:
    assert old_edgetpu.__version__ == "2.12.2"


@pytest.mark.slow_when_emulated
def test_engines_are_imported_without_pillow() -> None:
    code = (
        "import sys, coral_learn.old_edgetpu.detection.engine as detection\n"
        "import coral_learn.old_edgetpu.classification.engine\n"
        "assert 'PIL' not in sys.modules and 'ai_edge_litert' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_label_files(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("0  background\n7: hot dog\nhot dog\n", encoding="utf-8")
    expected = {0: "background", 7: "hot dog", 2: "hot dog"}
    assert dataset_utils.read_label_file(str(path)) == expected
    assert dataset_utils.ReadLabelFile is dataset_utils.read_label_file is read_label_file


@pytest.mark.parametrize(
    ("size", "covered"), [((200, 100), (1, 0.5)), ((50, 100), (0.5, 1)), ((100, 100), (1, 1))]
)
def test_resizing_with_the_original_ratio(
    size: tuple[int, int], covered: tuple[float, float]
) -> None:
    image = Image.new("RGB", size, (9, 8, 7))
    nearest = Image.Resampling.NEAREST
    found, ratio = image_processing.resampling_with_original_ratio(image, (40, 40), nearest)
    assert ratio == covered
    expected = np.zeros((40, 40, 3), np.uint8)
    expected[: int(40 * covered[1]), : int(40 * covered[0])] = (9, 8, 7)
    np.testing.assert_array_equal(np.asarray(found), expected)
    former, _ = image_processing.ResamplingWithOriginalRatio(image, (40, 40), nearest)
    assert former.tobytes() == found.tobytes()
