"""The ClientApp of a fleet: ``flwr`` runs it, and so does ``coral-learn fleet join``.

It needs the SuperNode's ``--node-config`` to name the project: ``'project="/home/pi/flowers"'``.
The other keys are the options of ``coral-learn fleet join``.
"""

import hashlib
import socket
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from .fields import Fields
from .flower_transport import answer, questions_of
from .member import Member, MemberOptions
from .noisy_sums import NOISY_ROUNDS

_MEMORY = "coral-learn"  # the record of a run that a node keeps
_MAX_TABLES = 8  # of folds in a run: one, and one more whenever a board leaves during the search


def options_of(node: dict[str, Any]) -> MemberOptions:
    """Reads the options of a board from the configuration of its node.

    Raises:
        ValueError: The project is not named.
    """
    if not node.get("project"):
        raise ValueError("its node has no project: start it with --node-config 'project=\"...\"'")
    output = node.get("output")
    return MemberOptions(
        project=Path(str(node["project"])),
        output=Path(str(output)) if output else None,
        name=str(node.get("name") or socket.gethostname()),
        at_least=int(node.get("at-least", 1)),
        device=str(node["device"]) if node.get("device") else None,
        force=bool(node.get("force", False)),
        noise=float(node["noise"]) if node.get("noise") else None,
    )


def make_app(member: Member | None = None) -> ClientApp:
    """Returns the app.

    Args:
        member: Answers; None for one that is made for each message by the configuration of the
            node, where every message has a process of its own.
    """

    def query(message: Message, context: Context) -> Message:
        here = member or Member(options_of(dict(context.node_config)))
        answers: list[Fields] = []
        for question in questions_of(message):
            _remember(question, context)
            answers.append(here.answer(question))
        return answer(message, answers)

    app = ClientApp()
    app.query("fleet")(query)
    return app


def _remember(question: dict[str, Any], context: Context) -> None:
    """Refuses what, with the questions before in this run, would tell too much of single photos.

    The differences of tables of folds can show single photos, and answers with noise are private
    only as long as there are not too many.

    Raises:
        ValueError: The question is refused.
    """
    known = context.state.get(_MEMORY)
    memory: dict[str, Any] = {"tables": [], "noisy": 0}
    if isinstance(known, ConfigRecord):
        memory |= known
    if isinstance(table := question.get("table"), np.ndarray):
        digest = hashlib.sha256(table.tobytes()).hexdigest()
        memory["tables"] = sorted({*memory["tables"], digest})
        if len(memory["tables"]) > _MAX_TABLES:
            raise ValueError(f"it answers for no more than {_MAX_TABLES} divisions into folds")
    if question.get("ask") == "noisy":
        memory["noisy"] += 1
        if memory["noisy"] > NOISY_ROUNDS:
            raise ValueError(f"it answers no more than {NOISY_ROUNDS} times with noise")
    context.state[_MEMORY] = ConfigRecord(memory)


app = make_app()
