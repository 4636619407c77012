"""Sending what is seen to an MQTT broker."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .broker_address import PASSWORD_VARIABLE, BrokerAddress
from .home_assistant import OFFLINE, ONLINE, Topics

if TYPE_CHECKING:  # an extra
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

_INSTALL = "pip install 'coral-learn[mqtt]'"
_TIMEOUT = 10.0  # seconds for the first connection
_KEEPALIVE = (
    30  # seconds after which a broker notices that a watch is gone; it may take 1.5 of them
)
_MAX_WAIT = 60  # seconds until the next attempt to connect again


class Broker:
    """A connection to an MQTT broker, which comes back by itself when it is lost.

    The broker keeps all messages. Those that it misses while the connection is lost are not sent
    later, but the last one of each topic is. Use it in a ``with`` statement.
    """

    def __init__(
        self,
        address: BrokerAddress,
        password: str | None,
        kept: Mapping[str, Mapping[str, Any] | None],
        topics: Topics,
        on_notice: Callable[[str], None],
    ) -> None:
        """Connects.

        Args:
            address: The broker.
            password: The password of the user, or None.
            kept: Messages to send at the start by their topics; None for an empty one.
            topics: The topics of this watch.
            on_notice: Called from a thread when the connection is lost or back.

        Raises:
            ValueError: The broker cannot be reached or refuses the connection, or its client is
                not installed.
        """
        if find_spec("paho") is None:
            raise ValueError(f"MQTT needs another package: {_INSTALL}")
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._address = address
        self._topics = topics
        self._on_notice = on_notice
        self._lock = threading.Lock()
        self._last = {
            topic: "" if message is None else _to_text(message) for topic, message in kept.items()
        }
        self._answer: ReasonCode | None = None  # of the broker to the first attempt
        self._answered = threading.Event()
        self._is_closing = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        if address.user is not None:
            self._client.username_pw_set(address.user, password)
        if address.is_encrypted:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.will_set(topics.availability, OFFLINE, retain=True)
        self._client.reconnect_delay_set(1, _MAX_WAIT)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._connect()

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def send(self, topic: str, message: Mapping[str, Any] | str) -> None:
        """Sends a message, or keeps it until the connection is back."""
        text = message if isinstance(message, str) else _to_text(message)
        with self._lock:
            self._last[topic] = text
            if self._client.is_connected():
                self._client.publish(topic, text, retain=True)

    def close(self) -> None:
        """Says that this watch is no longer there, and disconnects."""
        self._is_closing = True
        if self._client.is_connected():
            sent = self._client.publish(self._topics.availability, OFFLINE, retain=True)
            sent.wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self) -> None:
        try:
            self._client.connect(self._address.host, self._address.port, _KEEPALIVE)
        except ssl.SSLCertVerificationError as error:
            raise ValueError(
                f"{self._address}: the broker's certificate cannot be trusted "
                f"({error.verify_message}): name the file with the certificate of its authority "
                "in the environment variable SSL_CERT_FILE"
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ValueError(
                f"{self._address}: the broker cannot be reached ({reason}): check the address, "
                "and that the broker is running"
            ) from error
        self._client.loop_start()
        answered = self._answered.wait(_TIMEOUT)
        if answered and self._answer is not None and not self._answer.is_failure:
            return
        self._is_closing = True
        self._client.loop_stop()
        if not answered or self._answer is None:
            raise ValueError(
                f"{self._address}: the broker does not answer: check the port, and whether it "
                "needs mqtts:// (TLS)"
            )
        raise ValueError(
            f"{self._address}: the broker refuses the connection ({self._answer}): check the user "
            f"in the address, and the password in {PASSWORD_VARIABLE} or --mqtt-password-file"
        )

    def _connected(self, client: Client, _: Any, __: Any, answer: ReasonCode, ___: Any) -> None:
        is_first = not self._answered.is_set()
        self._answer = answer
        self._answered.set()
        if answer.is_failure:
            if not is_first:
                self._on_notice(f"{self._address}: the broker refuses the connection ({answer})")
            return
        with self._lock:
            for topic, text in [*self._last.items(), (self._topics.availability, ONLINE)]:
                client.publish(topic, text, retain=True)
        if not is_first:
            self._on_notice(f"{self._address}: connected again")

    def _disconnected(self, *_: object) -> None:
        if not self._is_closing and self._answered.is_set():
            self._on_notice(f"{self._address}: the connection is lost: trying again")


def _to_text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, allow_nan=False)
