"""The model for MediaPipe Tasks: what its metadata say, and what MediaPipe computes from it.

``nox -s mediapipe`` runs this file where the package ``mediapipe`` is installed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.jobs.export.conftest import MakeModel

from coral_learn.errors import ModelError
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.export.write import export_model
from coral_learn.jobs.retraining import retrain
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.normalization import IMAGENET, UNIT
from coral_learn.tflite.resize_note import with_resize

pytestmark = [
    pytest.mark.slow_when_emulated,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

MOBILENET = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


@contextmanager
def opened(model: Path) -> Iterator[Any]:
    """Opens a model with MediaPipe; yields a function from pixels to a label and its score."""
    mediapipe = pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    tasks = pytest.importorskip("mediapipe.tasks.python", reason="mediapipe has no tasks")
    options = tasks.vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(model)), max_results=1
    )
    with tasks.vision.ImageClassifier.create_from_options(options) as classifier:

        def classify(pixels: np.ndarray) -> tuple[str, float]:
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
            best = classifier.classify(image).classifications[0].categories[0]
            return best.category_name, best.score

        yield classify


def our_answers(model: Path, photos: Sequence[Any]) -> list[tuple[str, float]]:
    with Classifier(model) as classifier:
        return [(best.label, best.score) for [best] in classifier.classify(photos)]


@pytest.mark.parametrize("kind", ["float32", "int8 with float32 outside", "uint8"])
def test_mediapipe_sees_what_classify_sees(
    kind: str, make_model: MakeModel, pictures: list[Path], tmp_path: Path
) -> None:
    model = make_model(kind, (32, 32), normalization=UNIT)
    file = export_model(model, "mediapipe", tmp_path).files[0]
    sized = [np.asarray(Image.open(photo).resize((32, 32))) for photo in pictures]
    with opened(file) as classify:
        theirs = [classify(pixels) for pixels in sized]
    ours = our_answers(file, sized)
    assert [label for label, _ in theirs] == [label for label, _ in ours]
    # A pixel that is rounded in another way can move a feature of int8 by a level.
    within = 0.1 if kind.startswith("int8") else 0.01
    expected = pytest.approx([score for _, score in ours], abs=within)
    assert [score for _, score in theirs] == expected


@pytest.mark.parametrize("extractor", [MOBILENET, None], ids=["MobileNet", "built-in"])
def test_mediapipe_names_every_photo_of_the_flowers_as_classify_does(
    extractor: str | None, data_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    flowers = data_dir / "flowers"
    made = retrain(flowers, extractor and data_dir / "models" / extractor, tmp_path / "trained")
    file = export_model(made.model, "mediapipe", tmp_path / "out").files[0]
    photos = sorted(flowers.glob("*/*"))
    ours = our_answers(file, photos)
    with opened(file) as classify:
        theirs = [classify(np.asarray(Image.open(each).convert("RGB"))) for each in photos]
    differing = [
        score
        for (label, score), (our_label, _) in zip(theirs, ours, strict=True)
        if label != our_label
    ]
    # Photos between two classes: MediaPipe interpolates at slightly other points.
    assert len(differing) <= 0.01 * len(photos)
    assert all(score < 0.6 for score in differing)


def test_a_model_that_describes_itself_only_gets_a_note(
    make_model: MakeModel, tmp_path: Path
) -> None:
    model = make_model("float32", (16, 16))
    done = export_model(model, "mediapipe", tmp_path)
    assert done.files == [tmp_path / "model.tflite"]
    assert done.files[0].read_bytes() == with_resize(ModelFile(model), "linear").content


def test_a_normalization_that_is_given_is_declared(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model("float32", (16, 16), normalization=None)
    with pytest.raises(ModelError, match="does not say in which range, which MediaPipe needs"):
        export_model(model, "mediapipe", tmp_path)
    [file] = export_model(model, "mediapipe", tmp_path, normalization=UNIT).files
    assert ModelFile.open(file).normalization == UNIT


def test_a_normalization_of_each_channel_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model("float32", (16, 16), normalization=IMAGENET)
    with pytest.raises(ModelError, match="normalizes each channel in another way"):
        export_model(model, "mediapipe", tmp_path)


def test_int8_is_refused_with_the_fix(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"but MediaPipe gives RGB pixels.*built-in extractor"):
        export_model(make_model("int8", (16, 16)), "mediapipe", tmp_path)
