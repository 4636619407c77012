"""The address of an MQTT broker, and the password for it."""

from pathlib import Path

import pytest

from coral_learn.jobs.watch.broker_address import find_password, parse_broker


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mqtt://feeder", ("feeder", 1883, None, False)),
        ("mqtts://me@10.0.0.2:99/", ("10.0.0.2", 99, "me", True)),
        ("mqtts://a%40b@[::1]", ("::1", 8883, "a@b", True)),
    ],
)
def test_addresses(url: str, found: tuple[object, ...]) -> None:
    assert tuple(parse_broker(url)) == found


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("feeder:1883", "is not the address of a broker"),
        ("http://feeder", "is not the address of a broker"),
        ("mqtt://feeder:port", "this is not the address of a broker"),
        ("mqtt://feeder/topic", "has more than the address"),
        ("mqtt://feeder:0", "has the port 0"),
        ("mqtt://me:secret@feeder", "can be seen by all users.*CORAL_LEARN_MQTT_PASSWORD"),
        ("mqtt://me:1/secret@feeder", "can be seen by all users"),
        ("mqtt://me:#secret@feeder", "can be seen by all users"),
        ("mqtt://me:?secret@se@feeder", "can be seen by all users"),
        ("me:secret@feeder", "this is not the address of a broker"),
        ("mqtt:me:secret@feeder", "this is not the address of a broker"),
    ],
)
def test_what_is_no_address_is_explained(url: str, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        parse_broker(url)
    assert "secret" not in str(caught.value)


def test_the_password_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORAL_LEARN_MQTT_PASSWORD", "from the environment")
    (tmp_path / "password").write_text("from a file\nmore\n")
    (tmp_path / "empty").write_text("\n")
    assert find_password(None, "me") == "from the environment"
    assert find_password(tmp_path / "password", "me") == "from a file"
    with pytest.raises(ValueError, match="empty is empty"):
        find_password(tmp_path / "empty", "me")


def test_a_password_without_a_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    with pytest.raises(ValueError, match=r"password, but no user.*mqtt://USER@HOST") as caught:
        find_password(tmp_path / "password", None)
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("CORAL_LEARN_MQTT_PASSWORD", "s3cret")
    with pytest.raises(ValueError, match=r"CORAL_LEARN_MQTT_PASSWORD, but no user") as caught:
        find_password(None, None)
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("CORAL_LEARN_MQTT_PASSWORD", "")
    assert find_password(None, None) is None
