"""The changes to the state of a project, as pure functions."""

import pytest

from coral_learn.project.state import (
    REMOVED,
    EmbeddingFile,
    ProjectState,
    add_photos,
    remove_class,
    rename_class,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def trained() -> ProjectState:
    """A state with a head; the photos of its classes are in two files."""
    photos = [EmbeddingFile("a.npz", [0, 0, 1]), EmbeddingFile("b.npz", [2])]
    return ProjectState("add", ["crab", "fish", "turtle"], photos, "head.npz", 0.9, 0.5)


def test_a_new_class_gets_the_next_index_and_no_head(trained: ProjectState) -> None:
    changed = add_photos(trained, "eel", "c.npz", 2)
    assert changed.classes == ["crab", "fish", "turtle", "eel"]
    assert changed.photos == [*trained.photos, EmbeddingFile("c.npz", [3, 3])]
    assert (changed.head, changed.accuracy, changed.threshold) == (None, None, 0.0)
    assert changed.what == "add class eel (2 photos)"


def test_new_photos_get_the_index_of_their_class_and_no_head(trained: ProjectState) -> None:
    changed = add_photos(trained, "fish", "c.npz", 2)
    assert changed.classes == trained.classes
    assert changed.photos[-1] == EmbeddingFile("c.npz", [1, 1])
    assert (changed.head, changed.accuracy, changed.threshold) == (None, None, 0.0)
    assert changed.what == "add 2 photos to fish"


def test_one_photo_is_no_photos(trained: ProjectState) -> None:
    assert add_photos(trained, "eel", "c.npz", 1).what == "add class eel (1 photo)"
    assert add_photos(trained, "fish", "c.npz", 1).what == "add 1 photo to fish"


def test_removing_a_class_moves_later_classes_up(trained: ProjectState) -> None:
    changed = remove_class(trained, "crab")
    assert changed.classes == ["fish", "turtle"]
    assert changed.photos == [
        EmbeddingFile("a.npz", [REMOVED, REMOVED, 0]),
        EmbeddingFile("b.npz", [1]),
    ]
    assert [changed.count(name) for name in changed.classes] == [1, 1]
    assert (changed.head, changed.what) == (None, "remove class crab")


def test_a_file_without_a_class_is_no_longer_listed(trained: ProjectState) -> None:
    assert [part.file for part in remove_class(trained, "turtle").photos] == ["a.npz"]


def test_renaming_keeps_the_head(trained: ProjectState) -> None:
    changed = rename_class(trained, "fish", "eel")
    assert changed.classes == ["crab", "eel", "turtle"]
    assert (changed.head, changed.accuracy, changed.threshold) == ("head.npz", 0.9, 0.5)
    assert changed.what == "rename fish to eel"


def test_no_change_modifies_the_state_before_it(trained: ProjectState) -> None:
    before = repr(trained)
    add_photos(trained, "eel", "c.npz", 2)
    add_photos(trained, "fish", "c.npz", 2)
    remove_class(trained, "crab")
    rename_class(trained, "fish", "eel")
    assert repr(trained) == before
