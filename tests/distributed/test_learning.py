"""Training, testing and projects with photos that were embedded before."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.support.model_builder import build_extractor

from coral_learn import Project, evaluate, read_head, retrain
from coral_learn.jobs import photo_sources
from coral_learn.jobs.embedding.run import embed
from coral_learn.jobs.engines import EngineOptions
from coral_learn.jobs.retraining import RetrainResult
from coral_learn.tflite.extractor_note import read_extractor_digest
from coral_learn.tflite.file import ModelFile

pytest.importorskip("pyarrow", reason="the extra coral-learn[parquet] is not installed")


@pytest.fixture(scope="module")
def from_photos(
    photos: Path, extractor: Path, tmp_path_factory: pytest.TempPathFactory
) -> RetrainResult:
    return retrain(photos, extractor, tmp_path_factory.mktemp("from_photos"))


@pytest.fixture(scope="module")
def from_embeddings(
    embedded: Path, extractor: Path, tmp_path_factory: pytest.TempPathFactory
) -> RetrainResult:
    return retrain(embedded, extractor, tmp_path_factory.mktemp("from_embeddings"))


def test_the_model_is_the_one_of_the_photos(
    from_photos: RetrainResult, from_embeddings: RetrainResult
) -> None:
    assert from_embeddings.model.read_bytes() == from_photos.model.read_bytes()
    for name in ("photos.csv", "label_map.txt"):
        first, second = (each.model.with_name(name) for each in (from_photos, from_embeddings))
        assert first.read_bytes() == second.read_bytes()
    assert from_embeddings.accuracy == from_photos.accuracy
    assert any("made before" in note for note in from_embeddings.notes)


@pytest.mark.filterwarnings("ignore:the model was trained on")
def test_an_evaluation_gives_the_answers_of_the_whole_model(
    from_photos: RetrainResult, photos: Path, embedded: Path
) -> None:
    on_photos, on_embeddings = (evaluate(from_photos.model, each) for each in (photos, embedded))
    assert on_embeddings.confusion == on_photos.confusion
    assert (on_embeddings.seen, on_embeddings.new) == (on_photos.seen, on_photos.new)
    assert on_embeddings.notes[-1].startswith("the head of the model was tested on embeddings")


def test_another_extractor_is_refused(
    from_photos: RetrainResult, photos: Path, embedded: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(build_extractor().content)
    with pytest.raises(ValueError, match=r"drawn_extractor\.tflite .* not of other\.tflite"):
        retrain(embedded, other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    model = retrain(photos, other, tmp_path / "out", method="imprint").model
    with pytest.raises(ValueError, match="was made from another extractor"):
        evaluate(model, embedded)
    digest = read_extractor_digest(ModelFile.open(from_photos.model))
    assert digest is not None
    with pytest.raises(ValueError, match="does not say which extractor"):
        evaluate(build_extractor().content, embedded)


def test_settings_that_the_embeddings_do_not_have_are_refused(
    embedded: Path, extractor: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="was made with --resize squash, not crop"):
        retrain(embedded, extractor, tmp_path, resize="crop")
    with pytest.raises(ValueError, match=r"--input-range left out, not 0\.\.1"):
        retrain(embedded, extractor, tmp_path, normalization="0..1")
    with pytest.raises(ValueError, match="--tensor auto needs the photos themselves"):
        retrain(embedded, extractor, tmp_path, tensor_name="auto")
    with pytest.raises(ValueError, match="--none-of-these needs the photos themselves"):
        retrain(embedded, extractor, tmp_path, none_of_these=True)


def test_a_cluster_trains_on_embeddings_only(photos: Path, extractor: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trains on a folder of embeddings"):
        retrain(photos, extractor, tmp_path, engine=EngineOptions("ray"))


def test_many_photos_are_streamed(
    embedded: Path, extractor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_sources, "MAX_BYTES_IN_MEMORY", 0)
    found = retrain(embedded, extractor, tmp_path / "out")
    assert found.images == 60
    assert found.accuracy.train >= 0.95
    parts = found.accuracy.photos
    assert sum(parts.values()) == 60
    assert parts["validation"] > 0
    assert parts["test"] > 0
    assert found.report.is_file()
    assert "from their files" in found.notes[-1]
    weights, _, labels = read_head(found.model)
    assert labels == ["crab", "fish", "jellyfish"]
    assert np.isfinite(weights).all()
    with pytest.raises(ValueError, match="--method sgd needs all photos in memory"):
        retrain(embedded, extractor, tmp_path / "out", method="sgd")


def test_a_project_takes_the_photos_of_a_class(
    photos: Path, extractor: Path, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "project", extractor)
    source = tmp_path / "photos"
    shutil.copytree(photos, source)
    embed(source, project.extractor, tmp_path / "out")
    (source / "fish" / "fish_003.jpg").unlink()
    assert project.add_embedded("crab", tmp_path / "out").photos == 20
    assert project.add_embedded("fish", tmp_path / "out").photos == 20
    assert "1 photo of 20 are not on this machine" in project.notes[-1]
    assert sum(photo.picture is not None for photo in project.photos) == 39
    other = Project.create(tmp_path / "other", extractor)
    for name in ("crab", "fish"):
        other.add(name, sorted((photos / name).iterdir()))
    assert other.serialize_model() == project.serialize_model()
    with pytest.raises(ValueError, match="has no photos of 'cat', but of 'crab', 'fish'"):
        project.add_embedded("cat", tmp_path / "out")


def test_a_project_refuses_embeddings_of_another_extractor(embedded: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", build_extractor().content)
    with pytest.raises(ValueError, match="has embeddings of drawn_extractor"):
        project.add_embedded("crab", embedded)
