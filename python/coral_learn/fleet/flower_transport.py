"""The messages of a fleet on Flower's Message API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from .fields import Fields, Flat, pack, unpack
from .transport import Reply

RECORD = "fleet"
"""The name of the one record of each message: each record costs Flower several requests."""

QUESTION = "query.fleet"
"""The type of all messages: boards answer and change nothing, except for the last question."""


class FlowerTransport:
    """Carries messages over a grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._round = 0

    def boards(self) -> list[int]:
        """Returns the ids of the nodes that are there now."""
        return list(self._grid.get_node_ids())

    def send(self, messages: Mapping[int, Sequence[Fields]]) -> tuple[dict[int, str], int]:
        """Sends questions to nodes; returns the id of each message, and the bytes of all."""
        self._round += 1
        size, pushed = 0, []
        for board, questions in messages.items():
            flat = pack(questions)
            size += size_of(flat)
            pushed.append(_message(flat, dst_node_id=board, group_id=str(self._round)))
        ids = list(self._grid.push_messages(pushed))
        ids += [""] * (len(messages) - len(ids))
        return {board: id_ or "" for board, id_ in zip(messages, ids, strict=True)}, size

    def receive(self, tickets: Iterable[str]) -> list[Reply]:
        """Returns the answers that have come to any of these messages."""
        return [_reply(message) for message in self._grid.pull_messages(list(tickets))]


def questions_of(message: Message) -> list[dict[str, Any]]:
    """Returns the questions in a message.

    Raises:
        ValueError: It is not a message of :class:`FlowerTransport`.
    """
    record = message.content.get(RECORD) if message.has_content() else None
    if not isinstance(record, ConfigRecord):
        raise ValueError("the message is not from a coordinator of coral-learn")
    return unpack(record)


def answer(message: Message, answers: Sequence[Fields]) -> Message:
    """Returns the message that answers another one."""
    return Message(RecordDict({RECORD: ConfigRecord(pack(answers))}), reply_to=message)


def size_of(flat: Mapping[str, Any]) -> int:
    """Returns the bytes of a record, by its content."""
    return sum(len(name) + _size(value) for name, value in flat.items())


def _message(flat: Flat, *, dst_node_id: int, group_id: str) -> Message:
    content = RecordDict({RECORD: ConfigRecord(flat)})
    return Message(content, dst_node_id, QUESTION, group_id=group_id)


def _reply(message: Message) -> Reply:
    ticket = message.metadata.reply_to_message_id
    if message.has_error():
        return Reply(ticket, failure=_reason(message.error.reason or "it failed"))
    try:
        size = size_of(message.content[RECORD])
        return Reply(ticket, questions_of(message), size=size)
    except (KeyError, ValueError, TypeError) as error:
        return Reply(ticket, failure=f"its answer cannot be read: {error}")


def _reason(text: str) -> str:
    """Returns what a board said, without the class of the error that Flower adds."""
    _, separator, rest = text.partition(">:<'")
    return rest.removesuffix("'>") if separator else text


def _size(value: Any) -> int:
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, list):
        return sum(map(_size, value))
    return 8
