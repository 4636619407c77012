"""What can be exported, and what every target refuses."""

from pathlib import Path

import pytest
from tests.jobs.export.conftest import LABELS, MakeModel
from tests.support.drawn_extractor import DRAWN_EXTRACTOR
from tests.support.model_builder import build_classifier, build_compiled_extractor, with_outputs

from coral_learn.errors import ModelError
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.jobs.export.write import export_model
from coral_learn.tflite.file import ModelFile


def test_an_extractor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is an embedding extractor.*coral-learn train PHOTOS"):
        export_model(DRAWN_EXTRACTOR, "python", tmp_path)


def test_a_compiled_model_is_refused(tmp_path: Path) -> None:
    head = SoftmaxRegression(8, 2, seed=0)
    head.labels = ["a", "b"]
    model = head.serialize_model(build_compiled_extractor().content)
    with pytest.raises(ModelError, match="is compiled for the Edge TPU, but an export is for the"):
        export_model(model, "frigate", tmp_path)


def test_logits_are_refused(tmp_path: Path) -> None:
    model = build_classifier(activation=None, classes=3).content
    with pytest.raises(ModelError, match=r"gives (logits|unknown), but .* with a softmax"):
        export_model(model, "python", tmp_path, labels=LABELS)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Failed to open file: .*missing\.tflite"):
        export_model(tmp_path / "missing.tflite", "python", tmp_path / "out")
    (tmp_path / "text.tflite").write_text("not a model at all")
    with pytest.raises(ModelError, match=r"text\.tflite is not a TensorFlow Lite model"):
        export_model(tmp_path / "text.tflite", "python", tmp_path / "out")


def test_labels_are_needed_and_can_be_given(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(labels=None)
    with pytest.raises(ModelError, match="has no labels inside: give a file"):
        export_model(model, "mediapipe", tmp_path)
    file = tmp_path / "labels.txt"
    file.write_text("0 crab\n1 fish\n2 none\n")
    done = export_model(model, "mediapipe", tmp_path / "out", labels=file)
    assert done.classes == LABELS
    assert ModelFile.open(done.files[0]).labels == LABELS
    with pytest.raises(ValueError, match="there are 2 labels for the 3 classes"):
        export_model(model, "mediapipe", tmp_path, labels=["crab", "fish"])


def test_one_output_is_needed(make_model: MakeModel, tmp_path: Path) -> None:
    model = with_outputs(make_model(), ["head/probabilities", "head/logits"])
    with pytest.raises(ModelError, match="has 2 outputs"):
        export_model(model, "python", tmp_path, labels=LABELS)


def test_another_target_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="target must be one of frigate, mediapipe, python"):
        export_model(make_model(), "tensorrt", tmp_path)  # type: ignore[arg-type]


def test_the_model_that_is_read_is_not_replaced(make_model: MakeModel, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(make_model())
    with pytest.raises(ValueError, match="is the model that is read"):
        export_model(path, "frigate", tmp_path)
