"""Publishing what a watch sees for Home Assistant and others, over MQTT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from .broker import Broker
from .broker_address import BrokerAddress
from .home_assistant import OFF, ON, discovery_messages, topics
from .run import Drift, Event, Sighting


class Publisher:
    """Sends each picture's class, and drift, to a broker. Use it in a ``with`` statement."""

    def __init__(
        self,
        address: BrokerAddress,
        password: str | None,
        name: str,
        labels: Sequence[str] | None,
        *,
        knows_drift: bool,
        on_notice: Callable[[str], None],
    ) -> None:
        """Connects, and tells Home Assistant which entities there are.

        Args:
            address: The broker.
            password: The password of the user, or None.
            name: The name of the device.
            labels: The names of the classes, or None.
            knows_drift: Whether the model can tell how familiar pictures are, and drift.
            on_notice: Called from a thread when the connection is lost or back.

        Raises:
            ValueError: The broker cannot be reached or refuses the connection, or its client is
                not installed.
        """
        self._topics = topics(name)
        kept = discovery_messages(name, labels, version("coral-learn"), has_familiarity=knows_drift)
        self._broker = Broker(address, password, kept, self._topics, on_notice)
        if knows_drift:
            self._broker.send(self._topics.drift, OFF)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *exception: object) -> None:
        self._broker.close()

    def send(self, event: Event) -> None:
        """Sends what is seen, or that the pictures look different from before."""
        if isinstance(event, Sighting):
            self._broker.send(self._topics.state, event.to_json())
        elif isinstance(event, Drift):
            self._broker.send(self._topics.drift, ON if event.change.state == "moved" else OFF)
