"""What no good page sends: the server says what is wrong, loses nothing, and lives on."""

import asyncio
import binascii
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.studio.test_server import (
    COUNT,
    Client,
    add,
    answer,
    drawn,
    form,
    on_server,
    photos_of,
    project,
    session_at,
    teach,
    zipped,
)
from tests.support.drawn_extractor import drawn_extractor
from tests.support.studio_page import StudioPage, open_studio
from tests.support.studio_process import StudioProcess

from coral_learn.project.project import Project
from coral_learn.studio import limits

__all__ = ["drawn", "project"]  # fixtures

pytestmark = [
    pytest.mark.slow_when_emulated,  # no result depends on the processor
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and mount"),
]


def huge_png() -> bytes:
    """Returns a PNG file that claims to have 60,000 x 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = binascii.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", b"\x78\x9c" + bytes(100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def huge_jpeg(good: bytes) -> bytes:
    """Returns a JPEG file that claims to have 60,000 x 60,000 pixels."""
    start = good.index(b"\xff\xc0") + 5
    return good[:start] + struct.pack(">HH", 60_000, 60_000) + good[start + 4 :]


def test_a_picture_that_claims_to_be_huge(project: Project, drawn: Path) -> None:
    good = photos_of(drawn, "crab")[0]
    files = [("huge.png", huge_png()), ("huge.jpg", huge_jpeg(good[1]))]

    async def work(client: Client) -> None:
        result = await add(client, "crab", *files, good)
        assert result["added"] == 1
        assert [each["name"] for each in result["skipped"]] == ["huge.png", "huge.jpg"]
        assert ["pixels" in each["reason"] for each in result["skipped"]] == [True, True], result
        origin = {"Origin": str(client.make_url("/"))[:-1]}
        await add(client, "fish", *photos_of(drawn, "fish"))
        async with client.ws_connect("/api/preview", headers=origin) as preview:
            for _, content in files:
                await preview.send_bytes(content)
                assert "pixels, but Pillow allows" in (await preview.receive_json())["error"]
            await preview.send_bytes(good[1])
            assert (await preview.receive_json())["classes"]
        await answer(client, "POST", "/api/tray", 409, data=form(files[0]))

    on_server(project, work)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[StudioProcess]:
    started = StudioProcess(tmp_path / "garden")
    started.start()
    yield started
    started.kill()


def resident_bytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def connect(studio: StudioProcess) -> socket.socket:
    host, port = studio.url.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), 60)


def head_of_upload(studio: StudioProcess, length: int, name: str) -> bytes:
    """Returns the start of a request that sends a file."""
    return (
        "POST /api/photos?class=crab HTTP/1.1\r\n"
        f"Host: {studio.url.removeprefix('http://').rstrip('/')}\r\n"
        "X-Coral-Learn: 1\r\n"
        f"Content-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    ).encode()


def status_of(reply: bytes) -> int:
    return int(reply.split()[1])


def test_two_gigabytes_are_refused_before_they_are_sent(studio: StudioProcess) -> None:
    with connect(studio) as sending:
        sending.sendall(head_of_upload(studio, 2_000_000_000, "film.mp4"))
        assert status_of(sending.recv(1 << 16)) == 413


def test_a_large_file_is_not_read_into_memory(studio: StudioProcess, drawn: Path) -> None:
    before = resident_bytes(studio.process_id)
    with connect(studio) as sending:
        sending.sendall(head_of_upload(studio, 400_000_000, "film.zip"))
        part = bytes(1_000_000)
        for _ in range(300):
            sending.sendall(part)
        assert resident_bytes(studio.process_id) - before < 60_000_000
    asyncio.run(still_teaches(studio, drawn))


def test_an_upload_that_breaks_off(studio: StudioProcess, drawn: Path) -> None:
    content = photos_of(drawn, "crab")[0][1]
    with connect(studio) as sending:
        sending.sendall(head_of_upload(studio, 2 * len(content), "a.jpg") + content[:-50])
    asyncio.run(still_teaches(studio, drawn))
    assert not list(studio.project.glob(".incoming*"))


async def still_teaches(studio: StudioProcess, drawn: Path) -> None:
    async with session_at(studio.url) as client:
        await teach(client, drawn)
        state = await answer(client, "GET", "/api/state")
        assert [each["photos"] for each in state["classes"]] == [COUNT, COUNT]


def test_fifty_pages_follow_and_too_many_are_told(
    project: Project, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.MAX_SOCKETS >= 100  # fifty pages with a preview each
    monkeypatch.setattr("coral_learn.studio.pages.MAX_SOCKETS", 50)

    async def work(client: Client) -> None:
        origin = {"Origin": str(client.make_url("/"))[:-1]}
        pages = [await client.ws_connect("/api/events", headers=origin) for _ in range(50)]
        await teach(client, drawn)

        async def wait_for_model(page: Any) -> None:
            while True:
                message = await page.receive_json(timeout=30)
                if message["type"] == "state" and message["state"]["has_model"]:
                    return

        await asyncio.gather(*map(wait_for_model, pages))
        refused = await client.get(
            "/api/events",
            headers={
                **origin,
                **{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            },
        )
        assert refused.status == 503
        assert (await refused.json())["error"] == "too many pages are open"
        for page in pages:
            await page.close()
        await answer(client, "GET", "/api/state")

    on_server(project, work)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs a user who may mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    """Writes until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 12))


def test_a_full_disk(small_disk: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.create(small_disk / "garden", drawn_extractor())

    async def work(client: Client) -> None:
        failed = await answer(
            client, "POST", "/api/photos?class=crab", 413, data=form(photos_of(drawn, "crab")[0])
        )
        assert "the disk of the studio is almost full" in failed["error"]
        monkeypatch.setattr("coral_learn.studio.incoming.SPARE_BYTES", 0)
        await teach(client, drawn)
        full = small_disk / "full"
        fill(full)
        for path, files in (
            ("/api/photos?class=crab", photos_of(drawn, "turtle")),
            ("/api/tray", photos_of(drawn, "turtle")),
        ):
            failed = await answer(client, "POST", path, 500, data=form(*files))
            assert "No space left on device" in failed["error"]
        before = await answer(client, "GET", "/api/state")
        moved = {"ids": [project.photos[0].id], "class": "fish"}
        failed = await answer(client, "POST", "/api/photos/move", 500, json=moved)
        assert "No space left on device" in failed["error"]
        state = await answer(client, "GET", "/api/state")
        assert state["classes"] == before["classes"]
        full.unlink()
        state = await answer(client, "POST", "/api/photos/move", json=moved)
        assert [each["photos"] for each in state["classes"]] == [COUNT - 1, COUNT + 1]
        assert (await add(client, "turtle", *photos_of(drawn, "turtle")))["added"] == COUNT

    on_server(project, work)
    assert len(Project(project.path).photos) == 3 * COUNT


@pytest.fixture(scope="module")
def story(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioPage]:
    with open_studio(photos, tmp_path_factory.mktemp("studio")) as opened:
        opened.teach("crab", sorted((photos / "crab").iterdir()))
        opened.teach("fish", sorted((photos / "fish").iterdir()))
        yield opened


def send(story: StudioPage, path: Path) -> str:
    """Sends a file on the page; returns what it says then."""
    story.open()
    inputs = story.card("crab").locator("input[type=file][multiple]:not([webkitdirectory])")
    inputs.set_input_files(path)
    notice = story.page.locator(".notice", has_text=path.name)
    notice.wait_for(timeout=60_000)
    text = str(notice.inner_text())
    notice.get_by_role("button", name="Close").click()
    return text


def test_the_page_says_what_is_wrong(story: StudioPage, tmp_path: Path) -> None:
    crabs = len(list((story.photos / "crab").iterdir()))
    good = next((story.photos / "crab").iterdir()).read_bytes()
    for name, content, words in (
        ("tool.jpg", b"MZ\x90\x00" + bytes(5000), "not a picture"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
        ("bomb.zip", zipped([("bomb.jpg", bytes(150_000_000))]), "made to fill the disk"),
        ("huge.png", huge_png(), "pixels"),
        ("half.jpg", good[: len(good) // 2], "half.jpg"),
    ):
        (tmp_path / name).write_bytes(content)
        assert words in send(story, tmp_path / name), name
    story.expect_photos("crab", crabs)
    assert story.errors == []


def test_the_page_does_not_send_what_is_too_large(story: StudioPage, tmp_path: Path) -> None:
    for name, size, limit in (("film.zip", 2_000_000_000, "1,500"), ("a.jpg", 70_000_000, "60")):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)  # takes no space
        assert f"{name} is larger than {limit} MB" in send(story, tmp_path / name)
    assert story.errors == []


def test_many_tabs(story: StudioPage) -> None:
    story.open()
    tabs = [story.new_page() for _ in range(12)]  # fifty take a minute
    for tab in tabs:
        tab.goto(story.studio.url)
    story.page.bring_to_front()
    story.page.get_by_role("button", name="Rename crab", exact=True).click()
    story.page.get_by_label("New name of crab").fill("Krabbe")
    story.page.keyboard.press("Enter")
    for tab in tabs:
        story.card("Krabbe", tab).wait_for()
        tab.close()
    story.page.get_by_role("button", name="Undo").click()
    story.card("crab").wait_for()
    assert story.errors == []
