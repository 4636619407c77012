"""The address of an MQTT broker, and the password for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PASSWORD_VARIABLE = "CORAL_LEARN_MQTT_PASSWORD"
"""The environment variable with the password of the broker."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FORM = "give it as mqtt://HOST, mqtt://USER@HOST:PORT or, with TLS, mqtts://USER@HOST"


class BrokerAddress(NamedTuple):
    """Where an MQTT broker is.

    Attributes:
        host: Its name or its IP address.
        port: Its port.
        user: The name of the user, or None.
        is_encrypted: Whether to use TLS.
    """

    host: str
    port: int
    user: str | None
    is_encrypted: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.is_encrypted else 'mqtt'}://{host}:{self.port}"


def parse_broker(url: str) -> BrokerAddress:
    """Returns the address in a URL such as ``mqtt://user@host:1883``.

    Raises:
        ValueError: It is no such URL, or has a password in it. The message does not show it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"this is not the address of a broker: {_FORM}") from None
    _, _, rest = url.partition("://")
    if parts.password is not None or ":" in rest.rpartition("@")[0]:  # it may have a slash in it
        raise ValueError(
            "a password in an address can be seen by all users of this computer: put it into the "
            f"environment variable {PASSWORD_VARIABLE}, or into a file for --mqtt-password-file"
        )
    shown = "this" if "@" in url else repr(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{shown} is not the address of a broker: {_FORM}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{shown} has more than the address of a broker in it: {_FORM}")
    if port == 0:
        raise ValueError(f"{shown} has the port 0, which no broker can have: {_FORM}")
    user = unquote(parts.username) if parts.username else None
    return BrokerAddress(
        parts.hostname, port or _PORTS[parts.scheme], user, parts.scheme == "mqtts"
    )


def find_password(file: Path | None, user: str | None) -> str | None:
    """Returns the first line of a file, or the environment variable, or None.

    Args:
        file: The file, or None.
        user: The user in the address of the broker, or None. MQTT sends no password without one.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is empty, or there is a password, but no user.
    """
    password = os.environ.get(PASSWORD_VARIABLE) or None if file is None else _first_line(file)
    if password is not None and user is None:
        raise ValueError(
            f"there is a password in {file or PASSWORD_VARIABLE}, but no user in the address of "
            "the broker: give it as mqtt://USER@HOST, or leave the password out"
        )
    return password


def _first_line(file: Path) -> str:
    first, _, _ = file.read_text(encoding="utf-8").partition("\n")
    if not first.strip():
        raise ValueError(f"{file} is empty: its first line must be the password of the broker")
    return first.rstrip("\r")
