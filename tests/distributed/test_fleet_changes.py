"""A fleet of five boards: one is killed in the middle of the fit, and one comes late."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.fleet import CLASSES, Fleet, assert_same, fit_together, join, project_of

from coral_learn.demo.drawing import write_photos
from coral_learn.project.project import Project

pytest.importorskip("flwr", reason="a fleet needs Flower: pip install 'coral-learn[fleet]'")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PENALTY = 0.01
PATIENCE = 8


@pytest.fixture
def projects(tmp_path: Path) -> list[Project]:
    drawn = tmp_path / "drawn"
    for _ in write_photos(drawn, per_class=10, seed=8):
        pass
    return [
        project_of(
            tmp_path / f"board-{number}",
            {name: sorted((drawn / name).iterdir())[number * 2 :][:2] for name in CLASSES},
        )
        for number in range(5)
    ]


def test_the_head_is_of_those_that_stay(projects: list[Project], tmp_path: Path) -> None:
    names = ["stays", "too", "also", "dies", "late"]
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, boards=4, penalty=PENALTY, patience=PATIENCE)
        stack.enter_context(fleet.said)
        boards = [
            stack.enter_context(join(project, fleet.port, name, "--json"))
            for project, name in zip(projects[:4], names, strict=False)
        ]
        fleet.said.wait_for("fitting 3")
        boards[3].kill_all()
        late = stack.enter_context(join(projects[4], fleet.port, names[4]))
        head, result = fleet.result()
        models = [Path(json.loads(board.end())["model"]) for board in boards[:3]]
        assert late.process.poll() is None  # it waits for the next run
    assert_same(head, fit_together(projects[:3], CLASSES, penalty=PENALTY))
    assert sorted(each["name"] for each in result["boards"]) == ["also", "stays", "too"]
    assert [each["name"] for each in result["left_out"]] == ["dies"]
    assert all(model.exists() for model in models)
    assert not (projects[4].path / "fleet").exists()
