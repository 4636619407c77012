"""The messages by which Home Assistant finds a watched folder or camera as a device.

Source: Home Assistant, "MQTT", section "MQTT Discovery", and "MQTT Sensor", "MQTT binary sensor".
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

_PREFIX = "homeassistant"
_MAX_STATE = 255  # characters of a state
_MAX_OPTIONS = 100
_NOT_IN_IDS = re.compile("[^a-z0-9_-]+")

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"


class Topics(NamedTuple):
    """The topics of one watch.

    Attributes:
        state: The last picture, as JSON.
        drift: ``ON`` while the pictures look unlike those of the training, else ``OFF``.
        availability: ``online``, or ``offline`` when the watch has ended or is lost.
    """

    state: str
    drift: str
    availability: str


def identifier(name: str) -> str:
    """Returns a name as it may stand in a topic: letters, digits, underscores and hyphens.

    If more is lost than capital letters and spaces, a hash tells it from similar names.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = _NOT_IN_IDS.sub("_", plain).strip("_")
    if found and found == name.lower().replace(" ", "_"):
        return found
    return f"{found}_{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("_")


def topics(name: str) -> Topics:
    """Returns the topics of a watch by its name."""
    base = f"coral-learn/{identifier(name)}"
    return Topics(f"{base}/state", f"{base}/drift", f"{base}/availability")


def discovery_messages(
    name: str, labels: Sequence[str] | None, version: str, *, has_familiarity: bool
) -> dict[str, dict[str, Any] | None]:
    """Returns the messages to keep at the broker, by their topics.

    Args:
        name: The name of the device.
        labels: The names of the classes, or None.
        version: The version of this package.
        has_familiarity: Whether the model knows how familiar a picture is, and so drift.

    Returns:
        The configuration of each entity; None, to be sent as an empty message, for one that there
        is not, so that Home Assistant forgets it.
    """
    id_, at = identifier(name), topics(name)
    shared = {
        "device": {
            "identifiers": [f"coral_learn_{id_}"],
            "name": name,
            "manufacturer": "coral-learn",
            "model": "Image classifier",
            "sw_version": version,
        },
        "origin": {"name": "coral-learn", "sw_version": version},
        "availability_topic": at.availability,
    }
    entities: dict[tuple[str, str], dict[str, Any] | None] = {
        ("sensor", "class"): _class_sensor(at, labels),
        ("sensor", "probability"): _percentage("Probability", at, "score", "mdi:percent"),
        ("sensor", "familiarity"): _percentage("Familiarity", at, "familiarity", "mdi:eye-check"),
        ("binary_sensor", "drift"): {
            "name": "Drift",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": at.drift,
            "payload_on": ON,
            "payload_off": OFF,
        },
    }
    if not has_familiarity:
        entities["sensor", "familiarity"] = entities["binary_sensor", "drift"] = None
    return {
        f"{_PREFIX}/{component}/coral_learn_{id_}_{key}/config": entity
        and {"unique_id": f"coral_learn_{id_}_{key}", **entity, **shared}
        for (component, key), entity in entities.items()
    }


def _class_sensor(at: Topics, labels: Sequence[str] | None) -> dict[str, Any]:
    sensor: dict[str, Any] = {
        "name": "Class",
        "icon": "mdi:tag",
        "state_topic": at.state,
        # "None" stands for a state that is not known, as Home Assistant calls it.
        "value_template": "{{ value_json.label }}",
        "json_attributes_topic": at.state,
        "force_update": True,  # the same class again is news
    }
    options = list(dict.fromkeys(labels or ()))
    if 0 < len(options) <= _MAX_OPTIONS and max(map(len, options)) <= _MAX_STATE:
        sensor |= {"device_class": "enum", "options": options}
    return sensor


def _percentage(title: str, at: Topics, key: str, icon: str) -> dict[str, Any]:
    value = f"value_json.{key}"
    return {
        "name": title,
        "icon": icon,
        "state_topic": at.state,
        "value_template": f"{{{{ (100 * {value}) | round(1) if {value} is not none else None }}}}",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "suggested_display_precision": 1,
    }
