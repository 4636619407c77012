"""Fleets with real SuperLinks and SuperNodes: the head, the model, and what leaves a board."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.fleet import (
    CLASSES,
    Fleet,
    Recorder,
    assert_same,
    fit_together,
    join,
    project_of,
)

from coral_learn.demo.drawing import write_photos
from coral_learn.heads.softmax_regression import SoftmaxRegression
from coral_learn.jobs.classification import Classifier
from coral_learn.project.project import Project

pytest.importorskip("flwr", reason="a fleet needs Flower: pip install 'coral-learn[fleet]'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=14, seed=5):
        pass
    return folder


def photos_of(drawn: Path, name: str, first: int, last: int) -> list[Path]:
    return sorted((drawn / name).iterdir())[first:last]


@dataclass
class Ended:
    """A fleet of two boards that has ended."""

    projects: list[Project]
    head: SoftmaxRegression
    result: dict[str, Any]
    wire: Recorder
    models: list[Path]
    notes: list[str]


@pytest.fixture(scope="module")
def ended(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("fleet")
    one = {"crab": photos_of(drawn, "crab", 0, 14), "fish": photos_of(drawn, "fish", 0, 3)}
    two = {name: photos_of(drawn, name, 3, 14) for name in ("turtle", "fish")}
    two["crab"] = photos_of(drawn, "crab", 0, 1)  # of which the first board has a copy
    first = {name: paths[: 5 if name == "crab" else 1] for name, paths in one.items()}
    projects = [project_of(folder / "one", first), project_of(folder / "two", two)]
    # Labels in an order that no table of counts has by chance.
    for name, start in (("crab", 5), ("fish", 1), ("crab", 9), ("fish", 2), ("crab", 13)):
        projects[0].add(name, one[name][start : start + (4 if name == "crab" else 1)])
    with ExitStack() as stack:
        fleet = Fleet(folder, boards=2, seed=3)
        stack.enter_context(fleet.said)
        wire = Recorder(fleet.port)
        stack.callback(wire.close)
        boards = [
            stack.enter_context(join(project, wire.port, name, "--json"))
            for project, name in zip(projects, ("one", "two"), strict=True)
        ]
        head, result = fleet.result()
        models = [Path(json.loads(board.end())["model"]) for board in boards]
        notes = [" ".join(each.lines) for each in boards]
    return Ended(projects, head, result, wire, models, notes)


def test_the_head_is_that_of_all_photos_in_one_place(ended: Ended) -> None:
    expected = fit_together(ended.projects, CLASSES, seed=3)
    assert ended.result["penalty"] == pytest.approx(expected.reg, rel=1e-6)
    assert_same(ended.head, expected)


def test_every_board_has_a_model_of_all_classes(ended: Ended, drawn: Path) -> None:
    for model in ended.models:
        assert model.parent.name == "fleet"
        with Classifier(model) as classifier:
            assert classifier.labels == CLASSES
            answers = classifier.classify([drawn / name / f"{name}_013.jpg" for name in CLASSES])
            assert [answer[0].label for answer in answers] == CLASSES


def test_a_project_takes_the_head_that_is_for_its_classes(ended: Ended) -> None:
    one, two = ended.projects
    adopted = {board["name"]: board["adopted"] for board in ended.result["boards"]}
    assert adopted == {"one": False, "two": True}
    assert len(one.classes) == 2
    assert "keeps its own head: it has no photos of turtle" in ended.notes[0]
    assert two.history[-1] == "take the head of a fleet of 2 boards"
    kept = two._store.load_head(two.step.head or "")
    order = [CLASSES.index(name) for name in two.classes]
    np.testing.assert_array_equal(kept.weights, ended.head.weights[:, order])
    two.undo()
    assert two.history[-1] == "add class crab (1 photo)"


def test_no_photo_no_embedding_and_no_label_leaves_a_board(ended: Ended) -> None:
    up, down = ended.wire.up, ended.wire.down
    # What is there can be found, so what is not found is not there.
    assert b"weight_gradient" in up
    assert np.ascontiguousarray(ended.head.weights.T).tobytes() in down
    for project in ended.projects:
        rows = project.training_rows()
        for photo in project.photos:
            assert photo.picture is not None
            content = photo.picture.read_bytes()
            assert content[len(content) // 2 :][:32] not in up
            assert photo.id.encode() not in up
        stored = rows.embeddings.quantized
        real = np.asarray(rows.embeddings)
        for row, values in zip(stored, real, strict=True):
            assert row.tobytes() not in up
            assert row.tobytes()[:16] not in up
            for kind in (np.float32, np.float64):
                assert values.astype(kind).tobytes()[:64] not in up
        for width in ("i1", "i4", "i8"):
            assert rows.labels.astype(width).tobytes() not in up
        for key in rows.keys:
            assert key.encode() not in up
            assert bytes.fromhex(key) not in up


def test_the_bytes_are_counted(ended: Ended) -> None:
    # The head and the fold table, and the gradient: everything else is small beside them.
    rounds, boards = ended.result["rounds"], 2
    assert rounds <= 150
    size = 4 * (ended.head.weights.size + ended.head.biases.size)
    assert ended.result["bytes_sent"] > rounds * size
    assert ended.result["bytes_received"] < ended.result["bytes_sent"] + boards * 300_000
