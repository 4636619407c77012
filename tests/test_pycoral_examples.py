"""The examples that use pycoral's modules, run as users run them on small models."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.detection_model import detection_model, quarters_image
from tests.support.model_builder import build_classifier
from tests.support.segmentation_model import segmentation_model
from tests.support.segments import cut_at
from tests.support.stand_in.devices import StandIn
from tests.test_examples import run_example

from coral_learn.edgetpu import make_interpreter

pytestmark = pytest.mark.slow_when_emulated

EXAMPLES = ["detect_image.py", "semantic_segmentation.py", "model_pipelining_classify_image.py"]
SIZE = (120, 80)
# Full green at the upper left is class 0 there, and blue at the lower right class 1.
QUARTERS = quarters_image([(0, 255, 0), (0, 0, 0), (0, 0, 0), (0, 0, 204)], SIZE)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(QUARTERS).save(path)
    return path


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    path = tmp_path / "detector.tflite"
    path.write_bytes(detection_model())
    return path


@pytest.fixture
def segmenter(tmp_path: Path) -> Path:
    path = tmp_path / "segmenter.tflite"
    path.write_bytes(segmentation_model(with_argmax=True))
    return path


def pixels(path: Path) -> NDArray[Any]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_detect_image_prints_and_draws_objects(detector: Path, photo: Path, tmp_path: Path) -> None:
    labels, output = tmp_path / "labels.txt", tmp_path / "boxes.png"
    labels.write_text("0 frog\n1 whale\n")
    printed = run_example(
        "detect_image.py",
        *("--model", detector, "--input", photo, "--labels", labels, "--count", "2"),
        *("--output", output),
    )
    *times, frog, whale, saved = printed.splitlines()
    assert len(times) == 2
    assert all(time.endswith(" ms") for time in times)
    assert frog.startswith("frog: 0.9")  # resizing mixes the colors at the borders
    assert frog.endswith(" at (0, 0, 60, 40)")
    assert whale.startswith("whale: 0.7")
    assert whale.endswith(" at (60, 40, 120, 80)")
    assert saved == f"Picture {output} saved."
    drawn = pixels(output)
    assert drawn.shape == (80, 120, 3)
    for x, y in [(0, 30), (30, 0), (60, 30), (30, 40), (60, 70), (90, 40)]:
        assert drawn[y, x].tolist() == [255, 0, 0]
    assert drawn[79, 5].tolist() == [0, 0, 0]  # nothing is there
    assert drawn[2:20, 2:50].min(axis=2).max() > 150  # the label, in white
    np.testing.assert_array_equal(pixels(photo), QUARTERS)


def test_detect_image_heeds_the_threshold(detector: Path, photo: Path) -> None:
    arguments = ("-m", detector, "-i", photo, "-c", "1")
    assert len(run_example("detect_image.py", *arguments, "-t", "0.9").splitlines()) == 2
    assert run_example("detect_image.py", *arguments, "-t", "2").endswith("no objects found\n")


@pytest.mark.parametrize("with_argmax", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_semantic_segmentation_colors_the_classes(
    tmp_path: Path, with_argmax: bool, keep: bool
) -> None:
    model, output = tmp_path / "model.tflite", tmp_path / "classes.png"
    photo, red = tmp_path / "photo.png", (255, 0, 0)
    Image.fromarray(quarters_image([(0, 255, 0), red, red, (0, 0, 255)], SIZE)).save(photo)
    model.write_bytes(segmentation_model((48, 48), with_argmax=with_argmax))
    printed = run_example(
        "semantic_segmentation.py",
        *("--model", model, "--input", photo, "--output", output),
        *(["--keep_aspect_ratio"] if keep else []),
    )
    *classes, saved = printed.splitlines()
    assert [line.split(":")[0] for line in classes] == ["class 0", "class 1", "class 2"]
    shares = [float(line.split()[2].rstrip("%")) for line in classes]
    assert shares == pytest.approx([50, 25, 25], abs=5)  # without the black part
    assert saved == f"Picture {output} saved."
    drawn = pixels(output)
    height = 32 if keep else 48  # of the photo without the black part
    assert drawn.shape == (height, 96, 3)
    photo_part, colors = drawn[:, :48], drawn[:, 48:]
    assert photo_part[4, 4].tolist() == [0, 255, 0]
    assert colors[4, -4].tolist() == [0, 0, 0]  # class 0
    assert len({tuple(colors[y, x]) for y, x in [(4, 4), (4, -4), (-4, -4)]}) == 3


def test_semantic_segmentation_has_a_default_output(
    segmenter: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_example("semantic_segmentation.py", "--model", segmenter, "--input", photo)
    assert pixels(tmp_path / "semantic_segmentation_result.jpg").shape == (8, 32, 3)


def test_pipelining_gives_the_result_of_the_whole_model(photo: Path, tmp_path: Path) -> None:
    whole = build_classifier("uint8", classes=4)
    for number, content in enumerate(cut_at(whole.content, whole.embedding_name)):
        (tmp_path / f"model_segment_{number}_of_2.tflite").write_bytes(content)
    labels = tmp_path / "labels.txt"
    labels.write_text("ant\nbee\ncat\ndog\n")
    printed = run_example(
        "model_pipelining_classify_image.py",
        *("--models", tmp_path / "model_segment_%d_of_2.tflite", "--labels", labels),
        *("--input", photo, "--top_k", "4", "--count", "3"),
    )
    time, *answers = printed.splitlines()
    assert time.endswith(" ms an image")

    interpreter = make_interpreter(whole.content)
    interpreter.allocate_tensors()
    with Image.open(photo) as opened:
        image = np.asarray(opened.resize((4, 4)))[None]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    details = interpreter.get_output_details()[0]
    scores = interpreter.get_tensor(details["index"]).ravel() * details["quantization"][0]
    assert len(np.unique(scores)) > 1
    found = dict(answer.split(": ") for answer in answers)
    expected = zip(["ant", "bee", "cat", "dog"], scores, strict=True)
    assert found == {label: f"{score:.5f}" for label, score in expected}
    assert answers == sorted(answers, key=lambda answer: -float(answer.split()[1]))


@pytest.mark.parametrize("name", EXAMPLES)
def test_help(name: str) -> None:
    printed = run_example(name, "--help")
    assert "%" not in printed.replace("_%d_", "").replace("with %d instead", "")
    assert "--input" in printed


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("missing", ["model", "photo"])
def test_a_missing_file_is_an_error_of_one_line(
    name: str, missing: str, photo: Path, detector: Path
) -> None:
    model = detector.with_name("detector_segment_0_of_1.tflite")
    model.write_bytes(detector.read_bytes())
    flag, found = "--model", str(model)
    if "pipelining" in name:
        flag, found = "--models", found.replace("segment_0", "segment_%d")
    arguments: dict[str, tuple[str | Path, ...]] = {
        "model": (flag, "none_segment_%d_of_1.tflite", "--input", photo),
        "photo": (flag, found, "--input", "none.png"),
    }
    error = run_example(name, *arguments[missing], status=1)
    assert error.startswith("error: ")
    assert "none" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", EXAMPLES[:2])
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("photo.png", "is the photo"),
        ("result.txt", "does not end like a picture"),
        ("result.psd", "does not end like a picture"),  # which Pillow can only read
        ("none/result.png", "none"),
    ],
)
def test_an_output_that_cannot_be_written_leaves_the_photo_alone(
    name: str, output: str, reason: str, photo: Path, detector: Path, segmenter: Path
) -> None:
    model = detector if name == "detect_image.py" else segmenter
    before = set(photo.parent.iterdir())
    error = run_example(
        name, "--model", model, "--input", photo, "--output", photo.parent / output, status=1
    )
    assert error.startswith("error: ")
    assert reason in error
    assert error.count("\n") == 1
    assert set(photo.parent.iterdir()) == before
    np.testing.assert_array_equal(pixels(photo), QUARTERS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_model_of_other_images_is_refused(name: str, photo: Path, tmp_path: Path) -> None:
    model = tmp_path / "float_segment_0_of_1.tflite"
    model.write_bytes(averaging_model(np.float32))
    flag, path = "--model", str(model)
    if "pipelining" in name:
        flag, path = "--models", path.replace("segment_0", "segment_%d")
    error = run_example(name, flag, path, "--input", photo, status=1)
    assert "does not take images of uint8" in error
    assert error.count("\n") == 1


def test_a_model_that_does_not_detect_is_refused(segmenter: Path, photo: Path) -> None:
    error = run_example("detect_image.py", "--model", segmenter, "--input", photo, status=1)
    assert "a detection model has boxes" in error


def test_pipelining_needs_the_number_of_segments(photo: Path) -> None:
    error = run_example(
        "model_pipelining_classify_image.py", "--models", "a.tflite", "--input", photo, status=1
    )
    assert "error: a.tflite does not tell the number of segments" in error


def test_pipelining_needs_an_edge_tpu_for_each_compiled_segment(
    edge_tpus: Callable[..., AbstractContextManager[StandIn]], photo: Path
) -> None:
    models = "none_segment_%d_of_2_edgetpu.tflite"
    with edge_tpus(None, ["usb"]):
        error = run_example(
            "model_pipelining_classify_image.py", "--models", models, "--input", photo, status=1
        )
    assert error.startswith("error: 2 segments need 2 Edge TPUs, but 1 were found")
