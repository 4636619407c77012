"""The camera of the machine that the studio runs on: here a video, again and again."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.dataset.test_videos import make_video
from tests.jobs.watch.test_pi_camera import FakeCamera, cameras
from tests.studio.test_server import Client, answer, client_of, drawn, project, teach

from coral_learn.project.project import Project
from coral_learn.studio.board_camera import BoardCamera

__all__ = ["cameras", "drawn", "project"]  # fixtures

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def camera(tmp_path: Path) -> BoardCamera:
    make_video(tmp_path / "clip.mp4", 3)
    return BoardCamera(str(tmp_path / "clip.mp4"))


async def read_frames(client: Client, count: int) -> list[Image.Image]:
    """Reads frames of the stream as an <img> does."""
    async with client.get("/api/camera") as response:
        assert response.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        found: list[Image.Image] = []
        while len(found) < count:
            head = await response.content.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            content = await response.content.readexactly(size)
            assert await response.content.readexactly(2) == b"\r\n"
            found.append(Image.open(io.BytesIO(content)))
    return found


def test_all_pages_look_through_the_camera(
    project: Project, drawn: Path, camera: BoardCamera
) -> None:
    async def work(client: Client) -> None:
        state = await answer(client, "GET", "/api/state")
        assert state["camera"]["name"].endswith("clip.mp4")
        one, other = await asyncio.gather(read_frames(client, 40), read_frames(client, 5))
        assert {frame.size for frame in [*one, *other]} == {(64, 48)}  # also after its end
        origin = str(client.make_url("/"))[:-1]
        async with client.ws_connect("/api/camera/preview", headers={"Origin": origin}) as socket:
            assert "a model needs at least two" in (await socket.receive_json())["error"]
            await teach(client, drawn)
            while "error" in (shown := await socket.receive_json()):
                pass
            assert [each["label"] for each in shown["classes"]] in (
                ["crab", "fish"],
                ["fish", "crab"],
            )

    asyncio.run(served(project, camera, work))


def test_recording_from_the_camera(project: Project, camera: BoardCamera) -> None:
    async def work(client: Client) -> None:
        wish: dict[str, Any] = {"class": "clip", "seconds": 1}
        result = await answer(client, "POST", "/api/camera/record", json=wish)
        assert result["added"] >= 1
        assert result["state"]["classes"] == [{"name": "clip", "photos": result["added"]}]
        for seconds in (0, 31, "1", None):
            wrong = wish | {"seconds": seconds}
            await answer(client, "POST", "/api/camera/record", 409, json=wrong)

    asyncio.run(served(project, camera, work))


def test_the_camera_of_a_raspberry_pi(project: Project, cameras: list[FakeCamera]) -> None:
    async def work(client: Client) -> None:
        state = await answer(client, "GET", "/api/state")
        assert state["camera"]["name"] == "picamera2"
        assert {frame.size for frame in await read_frames(client, 3)} == {(640, 480)}

    asyncio.run(served(project, BoardCamera("picamera2"), work))
    assert [camera.state for camera in cameras] == ["closed"]


def test_without_a_camera_it_is_said_how_to_get_one(project: Project) -> None:
    async def run() -> None:
        async with client_of(project) as client:
            assert (await answer(client, "GET", "/api/state"))["camera"] is None
            failed = await answer(client, "GET", "/api/camera", 409)
            assert "start it with --camera 0" in failed["error"]

    asyncio.run(run())


def test_a_studio_with_open_pages_ends_at_once(project: Project, camera: BoardCamera) -> None:
    async def run() -> None:
        async with client_of(project, camera=camera) as client:
            origin = {"Origin": str(client.make_url("/"))[:-1]}
            for path in ("/api/events", "/api/preview", "/api/camera/preview"):
                await client.ws_connect(path, headers=origin)
            stream = await client.get("/api/camera")
            await stream.content.readany()

    asyncio.run(asyncio.wait_for(run(), 20))  # aiohttp would wait for a minute


async def served(project: Project, camera: BoardCamera, work: Any) -> None:
    async with client_of(project, camera=camera) as client:
        await work(client)
