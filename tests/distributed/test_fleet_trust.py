"""How boards know the coordinator: codes, certificates and addresses; and what commands refuse."""

import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coral_learn.cli.app import app

pytest.importorskip("cryptography", reason="certificates need it: pip install cryptography")
from coral_learn.fleet.flower_processes import check_port
from coral_learn.fleet.trust import (
    check_server,
    code_of,
    fetch_certificate,
    own_certificate_of,
    split_address,
)

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, int]]:
    """A server with a certificate of its own, and the file of that."""
    monkeypatch.setenv("CORAL_LEARN_CACHE", str(tmp_path))
    made = own_certificate_of("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(plain, server_side=True).close()
            except (OSError, ssl.SSLError):
                plain.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield made.authority, listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_code_names_a_certificate(server: tuple[Path, int], tmp_path: Path) -> None:
    authority, port = server
    code = code_of(authority)
    assert len(code) == 39
    fetch_certificate("127.0.0.1", port, code.upper(), tmp_path / "fetched.pem")
    assert code_of(tmp_path / "fetched.pem") == code
    check_server("127.0.0.1", port, tmp_path / "fetched.pem")
    with pytest.raises(ValueError, match="shows another certificate"):
        fetch_certificate("127.0.0.1", port, code[:-1] + "0f"[code[-1] == "0"], tmp_path / "no")
    with pytest.raises(ValueError, match="is no code of a fleet"):
        fetch_certificate("127.0.0.1", port, "1234", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_certificate_is_kept_and_its_key_is_secret(server: tuple[Path, int]) -> None:
    authority, _ = server
    again = own_certificate_of("127.0.0.1")
    assert code_of(again.authority) == code_of(authority)
    assert b"PRIVATE KEY" not in authority.read_bytes()
    assert b"PRIVATE KEY" in again.key.read_bytes()
    if sys.platform != "win32":
        assert again.key.stat().st_mode & 0o077 == 0


def test_another_certificate_is_refused(
    server: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = server
    monkeypatch.setenv("CORAL_LEARN_CACHE", str(tmp_path / "other"))
    other = own_certificate_of("127.0.0.1").authority
    with pytest.raises(ValueError, match="does not vouch for"):
        check_server("127.0.0.1", port, other)


def test_a_coordinator_that_encrypts_is_named(server: tuple[Path, int]) -> None:
    _, port = server
    with pytest.raises(ValueError, match=rf"127\.0\.0\.1:{port} encrypts\. Give --code"):
        check_server("127.0.0.1", port, None)


@pytest.mark.parametrize("address", ["host", "host:", ":1", "host:0", "host:65536", "host:x"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        split_address(address)


def test_addresses() -> None:
    assert split_address("192.168.1.5:9092") == ("192.168.1.5", 9092)
    assert split_address("[::1]:9092") == ("::1", 9092)


def test_a_port_that_another_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(.*--port 0"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    "arguments",
    [("serve",), ("join", "project", "--server", "127.0.0.1:1"), ("new", "folder")],
)
def test_a_missing_extra_is_one_line(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flwr", None)
    with pytest.raises(ValueError, match=r"a fleet needs flwr: pip install 'coral-learn\[fleet\]'"):
        app(["fleet", *arguments], standalone_mode=False)


def test_no_more_divisions_are_answered_than_an_honest_fit_needs() -> None:
    pytest.importorskip("flwr", reason="a fleet needs Flower: pip install 'coral-learn[fleet]'")
    from flwr.app import Context, RecordDict

    from coral_learn.fleet.client_app import _remember

    context = Context(1, 1, {}, RecordDict(), {})
    for number in range(8):
        _remember({"table": np.full((2, 256), number, np.int8)}, context)
    _remember({"table": np.zeros((2, 256), np.int8)}, context)
    with pytest.raises(ValueError, match="no more than 8 divisions into folds"):
        _remember({"table": np.full((2, 256), 8, np.int8)}, context)


def test_nothing_is_sent_to_another_machine_in_plain_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("flwr", reason="a fleet needs Flower: pip install 'coral-learn[fleet]'")
    from click import UsageError

    with pytest.raises(UsageError, match="give --code with what"):
        app(["fleet", "join", "p", "--server", "192.0.2.1:9092"], standalone_mode=False)
