"""The examples, run as users run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.drawn_extractor import drawn_extractor

from coral_learn import read_labels
from coral_learn.labels import read_label_file

pytestmark = pytest.mark.slow_when_emulated

EXAMPLES = Path(__file__).parents[1] / "examples"
CLASSES = {0: "crab", 1: "fish", 2: "jellyfish"}


def run_example(name: str, *arguments: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "extractor.tflite"
    path.write_bytes(drawn_extractor())
    return path


@pytest.fixture(scope="module")
def retrained(extractor: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that backprop_last_layer.py wrote."""
    output = tmp_path_factory.mktemp("retrained")
    printed = run_example(
        "backprop_last_layer.py",
        *("--data_dir", photos, "--embedding_extractor_path", extractor, "--output_dir", output),
    )
    accuracy = float(printed.rsplit(": ", 1)[1].rstrip("%\n"))
    assert accuracy >= 80
    return output


def test_backprop_last_layer_writes_a_model_and_its_labels(retrained: Path) -> None:
    assert (retrained / "retrained_model.tflite").is_file()
    assert read_label_file(retrained / "label_map.txt") == CLASSES


@pytest.mark.parametrize("label_flag", ["--label", "--labels", None])
def test_classify_image_names_the_class(
    retrained: Path, photos: Path, label_flag: str | None
) -> None:
    labels: list[str | Path] = []
    if label_flag:
        labels = [label_flag, retrained / "label_map.txt"]
    printed = run_example(
        "classify_image.py",
        *("--model", retrained / "retrained_model.tflite", *labels),
        *("--input", next((photos / "jellyfish").iterdir()), "--count", "2"),
    )
    *times, answer = printed.splitlines()
    assert len(times) == 2
    assert all(time.endswith(" ms") for time in times)
    assert answer.startswith("jellyfish: ")


def test_classify_image_prints_as_many_classes_as_requested(retrained: Path, photos: Path) -> None:
    photo = next((photos / "crab").iterdir())
    model = ("--model", retrained / "retrained_model.tflite", "--input", photo, "-c", "1")
    assert len(run_example("classify_image.py", *model, "--top_k", "3").splitlines()) == 4
    assert len(run_example("classify_image.py", *model, "-k3", "--threshold=2").splitlines()) == 1


def test_imprinting_learning_works_with_any_extractor(
    extractor: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "model.tflite"
    output.parent.mkdir()
    printed = run_example(
        "imprinting_learning.py",
        *("--model_path", extractor, "--data", photos, "--output", output),
    )
    assert [line.split(":")[0] for line in printed.splitlines()[1:]] == [
        f"Top {k}" for k in range(1, 6)
    ]
    assert printed.splitlines()[3] == "Top 3: 100%"
    assert read_label_file(output.with_suffix(".txt")) == CLASSES
    assert read_labels(output) == list(CLASSES.values())


def test_imprinting_learning_keeps_classes(retrained: Path, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    run_example(
        "imprinting_learning.py",
        *("--model_path", retrained / "retrained_model.tflite", "--data", photos),
        *("--output", output, "--keep_classes", "--test_ratio", "0.5"),
    )
    assert read_labels(output) == [*CLASSES.values()] * 2


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "backprop_last_layer.py",
            ("--data_dir", "none", "--embedding_extractor_path", "none.tflite"),
        ),
        ("classify_image.py", ("--model", "none.tflite", "--input", "none.jpg")),
        ("imprinting_learning.py", ("--model_path", "none.tflite", "--data", "none")),
    ],
)
def test_a_missing_file_is_an_error_of_one_line(
    name: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    error = run_example(name, *arguments, status=1)
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_imprinting_learning_on_the_flower_photos(data_dir: Path, tmp_path: Path) -> None:
    extractor = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    output = tmp_path / "model.tflite"
    printed = run_example(
        "imprinting_learning.py",
        *("--model_path", extractor, "--data", data_dir / "flowers", "--output", output),
    )
    assert int(printed.splitlines()[1].split(": ")[1].rstrip("%")) >= 65
    printed = run_example(
        "classify_image.py", "-m", output, "-i", data_dir / "images" / "sunflower.bmp", "-c", "1"
    )
    assert printed.splitlines()[-1].startswith("sunflowers: ")
