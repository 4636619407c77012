"""Who may use the studio: this machine, or whoever has the token; never another web site.

A web site that somebody visits could otherwise send requests to the studio from their browser, also
under a name of its own that leads to this machine (DNS rebinding).
"""

import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..addresses import is_address, is_loopback

_COOKIE = "coral_learn_token"
_SAFE_METHODS = ("GET", "HEAD")
_OWN_HEADER = "X-Coral-Learn"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; media-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'; manifest-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Guard:
    """Decides which requests are answered.

    Attributes:
        host: The address that the server listens on.
        token: What others must know; None if only this machine can connect.
    """

    host: str
    token: str | None

    @classmethod
    def of_host(cls, host: str) -> "Guard":
        """Returns the guard of a server that listens on an address."""
        return cls(host, None if is_loopback(host) else secrets.token_urlsafe(24))

    def knows_host(self, given: str) -> bool:
        """Tells whether a request for a host is meant for this server."""
        try:
            name = urlsplit(f"//{given}").hostname or ""
        except ValueError:
            return False
        if self.token is None:
            return is_loopback(name)
        machine = socket.gethostname().lower()
        return is_address(name) or name in {
            *("localhost", self.host.lower(), machine),
            f"{machine.partition('.')[0]}.local",
        }

    def has_token(self, request: web.Request) -> bool:
        """Tells whether a request has the token, if one is needed."""
        given = request.cookies.get(_cookie_name(request), "")
        return self.token is None or secrets.compare_digest(given.encode(), self.token.encode())

    def brings_token(self, request: web.Request) -> bool:
        """Tells whether a request brings the token in its address, as the printed link does."""
        given = request.query.get("token", "")
        return self.token is not None and secrets.compare_digest(
            given.encode(), self.token.encode()
        )


def guarding(guard: Guard) -> Middleware:
    """Returns the middleware that refuses what a guard does not allow."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = _refusal(guard, request)
        if refusal is not None:
            refusal.headers.update(_HEADERS)
            return refusal
        return await handler(request)

    return middleware


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers that keep a browser from doing more than the page needs."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def _refusal(guard: Guard, request: web.Request) -> web.Response | None:
    """Returns the answer to a request that is refused, or None."""
    host = request.headers.get("Host", "")
    if not guard.knows_host(host):
        return _refused(403, f"the studio is not known under the name {host!r}")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{host}":
        return _refused(403, "requests from other web sites are refused")
    if request.headers.get("Upgrade") and origin is None:
        return _refused(403, "a web socket needs an origin")
    if request.method not in _SAFE_METHODS and request.headers.get(_OWN_HEADER) != "1":
        return _refused(403, f"the header {_OWN_HEADER} is missing")
    if guard.has_token(request):
        return None
    if request.method == "GET" and request.path == "/" and guard.brings_token(request):
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            _cookie_name(request),
            guard.token or "",
            httponly=True,
            samesite="Strict",
            secure=request.secure,
            max_age=30 * 86400,
        )
        return response
    return _refused(401, "open the link that `coral-learn studio` printed, with its token")


def _cookie_name(request: web.Request) -> str:
    """Returns a name for each port, since cookies do not know ports: two studios are two."""
    return f"{_COOKIE}_{request.url.port}"


def _refused(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
