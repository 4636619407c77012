"""How many requests the studio answers in a second, so that one visitor cannot keep it busy."""

import time
from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


class RequestRate:
    """Counts the requests of each visitor in the present second."""

    def __init__(self, most: int) -> None:
        """Starts to count.

        Args:
            most: The number of requests of a visitor that are answered in a second.
        """
        self._most = most
        self._second = 0
        self._counts = Counter[str]()

    def admits(self, visitor: str, now: float) -> bool:
        """Counts a request, and tells whether it is to be answered.

        Args:
            visitor: The address that it comes from.
            now: The time in seconds, from a clock that never goes back.
        """
        if int(now) != self._second:
            self._second = int(now)
            self._counts.clear()
        self._counts[visitor] += 1
        return self._counts[visitor] <= self._most


def limiting(rate: RequestRate) -> Middleware:
    """Returns the middleware that refuses what comes too fast."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_work = request.path.startswith("/api/")  # the files of the page itself cost little
        if not is_work or rate.admits(request.remote or "", time.monotonic()):
            return await handler(request)
        return web.json_response(
            {"error": "too many requests at once: wait a second, then try again"},
            status=429,
            headers={"Retry-After": "1"},
        )

    return middleware
