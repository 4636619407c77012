"""The script for Python: it answers as ``classify`` does, without this package."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.jobs.export.conftest import LABELS, MakeModel
from tests.support.input_shapes import ShapedModel

from coral_learn.errors import ModelError
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.export.write import export_model
from coral_learn.tflite.answers import AnswerNotes, with_answer_notes
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.normalization import IMAGENET, UNIT, Normalization
from coral_learn.tflite.resize_note import with_resize
from coral_learn.tflite.resizing import Resize
from coral_learn.words import percent

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def run_script(folder: Path, photos: list[Path]) -> list[str]:
    """Runs the script where this package cannot be imported; returns its lines."""
    code = (
        "import runpy, sys; sys.modules['coral_learn'] = None; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder / "classify.py", *photos],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def expected_lines(model: ModelFile | bytes, photos: list[Path]) -> list[str]:
    with Classifier(model) as classifier:
        answers = [classes[0] for classes in classifier.classify(photos)]
    return [
        f"{photo}: {answer.label} {percent(answer.score)}"
        for photo, answer in zip(photos, answers, strict=True)
    ]


@pytest.fixture
def hard_photos(pictures: list[Path], tmp_path: Path) -> list[Path]:
    """Photos that are turned, large, transparent, gray, or have a palette."""
    image = Image.open(pictures[0]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = image.resize((900, 500))
    wide.save(tmp_path / "turned.jpg", exif=exif)
    wide.resize((1800, 1000)).save(tmp_path / "large.jpg")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "transparent.png")
    Image.open(pictures[1]).convert("L").save(tmp_path / "gray.png")
    Image.open(pictures[2]).quantize(32).save(tmp_path / "palette.gif")
    return sorted(each for each in tmp_path.iterdir() if each.is_file())


@pytest.mark.parametrize("resize", ["squash", "crop", "both"])
def test_the_script_answers_as_classify(
    resize: Resize,
    make_model: MakeModel,
    pictures: list[Path],
    hard_photos: list[Path],
    tmp_path: Path,
) -> None:
    model = with_resize(ModelFile(make_model("uint8", (96, 96))), resize)
    done = export_model(model, "python", tmp_path / "out")
    assert [path.name for path in done.files] == ["model.tflite", "labels.txt", "classify.py"]
    photos = [*pictures, *hard_photos]
    assert run_script(done.output, photos) == expected_lines(model, photos)


@pytest.mark.parametrize(
    ("kind", "normalization"),
    [("float32", UNIT), ("float32", IMAGENET), ("int8", UNIT), ("int8 with float32 outside", UNIT)],
)
def test_other_inputs_get_a_table_of_pixel_values(
    kind: str,
    normalization: Normalization,
    make_model: MakeModel,
    pictures: list[Path],
    tmp_path: Path,
) -> None:
    model = make_model(kind, (16, 16), normalization=normalization)
    done = export_model(model, "python", tmp_path / "out")
    assert "pixel_values.npy" in [path.name for path in done.files]
    assert run_script(done.output, pictures[:20]) == expected_lines(model, pictures[:20])


def test_the_threshold_of_the_model_is_kept(
    make_model: MakeModel, pictures: list[Path], tmp_path: Path
) -> None:
    model = with_answer_notes(ModelFile(make_model("uint8", (96, 96))), AnswerNotes(0.5))
    with Classifier(model) as classifier:
        scores = [float(row.max()) for row in classifier.scores(pictures)]
    middle = sorted(scores)[len(scores) // 2]
    model = with_answer_notes(model, AnswerNotes(middle))
    lines = run_script(export_model(model, "python", tmp_path / "out").output, pictures)
    assert [line.endswith(": I don't know") for line in lines] == [
        score < middle for score in scores
    ]
    assert 0 < sum(score < middle for score in scores) < len(scores)
    for target in ("mediapipe", "c-array"):
        notes = export_model(model, target, tmp_path / target).notes
        assert any(f"no answer below a score of {middle:.3f}" in note for note in notes)


def test_a_model_for_frigate_is_resized_as_frigate_does(
    make_model: MakeModel, pictures: list[Path], tmp_path: Path
) -> None:
    model = with_resize(ModelFile(make_model("uint8", (96, 96))), "linear")
    done = export_model(model, "python", tmp_path / "out")
    assert "Image.Transform.AFFINE" in done.files[-1].read_text()
    # Pillow interpolates at slightly other points, which moves a feature of some photos by a step;
    # random weights make much of it. On the flowers, no score changes by more than 0.7 points.
    script, expected = run_script(done.output, pictures), expected_lines(model, pictures)
    same = [line == other for line, other in zip(script, expected, strict=True)]
    assert np.mean(same) >= 0.8


@pytest.mark.parametrize("shape", [(1, 3, 12, 20), (1, 12, 20, 1)], ids=["CHW", "gray"])
def test_channels_first_gray_and_wide_inputs(
    shape: tuple[int, ...], pictures: list[Path], tmp_path: Path
) -> None:
    shaped = ShapedModel(shape)
    if shape[1] == 3:
        shaped.transpose(0, 2, 3, 1)
    model = attach_labels(shaped.convolve(8).pool().classify(3).content(), LABELS)
    done = export_model(model, "python", tmp_path / "out")
    assert run_script(done.output, pictures[:5]) == expected_lines(model, pictures[:5])


def test_an_unknown_range_is_asked_for(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model("float32", (16, 16), normalization=None)
    with pytest.raises(ModelError, match="does not say in which range, which the script needs"):
        export_model(model, "python", tmp_path)
    done = export_model(model, "python", tmp_path, normalization="0..1")
    table = np.load(tmp_path / "pixel_values.npy")
    assert table.dtype == np.float32
    assert (table[0], table[255]) == (0.0, 1.0)
    assert ModelFile.open(done.files[0]).normalization == UNIT


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_classified(
    make_model: MakeModel, pictures: list[Path], tmp_path: Path
) -> None:
    export_model(make_model(), "python", tmp_path / "out")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:100])
    script: list[str | Path] = [sys.executable, tmp_path / "out" / "classify.py"]
    photos = [tmp_path / "missing.jpg", broken, pictures[1]]
    done = subprocess.run([*script, *photos], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    assert f"{photos[0]}: " in done.stderr
    assert f"{broken}: " in done.stderr
    assert done.stdout.startswith(f"{pictures[1]}: ")
    alone = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 1
    assert "python classify.py PHOTO..." in alone.stderr


def test_the_script_is_short(make_model: MakeModel, tmp_path: Path) -> None:
    done = export_model(make_model(), "python", tmp_path)
    text = done.files[-1].read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) < 40
