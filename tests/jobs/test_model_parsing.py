"""A job parses and packs each model once, because both take longer than fitting a head."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn import add_class, read_head
from coral_learn.jobs.retraining import retrain
from coral_learn.jobs.settings import Method
from coral_learn.project.project import Project
from coral_learn.tflite import schema

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The numbers of models that were unpacked and packed."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., object]:
        function = getattr(schema.ModelT, name)

        def count(*arguments: object) -> object:
            counted[name] += 1
            return function(*arguments)

        return count

    monkeypatch.setattr(schema.ModelT, "InitFromBuf", staticmethod(counting("InitFromBuf")))
    monkeypatch.setattr(schema.ModelT, "Pack", counting("Pack"))
    return counted


@pytest.mark.parametrize("method", ["fit", "sgd", "imprint"])
def test_a_retraining_unpacks_the_extractor_and_the_saved_model(
    calls: Counter[str], photos: Path, tmp_path: Path, method: Method
) -> None:
    retrain(photos, drawn_extractor(), tmp_path, method=method)
    assert calls == {"InitFromBuf": 2, "Pack": 1}


def test_a_cut_on_the_fly_adds_one_pack(calls: Counter[str], photos: Path, tmp_path: Path) -> None:
    classifier = build_classifier(size=(16, 16)).content
    calls.clear()
    retrain(photos, classifier, tmp_path)
    assert calls == {"InitFromBuf": 2, "Pack": 2}


def test_a_class_is_added_with_one_unpack_and_one_pack(
    calls: Counter[str], photos: Path, tmp_path: Path
) -> None:
    retrained = retrain(photos, drawn_extractor(), tmp_path).model.read_bytes()
    for classifier in (retrained, build_classifier().content):
        features = len(read_head(classifier)[0])
        calls.clear()
        extended = add_class(classifier, np.ones((2, features), np.float32), "new")
        assert calls == {"InitFromBuf": 1, "Pack": 1}
        calls.clear()
        add_class(extended, np.ones((2, features), np.float32), "newer")
        assert calls == {"InitFromBuf": 1, "Pack": 1}


def test_a_project_exports_with_one_unpack_and_one_pack(
    calls: Counter[str], photos: Path, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "project", drawn_extractor())
    for name in ("crab", "fish"):
        project.add_class(name, sorted((photos / name).iterdir())[:3])
    calls.clear()
    project.export(tmp_path / "model")
    assert calls == {"Pack": 1}, "the extractor was opened before, to add photos"
    calls.clear()
    Project(project.path).export(tmp_path / "model")
    assert calls == {"InitFromBuf": 1, "Pack": 1}
