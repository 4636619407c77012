"""What a watch sends to a broker, with a real Mosquitto on loopback."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.mosquitto import Mosquitto, free_port

from coral_learn.jobs.watch import broker as broker_module
from coral_learn.jobs.watch.broker import Broker
from coral_learn.jobs.watch.broker_address import parse_broker
from coral_learn.jobs.watch.home_assistant import discovery_messages, topics

pytestmark = pytest.mark.slow_when_emulated

AT = topics("Bird feeder")
KEPT = discovery_messages("Bird feeder", ["tit", "finch"], "1.0", has_familiarity=True)


class Notices(list[str]):
    """The notices of a broker, to wait for."""

    def wait_for(self, text: str) -> None:
        for _ in range(600):
            if any(text in notice for notice in self):
                return
            time.sleep(0.05)
        pytest.fail(f"no notice has {text!r}: {list(self)}")


def connect(
    port: int,
    notices: Notices,
    *,
    scheme: str = "mqtt",
    user: str = "",
    password: str | None = None,
) -> Broker:
    address = parse_broker(f"{scheme}://{user and user + '@'}127.0.0.1:{port}")
    return Broker(address, password, KEPT, AT, notices.append)


def test_the_broker_keeps_what_home_assistant_needs(broker: Mosquitto) -> None:
    with connect(broker.port, Notices()) as sender:
        sender.send(AT.state, {"label": "tit", "score": 0.9})
        sender.send(AT.drift, "OFF")
        found = broker.kept("homeassistant/#", "coral-learn/#", count=7)
    assert found.keys() == {*KEPT, *AT}
    assert {topic: json.loads(found[topic]) for topic in KEPT} == KEPT
    assert json.loads(found[AT.state]) == {"label": "tit", "score": 0.9}
    assert found[AT.availability] == "online"
    assert broker.kept(AT.availability, count=1) == {AT.availability: "offline"}


def test_an_entity_that_a_model_does_not_have_is_forgotten(broker: Mosquitto) -> None:
    with connect(broker.port, Notices()):
        pass
    kept = discovery_messages("Bird feeder", None, "1.0", has_familiarity=False)
    address = parse_broker(f"mqtt://127.0.0.1:{broker.port}")
    with Broker(address, None, kept, AT, Notices().append):
        found = broker.kept("homeassistant/#", count=3)
        for _ in range(20):  # the broker may still have what the first connection sent
            if len(found) == 2:
                break
            found = broker.kept("homeassistant/#", count=3)
    assert sorted(topic.split("_")[-1] for topic in found) == ["class/config", "probability/config"]


def test_a_watch_that_is_killed_becomes_unavailable(broker: Mosquitto) -> None:
    code = (
        "import sys, time\n"
        "from coral_learn.jobs.watch.broker import Broker\n"
        "from coral_learn.jobs.watch.broker_address import parse_broker\n"
        "from coral_learn.jobs.watch.home_assistant import topics\n"
        "Broker(parse_broker(sys.argv[1]), None, {}, topics('Bird feeder'), print)\n"
        "print('connected', flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, f"mqtt://127.0.0.1:{broker.port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        assert broker.kept(AT.availability, count=1)[AT.availability] == "online"
        process.kill()
    for _ in range(100):
        state = broker.kept(AT.availability, count=1)[AT.availability]
        if state == "offline":
            return
    pytest.fail("the broker does not send the last will")


def test_the_watch_goes_on_while_the_broker_is_away(broker: Mosquitto) -> None:
    notices = Notices()
    with connect(broker.port, notices) as sender:
        sender.send(AT.state, {"label": "tit"})
        broker.stop()
        notices.wait_for("the connection is lost")
        sender.send(AT.state, {"label": "tit"})
        sender.send(AT.state, {"label": "finch"})
        broker.start()  # which has forgotten everything
        notices.wait_for("connected again")
        found = broker.kept("homeassistant/#", "coral-learn/#", count=6)
    assert json.loads(found[AT.state]) == {"label": "finch"}
    assert found[AT.availability] == "online"
    assert KEPT.keys() <= found.keys()


@pytest.fixture
def strict_broker(mosquitto_program: str, tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that knows the users `feeder` and `reader`."""
    passwords = tmp_path / "passwords"
    for number, user in enumerate([("feeder", "s3cret"), ("reader", "reading")]):
        done = subprocess.run(
            ["mosquitto_passwd", *(["-c"] if not number else []), "-b", passwords, *user],
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
    found = Mosquitto(
        mosquitto_program, tmp_path, "allow_anonymous false", f"password_file {passwords}"
    )
    found.start()
    yield found
    found.stop()


def test_the_password_is_checked_and_never_shown(strict_broker: Mosquitto) -> None:
    with pytest.raises(ValueError, match="refuses the connection") as caught:
        connect(strict_broker.port, Notices(), user="feeder", password="wr0ng")
    assert "CORAL_LEARN_MQTT_PASSWORD" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(ValueError, match="refuses the connection"):
        connect(strict_broker.port, Notices())
    with connect(strict_broker.port, Notices(), user="feeder", password="s3cret"):
        found = strict_broker.kept(AT.availability, count=1)
    assert found[AT.availability] == "online"
    assert not [thread for thread in threading.enumerate() if "paho" in thread.name]


def test_a_broker_that_is_not_there_is_an_error_at_the_start(mosquitto_program: str) -> None:
    with pytest.raises(ValueError, match=r"the broker cannot be reached \(Connection refused\)"):
        connect(free_port(), Notices())


def test_a_port_that_is_no_broker_is_an_error(
    mosquitto_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(broker_module, "_TIMEOUT", 0.3)
    other = socket.create_server(("127.0.0.1", 0))
    with other, pytest.raises(ValueError, match="the broker does not answer: check the port"):
        connect(other.getsockname()[1], Notices())


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[], list[str]]:
    """Makes a certificate for 127.0.0.1, and returns the settings that use it."""

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def make() -> list[str]:
        done = subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"),
            ],
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        (tmp_path / "key.pem").chmod(0o644)
        return [f"certfile {tmp_path}/certificate.pem", f"keyfile {tmp_path}/key.pem"]

    return make


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves it
def test_tls_trusts_only_the_authorities_it_is_told(
    mosquitto_program: str,
    tmp_path: Path,
    certificate: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Mosquitto(mosquitto_program, tmp_path, "allow_anonymous true", *certificate())
    broker.start()
    try:
        with pytest.raises(ValueError, match=r"certificate cannot be trusted.*SSL_CERT_FILE"):
            connect(broker.port, Notices(), scheme="mqtts")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        with connect(broker.port, Notices(), scheme="mqtts") as sender:
            sender.send(AT.drift, "ON")
    finally:
        broker.stop()


def test_without_the_extra_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'coral-learn\[mqtt\]'"):
        connect(1, Notices())
