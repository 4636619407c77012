"""Living with a model: classes that come and go, and changes taken back."""

import json
import multiprocessing
from pathlib import Path

import pytest

from coral_learn.classification import Classifier, evaluate
from coral_learn.demo import embedded_extractor
from coral_learn.drawing import write_photos
from coral_learn.errors import ModelError
from coral_learn.labels import read_label_file
from coral_learn.project import Project


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
    made = Project.create(tmp_path / "project", embedded_extractor())
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
    project.add_photos("fish", photos_of(drawn, "fish")[:3])
    assert project.step.count("fish") == before + 3
    assert project.classes == ["crab", "fish"]


def test_a_class_is_removed(project: Project, drawn: Path) -> None:
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.remove_class("crab")
    assert project.classes == ["fish", "turtle"]
    assert [project.step.count(name) for name in project.classes] == [15, 15]
    assert labels_of(project) == ["fish", "turtle"]
    with Classifier(project.serialize_model()) as classifier:
        [[answer]] = classifier.classify([photos_of(drawn, "turtle")[0]])
    assert answer.label == "turtle"


def test_a_class_is_renamed_and_nothing_else(project: Project) -> None:
    head, accuracy = project.step.head, project.step.accuracy
    project.rename_class("crab", "Krabbe")
    assert labels_of(project) == ["Krabbe", "fish"]
    assert (project.step.head, project.step.accuracy) == (head, accuracy)


def test_changes_are_taken_back_one_by_one(project: Project, drawn: Path) -> None:
    model = project.serialize_model()
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.rename_class("turtle", "tortoise")
    assert project.undo() == "rename turtle to tortoise"
    assert project.classes == ["crab", "fish", "turtle"]
    assert project.undo() == "add class turtle (15 photos)"
    assert project.serialize_model() == model
    while len(project.history) > 1:
        project.undo()
    with pytest.raises(ValueError, match="no change to take back"):
        project.undo()


def test_a_project_lives_on_in_its_folder(project: Project) -> None:
    again = Project(project.path)
    assert again.classes == project.classes
    assert again.serialize_model() == project.serialize_model()
    assert again.history[0] == "create"
    shown = json.loads(json.dumps(again.to_json()))
    assert shown["classes"] == [{"name": "crab", "photos": 15}, {"name": "fish", "photos": 15}]


def test_the_threshold_lets_most_right_answers_pass(project: Project) -> None:
    assert project.step.accuracy is not None
    assert 0.5 <= project.step.threshold < 1


def test_a_photo_that_cannot_be_read(project: Project, tmp_path: Path, drawn: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"bad\.jpg"):
        project.add_photos("fish", [bad])
    skipped: list[int] = []
    project.add_photos(
        "fish", [bad, photos_of(drawn, "fish")[0]], on_error=lambda i, error: skipped.append(i)
    )
    assert skipped == [0]
    assert project.step.count("fish") == 16
    with pytest.raises(ValueError, match="no photo that could be read"):
        project.add_photos("fish", [bad], on_error=lambda i, error: None)


def test_wrong_names(project: Project, drawn: Path) -> None:
    photos = photos_of(drawn, "fish")[:1]
    with pytest.raises(ValueError, match="there is a class 'fish' already"):
        project.add_class("fish", photos)
    with pytest.raises(ValueError, match="no class 'eel'; the classes are: crab, fish"):
        project.add_photos("eel", photos)
    with pytest.raises(ValueError, match="no class 'eel'"):
        project.remove_class("eel")
    with pytest.raises(ValueError, match="there is a class 'fish' already"):
        project.rename_class("crab", "fish")
    with pytest.raises(ValueError, match="is no name for a class"):
        project.rename_class("crab", "a\nb")
    assert project.classes == ["crab", "fish"]


def test_one_class_makes_no_model(drawn: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", embedded_extractor())
    project.add_class("crab", photos_of(drawn, "crab"))
    with pytest.raises(ValueError, match="has 1 class: two are needed"):
        project.serialize_model()


def test_folders_that_are_no_project(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ValueError, match="there is no project in"):
        Project(tmp_path)
    with pytest.raises(ValueError, match=r"there is a project in .* already"):
        Project.create(project.path, embedded_extractor())
    with pytest.raises(ModelError):
        Project.create(tmp_path / "new", b"no model")
    assert not (tmp_path / "new").exists()
    (project.path / "project.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a project of this version"):
        Project(project.path)


def add_a_photo(path: Path, photo: Path) -> None:
    Project(path).add_photos("fish", [photo])


def test_changes_of_several_processes_follow_each_other(project: Project, drawn: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    changes = [
        spawn.Process(target=add_a_photo, args=(project.path, photo))
        for photo in photos_of(drawn, "fish")[:3]
    ]
    for change in changes:
        change.start()
    for change in changes:
        change.join(60)
        assert change.exitcode == 0
    assert project.step.count("fish") == 15 + 3
