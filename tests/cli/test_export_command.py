"""``coral-learn export``."""

import json
from pathlib import Path

import pytest
from tests.cli.test_cli import run
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.jobs.retraining import retrain

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

FILES = {
    "mediapipe": ["model.tflite"],
    "python": ["model.tflite", "labels.txt", "classify.py"],
    "c-array": ["model.cc", "model.h"],
}


@pytest.fixture(scope="module")
def model(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return retrain(photos, drawn_extractor(), tmp_path_factory.mktemp("trained")).model


@pytest.mark.parametrize("target", FILES)
def test_each_target_writes_its_files(target: str, model: Path, tmp_path: Path) -> None:
    done = run("export", model, "--for", target, "--output", tmp_path / "out")
    for name in FILES[target]:
        assert f"Wrote {tmp_path / 'out' / name}\n" in done.stdout
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(FILES[target])
    assert "Next: " in done.stdout


def test_json_is_all_that_is_printed(model: Path, tmp_path: Path) -> None:
    done = run("export", model, "--for", "c-array", "--output", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert found["for"] == "c-array"
    assert found["files"] == [str(tmp_path / name) for name in FILES["c-array"]]
    assert found["classes"] == ["crab", "fish", "jellyfish"]
    assert [note for note in found["notes"] if note in done.stderr] == found["notes"]


def test_a_model_that_does_not_fit_leaves_no_folder(model: Path, tmp_path: Path) -> None:
    done = run("export", model, "--for", "frigate", "--output", tmp_path / "out", status=1)
    assert "but Frigate gives pictures of 224 x 224 pixels: train with the built-in" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_target_is_needed(model: Path, tmp_path: Path) -> None:
    done = run("export", model, "--output", tmp_path, status=2)
    assert "--for" in done.stderr
    done = run("export", model, "--for", "phone", "--output", tmp_path, status=2)
    assert "'frigate', 'mediapipe', 'python', 'c-array'" in done.stderr


def test_an_earlier_export_is_replaced_and_other_files_are_not(model: Path, tmp_path: Path) -> None:
    run("export", model, "--for", "python", "--output", tmp_path)
    labels = tmp_path / "names.txt"
    labels.write_text("a\nb\nc\n")
    run("export", model, "--for", "python", "--output", tmp_path, "--labels", labels)
    assert (tmp_path / "labels.txt").read_text() == "a\nb\nc\n"
    (tmp_path / "classify.py").write_text("print('my own')\n")
    done = run("export", model, "--for", "python", "--output", tmp_path, status=1)
    assert f"{tmp_path / 'classify.py'} exists and is not an earlier result" in done.stderr
    assert (tmp_path / "labels.txt").read_text() == "a\nb\nc\n"
    run("export", model, "--for", "python", "--output", tmp_path, "--force")
    assert (tmp_path / "labels.txt").read_text() == "crab\nfish\njellyfish\n"


def test_a_label_file_of_others_is_not_replaced(model: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("mine\n")
    done = run("export", model, "--for", "python", "--output", tmp_path, status=1)
    assert "labels.txt exists and is not" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["labels.txt"]


def test_a_file_in_the_place_of_the_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = run("export", model, "--for", "python", "--output", tmp_path / "out", status=1)
    assert "a folder is needed" in done.stderr
