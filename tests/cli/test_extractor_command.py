"""``coral-learn extractor``, and the option --tensor of other commands."""

import json
from pathlib import Path

import pytest
from tests.cli.test_cli import run
from tests.support.model_builder import build_classifier, build_compiled_extractor, build_extractor

from coral_learn.tflite.embedding import read_embedding

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A classifier with a hidden layer of 2 features after a pooling of 24."""
    path = tmp_path / "narrow.tflite"
    built = build_classifier(
        linear="fully_connected", rank=2, pool="mean", features=24, hidden=2, size=(16, 16)
    )
    path.write_bytes(built.content)
    return path


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


@pytest.mark.parametrize("compiled", [False, True])
def test_an_extractor_is_ready_to_use(compiled: bool, tmp_path: Path) -> None:
    path = tmp_path / "extractor.tflite"
    path.write_bytes((build_compiled_extractor() if compiled else build_extractor()).content)
    done = run("extractor", path, "--output", tmp_path / "out.tflite", status=1)
    assert "is an embedding extractor already" in done.stderr
    assert f"`coral-learn train PHOTOS --extractor {path} --output DIR`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.tflite").exists()


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


def test_an_extractor_whose_input_range_is_not_known_says_so(tmp_path: Path) -> None:
    model, output = tmp_path / "model.tflite", tmp_path / "extractor.tflite"
    model.write_bytes(build_classifier("float32", normalization=None).content)
    done = run("extractor", model, "--output", output)
    [note] = done.stderr.splitlines()
    assert note.startswith(f"note {output} takes float32 and does not say in which range: train")
    assert "gets -1..1 by assumption" in note
    assert note.endswith("give it with --input-range, one of -1..1, 0..1, 0..255, imagenet")
    assert run("extractor", model, "--output", output, "--input-range", "0..1").stderr == ""


def test_a_new_project_has_no_photos_to_measure_tensors_on(narrow: Path, tmp_path: Path) -> None:
    create = ("project", "create", tmp_path / "p", "--extractor", narrow, "--tensor", "auto")
    done = run(*create, status=1)
    assert "coral-learn: error: a new project has no photos to measure tensors on" in done.stderr
    assert "--tensor auto --photos PHOTOS --output EXTRACTOR.tflite`" in done.stderr
    assert not (tmp_path / "p").exists()


def test_a_classifier_for_an_edge_tpu_is_cut_first_and_then_compiled(
    narrow: Path, photos: Path, tmp_path: Path
) -> None:
    train = ("train", photos, "--output", tmp_path / "out", "--device", "usb", "--extractor")
    done = run(*train, narrow, status=1)
    assert f"`coral-learn extractor {narrow} --output EXTRACTOR.tflite`, compile" in done.stderr
    assert "`edgetpu_compiler EXTRACTOR.tflite`, and give EXTRACTOR_edgetpu.tflite" in done.stderr
    assert not (tmp_path / "out").exists()
    extractor = tmp_path / "extractor.tflite"
    run("extractor", narrow, "--output", extractor)
    done = run(*train, extractor, status=1)
    assert f"`edgetpu_compiler {extractor}`, and give the file that it makes" in done.stderr
    model = tmp_path / "float.tflite"
    model.write_bytes(build_classifier("float32").content)
    assert "this one takes float32: quantize it first" in run(*train, model, status=1).stderr
