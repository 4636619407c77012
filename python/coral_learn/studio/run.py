"""Running the studio until it is stopped."""

import asyncio
import signal
import webbrowser
from collections.abc import Callable

from aiohttp import web

from ..project.project import Project
from .security import Guard
from .server import make_app
from .session import Session


def run_studio(
    project: Project,
    host: str,
    port: int,
    *,
    device: str | None,
    open_browser: bool,
    say: Callable[[str], None],
) -> None:
    """Serves a project until Ctrl-C or SIGTERM.

    Args:
        project: The project.
        host: The address to listen on.
        port: The port, or 0 for a free one.
        device: The device that runs the models.
        open_browser: Whether to open the page.
        say: Prints a line.

    Raises:
        OSError: The address cannot be used.
    """
    asyncio.run(_serve(project, host, port, device, open_browser, say))


async def _serve(
    project: Project,
    host: str,
    port: int,
    device: str | None,
    open_browser: bool,
    say: Callable[[str], None],
) -> None:
    guard = Guard.of_host(host)
    runner = web.AppRunner(make_app(Session(project, device), guard), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        link = _link(guard, runner.addresses[0][1])
        say(f"The studio is open: {link}")
        say("Stop it with Ctrl-C; everything is saved.")
        if open_browser:
            await asyncio.to_thread(webbrowser.open, link)
        await _stopped()
    finally:
        await runner.cleanup()


def _link(guard: Guard, port: int) -> str:
    host = f"[{guard.host}]" if ":" in guard.host else guard.host
    token = "" if guard.token is None else f"?token={guard.token}"
    return f"http://{host}:{port}/{token}"


async def _stopped() -> None:
    """Waits for a signal to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
