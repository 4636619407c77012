"""``coral-learn fleet join``: a board takes part in a fleet."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .client_app import make_app
from .flower_processes import FlowerProcesses, free_port
from .member import Member, MemberOptions
from .quick_flower import shorten_backoff
from .trust import check_server, fetch_certificate, split_address

_LAST_WORDS_SECONDS = 2.0  # for the last answer of a board to reach the coordinator
_SILENCE_SECONDS = 15.0  # of a coordinator that has sent the head, and then does not say goodbye
_RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class JoinOptions:
    """How a board joins.

    Attributes:
        member: What the board contributes.
        server: ``HOST:PORT`` of the coordinator.
        authority: The file of the certificate to check the coordinator with.
        code: The code of its certificate, where there is no file.
        key: The file of the private key of this board, or None.
        stay: Whether to take part in further runs.
    """

    member: MemberOptions
    server: str
    authority: Path | None = None
    code: str | None = None
    key: Path | None = None
    stay: bool = False


def join_fleet(options: JoinOptions, say: Callable[[str], object]) -> Path | None:
    """Takes part in a fleet until it has a head, or with ``stay`` until it is stopped.

    Args:
        options: How to join.
        say: Called with what the person at the board should know, a line each.

    Returns:
        The path of the model; None if the fleet has made none.

    Raises:
        ValueError: The project cannot take part, the coordinator cannot be reached or trusted, or
            it has left this board out.
        OSError: A file cannot be read or written.
    """
    member = Member(options.member, say)
    member.check()  # before anybody waits for this board
    host, port = split_address(options.server)
    while True:
        _wait_for(host, port, say)
        with FlowerProcesses() as flower:
            authority = options.authority
            if options.code is not None:
                authority = flower.home / "certificate.pem"
                fetch_certificate(host, port, options.code, authority)
            check_server(host, port, authority)
            say(f"Joined {options.server}. Waiting for the fleet; stop with Ctrl-C.")
            _take_part(options, member, flower, authority)
        if not options.stay and member.failure is not None:
            raise ValueError(member.failure)
        if not options.stay and member.model is not None:
            return member.model
        say("The coordinator has gone. Waiting for it to come back.")


def _take_part(
    options: JoinOptions, member: Member, flower: FlowerProcesses, authority: Path | None
) -> None:
    """Answers until the coordinator says goodbye, or goes."""
    shorten_backoff()
    from .runtime import Endpoint, answer_messages  # after that

    port = free_port()
    arguments = ["--superlink", options.server, "--isolation", "process", "--port", str(port)]
    arguments += ["--insecure"] if authority is None else ["--root-certificates", str(authority)]
    if options.key is not None:
        arguments += ["--auth-supernode-private-key", str(options.key)]
    flower.start("node", arguments)
    since: float | None = None

    def is_over() -> bool:
        nonlocal since
        if not flower.are_running():
            return True
        if options.stay or (member.model is None and member.failure is None):
            since = None
            return False
        since = since or time.monotonic()
        silence = _LAST_WORDS_SECONDS if member.is_over or member.failure else _SILENCE_SECONDS
        return time.monotonic() - since > silence

    flower.wait_for("127.0.0.1", port)
    answer_messages(Endpoint(f"127.0.0.1:{port}"), make_app(member), is_over)


def _wait_for(host: str, port: int, say: Callable[[str], object]) -> None:
    """Waits until a coordinator is there.

    Raises:
        ValueError: There is no such host.
    """
    reason = _silence(host, port)
    if reason is not None:
        say(f"No fleet answers at {host}:{port} yet ({reason}). Waiting; Ctrl-C stops.")
    while reason is not None:
        time.sleep(_RETRY_SECONDS)
        reason = _silence(host, port)


def _silence(host: str, port: int) -> str | None:
    """Returns why nothing answers at an address, or None if something does."""
    try:
        socket.create_connection((host, port), timeout=_RETRY_SECONDS).close()
    except socket.gaierror as error:
        raise ValueError(f"there is no host {host!r}: correct --server") from error
    except OSError as error:
        return error.strerror or str(error)
    return None
