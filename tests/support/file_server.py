"""A server of files on loopback that misbehaves as asked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class FileServer:
    """What the server does; a test changes it at will.

    Attributes:
        files: The content of each file by its name.
        url: The address of the folder.
        cuts: For each of the next requests, the number of bytes after which it breaks.
        statuses: The status of each of the next requests, such as 503.
        redirect: The address of a folder to redirect to, or "".
        knows_ranges: Whether a part of a file can be asked for.
        wrong_range: Whether to send another part than the one asked for.
        tells_length: Whether the length of a file is sent first.
        silence: Seconds to wait in the middle of a file.
        ranges: The ranges that were asked for, "" for a whole file.
    """

    files: dict[str, bytes]
    url: str = ""
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    redirect: str = ""
    knows_ranges: bool = True
    wrong_range: bool = False
    tells_length: bool = True
    silence: float = 0
    ranges: list[str] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing where a client has gone."""


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serves files on a free port of loopback."""
    state = FileServer(files)
    server = _Server(("127.0.0.1", 0), _handler(state))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(state: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            asked = self.headers.get("Range", "")
            state.ranges.append(asked)
            if state.statuses:
                self.send_error(state.statuses.pop(0))
            elif state.redirect:
                self.send_response(302)
                self.send_header("Location", f"{state.redirect}/{name}")
                self.end_headers()
            elif name not in state.files:
                self.send_error(404)
            else:
                self._send(state.files[name], asked)

        def _send(self, content: bytes, asked: str) -> None:
            start = 0
            if asked and state.knows_ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
                start += state.wrong_range
                state.wrong_range = False
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            if state.tells_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + state.cuts.pop(0) if state.cuts else len(content)
            middle = (start + end) // 2
            self.wfile.write(content[start:middle])
            self.wfile.flush()
            time.sleep(state.silence)
            self.wfile.write(content[middle:end])

        def log_message(self, format: str, *args: object) -> None:
            """Prints nothing."""

    return Handler
