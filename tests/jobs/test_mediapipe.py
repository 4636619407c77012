"""MediaPipe Tasks run the retrained models, and answer as this package does.

``nox -s mediapipe`` runs this file where the package ``mediapipe`` is installed.
"""

from pathlib import Path

import numpy as np
import pytest
from tests.support.model_builder import build_extractor

from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.retraining import retrain

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.mark.parametrize("kind", ["float32", "int8 with float32 outside", "uint8"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mediapipe_answers_the_same(kind: str, photos: Path, tmp_path: Path) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    tasks = pytest.importorskip("mediapipe.tasks.python", reason="mediapipe has no tasks")

    extractor = build_extractor(kind, size=(16, 16)).content
    model = retrain(photos, extractor, tmp_path / "out").model
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    with Classifier(model) as classifier:
        ours = {answer.label: answer.score for answer in classifier.classify([pixels], top_k=3)[0]}
    options = tasks.vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(model)), max_results=3
    )
    with tasks.vision.ImageClassifier.create_from_options(options) as opened:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        found = opened.classify(image).classifications[0].categories
    theirs = {category.category_name: category.score for category in found}
    assert theirs == pytest.approx(ours, abs=0.01)
