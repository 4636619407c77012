"""``coral-learn extractor``, and the option --tensor of other commands."""

import json
from pathlib import Path

import pytest
from tests.cli.test_cli import run
from tests.support.model_builder import build_classifier, build_compiled_extractor, build_extractor

from coral_learn.tflite.embedding import read_embedding


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A classifier with a hidden layer of 2 features after a pooling of 24."""
    path = tmp_path / "narrow.tflite"
    built = build_classifier(
        linear="fully_connected", rank=2, pool="mean", features=24, hidden=2, size=(16, 16)
    )
    path.write_bytes(built.content)
    return path


@pytest.mark.slow_when_emulated
def test_the_hint_and_the_measured_tensor(narrow: Path, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "extractor.tflite"
    done = run("extractor", narrow, "--output", output)
    assert done.stderr.startswith(f"note the cut of {narrow} is at a hidden layer of 2 features")
    assert read_embedding(output).feature_dim == 2
    output.unlink()
    arguments = ("--tensor", "auto", "--photos", photos, "--json")
    done = run("extractor", narrow, "--output", output, *arguments)
    assert read_embedding(output).feature_dim == 24
    assert json.loads(done.stdout)["feature_dim"] == 24
    assert json.loads(done.stdout)["notes"][0] in done.stderr.replace("note ", "", 1)


def test_auto_and_photos_belong_together(narrow: Path, photos: Path, tmp_path: Path) -> None:
    for arguments in (("--tensor", "auto"), ("--photos", photos)):
        done = run("extractor", narrow, "--output", tmp_path / "e", *arguments, status=2)
        assert "belong together" in done.stderr


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("compiled", [False, True])
def test_an_extractor_is_ready_to_use(compiled: bool, tmp_path: Path) -> None:
    path = tmp_path / "extractor.tflite"
    path.write_bytes((build_compiled_extractor() if compiled else build_extractor()).content)
    done = run("extractor", path, "--output", tmp_path / "out.tflite", status=1)
    assert "is an embedding extractor already" in done.stderr
    assert f"`coral-learn train PHOTOS --extractor {path} --output DIR`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.slow_when_emulated
def test_train_and_project_take_a_classifier_and_a_tensor(
    narrow: Path, photos: Path, tmp_path: Path
) -> None:
    done = run("train", photos, "--extractor", narrow, "--output", tmp_path / "a", "--json")
    (first, second) = json.loads(done.stdout)["notes"]
    assert first == (
        f"{narrow} is a classifier; its last layer was cut off at hidden (2 features, uint8)"
    )
    assert f"note {first}\nnote {second}\n" in done.stderr
    done = run("project", "create", tmp_path / "p", "--extractor", narrow, "--tensor", "pooled")
    assert done.stderr == f"note {narrow} was cut at pooled (24 features, uint8)\n"
    assert read_embedding(tmp_path / "p" / "extractor.tflite").feature_dim == 24
    done = run(
        "train", photos, "--extractor", narrow, "--tensor", "pool", "--output", "o", status=1
    )
    assert f"{narrow}: there is no tensor named 'pool'. Name the tensor" in done.stderr
