"""The C++ files: they compile, and hold the model and its labels byte for byte."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.jobs.export.conftest import MakeModel

from coral_learn.extraction.images import load_image
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.export.c_array import c_string
from coral_learn.jobs.export.write import export_model
from coral_learn.jobs.retraining import retrain
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.int8_head import with_int8_head

LABELS = ["crab", 'a "fish"?\\', "méduse ??/"]
PROGRAM = """
#include <cstdint>
#include <cstdio>
#include "model.h"
int main() {
  if (reinterpret_cast<std::uintptr_t>(g_model) % 16 != 0) return 1;
  std::fwrite(g_model, 1, g_model_len, stdout);
  for (unsigned i = 0; i < g_labels_len; ++i) std::fprintf(stderr, "%s\\n", g_labels[i]);
}
"""


def model_in(source: Path) -> bytes:
    """Returns the bytes in the array of a model."""
    _, _, numbers = source.read_text().partition("g_model[] = {")
    return bytes(map(int, numbers[: numbers.index(",\n}")].split(",")))


@pytest.mark.slow_when_emulated
def test_the_arrays_hold_the_model_and_the_labels(make_model: MakeModel, tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler (g++ or c++) on this machine")
    model = make_model("int8", (16, 16), labels=LABELS)
    done = export_model(model, "c-array", tmp_path)
    assert done.notes == []
    (tmp_path / "main.cc").write_text(PROGRAM)
    sources = [tmp_path / "main.cc", tmp_path / "model.cc"]
    options = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run([compiler, *options, *sources, "-o", tmp_path / "main"], check=True, timeout=120)
    ran = subprocess.run([tmp_path / "main"], capture_output=True, check=True, timeout=60)
    assert ran.stdout == model
    assert ran.stderr.decode("utf-8").splitlines() == LABELS


def test_the_header_describes_the_model(make_model: MakeModel, tmp_path: Path) -> None:
    header = export_model(make_model("int8", (16, 16)), "c-array", tmp_path).files[1].read_text()
    assert "// Input: int8 [1, 16, 16, 3], (value - " in header
    assert "FULLY_CONNECTED" in header


def test_operators_on_uint8_are_told(make_model: MakeModel, tmp_path: Path) -> None:
    [note] = export_model(make_model("uint8", (16, 16)), "c-array", tmp_path).notes
    assert "FULLY_CONNECTED" in note
    assert "TensorFlow Lite Micro computes in int8 or float32 only" in note


@pytest.mark.slow_when_emulated
def test_a_head_in_uint8_on_a_model_in_int8_becomes_one_in_int8(
    photos: Path, tmp_path: Path
) -> None:
    trained = retrain(photos, None, tmp_path / "trained").model  # on the built-in extractor
    done = export_model(trained, "c-array", tmp_path / "out")
    assert done.notes == []
    assert "// Input: uint8 [1, 224, 224, 3]" in done.files[1].read_text()
    moved = with_int8_head(ModelFile.open(trained))
    assert moved is not None
    assert model_in(done.files[0]) == moved.content


@pytest.mark.slow_when_emulated
def test_tensorflow_lite_micro_answers_as_classify(photos: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    trained = retrain(photos, None, tmp_path / "trained").model
    model = model_in(export_model(trained, "c-array", tmp_path / "out").files[0])
    micro = library.runtime.Interpreter.from_bytes(model, arena_size=8_000_000)
    pixels = [load_image(photo, (224, 224)) for photo in sorted(photos.glob("*/*"))[::6]]
    found = []
    for each in pixels:
        micro.set_input(each[None], 0)
        micro.invoke()
        found.append(micro.get_output(0)[0] / 256)
    with Classifier(trained) as classifier:
        expected = classifier.scores(pixels)
    assert np.abs(np.array(found) - expected).max() < 0.05


@pytest.mark.parametrize(
    ("text", "literal"),
    [("daisy", '"daisy"'), ('"\\?', '"\\042\\134\\077"'), ("é1", '"\\303\\2511"')],
)
def test_labels_are_literals_in_ascii(text: str, literal: str) -> None:
    assert c_string(text) == literal
