"""What all requests share: the session, the open pages, and the threads that work for them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

from .board_camera import BoardCamera
from .incoming import LIMITS
from .live import LiveModel
from .measuring import Measuring
from .pages import Pages
from .requests import explained
from .session import Session
from .watches import Watches

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")
_SECONDS_BETWEEN_LOOKS = 1
_QUIET_SECONDS = 0.5  # after a change, which may be the first of many


class Studio:
    """A session that is served.

    Changes run one after another, and the preview in a thread of its own, so that neither waits for
    the other.

    Attributes:
        session: The session.
        pages: The open pages.
        camera: The camera of this machine, or None.
        watches: The folders that may be watched.
    """

    def __init__(
        self,
        session: Session,
        camera: BoardCamera | None = None,
        watches: Watches | None = None,
    ) -> None:
        self.session = session
        self.camera = camera
        self.watches = watches or Watches([], session)
        self.pages = Pages(self.state)
        self._live = LiveModel(session)
        self._changes = ThreadPoolExecutor(1, "changes")
        self._preview = ThreadPoolExecutor(1, "preview")
        self._measuring = Measuring(session)
        self._measurer = ThreadPoolExecutor(1, "measuring")
        self._measurement: asyncio.Task[None] | None = None

    def state(self) -> dict[str, Any]:
        """Returns what pages show, as plain types."""
        camera = None if self.camera is None else {"name": self.camera.name}
        facts = {"camera": camera, "folders": self.watches.to_json(), "limits": LIMITS}
        return self.session.state() | facts

    async def change(
        self, change: Callable[_Params, _Result], *args: _Params.args, **kwargs: _Params.kwargs
    ) -> _Result:
        """Makes a change after those before it, and tells all pages the state after it."""
        try:
            return await _in(self._changes, lambda: change(*args, **kwargs))
        finally:
            self._measure_soon()
            await self.pages.tell_state()

    async def change_state(
        self, change: Callable[_Params, object], *args: _Params.args, **kwargs: _Params.kwargs
    ) -> web.Response:
        """Makes a change, and answers with the state after it."""
        await self.change(change, *args, **kwargs)
        return web.json_response(await self.read(self.state))

    async def read(
        self, read: Callable[_Params, _Result], *args: _Params.args, **kwargs: _Params.kwargs
    ) -> _Result:
        """Reads something without waiting for changes."""
        return await asyncio.to_thread(read, *args, **kwargs)

    async def read_once(self, name: str, make: Callable[[], _Result]) -> _Result:
        """Reads something that is computed once for each version of the project."""
        return await asyncio.to_thread(self.session.of_version, name, make)

    async def answer(self, frame: bytes) -> dict[str, Any]:
        """Returns what the model says about a frame."""
        return await _in(self._preview, lambda: self._live.answer(frame))

    async def answer_or_error(self, frame: bytes) -> dict[str, Any]:
        """Returns the answer to a frame, or what is wrong: one bad frame must not end a preview."""
        try:
            return await self.answer(frame)
        except Exception as error:
            return {"error": explained(error)}

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """Notices what other programs change, and cleans up at the end."""
        watcher = asyncio.create_task(self._notice_changes())
        self._measure_soon()  # what a studio that was stopped had not measured
        if self.camera is not None:
            self.camera.start(self.pages.tell_notice)
        loop = asyncio.get_running_loop()
        self.watches.start(
            lambda: asyncio.run_coroutine_threadsafe(self.pages.tell_state(), loop),
            lambda text: loop.call_soon_threadsafe(self.pages.tell_notice, text),
        )
        yield
        watcher.cancel()
        await asyncio.to_thread(self.watches.stop)
        if self.camera is not None:
            await asyncio.to_thread(self.camera.stop)
        if self._measurement is not None:
            self._measurement.cancel()
        self.session.version += 1  # ends what is being measured
        await _in(self._preview, self._live.close)
        self._measurer.shutdown()
        self._changes.shutdown()
        self._preview.shutdown()

    async def shut_down(self, app: web.Application) -> None:
        """Ends requests that would go on for ever."""
        if self.camera is not None:
            self.camera.release()
        await self.pages.close()

    async def _notice_changes(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            with contextlib.suppress(OSError, ValueError):  # its disk may be away for a moment
                if await asyncio.to_thread(self.session.notice_changes):
                    self._measure_soon()
                    await self.pages.tell_state()

    def _measure_soon(self) -> None:
        """Measures the model when nothing has changed for a moment."""
        if self._measurement is not None:
            self._measurement.cancel()
        self._measurement = asyncio.create_task(self._measure())

    async def _measure(self) -> None:
        await asyncio.sleep(_QUIET_SECONDS)
        with contextlib.suppress(OSError, ValueError):  # what asks for the model is told why
            if await _in(self._measurer, self._measuring.measure):
                await self.pages.tell_state()
                await _in(self._measurer, self._measuring.complete_model)


async def _in(executor: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


STUDIO = web.AppKey("studio", Studio)
"""Where an application keeps its studio."""
