"""The messages by which Home Assistant finds a watch."""

import pytest

from coral_learn.jobs.watch.home_assistant import discovery_messages, identifier, topics

AT = topics("Bird feeder")
KEPT = discovery_messages("Bird feeder", ["tit", "finch"], "1.0", has_familiarity=True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Bird feeder", "bird_feeder"),
        ("Cam_2-b", "cam_2-b"),
        ("Vogelhäuschen", "vogelhauschen_596e91b6"),
        ("Камера 1", "1_292216fc"),
        ("鳥", "8754cc62"),
    ],
)
def test_names_become_parts_of_topics(name: str, found: str) -> None:
    assert identifier(name) == found
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert found


def test_names_that_lose_characters_stay_different() -> None:
    names = ["Камера 1", "Балкон 1", "1", "!1", "Häuser", "Hauser", "鳥", "犬", "#", "a  b", "a b"]
    assert len({identifier(name) for name in names}) == len(names)
    assert not set(topics("Камера 1")) & set(topics("Балкон 1"))
    first, second = (
        discovery_messages(name, None, "1.0", has_familiarity=True) for name in names[:2]
    )
    assert not first.keys() & second.keys()


def test_the_configuration_has_what_home_assistant_asks_for() -> None:
    ids = set()
    for topic, config in KEPT.items():
        assert config is not None
        prefix, component, object_id, last = topic.split("/")
        assert (prefix, last) == ("homeassistant", "config")
        assert component in ("sensor", "binary_sensor")
        assert config["unique_id"] == object_id
        assert config["state_topic"] in AT
        assert config["availability_topic"] == AT.availability
        assert config["device"]["identifiers"] == ["coral_learn_bird_feeder"]
        assert config["device"]["name"] == "Bird feeder"
        ids.add(object_id)
    assert len(ids) == 4
    drift = KEPT["homeassistant/binary_sensor/coral_learn_bird_feeder_drift/config"]
    assert drift is not None
    assert drift["device_class"] == "problem"
    class_ = KEPT["homeassistant/sensor/coral_learn_bird_feeder_class/config"]
    assert class_ is not None
    assert (class_["device_class"], class_["options"]) == ("enum", ["tit", "finch"])


@pytest.mark.parametrize("labels", [["a"] * 300, ["x" * 256], [], None])
def test_labels_that_are_no_options_are_plain_text(labels: list[str] | None) -> None:
    config = discovery_messages("n", labels, "1.0", has_familiarity=True)
    class_ = config["homeassistant/sensor/coral_learn_n_class/config"]
    assert class_ is not None
    assert class_.get("options") == (["a"] if labels == ["a"] * 300 else None)
