"""Retraining and evaluating on photos that are split, copied, unpacked or seen before."""

import csv
import hashlib
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.support.model_builder import build_extractor
from tests.support.photo_files import photo

from coral_learn.dataset.split import Split
from coral_learn.jobs.evaluation import evaluate
from coral_learn.jobs.holdout import choose_split
from coral_learn.jobs.retraining import RetrainResult, retrain

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EXTRACTOR = build_extractor("uint8", 8).content


def draw(folder: Path, *names: str, start: int = 0) -> Path:
    """Makes a different photo for each name, ``class/1.png``; returns the folder."""
    for number, name in enumerate(names, start):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(photo(number))
    return folder


def names_of(*labels: str, photos: int = 6) -> list[str]:
    return [f"{label}/{number}.png" for label in labels for number in range(photos)]


def train(folder: Path, output: Path, **settings: float) -> RetrainResult:
    return retrain(folder, EXTRACTOR, output, device="cpu", method="imprint", **settings)  # type: ignore[arg-type]


def record(result: RetrainResult) -> list[dict[str, str]]:
    with (result.model.parent / "photos.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def parts(result: RetrainResult) -> Counter[str]:
    return Counter(row["split"] for row in record(result))


@pytest.fixture
def split_folder(tmp_path: Path) -> Path:
    """A folder with 12 photos to train on, 4 to validate and 2 to test on."""
    folder = draw(tmp_path / "photos" / "train", *names_of("a", "b"))
    draw(folder.parent / "val", *names_of("a", "b", photos=2), start=20)
    draw(folder.parent / "test", *names_of("a", "b", photos=1), start=30)
    return folder.parent


def test_the_record_lists_the_photos(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    rows = record(train(folder, tmp_path / "out"))
    assert [row["path"] for row in rows] == names_of("a", "b")
    assert Counter((row["class"], row["split"]) for row in rows) == {
        (label, part): count
        for label in "ab"
        for part, count in (("train", 4), ("validation", 1), ("test", 1))
    }
    content = (folder / "a" / "0.png").read_bytes()
    assert rows[0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_split_of_the_folder_is_used(split_folder: Path, tmp_path: Path) -> None:
    result = train(split_folder, tmp_path / "out")
    assert result.classes == ["a", "b"]
    assert parts(result) == {"train": 12, "validation": 4, "test": 2}
    assert all(row["path"].startswith(row["split"][:3]) for row in record(result))
    assert result.notes[-1] == f"train/, val/ and test/ in {split_folder} are used as the split"


def test_a_part_that_is_missing_is_taken_from_training(split_folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(split_folder / "val")
    result = train(split_folder, tmp_path / "out", validation=0.25)
    assert parts(result) == {"train": 8, "validation": 4, "test": 2}
    assert "no validation part: 25% of the training photos are used" in result.notes[-1]


def test_fractions_do_not_change_a_split(split_folder: Path, tmp_path: Path) -> None:
    result = train(split_folder, tmp_path / "out", test=0.5)
    assert parts(result) == {"train": 12, "validation": 4, "test": 2}
    assert "a test part, which is used; the test fraction 0.5 is not" in result.notes[-1]


def test_no_split_is_a_random_one() -> None:
    labels = np.repeat([0, 1], 10)
    split, notes = choose_split(labels, None, 0.2, 0.2, 0)
    assert [len(rows) for rows in (split.train, split.validation, split.test)] == [12, 4, 4]
    assert notes == []


def test_the_parts_of_a_completed_split_are_disjoint() -> None:
    given = Split(np.arange(3, 23), np.empty(0, np.int64), np.array([0, 2]))
    split, _ = choose_split(np.repeat([0, 1], 12)[:23], given, 0.1, 0.1, 0)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == [0, 2, *range(3, 23)]
    assert split.test.tolist() == [0, 2]


def test_a_photo_in_two_classes_is_skipped_in_both(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    shutil.copy(folder / "a/0.png", folder / "b/copy.png")
    with pytest.warns(UserWarning, match=r"1 photo is in two classes.* a/0\.png is the same photo"):
        result = train(folder, tmp_path / "out")
    assert result.images == 11
    assert [(each.path, each.reason) for each in result.skipped] == [
        (str(folder / "a/0.png"), "the same photo is in another class: b/copy.png"),
        (str(folder / "b/copy.png"), "the same photo is in another class: a/0.png"),
    ]
    assert "a/0.png" not in {row["path"] for row in record(result)}


def test_copies_count_once(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    for number in range(4):
        shutil.copy(folder / "a/0.png", folder / f"a/copy {number}.png")
    result = train(folder, tmp_path / "out")
    assert result.images == 12
    assert result.skipped == []
    assert result.notes == ["4 exact copies of other photos count only once"]


def test_no_copy_of_a_training_photo_is_tested(split_folder: Path, tmp_path: Path) -> None:
    shutil.copy(split_folder / "train/a/0.png", split_folder / "test/a/copy.png")
    result = train(split_folder, tmp_path / "out")
    assert parts(result) == {"train": 12, "validation": 4, "test": 2}
    assert result.notes[-1].startswith("1 exact copy of other photos counts only once; 1 of them")


def test_a_class_of_copies_alone_is_refused(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a"))
    shutil.copytree(folder / "a", folder / "b")
    with pytest.raises(ValueError, match="has no photo of 'a', 'b' that is not in another"):
        train(folder, tmp_path / "out")


def test_an_archive_is_a_folder(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    (folder / "a" / "bad.png").write_bytes(b"no photo")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    packed = train(tmp_path / "photos.zip", tmp_path / "packed")
    assert [each.path for each in packed.skipped] == [
        str(tmp_path / "photos.zip" / "photos" / "a" / "bad.png")
    ]
    plain = train(folder, tmp_path / "plain")
    assert packed.model.read_bytes() == plain.model.read_bytes()
    assert "coral-learn-" not in packed.report.read_text()


@pytest.mark.parametrize("name", ["photos", "photos/out", "photos/a", "photos/a/out", "photos/."])
def test_results_among_the_photos_are_refused(tmp_path: Path, name: str) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    with pytest.raises(
        ValueError, match=r"lies in the folder of the photos.*such as .*photos-model"
    ):
        train(folder, tmp_path / name)
    assert not (folder / "out").exists()


def test_results_in_a_hidden_folder_are_no_class(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    train(folder, folder / ".model")
    assert train(folder, folder / ".model").classes == ["a", "b"]


def test_photos_that_the_model_has_seen_are_told_from_new_ones(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    model = train(folder, tmp_path / "out").model
    with pytest.warns(UserWarning, match="trained on 10 of the 12 photos.*on the 2 others"):
        found = evaluate(model, folder)
    assert found.seen is not None
    assert found.new is not None
    assert (found.seen.images, found.new.images) == (10, 2)
    assert found.to_json()["seen"]["images"] == 10
    right = sum(part.images * (part.accuracy or 0) for part in (found.seen, found.new))
    assert right == pytest.approx(found.accuracy * 12)


def test_a_few_seen_photos_are_a_note(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    model = train(folder, tmp_path / "out").model
    others = draw(tmp_path / "others", *names_of("a", "b", photos=20), start=50)
    shutil.copy(folder / "a/0.png", others / "a/known.png")
    known = {row["path"]: row["split"] for row in record(train(folder, tmp_path / "out"))}
    found = evaluate(model, others)
    assert found.seen is not None
    assert found.seen.images == (known["a/0.png"] != "test")
    assert len(found.notes) == found.seen.images


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "path,sha256,class,split\na,zz,a,train\n", "\0"]
)
def test_a_broken_record_is_ignored_with_a_warning(tmp_path: Path, text: str) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    result = train(folder, tmp_path / "out")
    (tmp_path / "out/photos.csv").write_text(text)
    with pytest.warns(UserWarning, match=r"photos\.csv cannot be used"):
        found = evaluate(result.model, folder)
    assert found.seen is None


def test_the_record_of_a_model_with_other_classes_is_ignored(tmp_path: Path) -> None:
    folder = draw(tmp_path / "photos", *names_of("a", "b"))
    result = train(folder, tmp_path / "out")
    others = [row | {"class": "c"} for row in record(result)]
    with (tmp_path / "out/photos.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(others[0]))
        writer.writeheader()
        writer.writerows(others)
    assert evaluate(result.model, folder).seen is None


def test_the_test_part_is_evaluated(split_folder: Path, tmp_path: Path) -> None:
    result = train(split_folder, tmp_path / "out")
    found = evaluate(result.model, split_folder)
    assert found.images == 2
    assert found.notes[-1] == "the 2 photos of the test part are used, and no others"
    shutil.rmtree(split_folder / "test")
    with pytest.warns(UserWarning, match="trained on 4 of the 4 photos"):
        assert evaluate(result.model, split_folder).images == 4
