"""Projects: what is kept of the photos, and photos that are moved, dropped and doubted."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from tests.support.drawn_extractor import drawn_extractor

from coral_learn.cli.project_commands import project_app
from coral_learn.demo.drawing import write_photos
from coral_learn.extraction.photo_file import PhotoError
from coral_learn.jobs.review.run import review_photos
from coral_learn.project.index import Keep
from coral_learn.project.project import Project
from coral_learn.project.review import doubtful_photos, photos_of_project

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

COUNT = 10


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos of every class."""
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=COUNT, seed=3):
        pass
    return folder


def photos_of(folder: Path, name: str) -> list[Path]:
    return sorted((folder / name).iterdir())


def make_project(path: Path, drawn: Path, keep: Keep = "originals") -> Project:
    made = Project.create(path, drawn_extractor(), keep=keep)
    for name in ("crab", "fish"):
        made.add_class(name, photos_of(drawn, name))
    return made


@pytest.fixture
def project(drawn: Path, tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", drawn)


def id_of(photo: Path) -> str:
    return hashlib.sha256(photo.read_bytes()).hexdigest()[:12]


def run(*command: str) -> None:
    project_app(list(command), standalone_mode=False)


def kept_files(project: Project) -> set[str]:
    return {
        path.name
        for folder in ("photos", "thumbnails")
        if (project.path / folder).exists()
        for path in (project.path / folder).iterdir()
    }


def test_the_files_of_photos_are_kept(project: Project, drawn: Path) -> None:
    assert [photo.id for photo in project.photos] == [
        id_of(path) for name in ("crab", "fish") for path in photos_of(drawn, name)
    ]
    assert [photo.label for photo in project.photos] == ["crab"] * COUNT + ["fish"] * COUNT
    for photo, path in zip(project.photos_of("fish"), photos_of(drawn, "fish"), strict=True):
        assert photo.picture is not None
        assert photo.picture.read_bytes() == path.read_bytes()
        assert photo.picture.suffix == path.suffix


def test_thumbnails_are_small_and_upright(drawn: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", drawn, "thumbnails")
    sideways = tmp_path / "sideways.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1200, 600), "navy").save(sideways, exif=exif)
    project.add_photos("fish", [sideways])
    sizes = []
    for photo in project.photos:
        assert photo.picture is not None
        with Image.open(photo.picture) as picture:
            sizes.append(picture.size)
    assert max(map(max, sizes)) == 320
    assert sizes[-1] == (160, 320)


def test_nothing_is_kept_if_nothing_is_wanted(drawn: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", drawn, "nothing")
    assert kept_files(project) == set()
    assert {photo.picture for photo in project.photos} == {None}
    assert len({photo.id for photo in project.photos}) == 2 * COUNT


def test_an_unknown_wish_is_refused(tmp_path: Path) -> None:
    wrong: Any = "everything"
    with pytest.raises(ValueError, match="keep must be one of 'originals', 'thumbnails', 'nothin"):
        Project.create(tmp_path / "project", drawn_extractor(), keep=wrong)
    assert not (tmp_path / "project").exists()


def test_photos_without_a_file_have_an_id_and_no_picture(project: Project) -> None:
    pixels = [np.full((32, 32, 3), shade, np.uint8) for shade in (10, 240)]
    project.add_photos("fish", iter(pixels))
    added = project.photos[-2:]
    assert [photo.picture for photo in added] == [None, None]
    project.move_photos("crab", [added[1].id])
    assert [photo.label for photo in project.photos if photo.id == added[1].id] == ["crab"]
    assert [photo.label for photo in project.photos if photo.id == added[0].id] == ["fish"]


def test_paths_from_an_iterator_are_kept(drawn: Path, project: Project) -> None:
    project.add_class("turtle", iter(photos_of(drawn, "turtle")))
    assert all(photo.picture for photo in project.photos_of("turtle"))


def test_a_photo_that_changes_meanwhile_is_refused(
    drawn: Path, project: Project, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64), "red").save(photo)
    other = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(other, "PNG")

    def overwrite(done: int, total: int | None) -> None:
        photo.write_bytes(other.getvalue())

    before = kept_files(project), project.history
    with pytest.raises(PhotoError, match="changed while it was read: add it again"):
        project.add_photos("fish", [photo], progress=overwrite)
    assert (kept_files(project), project.history) == before


@pytest.mark.parametrize("keep", get_args(Keep))
def test_photos_are_moved(drawn: Path, tmp_path: Path, keep: Keep) -> None:
    project = make_project(tmp_path / "project", drawn, keep)
    crab = photos_of(drawn, "crab")
    names: list[str | Path] = [id_of(crab[0]), id_of(crab[1])[:8].upper(), crab[2], str(crab[2])]
    if keep != "nothing":
        picture = project.photos[3].picture
        assert picture is not None
        names.append(picture)
    moved = len(names) - 1
    project.move_photos("fish", names)
    assert project.history[-1] == f"move {moved} photos to fish"
    assert [project.step.count(name) for name in project.classes] == [COUNT - moved, COUNT + moved]
    assert {photo.id for photo in project.photos_of("fish")} >= {id_of(crab[k]) for k in range(3)}
    assert project.step.head is not None
    with pytest.raises(ValueError, match="the photo is in 'fish' already"):
        project.move_photos("fish", [crab[0]])


def test_dropped_photos_can_be_had_back(project: Project, drawn: Path) -> None:
    fish = photos_of(drawn, "fish")
    model, pictures = project.serialize_model(), kept_files(project)
    project.drop_photos(fish[:2])
    assert project.history[-1] == "drop 2 photos"
    assert project.step.count("fish") == COUNT - 2
    assert kept_files(project) == pictures
    assert project.undo() == "drop 2 photos"
    assert project.serialize_model() == model
    assert project.redo() == "drop 2 photos"
    assert project.step.count("fish") == COUNT - 2
    assert project.add_photos("fish", fish[:1]).photos == 1


def test_pictures_that_no_state_uses_are_removed(project: Project, drawn: Path) -> None:
    pictures = kept_files(project)
    mine = project.path / "photos" / "2024.jpg"
    mine.write_text("not a picture of a photo of the project")
    (project.path / "parts" / "letter.txt").write_text("mine, too")
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.undo()
    assert len(kept_files(project)) == len(pictures) + COUNT + 1  # the change can be made again
    project.rename_class("crab", "Krabbe")
    assert kept_files(project) == {*pictures, mine.name}
    assert (project.path / "parts" / "letter.txt").exists()


def test_a_change_makes_what_was_undone_unreachable(project: Project) -> None:
    with pytest.raises(ValueError, match="no undone change to make again"):
        project.redo()
    project.rename_class("crab", "Krabbe")
    project.rename_class("Krabbe", "crabe")
    assert [project.undo(), project.undo()] == ["rename Krabbe to crabe", "rename crab to Krabbe"]
    assert project.redo() == "rename crab to Krabbe"
    assert project.classes == ["Krabbe", "fish"]
    project.rename_class("fish", "Fisch")
    with pytest.raises(ValueError, match="no undone change to make again"):
        project.redo()
    assert project.classes == ["Krabbe", "Fisch"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("0123", "the project has no photo '0123'. Give the file of a photo, or its id"),
        ("ab", "the project has no photo 'ab'"),
        ("", "the project has no photo ''"),
        ("no such file.jpg", "the project has no photo 'no such file.jpg'"),
    ],
)
def test_unknown_photos_are_refused(project: Project, name: str, error: str) -> None:
    before = project.history
    with pytest.raises(ValueError, match=error):
        project.drop_photos([name])
    assert project.history == before


def test_a_file_that_the_project_does_not_have_is_refused(project: Project, drawn: Path) -> None:
    [turtle, *_] = photos_of(drawn, "turtle")
    with pytest.raises(ValueError, match=f"the project does not have the photo {turtle}"):
        project.move_photos("fish", [turtle])


def test_a_class_keeps_a_photo(project: Project, drawn: Path) -> None:
    for change in (project.drop_photos, lambda photos: project.move_photos("fish", photos)):
        with pytest.raises(ValueError, match=r"would leave 'crab' without photos. Remove the cla"):
            change(photos_of(drawn, "crab"))
    assert project.step.count("crab") == COUNT


def with_a_wrong_label(path: Path, drawn: Path) -> Project:
    """Returns a project whose class crab has the first fish."""
    made = Project.create(path, drawn_extractor())
    crab, fish = photos_of(drawn, "crab"), photos_of(drawn, "fish")
    made.add_class("crab", [*crab, fish[0]])
    made.add_class("fish", fish[1:])
    return made


def test_wrong_labels_are_found_and_corrected(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fish = photos_of(drawn, "fish")
    project = with_a_wrong_label(tmp_path / "project", drawn)
    folder = str(project.path)
    run("doubtful", folder)
    shown = capsys.readouterr().out
    assert f"coral-learn project move {folder} fish {id_of(fish[0])}" in " ".join(shown.split())
    run("doubtful", folder, "--json")
    [found] = json.loads(capsys.readouterr().out)["doubtful"]
    assert found.pop("probability") < 0.5
    picture = str(project.path / "photos" / f"{hashlib.sha256(fish[0].read_bytes()).hexdigest()}")
    assert found.pop("picture") == picture + fish[0].suffix
    assert found == {"id": id_of(fish[0]), "label": "crab", "suggested": "fish"}
    run("move", folder, "fish", id_of(fish[0]))
    capsys.readouterr()
    run("doubtful", folder)
    assert capsys.readouterr().out == "No label looks wrong.\n"


def test_a_confirmed_label_is_not_doubted_again(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fish = photos_of(drawn, "fish")
    project = with_a_wrong_label(tmp_path / "project", drawn)
    folder, trained = str(project.path), project.step
    [doubtful] = doubtful_photos(project.path)
    run("doubtful", folder)
    hint = f"coral-learn project confirm {folder} {doubtful.photo.name}"
    assert hint in " ".join(capsys.readouterr().out.split())
    run("confirm", folder, doubtful.photo.name)
    assert (project.step.head, project.step.accuracy) == (trained.head, trained.accuracy)
    assert project.history[-1] == "confirm 1 label"
    assert not doubtful_photos(project.path)
    assert not review_photos("project", photos_of_project(project.path), count=0).doubtful
    with pytest.raises(ValueError, match="this label was confirmed before"):
        project.confirm_photos([fish[0]])
    project.rename_class("crab", "Krabbe")
    project.add_class("turtle", photos_of(drawn, "turtle"))
    project.remove_class("turtle")
    assert not doubtful_photos(project.path)
    project.move_photos("fish", [fish[0]])
    project.move_photos("Krabbe", [fish[0]])
    assert [each.photo.name for each in doubtful_photos(project.path)] == [doubtful.photo.name]
    for _ in range(6):
        project.undo()
    assert len(doubtful_photos(project.path)) == 1
    project.redo()
    assert not doubtful_photos(project.path)


def test_a_folder_without_a_project_has_no_doubtful_photos(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not contain a project .*`coral-learn project crea"):
        run("doubtful", str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_photos_are_listed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    run("photos", str(project.path), "fish", "--json")
    shown = json.loads(capsys.readouterr().out)["photos"]
    assert shown == [photo.to_json() for photo in project.photos_of("fish")]
    run("photos", str(project.path))
    shown = capsys.readouterr().out
    assert all(photo.id in shown for photo in project.photos)


def test_the_commands_change_photos(
    project: Project, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("drop", str(project.path), str(photos_of(drawn, "fish")[0]))
    assert project.step.count("fish") == COUNT - 1
    run("undo", str(project.path))
    run("redo", str(project.path))
    assert "Made again: drop 1 photo" in capsys.readouterr().out
    assert project.step.count("fish") == COUNT - 1


def test_a_review_shows_the_pictures(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "review.html"
    run("review", str(project.path), "--output", str(page), "--json")
    shown = json.loads(capsys.readouterr().out)
    assert {each["path"] for each in shown["darkest"]} <= {photo.id for photo in project.photos}
    assert len(shown["darkest"]) > 0
    assert "data:image/jpeg;base64," in page.read_text(encoding="utf-8")
