"""Labels that do not fit the model, and names that occur twice."""

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.model_builder import build_classifier

from coral_learn.jobs.class_labels import own_classes
from coral_learn.jobs.classification import Classifier, LabelSource
from coral_learn.jobs.evaluation import evaluate
from coral_learn.tflite.labels import attach_labels

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

MODEL = build_classifier("uint8", 8, 4).content
PHOTO = Image.new("RGB", (8, 8), (200, 30, 90))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two classes with one photo each."""
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        PHOTO.resize((9, 9 + len(name) + (name == "dog"))).save(
            tmp_path / "photos" / name / "1.png"
        )
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b", "c"], r"3 labels for 4 outputs .* 'background': add it as the first label"),
        (
            ["background", "a", "b", "c", "d"],
            r"5 labels for 4 outputs .* leave the first label out",
        ),
        (["a", "b"], r"2 labels for 4 outputs .* one label for each output \(--labels FILE\)"),
        ([*"abcdef"], r"6 labels for 4 outputs"),
    ],
)
def test_another_number_of_labels_than_outputs(
    photos: Path, labels: list[str], message: str
) -> None:
    with Classifier(MODEL, labels=labels) as classifier:
        with pytest.warns(UserWarning, match=message):
            classifier.classify([PHOTO])
        with pytest.warns(UserWarning, match=message):
            classifier.classify_readable([PHOTO])
    with pytest.raises(ValueError, match=message):
        evaluate(MODEL, photos, labels=labels)


def test_labels_inside_a_model_are_counted_too() -> None:
    content = attach_labels(MODEL, [*"abcd"]).content
    with Classifier(content) as classifier, warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.classify([PHOTO])
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        file.write(content[: archive.infolist()[0].header_offset])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("labels.txt", "a\nb\nc\n")
    classifier = Classifier(file.getvalue())
    with classifier, pytest.warns(UserWarning, match="3 labels for 4 outputs"):
        classifier.classify([PHOTO])


@pytest.mark.parametrize("labels", [{1: "a", 2: "b", 3: "c", 4: "d"}, ["0", "a", "b", "c", "d"]])
def test_labels_that_are_numbered_from_one(labels: LabelSource) -> None:
    with pytest.warns(UserWarning, match="numbered from 1 to 4, and are taken for .* 0 to 3"):
        classifier = Classifier(MODEL, labels=labels)
    with classifier:
        assert classifier.labels == [*"abcd"]


def test_every_class_of_a_name_is_right(photos: Path) -> None:
    with Classifier(MODEL) as classifier:
        answer = int(classifier.scores([PHOTO]).argmax())
    twice = ["dog", "dog", "dog", "dog"]
    twice[(answer + 1) % 4] = "cat"
    result = evaluate(MODEL, photos, labels=twice)
    confusion = np.array(result.confusion)
    assert result.accuracy == 0.5
    assert confusion.trace() == 1
    assert confusion.sum() == 2


def test_the_class_of_a_name_that_occurs_twice() -> None:
    labels = ["crane", "cat", "crane"]
    answers = np.array([0, 2, 1, 2])
    found = own_classes(["crane", "crane", "crane", "cat"], labels, answers)
    assert found.tolist() == [0, 2, 0, 1]
