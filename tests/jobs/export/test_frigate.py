"""A folder for Frigate: what Frigate computes from it, and what does not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.jobs.export.conftest import LABELS, MakeModel
from tests.support.frigate import FrigateClassifier
from tests.support.model_builder import build_classifier, build_extractor

from coral_learn.errors import ModelError
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.export.write import export_model
from coral_learn.jobs.retraining import retrain
from coral_learn.tflite.answers import AnswerNotes, with_answer_notes
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.resize_note import read_resize, with_resize
from coral_learn.tflite.resizing import Resize

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

MOBILENET = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


def test_the_folder_of_frigate(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model()
    done = export_model(model, "frigate", tmp_path / "bird feeder")
    names = ["model.tflite", "labelmap.txt", "config.yml"]
    assert done.files == [tmp_path / "bird feeder" / name for name in names]
    assert done.classes == LABELS
    assert done.notes == []
    assert read_resize(ModelFile.open(done.files[0])) == "linear"
    assert done.files[0].read_bytes() == with_resize(ModelFile(model), "linear").content
    assert done.files[1].read_text() == "crab\nfish\nnone\n"
    config = done.files[2].read_text()
    assert '\n    "bird feeder":\n      threshold: 0.8\n      object_config:\n' in config
    assert "/config/model_cache/bird feeder/" in done.next_step


@pytest.mark.parametrize("kind", ["uint8", "int8 with uint8 outside"])
def test_frigate_sees_what_classify_sees(
    kind: str, make_model: MakeModel, pictures: list[Path], tmp_path: Path
) -> None:
    model = make_model(kind)
    frigate = FrigateClassifier(export_model(model, "frigate", tmp_path).output)
    sized = [np.asarray(Image.open(photo).resize((224, 224))) for photo in pictures]
    with Classifier(model) as classifier:
        ours = [classes[0] for classes in classifier.classify(sized)]
    theirs = [frigate.classify(pixels) for pixels in sized]
    assert [answer.label for answer in theirs] == [answer.label for answer in ours]
    assert [answer.score for answer in theirs] == pytest.approx(
        [answer.score for answer in ours], abs=0.02
    )
    assert len({answer.label for answer in theirs}) > 1


@pytest.mark.parametrize("extractor", [MOBILENET, None], ids=["MobileNet", "built-in"])
def test_frigate_names_every_photo_of_the_flowers_as_classify_does(
    extractor: str | None, data_dir: Path, tmp_path: Path
) -> None:
    flowers = data_dir / "flowers"
    made = retrain(flowers, extractor and data_dir / "models" / extractor, tmp_path / "trained")
    exported = export_model(made.model, "frigate", tmp_path / "flowers")
    frigate = FrigateClassifier(exported.output)
    photos = sorted(flowers.glob("*/*"))
    theirs = [frigate.classify(np.asarray(Image.open(photo).convert("RGB"))) for photo in photos]
    with Classifier(exported.files[0]) as classifier:
        ours = [answer[0].label for answer in classifier.classify(photos)]
    assert [answer.label for answer in theirs] == ours
    with Classifier(made.model) as classifier:
        averaged = [answer[0].label for answer in classifier.classify(photos)]
    # The model before the export averages pixels: it differs on photos between two classes.
    differing = [each for each, label in zip(theirs, averaged, strict=True) if each.label != label]
    assert len(differing) <= 0.01 * len(photos)
    assert all(answer.score < 0.8 for answer in differing)


def test_a_model_trained_for_frigate_answers_the_same_before_and_after(
    photos: Path, pictures: list[Path], tmp_path: Path
) -> None:
    extractor = build_extractor("uint8", size=(224, 224)).content
    made = retrain(photos, extractor, tmp_path / "trained", resize="linear")
    exported = export_model(made.model, "frigate", tmp_path / "drawn")
    assert exported.files[0].read_bytes() == made.model.read_bytes()
    frigate = FrigateClassifier(exported.output)
    with Classifier(made.model) as classifier:
        ours = [answer[0].label for answer in classifier.classify(pictures)]
    pixels = [np.asarray(Image.open(photo).convert("RGB")) for photo in pictures]
    assert [frigate.classify(each).label for each in pixels] == ours


def test_the_threshold_of_the_model_is_that_of_frigate(
    make_model: MakeModel, tmp_path: Path
) -> None:
    model = with_answer_notes(ModelFile(make_model()), AnswerNotes(0.6512))
    done = export_model(model, "frigate", tmp_path)
    assert "\n      threshold: 0.66\n" in done.files[2].read_text()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["crab", "fish", "eel"], "there is no class 'none'"),
        (["crab", "fish", "None"], "the class 'None' must be named 'none'"),
    ],
)
def test_the_class_none_is_asked_for(
    labels: list[str], said: str, make_model: MakeModel, tmp_path: Path
) -> None:
    [note] = export_model(make_model(labels=labels), "frigate", tmp_path).notes
    assert note.startswith(said)


@pytest.mark.parametrize(
    ("resize", "said"), [("crop", "was trained on the centers"), ("both", "was trained for this")]
)
def test_what_squashing_means(
    resize: Resize, said: str, make_model: MakeModel, tmp_path: Path
) -> None:
    model = with_resize(ModelFile(make_model()), resize)
    [note] = export_model(model, "frigate", tmp_path).notes
    assert said in note


@pytest.mark.parametrize(
    ("kind", "size", "found"),
    [
        ("uint8", (96, 96), r"\[1, 96, 96, 3\] uint8"),
        ("int8", (224, 224), r"\[1, 224, 224, 3\] int8"),
        ("float32", (224, 224), r"\[1, 224, 224, 3\] float32"),
    ],
)
def test_another_input_is_refused_with_the_fix(
    kind: str, size: tuple[int, int], found: str, make_model: MakeModel, tmp_path: Path
) -> None:
    model = make_model(kind, size)
    with pytest.raises(ModelError, match=rf"{found}, but Frigate gives .*built-in extractor"):
        export_model(model, "frigate", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_independent_labels_are_refused(tmp_path: Path) -> None:
    model = build_classifier(activation="logistic", size=(224, 224), classes=3).content
    with pytest.raises(ModelError, match="every label a probability of its own"):
        export_model(attach_labels(model, LABELS), "frigate", tmp_path)
