"""Applying the table of a review, and undoing it."""

import csv
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.jobs.review import moves as module
from coral_learn.jobs.review.changes import plan_changes
from coral_learn.jobs.review.moves import Move, apply_moves, move_files, undo_moves
from coral_learn.jobs.review.table import TableRow, absolute, chosen, read_table

HEADER = "action,path,label,new_label,probability,reason,folder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two photos each."""
    for name in ("crab/1.jpg", "crab/2.jpg", "fish/deep/1.jpg", "fish/3.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "photos"


def table_of(folder: Path, *lines: str) -> Path:
    """Writes lines of action, path, label and new label."""
    path = folder.parent / "review.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.split(","))
        for line in lines:
            action, name, label, new = line.split(",")
            writer.writerow([action, name, label, new, "", "", str(folder)])
    return path


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder.parent).as_posix(): path.read_text()
        for path in folder.parent.rglob("*.jpg")
    }


def test_photos_move_and_are_dropped_and_come_back(folder: Path) -> None:
    before = content(folder)
    table = table_of(
        folder, "move,crab/1.jpg,crab,fish", "drop,fish/deep/1.jpg,fish,", "keep,crab/2.jpg,crab,x"
    )
    plan = plan_changes(table)
    assert content(folder) == before
    undo = apply_moves(plan.moves, table)
    assert content(folder) == {
        "photos/crab/2.jpg": "crab/2.jpg",
        "photos/fish/1.jpg": "crab/1.jpg",
        "photos/fish/3.jpg": "fish/3.jpg",
        "photos-dropped/fish/deep/1.jpg": "fish/deep/1.jpg",
    }
    assert undo == folder.parent / "review.undo.csv"
    with pytest.raises(ValueError, match="It was moved since"):
        plan_changes(table)
    undo_moves(undo)
    assert content(folder) == before
    assert not undo.exists()
    assert not (folder.parent / "photos-dropped").exists()


def test_a_new_class_gets_a_folder_and_a_split_stays(tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "train" / "crab" / "sub" / "1.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_text("x")
    table = table_of(tmp_path / "photos", "move,train/crab/sub/1.jpg,crab,lobster")
    plan = plan_changes(table)
    target = tmp_path / "photos" / "train" / "lobster" / "sub" / "1.jpg"
    assert plan.moves == [Move(photo, target)]
    assert "1 folder has no photo any more" in plan.notes[0]
    undo = apply_moves(plan.moves, table)
    assert target.read_text() == "x"
    undo_moves(undo)
    assert photo.read_text() == "x"
    assert not target.parents[1].exists()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_all_photos_move_or_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    before = content(folder)
    table = table_of(
        folder,
        "move,crab/1.jpg,crab,fish",
        "drop,fish/3.jpg,fish,",
        "move,crab/2.jpg,crab,new",
    )
    moved: list[Move] = []
    move_file = module._move_file

    def fail_late(move: Move) -> None:
        if len(moved) == failing:
            moved.append(move)
            raise OSError(errno.ENOSPC, "full")
        moved.append(move)
        move_file(move)

    monkeypatch.setattr(module, "_move_file", fail_late)
    with pytest.raises(OSError, match="full"):
        apply_moves(plan_changes(table).moves, table)
    assert content(folder) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["photos", "review.csv"]


def test_an_interrupt_between_link_and_unlink_leaves_one_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)

    def interrupted(self: Path, missing_ok: bool = False) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        move_files([Move(folder / "crab" / "1.jpg", folder / "fish" / "new.jpg")])
    assert content(folder) == before


@pytest.mark.parametrize(
    "error", [OSError(errno.EXDEV, "cross"), OSError(errno.EPERM, "FAT"), NotImplementedError()]
)
def test_file_systems_without_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(os, "link", refuse)
    move_files([Move(folder / "crab" / "1.jpg", folder / "new" / "1.jpg")])
    assert content(folder)["photos/new/1.jpg"] == "crab/1.jpg"
    assert "photos/crab/1.jpg" not in content(folder)
    with pytest.raises(FileExistsError):
        move_files([Move(folder / "crab" / "2.jpg", folder / "new" / "1.jpg")])
    assert content(folder)["photos/new/1.jpg"] == "crab/1.jpg"


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_source_that_cannot_be_removed_leaves_no_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    before = content(folder)
    unlink = Path.unlink

    def other_file_system(*arguments: object, **options: object) -> None:
        raise OSError(errno.EXDEV, "cross")

    def fail(self: Path, missing_ok: bool = False) -> None:
        if self.parent.name != "crab":
            unlink(self, missing_ok)
        elif is_removed:  # the signal arrives between the removal and the next line
            unlink(self)
            raise KeyboardInterrupt
        else:
            raise PermissionError(errno.EACCES, "read-only")

    monkeypatch.setattr(os, "link", other_file_system)
    monkeypatch.setattr(Path, "unlink", fail)
    moves = [
        Move(folder / "fish" / "3.jpg", folder / "new" / "3.jpg"),
        Move(folder / "crab" / "1.jpg", folder / "new" / "1.jpg"),
    ]
    with pytest.raises(KeyboardInterrupt if is_removed else PermissionError):
        move_files(moves)
    assert content(folder) == before
    assert not (folder / "new").exists()


def test_links_move_if_they_still_lead_to_the_photo(folder: Path) -> None:
    (folder / "crab" / "link.jpg").symlink_to("1.jpg")
    table = table_of(folder, "move,crab/link.jpg,crab,fish")
    with pytest.raises(ValueError, match=r"link.jpg is a link to 1.jpg, which .* Replace the link"):
        plan_changes(table)
    (folder / "crab" / "link.jpg").unlink()
    (folder / "crab" / "link.jpg").symlink_to(folder / "crab" / "1.jpg")
    undo = apply_moves(plan_changes(table).moves, table)
    assert (folder / "fish" / "link.jpg").read_text() == "crab/1.jpg"
    (folder / "crab" / "1.jpg").unlink()  # the link leads nowhere now, and still moves back
    undo_moves(undo)
    assert (folder / "crab" / "link.jpg").is_symlink()
    assert not os.path.lexists(folder / "fish" / "link.jpg")


def test_a_link_to_another_file_system_stays_a_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_file_system(*arguments: object, **options: object) -> None:
        raise OSError(errno.EXDEV, "cross")

    monkeypatch.setattr(os, "link", other_file_system)
    (folder / "crab" / "link.jpg").symlink_to(folder / "crab" / "1.jpg")
    move_files([Move(folder / "crab" / "link.jpg", folder / "new" / "link.jpg")])
    assert (folder / "new" / "link.jpg").readlink() == folder / "crab" / "1.jpg"


def test_the_photo_behind_a_link_is_not_removed(folder: Path) -> None:
    before = content(folder)
    link = folder / "crab" / "link.jpg"
    link.symlink_to(folder / "fish" / "3.jpg")
    with pytest.raises(FileExistsError):
        move_files([Move(link, folder / "fish" / "3.jpg")])
    link.unlink()
    assert content(folder) == before


def test_a_folder_with_dots_is_refused(folder: Path) -> None:
    table = table_of(folder / "crab" / "..", "drop,crab/1.jpg,crab,")
    with pytest.raises(ValueError, match=f"has '..' in it. Write {folder}."):
        plan_changes(table)


def test_dots_go_up_from_where_a_link_leads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(folder / "crab")
    monkeypatch.chdir(tmp_path)
    assert absolute(Path("link/..")) == folder
    assert absolute(Path("link")) == tmp_path / "link"


def test_no_file_is_ever_replaced(folder: Path) -> None:
    (folder / "fish" / "1.jpg").write_text("mine")
    with pytest.raises(ValueError, match=r"cannot become .*, which exists"):
        plan_changes(table_of(folder, "move,crab/1.jpg,crab,fish"))
    with pytest.raises(FileExistsError):
        move_files([Move(folder / "crab" / "1.jpg", folder / "fish" / "1.jpg")])
    assert (folder / "fish" / "1.jpg").read_text() == "mine"
    assert (folder / "crab" / "1.jpg").read_text() == "crab/1.jpg"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["remove,crab/1.jpg,crab,"], "line 2: the action 'remove' is not known. Use keep, move"),
        (["move,crab/1.jpg,crab,"], "line 2: new_label is empty"),
        (["drop,,crab,"], "line 2: path, label and folder must not be empty"),
        (["drop,../x.jpg,crab,"], "is not a path below"),
        (["drop,/etc/passwd,crab,"], "is not a path below"),
        (["drop,crab/9.jpg,crab,"], "line 2: there is no photo"),
        (["move,crab/1.jpg,crab,../x"], "line 2: new_label '../x' cannot be the name"),
        (["move,crab/1.jpg,crab,x/../../y"], "new_label 'x/../../y' cannot be the name"),
        (["move,crab/1.jpg,crab,.git"], "new_label '.git' cannot be the name of a class folder"),
        (["drop,crab/1.jpg,lobster,"], "is in no folder of the class 'lobster'"),
        (["move,crab/1.jpg,lobster,fish"], "is in no folder of the class 'lobster'"),
        (["drop,crab/1.jpg,crab,", "move,crab/1.jpg,crab,fish"], "lines 2 and 3 want different"),
        (["move,crab/1.jpg,crab,x", "move,crab/1.jpg,crab,y"], "lines 2 and 3 want different"),
    ],
)
def test_wrong_lines_are_named(folder: Path, lines: list[str], message: str) -> None:
    before = content(folder)
    table = table_of(folder, *lines)
    with pytest.raises(ValueError, match=message):
        plan_changes(table)
    assert content(folder) == before


def test_two_photos_of_one_name_are_refused(folder: Path) -> None:
    (folder / "fish" / "1.jpg").write_text("fish/1.jpg")
    table = table_of(folder, "move,crab/1.jpg,crab,new", "move,fish/1.jpg,fish,new")
    with pytest.raises(ValueError, match="would both become"):
        plan_changes(table)


def test_tables_of_spreadsheets(folder: Path) -> None:
    path = folder.parent / "review.csv"
    path.write_text(
        f"\ufefffolder;path;action;label;new_label\r\n{folder};crab/1.jpg;Drop ;crab;\r\n"
        f"{folder};crab/2.jpg;;crab;\r\n",
        encoding="utf-8",
    )
    assert [row.action for row in read_table(path)] == ["drop", "keep"]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="has no 5 columns action, path"):
        read_table(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no table of a review"):
        read_table(path)


def test_what_cannot_be_undone_is_told(folder: Path) -> None:
    table = table_of(folder, "move,crab/1.jpg,crab,fish")
    undo = apply_moves(plan_changes(table).moves, table)
    (folder / "crab" / "1.jpg").write_text("new")
    with pytest.raises(ValueError, match=r"cannot move back to .*, which exists"):
        undo_moves(undo)
    (folder / "fish" / "1.jpg").unlink()
    with pytest.raises(ValueError, match="is not there any more"):
        undo_moves(undo)
    with pytest.raises(ValueError, match="does not say how to undo a review"):
        undo_moves(table)


def test_each_change_has_its_own_undo(folder: Path) -> None:
    table = table_of(folder, "move,crab/1.jpg,crab,fish")
    first = apply_moves(plan_changes(table).moves, table)
    table = table_of(folder, "move,crab/2.jpg,crab,fish")
    second = apply_moves(plan_changes(table).moves, table)
    assert first.name == "review.undo.csv"
    assert second.name == "review-2.undo.csv"
    before = set(content(folder))
    undo_moves(second)
    undo_moves(first)
    assert "photos/crab/1.jpg" in content(folder)
    assert before != set(content(folder))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "move", "drop"]), st.sampled_from("abc"), st.sampled_from("xy")
        )
    )
)
def test_each_photo_is_changed_once_or_an_error(lines: list[tuple[str, str, str]]) -> None:
    rows = [
        TableRow(number, action, path, "label", new, Path("/photos"))
        for number, (action, path, new) in enumerate(lines)
    ]
    wanted: dict[str, set[str]] = {}
    for action, path, new in lines:
        if action != "keep":
            wanted.setdefault(path, set()).add(action + (new if action == "move" else ""))
    if any(len(each) > 1 for each in wanted.values()):
        with pytest.raises(ValueError, match="want different things"):
            chosen(rows)
    else:
        assert sorted(row.path for row in chosen(rows)) == sorted(wanted)
