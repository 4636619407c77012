"""A studio in a process of its own, asked as its page asks it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

_Result = TypeVar("_Result")
_IDLE = 0.05  # seconds of processor time in a second
_HEADERS = {"X-Coral-Learn": "1"}


class Studio:
    """Serves a project while a ``with`` statement runs.

    Attributes:
        seconds_to_start: From the start of the process to the page, its state and its photos.
    """

    def __init__(self, project: Path) -> None:
        start = time.perf_counter()
        command = ["studio", str(project), "--no-browser", "--port", "0"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "coral_learn", *command], stdout=subprocess.PIPE, text=True
        )
        self._loop = asyncio.new_event_loop()
        self._address = self._read_address()
        self._run(self._open())
        for path in ("/", "/page/main.js", "/api/state", "/api/photos?limit=100"):
            self._run(self._read("GET", path))
        self.seconds_to_start = time.perf_counter() - start

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *exception: object) -> None:
        self._run(self._session.close())
        self._loop.close()
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)

    def photo_ids(self, number: int) -> list[str]:
        """Returns the ids of the newest photos of a class."""
        found = self._run(self._json("GET", f"/api/photos?class=class%208&limit={number}"))
        return [photo["id"] for photo in found["photos"]]

    def move(self, name: str) -> int:
        """Moves a photo to another class, and returns the version after it."""
        moved = {"ids": [name], "class": "class 1"}
        return int(self._run(self._json("POST", "/api/photos/move", json=moved))["version"])

    def undo(self) -> int:
        """Undoes a change, and returns the version after it."""
        return int(self._run(self._json("POST", "/api/undo"))["version"])

    def wait_until_measured(self) -> None:
        """Waits until the accuracy of the current model is known."""
        while not self._run(self._json("GET", "/api/state"))["measured"]:
            time.sleep(0.1)

    def wait_until_idle(self) -> None:
        """Waits until the server has nothing to do for a second."""
        before = -1.0
        while (now := self.processor_seconds()) - before > _IDLE:
            before = now
            time.sleep(1)

    def quality(self) -> None:
        """Asks how good the model is."""
        self._run(self._json("GET", "/api/quality"))

    def ask(self, picture: bytes) -> dict[str, Any]:
        """Returns what the preview says about a picture."""
        return self._run(self._answers(picture, 1))[0]

    def rate(self, picture: bytes, number: int) -> float:
        """Returns how many pictures a second the preview answers, with two on their way."""
        start = time.perf_counter()
        self._run(self._answers(picture, number))
        return number / (time.perf_counter() - start)

    def memory(self) -> int:
        """Returns the resident memory of the server, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return 1024 * int(found[1]) if found else 0

    def processor_seconds(self) -> float:
        """Returns the processor time that the server has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read_address(self) -> str:
        for line in self._process.stdout or ():
            if found := re.search(r"http://[\d.:]+", line):
                return found[0]
        raise RuntimeError("the studio did not start")

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self._loop.run_until_complete(work)

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(headers=_HEADERS)
        origin = {"Origin": self._address}
        self._socket = await self._session.ws_connect(
            f"{self._address}/api/preview", headers=origin
        )

    async def _read(self, method: str, path: str, **more: Any) -> bytes:
        async with self._session.request(method, self._address + path, **more) as response:
            response.raise_for_status()
            return await response.read()

    async def _json(self, method: str, path: str, **more: Any) -> Any:
        async with self._session.request(method, self._address + path, **more) as response:
            response.raise_for_status()
            return await response.json()

    async def _answers(self, picture: bytes, number: int) -> list[dict[str, Any]]:
        answers = []
        await self._socket.send_bytes(picture)
        for left in range(number - 1, -1, -1):
            if left:
                await self._socket.send_bytes(picture)
            answers.append(await self._socket.receive_json())
        return answers
