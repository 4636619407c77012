"""The review of photos: what it finds, and where the photos come from."""

import hashlib
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from tests.support.drawn_extractor import drawn_extractor

from coral_learn import Project, retrain
from coral_learn.embeddings import Embeddings
from coral_learn.jobs.review.findings import Review
from coral_learn.jobs.review.outliers import find_outliers
from coral_learn.jobs.review.outputs import (
    edited_table,
    foreign_review,
    prepare_files,
    review_files,
    write_review,
)
from coral_learn.jobs.review.page import render_page, verdict
from coral_learn.jobs.review.photo_quality import measure_photos
from coral_learn.jobs.review.photos import Photo, ReviewedPhotos
from coral_learn.jobs.review.run import review_photos
from coral_learn.jobs.review.sources import Extraction, model_in, read_folder, read_model
from coral_learn.project.review import is_project, read_project

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def flawed(photos: Path, tmp_path: Path) -> Path:
    """Drawn photos of which some are wrong: see the test of what is found."""
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / "crab" / "crab_003.jpg").rename(folder / "fish" / "crab_003.jpg")
    shutil.copy(folder / "fish" / "fish_001.jpg", folder / "crab" / "copy.jpg")
    shutil.copy(folder / "fish" / "fish_002.jpg", folder / "fish" / "copy.jpg")
    with Image.open(folder / "jellyfish" / "jellyfish_004.jpg") as photo:
        photo.rotate(1).save(folder / "jellyfish" / "turned.jpg")
        ImageEnhance.Brightness(photo).enhance(0.1).save(folder / "jellyfish" / "dark.jpg")
        photo.filter(ImageFilter.GaussianBlur(6)).save(folder / "jellyfish" / "blurred.jpg")
    (folder / "crab" / "broken.jpg").write_bytes(b"this is no photo")
    return folder


@pytest.fixture
def extraction(tmp_path: Path) -> Extraction:
    path = tmp_path / "extractor.tflite"
    path.write_bytes(drawn_extractor())
    return Extraction(path)


def names(photos: list[Photo]) -> set[str]:
    return {Path(photo.name).name for photo in photos}


def review_of(folder: Path, extraction: Extraction) -> Review:
    return review_photos(str(folder), read_folder(folder, extraction), count=20)


def test_what_is_found(flawed: Path, extraction: Extraction) -> None:
    found = review_of(flawed, extraction)
    assert found.photos == 65
    assert found.classes == {"crab": 20, "fish": 22, "jellyfish": 23}
    wrong = [each for each in found.doubtful if each.photo.name.endswith("fish/crab_003.jpg")]
    assert [(each.photo.label, each.suggested) for each in wrong] == [("fish", "crab")]
    assert wrong[0].probability < 0.5
    probabilities = [each.probability for each in found.doubtful]
    assert probabilities == sorted(probabilities)
    [contradiction, copy] = found.duplicates
    assert contradiction.is_contradiction
    assert names(list(contradiction.photos)) == {"copy.jpg", "fish_001.jpg"}
    assert {photo.label for photo in contradiction.photos} == {"crab", "fish"}
    assert names(list(copy.photos)) == {"copy.jpg", "fish_002.jpg"}
    near = [names(list(each.photos)) for each in found.near_duplicates]
    assert {"turned.jpg", "jellyfish_004.jpg"} in near
    assert names([found.darkest[0].photo]) == {"dark.jpg"}
    assert names([found.blurriest[0].photo]) == {"blurred.jpg"}
    assert [Path(each.path).name for each in found.skipped] == ["broken.jpg"]
    assert found.label_next == []


def test_the_folder_stays_as_it_is(flawed: Path, extraction: Extraction, tmp_path: Path) -> None:
    def content() -> dict[Path, str]:
        files = (path for path in flawed.rglob("*") if path.is_file())
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = content()
    found = review_of(flawed, extraction)
    prepare_files(review_files(tmp_path / "out"), {flawed: "the folder of the photos"})
    write_review(found, review_files(tmp_path / "out"), flawed)
    assert content() == before


def test_unlabelled_photos_are_suggested(flawed: Path, extraction: Extraction) -> None:
    new = flawed.parent / "new"
    new.mkdir()
    for number, photo in enumerate(sorted((flawed / "crab").glob("crab_*"))[:6]):
        photo.rename(new / photo.name)
        if number == 0:
            shutil.copy(new / photo.name, new / "again.jpg")
    shutil.copy(flawed / "fish" / "fish_005.jpg", new / "known.jpg")
    photos = read_folder(flawed, extraction, unlabelled=new)
    found = review_photos(str(flawed), photos, count=4)
    assert len(found.label_next) == 4
    assert not names([each.photo for each in found.label_next]) & {"known.jpg", "crab_000.jpg"}
    assert sum(each.suggested == "crab" for each in found.label_next) >= 3
    assert "2 unlabelled photos left out" in " ".join(found.notes)
    with pytest.raises(ValueError, match="is not a folder"):
        read_folder(flawed, extraction, unlabelled=new / "known.jpg")


def photos_of(embeddings: np.ndarray, labels: np.ndarray) -> ReviewedPhotos:
    classes = [f"class {label}" for label in range(int(labels.max()) + 1)]
    photos = [Photo(None, f"photo {row}", classes[label]) for row, label in enumerate(labels)]
    return ReviewedPhotos(
        photos=photos,
        classes=classes,
        labels=labels,
        embeddings=Embeddings(embeddings.astype(np.float32)),
        digests=[b""] * len(photos),
    )


def test_classes_that_look_the_same_are_to_be_merged() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    centers = 4 * rng.normal(size=(2, 30))[[0, 0, 1]]
    found = review_photos(
        "photos", photos_of(centers[labels] + rng.normal(size=(60, 30)), labels), count=0
    )
    [confused] = found.confused_classes
    assert confused.classes == ("class 0", "class 1")
    assert confused.photos == 40
    assert 0.2 < confused.told_apart <= 0.7


def test_a_photo_of_something_else_is_an_outlier() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    centers = 3 * rng.normal(size=(2, 30))
    values = centers[labels] + rng.normal(size=(40, 30))
    values[7] = 2 * centers[0] + 8 * rng.normal(size=30)
    found = review_photos("photos", photos_of(values, labels), count=0)
    suspects = [each.photo for each in found.outliers] + [each.photo for each in found.doubtful]
    assert "photo 7" in {photo.name for photo in suspects}
    assert found.darkest == []


def test_copies_do_not_make_the_other_photos_unusual() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    values = 3 * rng.normal(size=(2, 30))[labels] + rng.normal(size=(40, 30))
    values[:12] = values[0]
    photos = photos_of(values, labels)
    digests = [b"copies"] * 12 + [str(row).encode() for row in range(12, 40)]
    for each in (photos, replace(photos, digests=digests)):  # of a project, or of a folder
        found = review_photos("photos", each, count=0).outliers
        assert len(found) <= 2
        assert all(outlier.value > -10 for outlier in found)


def test_the_number_of_copies_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    values = 3 * rng.normal(size=(2, 30))[labels] + rng.normal(size=(40, 30))
    values[7] = 8 * rng.normal(size=30)
    digests = [str(row).encode() for row in range(40)]
    photos = replace(photos_of(values, labels), digests=digests)
    considered = np.ones(40, bool)
    once = find_outliers(photos, considered)
    assert "photo 7" in {outlier.photo.name for outlier in once}
    rows = np.array([*range(40), *[3] * 30])
    again = replace(photos_of(values[rows], labels[rows]), digests=[digests[row] for row in rows])
    # The center of all photos moves with the copies, and with it the numbers a little.
    names_again = {outlier.photo.name for outlier in find_outliers(again, np.ones(70, bool))}
    assert "photo 7" in names_again
    assert len(names_again) <= len(once) + 2


def test_a_class_without_a_readable_photo_is_no_class(flawed: Path, extraction: Extraction) -> None:
    for path in (flawed / "fish").iterdir():
        path.write_bytes(b"this is no photo")
    found = review_of(flawed, extraction)
    assert found.classes["fish"] == 0
    assert "photos of 2 classes" in verdict(found)
    assert "1 class has no photo that can be read: 'fish'" in found.notes
    assert "hardly be judged" not in " ".join(found.notes)
    for path in (flawed / "crab").iterdir():
        path.write_bytes(b"this is no photo")
    with pytest.raises(ValueError, match="that can be read are of one class"):
        review_of(flawed, extraction)


def test_too_few_photos_give_no_doubtful_labels() -> None:
    rng = np.random.default_rng(0)
    found = review_photos(
        "photos", photos_of(rng.normal(size=(8, 30)), np.repeat([0, 1], 4)), count=0
    )
    assert "too few photos" in verdict(found)
    assert found.doubtful == []
    assert b"doubtful" not in render_page(found)


def test_photos_are_measured(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), "white").save(tmp_path / "white.png")
    Image.new("I;16", (50, 40), 0).save(tmp_path / "deep.png")
    (tmp_path / "broken.jpg").write_bytes(b"no")
    done: list[int] = []
    paths = [tmp_path / "white.png", None, tmp_path / "broken.jpg", tmp_path / "deep.png"]
    white, unknown, broken, deep = measure_photos(paths, lambda count, total: done.append(count))
    assert white is not None
    assert white.brightness == 1.0
    assert deep is not None
    assert unknown is None
    assert broken is None
    assert done == [1, 2, 3, 4]


class Page(HTMLParser):
    """The text, the images and the links of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.images: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.images.append(found["src"] or "")
        if tag == "a":
            self.links.append(found["href"] or "")
        self.anchors.add(found.get("id") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_everything_in_one_file(
    flawed: Path, extraction: Extraction, tmp_path: Path
) -> None:
    (flawed / "fish" / "<b>&.jpg").write_bytes((flawed / "crab" / "crab_007.jpg").read_bytes())
    found = review_of(flawed, extraction)
    written = write_review(found, review_files(tmp_path / "page.html"), flawed)
    assert [path.name for path in written] == ["page.html", "page.csv"]
    content = written[0].read_text()
    page = Page(content)
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.images)
    assert "<b>&.jpg" in page.text
    assert {link.removeprefix("#") for link in page.links} <= page.anchors
    assert not re.search(r'(src|href)="(?!data:|#)', content)
    assert "looks like crab" in " ".join(page.text.split())
    assert "coral-learn review --apply page.csv" in page.text


def test_photos_whose_class_is_in_a_listing_are_not_moved(
    photos: Path, extraction: Extraction, tmp_path: Path
) -> None:
    folder = tmp_path / "listed"
    folder.mkdir()
    lines = ["file_name,label"]
    for label in ("crab", "fish"):
        for photo in sorted((photos / label).iterdir())[:8]:
            shutil.copy(photo, folder)
            lines.append(f"{photo.name},{label}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    files = review_files(tmp_path)
    assert write_review(review_of(folder, extraction), files, folder) == [files.page]
    assert not files.table.exists()


def test_edited_tables_and_foreign_pages_are_in_the_way(
    flawed: Path, extraction: Extraction, tmp_path: Path
) -> None:
    files = review_files(tmp_path)
    found = review_of(flawed, extraction)
    write_review(found, files, flawed)
    assert foreign_review(files) == []
    assert edited_table(files) is None
    files.table.write_text(files.table.read_text().replace("keep", "drop", 1))
    assert foreign_review(files) == []
    assert edited_table(files) == files.table
    files.table.write_text(files.table.read_text().replace(",", ";"))  # by a spreadsheet
    assert edited_table(files) == files.table
    files.page.write_text("mine")
    files.table.write_text("action,mine\n")
    assert foreign_review(files) == [files.page, files.table]
    assert edited_table(files) is None


def test_a_model_knows_its_photos(flawed: Path, extraction: Extraction, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="in two classes"):
        trained = retrain(flawed, drawn_extractor(), tmp_path / "out", device="cpu")
    assert model_in(tmp_path / "out") == trained.model == model_in(trained.model)
    assert model_in(flawed) is None
    (flawed / "fish" / "fish_009.jpg").unlink()
    found = read_model(trained.model, flawed, Extraction())
    assert len(found) == trained.images - 1
    assert found.folder == flawed
    assert [each.path for each in found.skipped] == ["fish/fish_009.jpg"]
    review = review_photos(str(trained.model), found, count=0)
    assert review.classes.keys() == {"crab", "fish", "jellyfish"}
    with pytest.raises(ValueError, match=r"give it with --photos DIR"):
        read_model(trained.model, None, extraction)
    with pytest.raises(ValueError, match=r"none of the .* photos that .*photos.csv lists is in"):
        read_model(trained.model, tmp_path / "out", extraction)
    (tmp_path / "out" / "photos.csv").write_text("path\n")
    with pytest.raises(ValueError, match=r"photos.csv cannot be used: its columns are not"):
        read_model(trained.model, flawed, extraction)
    (tmp_path / "out" / "photos.csv").unlink()
    with pytest.raises(ValueError, match=r"no photos.csv beside .*`coral-learn review DIR`"):
        read_model(trained.model, flawed, extraction)


def test_a_project_keeps_what_a_review_needs(flawed: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", drawn_extractor(), keep="nothing")
    assert is_project(project.path)
    assert not is_project(flawed)
    project.add_class("crab", sorted((flawed / "crab").glob("crab_*")))
    with pytest.raises(ValueError, match="has 1 class, but a review needs at least two"):
        read_project(project.path, None, Extraction())
    project.add_class("fish", sorted((flawed / "fish").glob("*_0*.jpg")))
    alone = review_photos("project", read_project(project.path, None, Extraction()), count=0)
    assert {each.photo.name for each in alone.doubtful} <= {photo.id for photo in project.photos}
    assert len(alone.doubtful) > 0
    assert "give the folder that has them with --photos DIR" in " ".join(alone.notes)
    (flawed / "fish" / "fish_009.jpg").unlink()
    found = read_project(project.path, flawed, Extraction())
    assert [photo.path is None for photo in found.photos].count(True) == 1
    review = review_photos("project", found, count=20)
    doubted = [each.photo.path for each in review.doubtful]
    assert flawed / "fish" / "crab_003.jpg" in doubted
    assert len(review.darkest) > 0
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(flawed / "jellyfish" / "jellyfish_001.jpg", new)
    found = read_project(project.path, None, Extraction(), unlabelled=new)
    [suggested] = review_photos("project", found, count=20).label_next
    assert suggested.photo.path == new / "jellyfish_001.jpg"
    with pytest.raises(ValueError, match="is not a folder"):
        read_project(project.path, new / "nothing", Extraction())
