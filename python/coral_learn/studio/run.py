"""Running the studio until it is stopped."""

import asyncio
import errno
import io
import os
import signal
import socket
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ..addresses import reachable_host
from ..machine import state_folder
from ..project.project import Project
from .board_camera import BoardCamera
from .security import Guard
from .server import make_app
from .session import Session

_SHUTDOWN_SECONDS = 5.0  # for requests that are being answered


@dataclass(frozen=True)
class StudioOptions:
    """How the studio is opened.

    Attributes:
        host: The address to listen on.
        port: The port, or 0 for a free one.
        https: Whether to use HTTPS, with a certificate of its own.
        device: The device that runs the models, or None.
        open_browser: Whether to open the page.
        camera: The camera of this machine that pages may look through, or None.
        folders: The folders of this machine that pages may have watched.
    """

    host: str
    port: int
    https: bool = False
    device: str | None = None
    open_browser: bool = False
    camera: str | None = None
    folders: Sequence[Path] = ()


def run_studio(project: Project, options: StudioOptions, say: Callable[[str], None]) -> None:
    """Serves a project until Ctrl-C or SIGTERM.

    Args:
        project: The project.
        options: How it is opened.
        say: Prints a line.

    Raises:
        ValueError: The address cannot be used, the camera cannot be read, or a folder cannot be
            watched.
    """
    camera = None if options.camera is None else BoardCamera(options.camera)
    try:
        asyncio.run(_serve(project, options, camera, say))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"port {options.port} is in use, perhaps by another studio. Close it, or choose "
                "another one with --port."
            ) from error
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            raise ValueError(
                f"{options.host} is no address of this machine. Give one with --host, or 0.0.0.0 "
                "for all."
            ) from error
        raise


async def _serve(
    project: Project,
    options: StudioOptions,
    camera: BoardCamera | None,
    say: Callable[[str], None],
) -> None:
    guard = Guard.of_host(options.host)
    tls = None
    if options.https:
        from .certificate import make_tls

        hosts = sorted(
            {"localhost", "127.0.0.1", reachable_host(options.host), socket.gethostname()}
        )
        tls = make_tls(state_folder(), hosts)
    app = make_app(Session(project, options.device), guard, camera, options.folders)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port, ssl_context=tls)
        await site.start()
        link = _link(guard, runner.addresses[0][1], https=options.https)
        say(f"The studio is open: {link}")
        if guard.token is not None:
            _say_code(link, say)
        say("Stop it with Ctrl-C; everything is saved.")
        if options.open_browser:
            await asyncio.to_thread(webbrowser.open, link)
        await _stopped()
    finally:
        await runner.cleanup()


def _link(guard: Guard, port: int, *, https: bool) -> str:
    host = reachable_host(guard.host)
    host = f"[{host}]" if ":" in host else host
    token = "" if guard.token is None else f"?token={guard.token}"
    return f"http{'s' if https else ''}://{host}:{port}/{token}"


def _say_code(link: str, say: Callable[[str], None]) -> None:
    """Prints the link as a QR code for phones."""
    import segno  # only where others connect

    text = io.StringIO()
    segno.make(link, micro=False).terminal(text, compact=True)
    say(text.getvalue().rstrip("\n"))


async def _stopped() -> None:
    """Waits for a signal to stop."""
    stop = asyncio.Event()
    if os.name == "nt":  # where a loop has no handlers; Ctrl-C ends asyncio.run
        await stop.wait()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
