"""The open pages: all of them are told what has changed."""

import asyncio
import contextlib
import time
import weakref
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .limits import MAX_SOCKETS

_HEARTBEAT_SECONDS = 30.0
_CLOSE_SECONDS = 1.0  # for a page to confirm that a socket is closed
_PROGRESS_SECONDS = 0.1  # between two messages


class Pages:
    """The web sockets of open pages."""

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state
        self._sockets: set[web.WebSocketResponse] = set()
        self._all: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()  # a loop keeps no tasks alive
        self._told = 0.0

    async def follow(self, request: web.Request) -> web.WebSocketResponse:
        """Tells a page what changes, until it is closed."""
        socket = await self.open(request, max_bytes=1024)
        self._sockets.add(socket)
        try:
            state = await asyncio.to_thread(self._state)
            await socket.send_json({"type": "state", "state": state})
            async for _ in socket:
                pass  # a page only listens
        finally:
            self._sockets.discard(socket)
        return socket

    async def tell_state(self) -> None:
        """Tells all pages the state."""
        state = await asyncio.to_thread(self._state)
        await self._tell({"type": "state", "state": state})

    def tell_notice(self, text: str) -> None:
        """Tells all pages a sentence, from the event loop."""
        task = asyncio.get_running_loop().create_task(self._tell({"type": "notice", "text": text}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

    async def open(self, request: web.Request, *, max_bytes: int) -> web.WebSocketResponse:
        """Opens a socket, which is closed with all others.

        Args:
            request: The request for it.
            max_bytes: The largest message that a page may send.
        """
        if len(self._all) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(reason="too many pages are open")
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, timeout=_CLOSE_SECONDS, max_msg_size=max_bytes
        )
        await socket.prepare(request)
        self._all.add(socket)
        return socket

    async def close(self) -> None:
        """Closes all sockets."""
        await asyncio.gather(*(each.close(message=b"the studio was closed") for each in self._all))

    async def _tell(self, message: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            with contextlib.suppress(ConnectionError, RuntimeError):  # it was closed meanwhile
                await socket.send_json(message)
