"""A real MQTT broker on loopback."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


class Mosquitto:
    """A Mosquitto that can be stopped and started again on the same port.

    Attributes:
        port: Its port.
        folder: A folder for its files.
    """

    def __init__(self, program: str, folder: Path, *settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", "user root", *settings]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Starts the broker, and waits until it answers."""
        self._process = subprocess.Popen(
            [self._program, "-c", self.folder / "mosquitto.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with socket.socket() as one:
                if not one.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        pytest.fail("mosquitto does not start")

    def stop(self) -> None:
        """Stops the broker."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def kept(self, *topics: str, count: int) -> dict[str, str]:
        """Waits until the broker keeps so many messages, and returns them by their topics.

        It returns fewer if there are no more after a while.
        """
        for _ in range(20):
            found = self._kept(topics, count)
            if len(found) >= count:
                break
        return found

    def _kept(self, topics: tuple[str, ...], count: int) -> dict[str, str]:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        found: dict[str, str] = {}

        def keep(_: Any, __: Any, message: paho.MQTTMessage) -> None:
            if message.retain:  # it was there before this client
                found[message.topic] = message.payload.decode()

        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set("reader", "reading")
        client.on_message = keep
        client.connect("127.0.0.1", self.port)
        client.subscribe([(topic, 0) for topic in topics])
        end = time.monotonic() + 0.3
        while len(found) < count and time.monotonic() < end:
            client.loop(0.05)
        client.disconnect()
        return found


def free_port() -> int:
    """Returns a port of loopback that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def mosquitto_program() -> str:
    """The path of Mosquitto."""
    pytest.importorskip("paho.mqtt", reason="the extra coral-learn[mqtt] is not installed")
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)
    if program is None:
        pytest.skip("mosquitto is not installed")
    return program


@pytest.fixture
def broker(mosquitto_program: str, tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets everybody in."""
    found = Mosquitto(mosquitto_program, tmp_path, "allow_anonymous true")
    found.start()
    yield found
    found.stop()
