"""The links of a coordinator to the boards: questions that are asked at once go in one message.

Many threads ask; one thread sends and receives. A board works on one message at a time, so what is
asked meanwhile waits and goes together. A board that fails, leaves or stays silent is lost: all
that is asked of it then raises :class:`ShardLostError`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..heads.shard import ShardLostError
from .fields import Fields
from .transport import Reply, Traffic, Transport

_GATHER_SECONDS = 0.01  # without a further question, those asked so far are sent
_POLL_SECONDS = 0.03  # between looks for answers
_LOOK_FOR_BOARDS_SECONDS = 2.0


@dataclass
class _Question:
    board: int
    fields: Fields
    done: threading.Event = field(default_factory=threading.Event)
    answer: Mapping[str, Any] | None = None
    lost: ShardLostError | None = None

    def settle(self, answer: Mapping[str, Any] | None, lost: ShardLostError | None = None) -> None:
        self.answer, self.lost = answer, lost
        self.done.set()


@dataclass
class _Underway:
    ticket: str
    questions: list[_Question]
    since: float


class Links:
    """Asks boards.

    Attributes:
        traffic: What was carried so far.
        lost: Why each board was lost, by its number.
        on_round: Called whenever messages were sent, in the thread that sends them.
    """

    def __init__(
        self,
        transport: Transport,
        patience: float,
        on_loss: Callable[[int, str], object] = lambda board, reason: None,
    ) -> None:
        """Starts the thread that sends and receives; :meth:`close` ends it.

        Args:
            transport: Carries the messages.
            patience: Seconds after which a board that does not answer is lost.
            on_loss: Called with the number of a board that is lost and the reason.
        """
        self.traffic = Traffic()
        self.lost: dict[int, str] = {}
        self.on_round: Callable[[], object] = lambda: None
        self._transport = transport
        self._patience = patience
        self._on_loss = on_loss
        self._waiting: list[_Question] = []
        self._underway: dict[int, _Underway] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="fleet-links", daemon=True)
        self._thread.start()

    def ask(self, board: int, fields: Fields) -> Mapping[str, Any]:
        """Asks one board, and waits for its answer.

        Raises:
            ShardLostError: The board is lost.
        """
        return self._result(self._put(board, fields))

    def ask_all(self, questions: Mapping[int, Fields]) -> dict[int, Mapping[str, Any]]:
        """Asks several boards at once; leaves out those that are lost."""
        asked = {board: self._put(board, fields) for board, fields in questions.items()}
        for question in asked.values():
            question.done.wait()
        return {
            board: question.answer
            for board, question in asked.items()
            if question.answer is not None
        }

    def tell(self, board: int, fields: Fields) -> None:
        """Asks one board something whose answer does not matter, and does not wait for it."""
        self._put(board, fields)

    def lose(self, board: int, reason: str) -> None:
        """Leaves a board out from now on."""
        with self._changed:
            self._lose(board, reason)

    def close(self) -> None:
        """Ends the thread. What is still asked is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _put(self, board: int, fields: Fields) -> _Question:
        question = _Question(board, fields)
        with self._changed:
            if self._closed:
                question.settle(None, ShardLostError("the fleet has ended"))
            elif board in self.lost:
                question.settle(None, ShardLostError(self.lost[board]))
            else:
                self._waiting.append(question)
                self._changed.notify_all()
        return question

    def _result(self, question: _Question) -> Mapping[str, Any]:
        question.done.wait()
        if question.lost is not None:
            raise question.lost
        assert question.answer is not None
        return question.answer

    def _run(self) -> None:
        try:
            while not self._is_over():
                self._gather()
                self._send()
                self._receive()
        except Exception as error:  # whatever it is, nobody else would settle the questions
            reason = f"the connection to the fleet failed ({error})"
        else:
            reason = "the fleet has ended"
        with self._changed:
            self._fail_all(reason)

    def _is_over(self) -> bool:
        with self._changed:
            while not (self._closed or self._waiting or self._underway):
                self._changed.wait()
            return self._closed

    def _gather(self) -> None:
        """Waits until no further question comes."""
        with self._changed:
            known = -1
            while self._waiting and known != len(self._waiting):
                known = len(self._waiting)
                self._changed.wait(_GATHER_SECONDS)

    def _send(self) -> None:
        with self._changed:
            ready: dict[int, list[_Question]] = {}
            for question in self._waiting:
                if question.board not in self._underway:
                    ready.setdefault(question.board, []).append(question)
            self._waiting = [each for each in self._waiting if each.board not in ready]
        if not ready:
            return
        messages = {board: [each.fields for each in asked] for board, asked in ready.items()}
        tickets, size = self._transport.send(messages)
        now = time.monotonic()
        with self._changed:
            self.traffic.rounds += 1
            self.traffic.sent += size
            for board, asked in ready.items():
                self._underway[board] = _Underway(tickets.get(board, ""), asked, now)
        self.on_round()

    def _receive(self) -> None:
        tickets = {each.ticket: board for board, each in self._underway.items() if each.ticket}
        replies = list(self._transport.receive(tickets)) if tickets else []
        with self._changed:
            for reply in replies:
                self._take(tickets[reply.ticket], reply)
            now = time.monotonic()
            for board, each in list(self._underway.items()):
                if not each.ticket:
                    self._lose(board, "it cannot be reached")
                elif now - each.since > self._patience:
                    self._lose(board, f"it did not answer for {self._patience:.0f} seconds")
        self._look_for_boards()
        if self._underway and not replies:
            time.sleep(_POLL_SECONDS)

    def _take(self, board: int, reply: Reply) -> None:
        underway = self._underway.get(board)
        if underway is None or underway.ticket != reply.ticket:
            return  # it was lost meanwhile
        self.traffic.received += reply.size
        if reply.failure is not None:
            self._lose(board, reply.failure)
        elif len(reply.answers) != len(underway.questions):
            self._lose(board, "its answer cannot be read")
        else:
            del self._underway[board]
            for question, answer in zip(underway.questions, reply.answers, strict=True):
                question.settle(answer)

    def _look_for_boards(self) -> None:
        """Loses boards that have left, long before they would be waited for in vain."""
        late = time.monotonic() - _LOOK_FOR_BOARDS_SECONDS
        if not any(each.since < late for each in self._underway.values()):
            return
        here = set(self._transport.boards())
        with self._changed:
            for board in set(self._underway) - here:
                self._lose(board, "it has left")

    def _lose(self, board: int, reason: str) -> None:
        asked = self._underway.pop(board).questions if board in self._underway else []
        asked += [each for each in self._waiting if each.board == board]
        self._waiting = [each for each in self._waiting if each.board != board]
        for question in asked:
            question.settle(None, ShardLostError(reason))
        if board not in self.lost:
            self.lost[board] = reason
            # Perhaps it hears it, and need not wait for more.
            self._waiting.append(_Question(board, {"ask": "left out", "reason": reason}))
            self._on_loss(board, reason)

    def _fail_all(self, reason: str) -> None:
        self._closed = True
        for each in self._underway.values():
            self._waiting += each.questions
        for question in self._waiting:
            question.settle(None, ShardLostError(reason))
        self._waiting, self._underway = [], {}
