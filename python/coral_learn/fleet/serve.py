"""``coral-learn fleet serve``: the coordinator of a fleet."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..addresses import is_loopback, reachable_host
from .app_folder import write_app
from .coordinator import fit_fleet
from .fleet_records import CoordinatorOptions, FleetProgress, FleetResult
from .flower_processes import OUT_OF_REACH, FlowerProcesses, check_port, free_port
from .member import Member, MemberOptions
from .quick_flower import shorten_backoff
from .trust import Certificate, code_of, own_certificate_of

_OWN_SECONDS = 10.0  # for the board of this machine to end
_CONNECTION = "fleet"  # the name of the SuperLink in the configuration of Flower


@dataclass(frozen=True)
class ServeOptions:
    """How a fleet is served.

    Attributes:
        fit: How the head is fitted.
        host: The address to listen on.
        port: The port, or 0 for a free one.
        member: What this board contributes itself, or None.
        certificate: The files of the certificate; None for one of its own, where one is needed.
        tls: Whether to encrypt; None for all but loopback.
        keys: The public keys of the boards that may join; empty for all.
    """

    fit: CoordinatorOptions = field(default_factory=CoordinatorOptions)
    host: str = "127.0.0.1"
    port: int = 9092
    member: MemberOptions | None = None
    certificate: Certificate | None = None
    tls: bool | None = None
    keys: Sequence[Path] = ()


def serve_fleet(
    options: ServeOptions,
    say: Callable[[str], object],
    progress: Callable[[FleetProgress], object] = lambda progress: None,
) -> FleetResult:
    """Waits for boards, fits their head and sends it to them.

    Args:
        options: How to serve.
        say: Called with what people should know, a line each.
        progress: Called as the fit goes on.

    Raises:
        ValueError: The address cannot be used, no board came, or none has stayed.
        OSError: A file cannot be read or written.
    """
    shorten_backoff()
    from .flower_transport import FlowerTransport
    from .runtime import Endpoint, run_of_server  # after that

    if options.member is not None:
        Member(options.member).check()  # before anybody waits for this board
    certificate = _certificate(options)
    port = options.port or free_port()
    check_port(options.host, port)
    with FlowerProcesses() as flower:
        flower.start("link", _link_arguments(options, port, certificate))
        flower.wait_for(_own_host(options.host), port)
        address = f"{_own_host(options.host)}:{port}"
        _configure(flower, address, certificate)
        for key in options.keys:
            flower.run(["supernode", "register", str(key), _CONNECTION])
        _invite(options, port, certificate, say)
        write_app(flower.home / "app")
        run = flower.run(["run", str(flower.home / "app"), _CONNECTION])
        endpoint = Endpoint(address, certificate.authority if certificate else None)
        with (
            _own_board(options, address, certificate, say),
            run_of_server(endpoint, int(run["run-id"])) as (grid, _),
        ):
            return fit_fleet(FlowerTransport(grid), options.fit, progress, say)


def _certificate(options: ServeOptions) -> Certificate | None:
    encrypted = not is_loopback(options.host) if options.tls is None else options.tls
    if options.certificate is not None:
        for path in vars(options.certificate).values():
            path.read_bytes()  # a clear error where it is missing
        return options.certificate
    if options.keys and not encrypted:
        raise ValueError("keys of boards need TLS. Leave --plain out, or add --tls.")
    return own_certificate_of(options.host) if encrypted else None


def _link_arguments(options: ServeOptions, port: int, certificate: Certificate | None) -> list[str]:
    arguments = ["--isolation", "process", "--host", options.host, "--port", str(port)]
    if certificate is None:
        return [*arguments, "--insecure"]
    arguments += ["--ssl-certfile", str(certificate.certificate)]
    arguments += ["--ssl-keyfile", str(certificate.key)]
    arguments += ["--ssl-ca-certfile", str(certificate.authority)]
    return arguments + (["--enable-supernode-auth"] if options.keys else [])


def _configure(flower: FlowerProcesses, address: str, certificate: Certificate | None) -> None:
    """Tells the command ``flwr`` where the SuperLink is."""
    trusted = (
        "insecure = true"
        if certificate is None
        else f"root-certificates = '{certificate.authority}'"
    )
    text = f"[superlink]\n[superlink.{_CONNECTION}]\naddress = '{address}'\n{trusted}\n"
    (flower.home / "config.toml").write_text(text, encoding="utf-8")


def _invite(
    options: ServeOptions,
    port: int,
    certificate: Certificate | None,
    say: Callable[[str], object],
) -> None:
    """Says what to type on the other boards."""
    host = reachable_host(options.host)
    command = f"coral-learn fleet join PROJECT --server {host}:{port}"
    if certificate is not None:
        command += f" --code {code_of(certificate.authority)}"
    elif not is_loopback(options.host):
        say("WARNING: nothing is encrypted. Whoever is in the network can read the sums.")
        command += " --plain"
    if options.keys:
        command += " --key KEY"
    say(f"On each other board, run:\n\n    {command}\n")


@contextmanager
def _own_board(
    options: ServeOptions,
    address: str,
    certificate: Certificate | None,
    say: Callable[[str], object],
) -> Iterator[None]:
    """Lets the project of this machine take part, in a process of its own as Flower needs it."""
    member = options.member
    if member is None:
        yield
        return
    command = [sys.executable, "-m", "coral_learn", "fleet", "join", str(member.project)]
    command += ["--server", address, "--name", member.name, "--at-least", str(member.at_least)]
    command += ["--certificate", str(certificate.authority)] if certificate else ["--plain"]
    command += ["--output", str(member.folder)] + (["--force"] if member.force else [])
    command += ["--device", member.device] if member.device else []
    command += ["--noise", str(member.noise)] if member.noise is not None else []
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **OUT_OF_REACH,
    )

    stopping = threading.Event()  # what it says of that is no news

    def repeat() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if not stopping.is_set():
                say(f"{member.name}: {line.strip()}")

    thread = threading.Thread(target=repeat, name="own-board", daemon=True)
    thread.start()
    try:
        yield
        with suppress(subprocess.TimeoutExpired):
            process.wait(_OWN_SECONDS)
    finally:
        stopping.set()
        process.terminate()
        process.wait()
        thread.join()


def _own_host(host: str) -> str:
    """Returns the address by which this machine reaches itself."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host
