"""The models that coral-learn writes, run by tflite-runtime 2.14.

That runtime needs a separate Python with NumPy 1: set CORAL_LEARN_OLD_RUNTIME to its executable.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.support.model_builder import KINDS, build_classifier, build_extractor, random_image, run

from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.resize_note import with_resize

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from tflite_runtime.interpreter import Interpreter

for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], np.load(path.with_suffix(".image.npy")))
    interpreter.invoke()
    np.save(path.with_suffix(".output.npy"), interpreter.get_tensor(output["index"]))
"""


def _models(kind: str) -> dict[str, tuple[bytes, np.ndarray]]:
    """Returns models by name, each with an image for it."""
    random = np.random.default_rng(0)
    weights, biases = random.normal(0, 0.5, (8, 4)), random.normal(0, 0.3, 4)
    classifier = build_classifier(kind)
    image = random_image(classifier)
    extractor = create_embedding_extractor(classifier.content)
    again = append_softmax_head(extractor, *read_head(classifier.content)[:2]).content
    models = {
        "extractor": (extractor, image),
        "again": (again, image),
        "noted": (with_resize(ModelFile(again), "crop").content, image),
        "labelled": (attach_labels(again, ["a", "b", "c", "d"]).content, image),
    }
    for rank in (2, 3, 4):
        built = build_extractor(kind, rank=rank)
        for per_channel in (False, True) if kind.startswith("int8") else (False,):
            content = append_softmax_head(
                built.content, weights, biases, per_channel=per_channel
            ).content
            models[f"head-{rank}-{per_channel}"] = content, random_image(built)
    return models


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_runtime_computes_the_same(kind: str, tmp_path: Path) -> None:
    python = os.environ.get("CORAL_LEARN_OLD_RUNTIME")
    if not python:
        pytest.skip("CORAL_LEARN_OLD_RUNTIME is not set to a Python with tflite-runtime")
    models = _models(kind)
    for name, (content, image) in models.items():
        (tmp_path / f"{name}.tflite").write_bytes(content)
        np.save(tmp_path / f"{name}.image.npy", image)
    completed = subprocess.run(
        [python, "-c", SCRIPT, tmp_path], capture_output=True, text=True, timeout=300
    )
    assert completed.returncode == 0, completed.stderr
    for name, (content, image) in models.items():
        current, old = run(content, image), np.load(tmp_path / f"{name}.output.npy")
        assert current.dtype == old.dtype
        # The runtimes round differently, by up to two steps (of 1/256 after dequantizing).
        is_real = current.dtype == np.float32
        tolerance = 1e-5 if kind == "float32" else 2 / 256 if is_real else 2
        np.testing.assert_allclose(current.astype(float), old.astype(float), atol=tolerance)
