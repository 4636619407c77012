"""Everything takes the built-in extractor by default."""

from pathlib import Path

import pytest

from coral_learn import EmbeddingExtractor, Project, retrain
from coral_learn.errors import ModelError
from coral_learn.extraction import builtin_extractor as module
from coral_learn.extraction.builtin_extractor import builtin_extractor
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # each photo takes seconds there


def test_it_is_taken_by_default(photos: Path, tmp_path: Path) -> None:
    with EmbeddingExtractor() as extractor:
        assert extractor.feature_dim == 1280
    result = retrain(photos, None, tmp_path / "out")
    assert ModelFile.open(result.model).graph.inputs[0].shape == (1, 224, 224, 3)
    project = Project.create(tmp_path / "project")
    assert (project.path / "extractor.tflite").read_bytes() == builtin_extractor().read_bytes()


def test_a_package_that_was_not_built_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILE", Path("nowhere.tflite"))
    with pytest.raises(ModelError, match=r"nowhere\.tflite does not exist.*pip install"):
        EmbeddingExtractor()
