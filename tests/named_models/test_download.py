"""Downloads from servers that break, stall, redirect and lie."""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.file_server import FileServer, serve

from coral_learn.named_models import download as module
from coral_learn.named_models.download import DownloadError, download


class Usage(NamedTuple):
    """What shutil.disk_usage() returns."""

    total: int
    used: int
    free: int


def ignore(done: int, total: int | None) -> None:
    """No progress is shown."""


pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor


@pytest.fixture
def content(files: dict[str, bytes]) -> bytes:
    return files["plain.tflite"]


@pytest.fixture
def url(server: FileServer) -> str:
    return f"{server.url}/plain.tflite"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "part"


def test_the_progress_counts_bytes(url: str, part: Path, content: bytes) -> None:
    calls: list[tuple[int, int | None]] = []
    download(url, part, lambda done, total: calls.append((done, total)))
    assert part.read_bytes() == content
    assert calls[0] == (0, len(content))
    assert calls[-1] == (len(content), len(content))


def test_a_connection_that_breaks_is_continued(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.cuts = [100, 50, 0, 1]
    download(url, part, ignore)
    assert part.read_bytes() == content
    assert server.ranges == ["", "bytes=100-", "bytes=150-", "bytes=150-", "bytes=151-"]


def test_a_later_run_continues_an_earlier_one(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    part.write_bytes(content[:70])
    calls: list[tuple[int, int | None]] = []
    download(url, part, lambda done, total: calls.append((done, total)))
    assert part.read_bytes() == content
    assert server.ranges == ["bytes=70-"]
    assert calls[0] == (70, len(content))


def test_a_server_without_ranges_starts_again(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.knows_ranges = False
    server.cuts = [100]
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_a_part_that_is_longer_than_the_file_is_replaced(
    url: str, part: Path, content: bytes
) -> None:
    part.write_bytes(content + b"more")
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_a_server_that_sends_another_part_is_asked_again(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    part.write_bytes(content[:70])
    server.wrong_range = True
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_a_file_of_unknown_length_is_downloaded(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.tells_length = False
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_a_server_that_stays_broken_is_given_up(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.cuts = [100] + [0] * 9
    with pytest.raises(DownloadError, match=rf"broke after 100 of {len(content)} bytes, 5 times"):
        download(url, part, ignore)
    assert part.read_bytes() == content[:100]  # for the next run


def test_a_server_that_falls_silent_is_asked_again(
    url: str, part: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 0.05)
    server.silence = 0.5
    with pytest.raises(DownloadError, match=r"the connection broke \(timed out\), 5 times"):
        download(url, part, ignore)


def test_a_slow_server_is_waited_for(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.silence = 0.2
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_an_overloaded_server_is_asked_again(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    server.statuses = [503, 429]
    download(url, part, ignore)
    assert part.read_bytes() == content


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_final(url: str, part: Path, server: FileServer, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError, match=f"the server answered {status} "):
        download(url, part, ignore)
    assert server.ranges == [""]
    assert not part.exists()


def test_a_redirection_is_followed(
    url: str, part: Path, content: bytes, server: FileServer
) -> None:
    part.write_bytes(content[:70])
    with serve(dict(server.files)) as other:
        server.redirect = other.url
        download(url, part, ignore)
        assert other.ranges == ["bytes=70-"]
    assert part.read_bytes() == content


def test_no_redirection_leads_from_https_to_http() -> None:
    request = urllib.request.Request("https://safe.example/model")
    headers: Any = Message()
    follow = module._Redirections().redirect_request
    with pytest.raises(urllib.error.URLError, match="which is not safe"):
        follow(request, BytesIO(), 302, "Found", headers, "http://other.example/model")
    followed = follow(request, BytesIO(), 302, "Found", headers, "https://other.example/model")
    assert followed is not None
    assert followed.full_url == "https://other.example/model"


def test_a_server_that_is_not_there(part: Path) -> None:
    with pytest.raises(DownloadError, match=r"the server cannot be reached \(Connection refused\)"):
        download("http://127.0.0.1:1/model", part, ignore)
    assert not part.exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "models", ""])
def test_other_addresses_are_refused(url: str, part: Path) -> None:
    with pytest.raises(DownloadError, match="does not begin with https:// or http://"):
        download(url, part, ignore)


def test_a_disk_that_is_too_full_is_told_before(
    url: str, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 10, 0))
    with pytest.raises(DownloadError, match=r"has 0\.0 MB left: free some space"):
        download(url, part, ignore)


def test_a_write_that_fails_names_the_file(url: str, part: Path, content: bytes) -> None:
    """A limit on the size of files stands for a disk that another process fills meanwhile."""
    pytest.importorskip("resource", reason="this system has no limit on the size of files")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from coral_learn.named_models.download import download\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        f"download({url!r}, Path({str(part)!r}), lambda done, total: None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"OSError: [Errno 27] File too large: '{part}'" in done.stderr
    download(url, part, ignore)
    assert part.read_bytes() == content


def test_a_server_that_sends_without_end_is_stopped(
    url: str, part: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_BYTES", 1000)
    for server.tells_length in (True, False):
        with pytest.raises(DownloadError, match="no model is so large"):
            download(url, part, ignore)
