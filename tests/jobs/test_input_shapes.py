"""Whole jobs with models whose input is gray, channels first, of any size, or a batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.input_shapes import ShapedModel, with_input, with_several_subgraphs
from tests.support.model_builder import build_classifier

from coral_learn.errors import ModelError
from coral_learn.extraction.extractor import EmbeddingExtractor
from coral_learn.heads.new_class import add_class
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.evaluation import evaluate
from coral_learn.jobs.retraining import retrain
from coral_learn.project.project import Project
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def extractor_of(kind: str) -> bytes:
    """Builds a random extractor, whose features are the mean and the contrast of its filters."""
    starts = {
        "gray": ShapedModel([1, 28, 28, 1]),
        "channels first": ShapedModel([1, 3, 28, 30], [-1, 3, 28, 30]).transpose(0, 2, 3, 1),
        "any size": ShapedModel([1, 1, 1, 3], [-1, -1, -1, 3]),
        "batch": ShapedModel([8, 28, 28, 3]),
    }
    return starts[kind].convolve(8, stride=2).convolve(32).pool().content()


INPUTS = {
    "gray": [1, 28, 28, 1],
    "channels first": [1, 3, 28, 30],
    "any size": [1, 32, 40, 3],
    "batch": [1, 28, 28, 3],
}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_model_is_trained_saved_extended_and_evaluated(
    photos: Path, tmp_path: Path, kind: str
) -> None:
    size = (40, 32) if kind == "any size" else None
    result = retrain(photos, extractor_of(kind), tmp_path, input_size=size)
    [image] = ModelFile.open(result.model).graph.inputs
    assert list(image.shape) == INPUTS[kind]
    assert result.accuracy.test_float == result.accuracy.test_saved
    with pytest.warns(UserWarning, match="the model was trained on"):
        assert evaluate(result.model, photos).accuracy > 0.4  # of three classes

    crabs = sorted((photos / "crab").iterdir())
    cut = create_embedding_extractor(result.model)
    with EmbeddingExtractor(cut) as extractor, Classifier(result.model) as classifier:
        embeddings = extractor.extract(crabs)
        before = classifier.scores(crabs[:3])
    assert before.shape == (3, 3)
    with Classifier(add_class(result.model, embeddings, "crab again")) as classifier:
        assert classifier.scores(crabs[:3]).shape == (3, 4)


@pytest.mark.parametrize("kind", INPUTS)
def test_a_project_exports_a_model_for_one_photo(photos: Path, tmp_path: Path, kind: str) -> None:
    size = (40, 32) if kind == "any size" else None
    project = Project.create(tmp_path / "project", extractor_of(kind), input_size=size)
    for name in ("crab", "fish"):
        project.add_class(name, sorted((photos / name).iterdir())[:5])
    [image] = ModelFile.open(project.export(tmp_path / "model")).graph.inputs
    assert list(image.shape) == INPUTS[kind]


def test_any_size_gives_other_embeddings_at_another_size(photos: Path) -> None:
    crabs = sorted((photos / "crab").iterdir())[:2]
    rows = {}
    for size in (224, 64, None):
        with EmbeddingExtractor(extractor_of("any size"), input_size=size) as extractor:
            rows[size] = np.asarray(extractor.extract(crabs))
    np.testing.assert_array_equal(rows[None], rows[224])
    assert not np.array_equal(rows[64], rows[224])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_input(build_classifier().content, dtype="INT16"), "activations are int16"),
        (with_several_subgraphs(build_classifier().content), "has 2 subgraphs"),
        (with_input(build_classifier().content, shape=[1, 48]), r"shape \[1, 48\], but must be"),
        (with_input(build_classifier().content, shape=[1, 1, 4, 4, 3]), "video and volumes"),
    ],
    ids=["int16", "subgraphs", "no image", "volume"],
)
def test_training_refuses_other_inputs_before_it_reads_photos(
    content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        retrain(tmp_path / "no photos", content, tmp_path / "out")
    with pytest.raises(ModelError, match=message):
        Project.create(tmp_path / "project", content)
    assert not list(tmp_path.iterdir())


def test_the_commands_take_an_input_size(photos: Path, tmp_path: Path) -> None:
    model = tmp_path / "any.tflite"
    model.write_bytes(ShapedModel([1, 1, 1, 3]).convolve(4).pool().classify().content())
    photo = next((photos / "crab").iterdir())

    def run(*arguments: object, status: int = 0) -> str:
        command = Path(sys.executable).with_name("coral-learn")
        done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return done.stderr

    run("classify", model, photo, "--input-size", "48x32")
    run("extractor", model, "--output", tmp_path / "cut.tflite", "--input-size", 64)
    assert ModelFile.open(tmp_path / "cut.tflite").graph.inputs[0].shape == (1, 64, 64, 3)
    assert "is not a size, such as 224 or 320x240" in run(
        "classify", model, photo, "--input-size", "48y", status=2
    )
    message = run("classify", tmp_path / "cut.tflite", photo, "--input-size", 32, status=1)
    assert "photos of 64 x 64 pixels, which cannot be changed to 32 x 32" in message
