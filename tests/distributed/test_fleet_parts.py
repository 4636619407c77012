"""The parts of a fleet that need no Flower: fields, links, agreement, noise and refusals."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.drawn_extractor import drawn_extractor
from tests.support.fleet import assert_same, fit_together

from coral_learn.arrays import AnyArray
from coral_learn.demo.drawing import write_photos
from coral_learn.embeddings import Embeddings
from coral_learn.fleet.agreement import Board, all_classes, with_one_extractor
from coral_learn.fleet.coordinator import fit_fleet
from coral_learn.fleet.fields import Fields, array, number, pack, texts, unpack
from coral_learn.fleet.fingerprint import distance, drawn_pictures, fingerprint
from coral_learn.fleet.fleet_records import CoordinatorOptions
from coral_learn.fleet.links import Links
from coral_learn.fleet.member import Member, MemberOptions
from coral_learn.fleet.noisy_sums import epsilon, noisy_gradient
from coral_learn.fleet.transport import Reply
from coral_learn.heads.memory_shard import MemoryShard
from coral_learn.heads.shard import ShardLostError
from coral_learn.project.project import Project
from coral_learn.tflite.file import ModelFile

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


class Boards:
    """A transport to members in this process, which fail when they are told to."""

    def __init__(self, members: dict[int, Member]) -> None:
        self.members = members
        self.batches: list[Mapping[int, Sequence[Fields]]] = []
        self.silent: set[int] = set()
        self.leave_after: dict[int, int] = {}  # the number of batches that a board answers
        self._replies: dict[str, Reply] = {}

    def boards(self) -> list[int]:
        return [board for board, member in self.members.items() if not member.is_over]

    def send(self, messages: Mapping[int, Sequence[Fields]]) -> tuple[dict[int, str], int]:
        self.batches.append(messages)
        tickets = {}
        for board, questions in messages.items():
            ticket = tickets[board] = f"{len(self.batches)}-{board}"
            if board in self.silent or len(self.batches) > self.leave_after.get(board, 10**6):
                continue
            try:
                asked = unpack(pack(questions))
                answers = [self.members[board].answer(each) for each in asked]
                self._replies[ticket] = Reply(ticket, unpack(pack(answers)), size=1)
            except ValueError as error:
                self._replies[ticket] = Reply(ticket, failure=str(error))
        return tickets, 1

    def receive(self, tickets: Iterable[str]) -> list[Reply]:
        return [self._replies.pop(each) for each in list(tickets) if each in self._replies]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=8, seed=2):
        pass
    return folder


def project_of(folder: Path, drawn: Path, *names: str, first: int = 0) -> Project:
    project = Project.create(folder, drawn_extractor())
    for name in names:
        project.add(name, sorted((drawn / name).iterdir())[first : first + 4])
    return project


def members_of(*projects: Project, **options: Any) -> dict[int, Member]:
    return {
        place: Member(MemberOptions(project.path, name=f"board {place}", **options))
        for place, project in enumerate(projects)
    }


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(-1, 1) | st.text() | st.booleans()))
)
def test_fields_come_back(messages: list[dict[str, Any]]) -> None:
    assert unpack(pack(messages)) == messages


def test_arrays_come_back() -> None:
    given: dict[str, AnyArray] = {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "t": np.array([[-1]], np.int8),
    }
    (found,) = unpack(pack([given]))
    for name, values in given.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    "flat",
    [
        {},
        {"count": 10**9},
        {"count": 1, "x": 1},
        {"count": 1, "1.x": 1},
        {"count": 1, "0.x:<f4:1000000,1000000": b"abcd"},
        {"count": 1, "0.x:<f4:1": b"abc"},
        {"count": 1, "0.x:|O:1": b"abcdefgh"},
        {"count": 1, "0.x:<f4:1": np.array([np.nan], np.float32).tobytes()},
        {"count": 1, "0.x": float("inf")},
    ],
)
def test_hostile_fields_are_refused(flat: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"part|count|bytes|array|finite"):
        unpack(flat)


def test_wrong_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="x must be an array of shape"):
        array({"x": np.zeros(3)}, "x", (4,))
    with pytest.raises(ValueError, match="x must be a number"):
        number({"x": "1"}, "x")
    with pytest.raises(ValueError, match="x must be a list of texts"):
        texts({"x": [1]}, "x")


def test_questions_that_are_asked_at_once_go_in_one_message() -> None:
    class Counting:
        def __init__(self) -> None:
            self.batches: list[int] = []

        def boards(self) -> list[int]:
            return [1]

        def send(self, messages: Mapping[int, Sequence[Fields]]) -> tuple[dict[int, str], int]:
            self.batches.append(len(messages[1]))
            return {1: str(len(self.batches))}, 0

        def receive(self, tickets: Iterable[str]) -> list[Reply]:
            return [Reply(each, [{}] * self.batches[int(each) - 1]) for each in tickets]

    transport = Counting()
    links = Links(transport, patience=60)
    threads = [threading.Thread(target=links.ask, args=(1, {"ask": "x"})) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    links.close()
    assert sum(transport.batches) == 5
    assert links.traffic.rounds == len(transport.batches) < 5
    with pytest.raises(ShardLostError, match="the fleet has ended"):
        links.ask(1, {"ask": "x"})


def test_a_silent_board_is_left_out(drawn: Path, tmp_path: Path) -> None:
    one = project_of(tmp_path / "one", drawn, "crab", "fish")
    two = project_of(tmp_path / "two", drawn, "crab", "fish", first=4)
    boards = Boards(members_of(one, two))
    boards.silent.add(1)
    said: list[str] = []
    options = CoordinatorOptions(2, patience=0.5, penalty=0.1)
    result = fit_fleet(boards, options, say=said.append)
    assert [board.name for board in result.boards] == ["board 0"]
    assert "board 1 is left out: it did not answer for 0 seconds" in " ".join(said)
    assert (one.path / "fleet" / "retrained_model.tflite").exists()
    assert one.history[-1] == "take the head of a fleet of 1 board"


def test_a_board_that_leaves_during_the_search_is_left_out(drawn: Path, tmp_path: Path) -> None:
    projects = [
        project_of(tmp_path / name, drawn, "crab", "fish", first=first)
        for name, first in (("one", 0), ("two", 2), ("three", 4))
    ]
    boards = Boards(members_of(*projects))
    boards.leave_after = {2: 12}
    result = fit_fleet(boards, CoordinatorOptions(3, patience=0.5))
    assert [board.name for board in result.boards] == ["board 0", "board 1"]
    assert len(boards.batches) > 30
    assert_same(result.head, fit_together(projects[:2], ["crab", "fish"], seed=0))


def test_a_quick_head_takes_a_few_rounds(drawn: Path, tmp_path: Path) -> None:
    one = project_of(tmp_path / "one", drawn, "crab", "fish")
    two = project_of(tmp_path / "two", drawn, "fish", "crab", first=4)
    boards = Boards(members_of(one, two))
    said: list[str] = []
    result = fit_fleet(boards, CoordinatorOptions(2, quick=True), say=said.append)
    # What is asked at once may go in two messages on a busy machine.
    asked = [question["ask"] for batch in boards.batches for question in batch[0]]
    assert [kind for place, kind in enumerate(asked) if kind not in asked[:place]] == [
        *("hello", "describe", "moments", "loss", "held out", "result", "bye"),
    ]
    assert len(asked) < 40
    assert not result.to_json()["exact"]
    assert "WARNING: the head is not fitted" in " ".join(said)
    assert "fewer than 10 photos for each class" in " ".join(said)
    rows = one.training_rows()
    assert result.head.labels == rows.classes
    assert result.head.get_accuracy(rows.embeddings, rows.labels) == 1
    assert one.history[-1] == "take the head of a fleet of 2 boards"


def test_a_board_with_too_few_photos_takes_no_part(drawn: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path / "few", drawn, "crab")
    with pytest.raises(ValueError, match="has 4 photos, and --at-least 5"):
        Member(MemberOptions(project.path, at_least=5)).check()


def test_files_of_others_are_not_overwritten(drawn: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path / "mine", drawn, "crab")
    output = tmp_path / "output"
    output.mkdir()
    (output / "label_map.txt").write_text("mine\n")
    with pytest.raises(ValueError, match="would be overwritten"):
        Member(MemberOptions(project.path, output)).check()
    Member(MemberOptions(project.path, output, force=True)).check()


def test_other_extractors_are_left_out() -> None:
    generator = np.random.default_rng(0)
    same = generator.normal(size=(8, 20)).astype(np.float32)
    other = generator.normal(size=(8, 20)).astype(np.float32)
    boards = [
        Board(0, "a", ["x"], 1, same),
        Board(1, "b", ["z", "y"], 1, other),
        Board(2, "c", ["y"], 1, same + 0.01),
    ]
    agreeing, others = with_one_extractor(boards)
    assert [each.name for each in agreeing] == ["a", "c"]
    assert [each.name for each in others] == ["b"]
    assert all_classes(agreeing) == ["x", "y"]
    assert distance(same, same[:, :10]) == np.inf


def test_the_fingerprint_is_the_same_for_every_board() -> None:
    model = ModelFile.open(drawn_extractor())
    np.testing.assert_array_equal(fingerprint(model), fingerprint(model))
    first = np.asarray(drawn_pictures(32, 16)[0])
    assert first.shape == (16, 32, 3)
    assert first[0, 0].tolist() == [186, 89, 156] or first.std() > 50


def test_a_board_with_noise_tells_nothing_else(drawn: Path, tmp_path: Path) -> None:
    projects = [
        project_of(tmp_path / "one", drawn, "crab", "fish"),
        project_of(tmp_path / "two", drawn, "crab", "fish", first=4),
    ]
    boards = Boards(members_of(*projects, noise=0.5))
    result = fit_fleet(boards, CoordinatorOptions(2))
    assert not result.to_json()["exact"]
    assert len(boards.batches) == 43  # hello, 40 rounds, the head, and goodbye
    with pytest.raises(ValueError, match="nothing but sums with noise"):
        boards.members[0].answer({"ask": "describe", "classes": ["crab", "fish"]})


def test_clipped_gradients_without_noise_are_gradients() -> None:
    generator = np.random.default_rng(0)
    embeddings = Embeddings(generator.integers(0, 255, (30, 6)).astype(np.uint8), 0.1, 3)
    labels = generator.integers(0, 3, 30)
    weights = generator.normal(size=(3, 6)).astype(np.float32)
    biases = generator.normal(size=3).astype(np.float32)
    center = np.zeros(6)

    def sums(clip: float) -> NDArray[np.float64]:
        found = noisy_gradient(
            embeddings, labels, weights, biases,
            center=center, clip=clip, noise=0.0, generator=generator,
        )  # fmt: skip
        return np.column_stack((found.weight_gradient, found.bias_gradient))

    exact = MemoryShard(embeddings, labels).loss_and_gradient(weights, biases)
    expected = np.column_stack((exact.weight_gradient, exact.bias_gradient))
    np.testing.assert_allclose(sums(1e9), expected, rtol=1e-4, atol=1e-2)
    assert np.linalg.norm(sums(0.5)) <= 30 * 0.5


def test_epsilon_falls_with_noise() -> None:
    assert epsilon(2.0) == pytest.approx(20.2, abs=0.1)
    assert epsilon(8.0) < epsilon(4.0)
