"""The open pages: all of them are told what has changed."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .limits import MAX_SOCKETS
from .session import Session

_PROGRESS_SECONDS = 0.1  # between two messages


class Pages:
    """The web sockets of open pages."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sockets: set[web.WebSocketResponse] = set()
        self._told = 0.0

    async def follow(self, request: web.Request) -> web.WebSocketResponse:
        """Tells a page what changes, until it is closed."""
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=1024)
        await socket.prepare(request)
        if len(self._sockets) >= MAX_SOCKETS:
            await socket.close(message=b"too many pages are open")
            return socket
        self._sockets.add(socket)
        try:
            state = await asyncio.to_thread(self._session.state)
            await socket.send_json({"type": "state", "state": state})
            async for _ in socket:
                pass  # a page only listens
        finally:
            self._sockets.discard(socket)
        return socket

    async def tell_state(self) -> None:
        """Tells all pages the state."""
        state = await asyncio.to_thread(self._session.state)
        await self._tell({"type": "state", "state": state})

    def progress(self, what: str) -> Callable[[int, int | None], None]:
        """Returns a function, to be called from any thread, that tells all pages of progress."""
        loop = asyncio.get_running_loop()

        def report(done: int, total: int | None) -> None:
            now = time.monotonic()
            if done != total and now - self._told < _PROGRESS_SECONDS:
                return
            self._told = now
            message = {"type": "progress", "what": what, "done": done, "total": total}
            asyncio.run_coroutine_threadsafe(self._tell(message), loop)

        return report

    async def close(self) -> None:
        """Closes all sockets."""
        for socket in list(self._sockets):
            await socket.close(message=b"the studio was closed")

    async def _tell(self, message: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            with contextlib.suppress(ConnectionError, RuntimeError):  # it was closed meanwhile
                await socket.send_json(message)
