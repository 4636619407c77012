"""The commands ``coral-learn fleet ...``: one head for the photos of many boards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, Number, WholeNumber, device_option, force_option, json_option

if TYPE_CHECKING:
    from ..fleet.member import MemberOptions
    from ..fleet.trust import Certificate

_INSTALL = "pip install 'coral-learn[fleet]' (Python 3.11 or newer)"

at_least_option = click.option(
    "--at-least",
    type=WholeNumber(min=1),
    metavar="N",
    default=1,
    help="Take no part with fewer photos than this: a sum over few photos tells much of each.",
)
name_option = click.option(
    "--name", help="What this board is called for others. By default the name of this machine."
)
output_option = click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="Folder for the model of the fleet. By default PROJECT/fleet.",
)
noise_option = click.option(
    "--noise",
    type=Number(min=0, min_open=True),
    metavar="NUMBER",
    help="Clip and add noise to all sums of this board, so that they hide single photos: 1 hides "
    "little, 8 nearly everything. The head is not exact then. By default sums are exact.",
)


@click.group("fleet")
def fleet_app() -> None:
    """Train one model on the photos of many boards, which stay where they are.

    One machine runs `serve`, each board runs `join`. Boards send sums over their photos: no photo,
    no embedding and no label. All get the same head, as if all photos were in one place.
    """


@fleet_app.command("serve")
@click.argument("project", type=PATH, required=False)
@click.option(
    "--boards",
    type=WholeNumber(min=1),
    metavar="N",
    default=2,
    help="Number of boards to wait for, that of this machine included.",
)
@click.option(
    "--wait",
    type=Number(min=0),
    metavar="SECONDS",
    default=600.0,
    help="Time to wait for them; then those that are there begin.",
)
@click.option(
    "--patience",
    type=Number(min=1),
    metavar="SECONDS",
    default=60.0,
    help="Time after which a board that does not answer is left out.",
)
@click.option(
    "--penalty",
    type=Number(min=0, min_open=True),
    metavar="NUMBER",
    help="The penalty, as an earlier run has found it. By default it is chosen, which takes most "
    "of the rounds.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Compute a head from sums over each class in 4 rounds, in place of fitting it in about "
    "100. It is right about as often, but not the head of all photos in one place.",
)
@click.option(
    "--clip",
    type=Number(min=0, min_open=True),
    metavar="NUMBER",
    default=1.0,
    help="Where a board adds noise: the length to which the gradient of a photo is clipped, in "
    "units of how far embeddings of drawn pictures are apart.",
)
@click.option("--seed", type=WholeNumber(min=0), default=0, help="Seed of the cross-validation.")
@click.option(
    "--host",
    default="0.0.0.0",
    metavar="ADDRESS",
    help="Address to listen on: 0.0.0.0 for all, with TLS; 127.0.0.1 for this machine alone.",
)
@click.option(
    "--port", type=WholeNumber(min=0, max=65535), default=9092, help="Port; 0 for a free one."
)
@click.option(
    "--tls/--plain",
    default=None,
    help="Encrypt, or do not. By default everything that leaves this machine is encrypted.",
)
@click.option(
    "--certificate",
    nargs=3,
    type=PATH,
    metavar="CERTIFICATE KEY AUTHORITY",
    help="Files of a certificate, its private key, and the certificate that boards check it with. "
    "By default this machine makes one, and prints its code.",
)
@click.option(
    "--node-key",
    "keys",
    type=PATH,
    multiple=True,
    metavar="PUBLIC_KEY",
    help="Public key of a board that may join, again for each; without any, all may.",
)
@at_least_option
@noise_option
@name_option
@output_option
@device_option
@force_option
@json_option
def _serve(
    project: Path | None,
    boards: int,
    wait: float,
    patience: float,
    penalty: float | None,
    quick: bool,
    clip: float,
    seed: int,
    host: str,
    port: int,
    tls: bool | None,
    certificate: tuple[Path, Path, Path] | None,
    keys: Sequence[Path],
    at_least: int,
    noise: float | None,
    name: str | None,
    output: Path | None,
    device: str | None,
    force: bool,
    json: bool,
) -> None:
    """Wait for boards, train their head, and send it to them.

    With a PROJECT, this machine is one of the boards. What to type on the others is printed.
    """
    with _needing_flower():
        from ..fleet.serve import ServeOptions, serve_fleet
    from ..fleet.fleet_records import CoordinatorOptions
    from . import display
    from .fleet_display import FleetLines, print_fleet

    if quick and (penalty is not None or noise is not None):
        raise click.UsageError("--quick goes with neither --penalty nor --noise")
    member = None
    if project is not None:
        member = _member(project, at_least, noise, name, output, device, force)
    options = ServeOptions(
        CoordinatorOptions(boards, wait, patience, seed, penalty, clip, quick),
        host,
        port,
        member,
        _certificate(certificate),
        tls,
        keys,
    )
    with FleetLines() as lines:
        result = serve_fleet(options, lines.say, lines.progress)
    if json:
        display.print_json(result.to_json())
    else:
        print_fleet(result)


@fleet_app.command("join")
@click.argument("project", type=PATH)
@click.option(
    "--server", required=True, metavar="HOST:PORT", help="Where `coral-learn fleet serve` runs."
)
@click.option("--code", help="Code of its certificate, which `coral-learn fleet serve` prints.")
@click.option(
    "--certificate",
    type=PATH,
    metavar="FILE",
    help="Certificate to check it with, in place of a code.",
)
@click.option("--plain", is_flag=True, help="Encrypt nothing, also to another machine.")
@click.option(
    "--key", type=PATH, metavar="FILE", help="Private key of this board, where boards need one."
)
@click.option("--stay", is_flag=True, help="Take part in further runs, until Ctrl-C.")
@at_least_option
@noise_option
@name_option
@output_option
@device_option
@force_option
@json_option
def _join(
    project: Path,
    server: str,
    code: str | None,
    certificate: Path | None,
    plain: bool,
    key: Path | None,
    stay: bool,
    at_least: int,
    noise: float | None,
    name: str | None,
    output: Path | None,
    device: str | None,
    force: bool,
    json: bool,
) -> None:
    """Take part in a fleet with the photos of a project.

    The model of the fleet is written when all have trained it. The project takes over its head if
    it has photos of all classes; `coral-learn project undo` undoes that.
    """
    with _needing_flower():
        from ..fleet.join import JoinOptions, join_fleet
    from ..addresses import is_loopback
    from ..fleet.trust import split_address
    from . import display
    from .fleet_display import FleetLines

    if sum((code is not None, certificate is not None, plain)) > 1:
        raise click.UsageError("give one of --code, --certificate and --plain")
    host, _ = split_address(server)
    if not (code or certificate or plain or is_loopback(host)):
        raise click.UsageError(
            "give --code with what `coral-learn fleet serve` prints, or --certificate FILE; or "
            "--plain to encrypt nothing"
        )
    member = _member(project, at_least, noise, name, output, device, force)
    with FleetLines() as lines:
        model = join_fleet(JoinOptions(member, server, certificate, code, key, stay), lines.say)
    if json:
        display.print_json({"model": None if model is None else str(model)})
    elif model is not None:
        display.print_hint(f"coral-learn classify {model} PHOTO...")


@fleet_app.command("new")
@click.argument("folder", type=PATH, metavar="DIR")
def _new(folder: Path) -> None:
    """Write the app of a fleet into a folder, for Flower's own command.

    It is for SuperLinks and SuperNodes that run already; `serve` and `join` need no folder.
    """
    with _needing_flower():
        from ..fleet.app_folder import write_app
    from . import display

    write_app(folder)
    display.print_hint(f"flwr run {folder} SUPERLINK --stream")


@contextmanager
def _needing_flower() -> Iterator[None]:
    """Says how to install what an import needs."""
    try:
        import flwr  # noqa: F401

        yield
    except ImportError as error:
        raise ValueError(f"a fleet needs {error.name}: {_INSTALL}") from error


def _member(
    project: Path,
    at_least: int,
    noise: float | None,
    name: str | None,
    output: Path | None,
    device: str | None,
    force: bool,
) -> MemberOptions:
    import socket

    from ..fleet.member import MemberOptions

    shown = name or socket.gethostname()
    return MemberOptions(project, output, shown, at_least, device, force, noise)


def _certificate(files: tuple[Path, Path, Path] | None) -> Certificate | None:
    from ..fleet.trust import Certificate

    return None if files is None else Certificate(*files)
