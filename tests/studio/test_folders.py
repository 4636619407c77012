"""The folders of the studio's machine whose new pictures go into classes."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.studio.test_server import Client, answer, client_of, drawn, photos_of, project, teach

from coral_learn.cli.studio_command import studio_command
from coral_learn.project.project import Project

__all__ = ["drawn", "project"]  # fixtures

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def snaps(tmp_path: Path) -> Path:
    (tmp_path / "snaps").mkdir()
    return tmp_path / "snaps"


def on_folders(project: Project, snaps: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with client_of(project, folders=[snaps]) as client:
            await work(client)

    asyncio.run(run())


async def until(client: Client, holds: Callable[[Any], bool]) -> Any:
    for _ in range(300):
        state = await answer(client, "GET", "/api/state")
        if holds(state):
            return state
        await asyncio.sleep(0.1)
    raise AssertionError(state)


def photos_in(state: Any, name: str) -> int:
    return int(next(each["photos"] for each in state["classes"] if each["name"] == name))


def test_new_pictures_of_a_folder_go_into_a_class(
    project: Project, drawn: Path, snaps: Path
) -> None:
    turtles = sorted((drawn / "turtle").iterdir())

    async def work(client: Client) -> None:
        await teach(client, drawn)
        state = await answer(client, "POST", "/api/classes", json={"name": "turtle"})
        assert state["folders"] == [{"name": "snaps", "class": None}]
        shutil.copy(turtles[0], snaps)  # was there before
        state = await answer(client, "POST", "/api/folders/0", json={"class": "turtle"})
        assert state["folders"] == [{"name": "snaps", "class": "turtle"}]
        for path in turtles[1:3]:
            shutil.copy(path, snaps)
        await until(client, lambda state: photos_in(state, "turtle") == 2)
        state = await answer(client, "POST", "/api/folders/0", json={"class": "fish"})
        shutil.copy(turtles[3], snaps)
        await until(
            client, lambda state: photos_in(state, "fish") == len(photos_of(drawn, "fish")) + 1
        )
        state = await answer(client, "POST", "/api/folders/0", json={"class": None})
        assert state["folders"] == [{"name": "snaps", "class": None}]
        state = await answer(client, "POST", "/api/undo")
        assert photos_in(state, "fish") == len(photos_of(drawn, "fish"))

    on_folders(project, snaps, work)


def test_a_class_that_is_gone_is_not_made_again(project: Project, drawn: Path, snaps: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        await answer(client, "POST", "/api/folders/0", json={"class": "fish"})
        origin = {"Origin": str(client.make_url("/"))[:-1]}
        async with client.ws_connect("/api/events", headers=origin) as socket:
            await answer(client, "PATCH", "/api/classes/fish", json={"name": "Fisch"})
            shutil.copy(next((drawn / "turtle").iterdir()), snaps)
            while (told := await socket.receive_json(timeout=20))["type"] != "notice":
                pass
            assert "snaps is not watched any more: the project has no class 'fish'" in told["text"]
        state = await until(client, lambda state: state["folders"][0]["class"] is None)
        assert [each["name"] for each in state["classes"]] == ["crab", "Fisch"]

    on_folders(project, snaps, work)


def test_a_page_names_no_folder_of_its_own(project: Project, drawn: Path, snaps: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        for path in ("/api/folders/1", "/api/folders/0"):
            await answer(client, "POST", path, 409, json={"class": "turtle"})
        for number in ("-1", "..%2f", "%2Fetc", "1e3", "x"):
            await answer(client, "POST", f"/api/folders/{number}", 404, json={"class": "fish"})
        await answer(client, "POST", "/api/folders/0", 409, json={"class": 5})

    on_folders(project, snaps, work)


def test_the_command_refuses_what_cannot_be_watched(tmp_path: Path) -> None:
    for folder in (tmp_path / "nothing", tmp_path):
        command = [str(tmp_path / "garden"), "--watch", str(folder)]
        with pytest.raises(ValueError, match=r"is no folder|cannot be watched"):
            studio_command.main(command, standalone_mode=False)
    assert not (tmp_path / "garden").exists()
