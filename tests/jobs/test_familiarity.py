"""How familiar photos look to a retrained model: classify, evaluate, reports and projects."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.cli.test_cli import run
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import Classifier, EmbeddingCache, EmbeddingExtractor, Project, retrain
from coral_learn.demo.drawing import DEMO_CLASSES, write_photos
from coral_learn.embeddings import Embeddings
from coral_learn.heads import folds
from coral_learn.heads.folds import make_folds
from coral_learn.heads.strangers import familiarity
from coral_learn.jobs.retraining import RetrainResult
from coral_learn.jobs.settings import Method
from coral_learn.jobs.stranger_test import StrangerTest, describe_strangers, measure_strangers
from coral_learn.tflite.answers import AnswerNotes, read_answer_notes, with_answer_notes
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for _ in write_photos(folder, 12, seed=5):
        pass
    return folder


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RetrainResult:
    return retrain(photos, drawn_extractor(), tmp_path_factory.mktemp("out"))


@pytest.fixture
def black(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    return tmp_path / "black.png"


def shown(photos: Path) -> list[Path]:
    return sorted(photos.rglob("*.jpg"))[::5]


@pytest.mark.parametrize("method", get_args(Method))
def test_a_retrained_model_tells_how_familiar_photos_look(
    photos: Path, tmp_path: Path, black: Path, method: Method
) -> None:
    trained = retrain(photos, drawn_extractor(), tmp_path / "out", method=method)
    known = read_answer_notes(ModelFile.open(trained.model)).familiarity
    assert known is not None
    with Classifier(trained.model) as classifier, EmbeddingExtractor(drawn_extractor()) as model:
        assert classifier.knows_familiarity
        answers = classifier.answer([*shown(photos), black])
        expected = familiarity(known, model.extract([*shown(photos), black]))
        plain = classifier.classify([*shown(photos), black])
    assert [each.classes for each in answers] == plain
    assert [each.familiarity for each in answers] == pytest.approx(expected.tolist(), abs=0.011)
    assert answers[-1].is_unfamiliar
    assert not all(each.is_unfamiliar for each in answers)


def test_a_model_without_a_note_answers_as_before(black: Path) -> None:
    with Classifier(build_classifier().content) as classifier:
        assert not classifier.knows_familiarity
        [answer] = classifier.answer([black])
        assert answer.familiarity is None
        assert not answer.is_unfamiliar
        assert answer.classes == classifier.classify([black])[0]


def test_scores_and_the_cache_are_those_of_the_model_alone(
    photos: Path, tmp_path: Path, result: RetrainResult
) -> None:
    notes = read_answer_notes(ModelFile.open(result.model))
    plain = with_answer_notes(ModelFile.open(result.model), notes._replace(familiarity=None))
    cache = EmbeddingCache(tmp_path)
    with Classifier(plain.content) as classifier:
        expected = classifier.scores(shown(photos))
    for _ in range(2):  # the second time from the cache
        with Classifier(result.model, cache=cache) as classifier:
            np.testing.assert_array_equal(classifier.scores(shown(photos)), expected)
            answers = classifier.answer_readable(shown(photos)).rows
    with Classifier(result.model) as classifier:
        assert answers == classifier.answer(shown(photos))


def test_an_edge_tpu_gives_both(
    photos: Path,
    tmp_path: Path,
    black: Path,
    edge_tpus: Callable[..., AbstractContextManager[StandIn]],
) -> None:
    twin = drawn_extractor()
    with edge_tpus(twin, ["usb", "usb"]) as tpus:
        trained = retrain(photos, compiled(twin), tmp_path / "out", device="all")
        before = sum(tpus.inferences)
        with Classifier(trained.model, device="all") as classifier:
            answers = classifier.answer([*shown(photos), black])
        assert sum(tpus.inferences) - before == len(answers)
    assert trained.model.name == "retrained_model_edgetpu.tflite"
    assert answers[-1].is_unfamiliar
    assert max(each.familiarity or 0 for each in answers) > 0.2


def test_classify_shows_it(result: RetrainResult, photos: Path, black: Path) -> None:
    familiar = shown(photos)[0]
    with Classifier(result.model) as classifier:
        expected = [answer.familiarity for answer in classifier.answer([black, familiar])]
    first, second = run("classify", result.model, black, familiar).stdout.splitlines()
    assert first.endswith("(unlike the training photos)")
    assert "unlike" not in second
    found = json.loads(run("classify", result.model, black, familiar, "--json").stdout)
    assert [each["familiarity"] for each in found] == expected
    assert set(found[0]) == {"image", "results", "familiarity"}


def test_a_broken_note_is_ignored(result: RetrainResult, black: Path) -> None:
    content = result.model.read_bytes()
    known = read_answer_notes(ModelFile(content)).familiarity
    assert known is not None
    quantiles = known.quantiles.tobytes()
    damaged = content.replace(quantiles, np.full_like(known.quantiles, np.nan).tobytes())
    with Classifier(damaged) as classifier:
        assert not classifier.knows_familiarity
        assert classifier.answer([black])[0].classes


def test_the_report_says_how_well_strangers_are_noticed(result: RetrainResult) -> None:
    test = result.strangers
    assert test is not None
    assert 0.5 < test.worst_auroc <= test.auroc <= 1
    assert test.worst_class in DEMO_CLASSES
    page = result.report.read_text()
    assert describe_strangers(test).split("'")[0][:60] in page
    facts = json.loads((result.report.parent / "report.json").read_text())
    assert facts["strangers"] == result.to_json()["strangers"]


def test_strangers_need_three_classes_and_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 8)
    rows = (4 * rng.normal(size=(4, 16))[labels] + rng.normal(size=(32, 16))).astype(np.float32)
    embeddings = Embeddings(rows)

    def measured(rows: Embeddings, labels: NDArray[np.int64]) -> StrangerTest | None:
        parts = make_folds(labels, None, np.random.default_rng(0))
        return measure_strangers(rows, labels, list("abcd"), parts)

    found = measured(embeddings, labels)
    assert found is not None
    assert found.auroc > 0.8
    assert measured(embeddings[labels < 2], labels[labels < 2]) is None
    one_each = embeddings[::8]
    assert measured(one_each, labels[::8]) is None
    monkeypatch.setattr(folds, "MAX_WORK_FOR_FOLDS", 1)
    assert measured(embeddings, labels) is None


def test_a_project_exports_what_it_knows(photos: Path, tmp_path: Path, black: Path) -> None:
    project = Project.create(tmp_path / "project", drawn_extractor())
    for name in DEMO_CLASSES[:2]:
        project.add_class(name, sorted((photos / name).iterdir()))
    with Classifier(project.serialize_model()) as classifier:
        answers = classifier.answer([black, *sorted((photos / DEMO_CLASSES[0]).iterdir())])
    assert answers[0].is_unfamiliar
    assert np.median([each.familiarity or 0 for each in answers[1:]]) > 0.3


def test_both_views_train_a_model_that_knows_the_one_it_sees(
    photos: Path, tmp_path: Path, black: Path
) -> None:
    trained = retrain(photos, drawn_extractor(), tmp_path / "out", resize="both")
    with Classifier(trained.model) as classifier:
        answers = classifier.answer([black, *shown(photos)])
    assert answers[0].is_unfamiliar
    assert np.median([each.familiarity or 0 for each in answers[1:]]) > 0.3


def test_notes_without_familiarity_stay_as_they_were(result: RetrainResult) -> None:
    model = ModelFile.open(result.model)
    plain = with_answer_notes(model, AnswerNotes(0.5))
    assert read_answer_notes(ModelFile(plain.content)) == AnswerNotes(0.5)
