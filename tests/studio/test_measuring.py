"""The model of the studio: its layers at once, what it knows of its photos a little later."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.demo.drawing import write_photos
from coral_learn.jobs.classification import Classifier
from coral_learn.project.project import Project

pytest.importorskip("aiohttp")
from coral_learn.studio.live import LiveModel
from coral_learn.studio.measuring import Measuring
from coral_learn.studio.session import Session

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session whose project has two classes, and is not measured."""
    for _ in write_photos(tmp_path / "drawn", per_class=8, seed=5):
        pass
    made = Session(Project.create(tmp_path / "garden", drawn_extractor()), "cpu")
    for name in ("crab", "fish"):
        made.add_files(name, sorted((tmp_path / "drawn" / name).iterdir()))
    return made


def frame_of(session: Session) -> bytes:
    return session.picture(session.photos()[0].id).read_bytes()


def test_the_preview_answers_before_and_after_measuring(session: Session) -> None:
    live, frame = LiveModel(session), frame_of(session)
    first = live.answer(frame)
    assert not session.state()["measured"]
    assert Measuring(session).measure()
    Measuring(session).complete_model()
    assert session.state()["accuracy"]["tested"] == 16
    last = live.answer(frame)
    assert last["classes"] == first["classes"]
    assert last["version"] == first["version"] == session.version
    with Classifier(session.models.whole()) as classifier:
        assert classifier.familiarity_note is not None
    assert session.models.ready() is session.models.whole()
    assert session.models.whole().content == session.project.serialize_model()
    live.close()


def test_the_preview_marks_what_is_unlike_the_pictures(session: Session) -> None:
    Measuring(session).complete_model()
    live, frame = LiveModel(session), frame_of(session)
    found = live.answer(frame)
    with Classifier(session.models.whole()) as classifier:
        [expected] = classifier.answer([Image.open(io.BytesIO(frame))])
    assert found["unfamiliar"] == expected.is_unfamiliar
    live.close()


def test_measuring_ends_when_the_project_changes(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = session.project.measure

    def changed_meanwhile(check: object) -> None:
        session.move([session.photos()[0].id], "crab")
        measure(check)  # type: ignore[arg-type]

    monkeypatch.setattr(session.project, "measure", changed_meanwhile)
    assert not Measuring(session).measure()
    assert not session.state()["measured"]


def test_measuring_is_no_change_of_another_program(session: Session) -> None:
    version = session.version
    assert Measuring(session).measure()
    assert not session.notice_changes()
    assert session.version == version
    Project(session.project.path).undo()
    assert session.notice_changes()
