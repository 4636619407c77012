"""The command ``coral-learn review``."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.drawn_extractor import drawn_extractor

from coral_learn import Project
from coral_learn.cli.app import app

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawn photos with a crab among the fish, and one photo in two classes."""
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "crab" / "crab_003.jpg").rename(tmp_path / "photos" / "fish" / "x.jpg")
    shutil.copy(tmp_path / "photos" / "fish" / "fish_001.jpg", tmp_path / "photos" / "crab")
    (tmp_path / "extractor.tflite").write_bytes(drawn_extractor())
    monkeypatch.setenv("CORAL_LEARN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def run(*arguments: str | Path, status: int = 0) -> Result:
    extractor = [] if str(arguments[0]).startswith("--") else ["--extractor", "extractor.tflite"]
    done = CliRunner().invoke(app, ["review", *map(str, arguments), *extractor])
    if status < 2 and isinstance(done.exception, ValueError):
        assert status == 1
    else:
        assert done.exit_code == status, done.output
    return done


def test_the_json_names_what_is_doubtful(folder: Path) -> None:
    found = json.loads(run("photos", "--json").stdout)
    assert {"doubtful", "duplicates"} <= found.keys()
    [wrong] = [each for each in found["doubtful"] if each["path"] == "photos/fish/x.jpg"]
    assert wrong.keys() == {"path", "label", "suggested", "probability"}
    assert (wrong["label"], wrong["suggested"]) == ("fish", "crab")
    assert found["duplicates"][0]["labels"] == ["crab", "fish"]
    assert found["files"] == []


def test_the_table_ends_with_what_to_do_next(folder: Path) -> None:
    done = run("photos")
    assert "Doubtful labels" in done.stdout
    assert "photos/fish/x.jpg" in done.stdout
    assert "One photo, several labels (1)" in done.stdout
    assert "Next: coral-learn review photos --output REVIEW" in done.stdout


def test_an_edited_table_is_applied_and_undone(folder: Path) -> None:
    done = run("photos", "--output", "out")
    assert "Next: coral-learn review --apply out/review.csv --dry-run" in done.stdout
    with Path("out/review.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["path"] == "fish/x.jpg" and row["reason"] == "doubtful label":
            assert row["new_label"] == "crab"
            row["action"] = "move"
        if row["path"] == "crab/fish_001.jpg":
            row["action"] = "drop"
    with Path("out/review.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = run("photos", "--output", "out", status=1)
    message = str(done.exception)
    assert message.startswith("out/review.csv has choices that were edited. Apply them with")
    assert "earlier result" not in message
    done = run("--apply", "out/review.csv", "--dry-run")
    assert "2 photos would move. Nothing is changed." in done.stdout
    assert (folder / "fish" / "x.jpg").exists()
    done = run("--apply", "out/review.csv", "--json")
    answer = json.loads(done.stdout)
    assert len(answer["moved"]) == 2
    assert (folder / "crab" / "x.jpg").exists()
    assert Path("photos-dropped/crab/fish_001.jpg").exists()
    done = run("--undo", answer["undo"])
    assert "2 photos moved back." in done.stdout
    assert (folder / "fish" / "x.jpg").exists()
    assert not Path("photos-dropped").exists()


def test_a_folder_above_is_named_without_dots(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "crab")
    output, extractor = folder.parent / "out", folder.parent / "extractor.tflite"
    done = CliRunner().invoke(
        app, ["review", "..", "--extractor", str(extractor), "--output", str(output)]
    )
    assert done.exit_code == 0, done.output
    assert "<title>photos: review" in (output / "review.html").read_text()
    table = output / "review.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["folder"] for row in rows} == {str(folder)}
    assert "fish/x.jpg" in {row["path"] for row in rows}
    lines = table.read_text().splitlines(keepends=True)
    [line, *_] = [line for line in lines if line.startswith("keep,fish/x.jpg,")]
    table.write_text(lines[0] + line.replace("keep", "drop", 1))
    run("--apply", table)
    assert (folder.parent / "photos-dropped" / "fish" / "x.jpg").exists()


def test_an_unedited_table_changes_nothing(folder: Path) -> None:
    run("photos", "--output", "page.html")
    done = run("--apply", "page.csv")
    assert "No line has the action move or drop. Nothing is changed." in done.stdout
    assert Path("page.html").exists()


def test_nothing_is_written_among_the_photos(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = run("photos", "--output", "photos/review", status=1)
    assert "lies in the folder of the photos" in str(done.exception)
    assert sorted(folder.rglob("*")) == before


def test_the_output_of_a_project_lies_outside_of_it(folder: Path) -> None:
    project = Project.create("pr", "extractor.tflite")
    for name in ("crab", "fish"):
        project.add_class(name, sorted((folder / name).glob("*_01*.jpg")))
    arguments = ["review", "pr", "--output"]
    done = CliRunner().invoke(app, [*arguments, "pr"])
    message = str(done.exception)
    assert "lies in the project, pr, where nothing is changed" in message
    assert message.endswith(f"such as {folder.parent}/pr-review.")
    for options in (["--photos", "photos"], ["--unlabelled", "photos"]):
        done = CliRunner().invoke(app, [*arguments, "photos/new", *options])
        assert "lies in the folder of the photos, photos" in str(done.exception)
    done = CliRunner().invoke(app, ["review", "pr", "--input-size", "64"])
    assert done.exit_code == 2
    assert "'--input-size': the project pr has its own extractor" in done.output


def test_an_output_is_no_table(folder: Path) -> None:
    done = run("photos", "--output", "rev.csv", status=1)
    assert "the output rev.csv is named like the table" in str(done.exception)
    assert str(done.exception).endswith("Give the page, rev.html.")
    assert not Path("rev.csv").exists()


@pytest.mark.parametrize("mode", ["--apply", "--undo"])
@pytest.mark.parametrize(
    "options",
    [
        ["--output", "out"],
        ["--extractor", "x.tflite", "--unlabelled", "new"],
        ["--count", "20"],
        ["--no-cache"],
        ["--force"],
        ["--input-size", "64"],
    ],
)
def test_options_of_a_review_are_refused_with_changes(
    folder: Path, mode: str, options: list[str]
) -> None:
    names = [name for name in options if name.startswith("--")]
    done = run(mode, "x.csv", *options, status=2)
    text = " ".join(done.output.replace("│", " ").split())
    assert f"{', '.join(names)}: for a review of photos only, and {mode} moves" in text
    assert f"Leave out {'this option' if len(names) == 1 else 'these options'}." in text


def test_few_photos_cannot_be_judged(folder: Path) -> None:
    for photo in [*folder.glob("*/*_01*.jpg"), *folder.glob("*/*_00[3-9].jpg")]:
        photo.unlink()
    done = run("photos")
    assert "There are too few photos of each class to judge their labels" in done.stdout
    assert "classes with fewer than 5 photos can hardly be judged" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json"], "give the folder of your photos"),
        (["photos", "--apply", "x.csv"], "Give one of"),
        (["--apply", "x.csv", "--undo", "y.csv"], "Give one of"),
        (["photos", "--dry-run"], "'--dry-run' belongs to --apply"),
        (["photos", "--photos", "photos"], "'--photos' says where the photos of a model"),
        (["photos", "--count", "0"], "'--count'"),
    ],
)
def test_wrong_usage_is_explained(folder: Path, arguments: list[str], message: str) -> None:
    assert message in run(*arguments, status=2).output
