"""Projects: classes are added, removed and renamed, and changes are undone."""

import errno
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.cli.project_commands import project_app
from coral_learn.demo.drawing import write_photos
from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.jobs.classification import Classifier
from coral_learn.jobs.evaluation import evaluate
from coral_learn.labels import read_label_file
from coral_learn.project.class_photos import photos_of_class
from coral_learn.project.index import ProjectIndex
from coral_learn.project.project import Project
from coral_learn.project.store import ProjectStore

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos of every class, 15 each."""
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=15, seed=11):
        pass
    return folder


def photos_of(folder: Path, name: str) -> list[Path]:
    return sorted((folder / name).iterdir())


@pytest.fixture
def project(drawn: Path, tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project", drawn_extractor())
    for name in ("crab", "fish"):
        made.add_class(name, photos_of(drawn, name))
    return made


def labels_of(project: Project) -> list[str] | None:
    with Classifier(project.serialize_model()) as classifier:
        assert classifier.num_classes == len(project.classes)
        return classifier.labels


def test_a_class_is_added(project: Project, drawn: Path, tmp_path: Path) -> None:
    project.add_class("turtle", photos_of(drawn, "turtle"))
    assert project.classes == ["crab", "fish", "turtle"]
    assert labels_of(project) == ["crab", "fish", "turtle"]
    model = project.export(tmp_path / "out")
    assert read_label_file(tmp_path / "out" / "label_map.txt") == dict(enumerate(project.classes))
    for name in ("crab", "fish", "turtle"):
        (tmp_path / "seen" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "seen" / name).symlink_to(drawn / name)
    assert evaluate(model, tmp_path / "seen").accuracy >= 0.9


def test_photos_are_added(project: Project, drawn: Path) -> None:
    before = project.step.count("fish")
    added = project.add_photos("fish", photos_of(drawn, "turtle")[:3])
    assert (added.photos, added.notes) == (3, [])
    assert project.step.count("fish") == before + 3
    assert project.classes == ["crab", "fish"]


def test_copies_of_photos_count_once(project: Project, drawn: Path, tmp_path: Path) -> None:
    turtle = photos_of(drawn, "turtle")
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(turtle[0].read_bytes())
    added = project.add_class("turtle", [*turtle[:2], copy])
    assert (added.photos, added.copies) == (2, 1)
    before = project.history
    added = project.add_photos("turtle", [copy])
    assert (added.photos, added.copies) == (0, 1)
    assert added.notes == [
        "1 photo was left out, because the class has it already or exact copies were given"
    ]
    assert project.history == before
    project.undo()
    assert project.add_class("turtle", [copy]).photos == 1


def test_a_photo_is_in_one_class_only(project: Project, drawn: Path) -> None:
    fish, turtle = photos_of(drawn, "fish"), photos_of(drawn, "turtle")
    with pytest.warns(UserWarning, match=r"2 photos were left out of 'turtle', .*in 'fish' alrea"):
        added = project.add_class("turtle", [*fish[:2], *turtle[:3]])
    assert (added.photos, added.in_other_classes) == (3, [(0, "fish"), (1, "fish")])
    assert project.step.count("turtle") == 3
    with pytest.raises(
        ValueError, match=r"the project has this photo in 'fish' already \(for exam"
    ):
        project.add_photos("turtle", fish[:1])
    project.remove_class("fish")
    assert project.add_photos("turtle", fish[:1]).photos == 1


def test_photos_without_a_file_are_always_new(project: Project) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    assert project.add_photos("fish", [picture, picture]).photos == 2


def test_photos_that_an_earlier_version_added_are_unknown(project: Project, drawn: Path) -> None:
    for digests in (project.path / "parts").glob("*.sha256"):
        digests.unlink()
    assert project.add_photos("fish", photos_of(drawn, "fish")[:1]).photos == 1


def test_a_small_project_is_cross_validated(project: Project) -> None:
    assert project.step.tested == 30
    interval = project.summary.interval
    assert interval is not None
    assert project.step.accuracy is not None
    assert interval[0] < project.step.accuracy <= interval[1]


def test_a_folder_of_class_folders_is_no_class(drawn: Path, tmp_path: Path) -> None:
    commands = r"`coral-learn project add p crab .*/crab`, .*: `coral-learn project add p sea .*"
    with pytest.raises(ValueError, match=commands):
        photos_of_class(drawn, Path("p"), "sea")
    assert photos_of_class(drawn / "crab", Path("p"), "sea") == photos_of(drawn, "crab")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"has no photos \(ignored 1 file .*notes\.txt\)"):
        photos_of_class(tmp_path, Path("p"), "sea")


def test_a_class_is_removed(project: Project, drawn: Path) -> None:
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.remove_class("crab")
    assert project.classes == ["fish", "turtle"]
    assert [project.step.count(name) for name in project.classes] == [15, 15]
    assert labels_of(project) == ["fish", "turtle"]
    with Classifier(project.serialize_model()) as classifier:
        [[answer]] = classifier.classify([photos_of(drawn, "turtle")[0]])
    assert answer.label == "turtle"


def test_renaming_a_class_changes_nothing_else(project: Project) -> None:
    head, accuracy = project.step.head, project.step.accuracy
    project.rename_class("crab", "Krabbe")
    assert labels_of(project) == ["Krabbe", "fish"]
    assert (project.step.head, project.step.accuracy) == (head, accuracy)


def test_changes_are_undone_one_by_one(project: Project, drawn: Path) -> None:
    model = project.serialize_model()
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.rename_class("turtle", "tortoise")
    assert project.undo() == "rename turtle to tortoise"
    assert project.classes == ["crab", "fish", "turtle"]
    assert project.undo() == "add class turtle (15 photos)"
    assert project.serialize_model() == model
    while len(project.history) > 1:
        project.undo()
    with pytest.raises(ValueError, match="has no change to undo"):
        project.undo()


def test_a_project_is_kept_in_its_folder(project: Project) -> None:
    again = Project(project.path)
    assert again.classes == project.classes
    assert again.serialize_model() == project.serialize_model()
    assert again.history[0] == "create"
    shown = json.loads(json.dumps(again.to_json()))
    assert shown["classes"] == [{"name": "crab", "photos": 15}, {"name": "fish", "photos": 15}]


def test_the_threshold_is_a_probability(project: Project) -> None:
    assert project.step.accuracy is not None
    assert 0.5 <= project.step.threshold < 1


def test_unreadable_photos_are_errors_or_skipped(
    project: Project, tmp_path: Path, drawn: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"bad\.jpg"):
        project.add_photos("fish", [bad])
    skipped: list[int] = []
    project.add_photos(
        "fish", [bad, photos_of(drawn, "turtle")[0]], on_error=lambda i, error: skipped.append(i)
    )
    assert skipped == [0]
    assert project.step.count("fish") == 16
    with pytest.raises(ValueError, match="none of the photos can be read"):
        project.add_photos("fish", [bad], on_error=lambda i, error: None)


def test_wrong_class_names_are_refused(project: Project, drawn: Path) -> None:
    photos = photos_of(drawn, "fish")[:1]
    with pytest.raises(ValueError, match="the project already has a class 'fish'"):
        project.add_class("fish", photos)
    with pytest.raises(ValueError, match=r"no class 'eel'\. Its classes are 'crab', 'fish'"):
        project.add_photos("eel", photos)
    with pytest.raises(ValueError, match="no class 'eel'"):
        project.remove_class("eel")
    with pytest.raises(ValueError, match="the project already has a class 'fish'"):
        project.rename_class("crab", "fish")
    with pytest.raises(ValueError, match="is not a valid class name"):
        project.rename_class("crab", "a\nb")
    assert project.classes == ["crab", "fish"]


def test_a_model_needs_two_classes(drawn: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", drawn_extractor())
    project.add_class("crab", photos_of(drawn, "crab"))
    with pytest.raises(ValueError, match=r"has only one class \('crab'\), but a model needs"):
        project.serialize_model()


def test_folders_without_a_usable_project_are_refused(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ValueError, match="does not contain a project"):
        Project(tmp_path)
    with pytest.raises(ValueError, match="already contains a project"):
        Project.create(project.path, drawn_extractor())
    with pytest.raises(ModelError):
        Project.create(tmp_path / "new", b"no model")
    assert not (tmp_path / "new").exists()
    (project.path / "project.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a project that this version"):
        Project(project.path)


SHOWN = (
    '{{"path": "{path}", "classes": [{{"name": "crab", "photos": 2}}, {{"name": "fish", '
    '"photos": 2}}], "accuracy": 0.5, "threshold": 0.625, "history": ["create", '
    '"add class crab (2 photos)", "add class fish (2 photos)"], "tested": 2, '
    '"interval": [0.09, 0.91], "keep": "nothing"}}'
)


def test_a_project_of_the_first_version_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Project.create(tmp_path, drawn_extractor())
    crab = {"file": "a.npz", "labels": [0, -1, 0]}
    fish = {"file": "b.npz", "labels": [1, 1]}
    last = {"classes": ["crab", "fish"], "photos": [crab, fish], "head": "h.npz"}
    steps = [
        {"what": "create", "photos": []},
        {"what": "add class crab (2 photos)", "classes": ["crab"], "photos": [crab]},
        {"what": "add class fish (2 photos)", **last, "accuracy": 0.5, "threshold": 0.625},
    ]
    (tmp_path / "project.json").write_text(json.dumps({"version": 1, "steps": steps}))
    project_app(["show", str(tmp_path), "--json"], standalone_mode=False)
    shown = json.loads(capsys.readouterr().out)
    shown["interval"] = [round(limit, 2) for limit in shown["interval"]]
    assert json.dumps(shown) == SHOWN.format(path=tmp_path)


def test_a_summary_reads_the_index_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.create(tmp_path, drawn_extractor())
    read = ProjectStore.read_index
    reads: list[Path] = []

    def counting(store: ProjectStore) -> ProjectIndex:
        reads.append(store.path)
        return read(store)

    monkeypatch.setattr(ProjectStore, "read_index", counting)
    project.to_json()
    assert reads == [tmp_path]


@pytest.mark.parametrize(
    "change",
    [
        {"steps": []},
        {"steps": 5},
        {"steps": [{"what": 5, "photos": []}]},
        {"steps": [{"what": "create", "classes": 7, "photos": []}]},
        {"steps": [{"what": "create", "classes": [7], "photos": []}]},
        {"steps": [{"what": "add", "classes": ["a"], "photos": [{"file": "f", "labels": [1]}]}]},
        {"steps": [{"what": "add", "classes": ["a"], "photos": [{"file": "f", "labels": 1}]}]},
        {"steps": [{"what": "add", "photos": [{"file": "../f", "labels": []}]}]},
        {"steps": [{"what": "add", "photos": [], "head": "../../head.npz"}]},
        {"steps": [{"what": "add", "photos": [], "accuracy": "high"}]},
        {"steps": [{"what": "add", "photos": [], "accuracy": 5}]},
        {"steps": [{"what": "add", "photos": [], "accuracy": float("nan")}]},
        {"steps": [{"what": "add", "photos": [], "tested": -3}]},
        {"steps": [{"what": "add", "photos": [], "head": ".."}]},
        {"steps": [{"what": "add", "photos": [], "odd": 1}]},
        {"steps": [{"what": "add", "photos": [{"file": "f", "labels": [], "confirmed": [0]}]}]},
        {"steps": [{"what": "add", "photos": [{"file": "f", "labels": [], "confirmed": 1}]}]},
        {"steps": [{"what": "add", "photos": [], "confirmed": {"f": [0]}}]},
        {"version": 4},
        [[]],
    ],
    ids=str,
)
def test_a_damaged_index_is_refused(tmp_path: Path, change: Any) -> None:
    Project.create(tmp_path, drawn_extractor())
    valid = {"version": 1, "steps": [{"what": "create", "photos": []}]}
    index = tmp_path / "project.json"
    index.write_text(json.dumps(valid))
    Project(tmp_path)
    index.write_text(json.dumps(valid | change if isinstance(change, dict) else change))
    with pytest.raises(ValueError, match=r"project\.json is not a project that .* can read: "):
        Project(tmp_path)
    index.write_bytes(b"[" * 100_000)
    with pytest.raises(ValueError, match=r"project\.json is not a project that .* can read: "):
        Project(tmp_path)


def test_a_damaged_part_is_refused(project: Project, drawn: Path) -> None:
    [first, _] = project.step.photos
    path = project.path / "parts" / first.file
    Embeddings.load(path)[:3].save(path)
    with pytest.raises(ValueError, match=r"is damaged: it has 3 rows, but project\.json lists 15"):
        project.add_class("turtle", photos_of(drawn, "turtle"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{first.file} is not an embeddings file"):
        project.add_class("turtle", photos_of(drawn, "turtle"))
    assert project.classes == ["crab", "fish"]


def test_files_that_no_state_uses_are_removed(
    project: Project, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = project.path / "parts"
    before = set(parts.iterdir())
    for suffix in (".npz", ".sha256"):
        left = parts / f"embeddings-0123456789abcdef{suffix}"
        left.write_bytes(b"left by a process that was killed")
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.undo()
    assert set(parts.iterdir()) > before  # it could be made again
    project.rename_class("crab", "Krabbe")
    assert set(parts.iterdir()) == before

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("coral_learn.project.store.ProjectStore.write_index", fail)
    with pytest.raises(OSError, match="No space left"):
        project.add_class("turtle", photos_of(drawn, "turtle"))
    assert set(parts.iterdir()) == before
    assert labels_of(project) == ["Krabbe", "fish"]


def add_a_photo(path: Path, photo: Path) -> None:
    Project(path).add_photos("fish", [photo])


def test_changes_of_several_processes_wait_for_each_other(project: Project, drawn: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    changes = [
        spawn.Process(target=add_a_photo, args=(project.path, photo))
        for photo in photos_of(drawn, "turtle")[:3]
    ]
    for change in changes:
        change.start()
    for change in changes:
        change.join(60)
        assert change.exitcode == 0
    assert project.step.count("fish") == 15 + 3
