"""The studio's server: a real one on this machine, asked as the page asks it."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn.cli.studio_command import studio_command
from coral_learn.demo.drawing import write_photos
from coral_learn.jobs.classification import Classifier
from coral_learn.project.project import Project

aiohttp = pytest.importorskip("aiohttp")
from aiohttp import web  # noqa: E402
from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

from coral_learn.studio import limits  # noqa: E402
from coral_learn.studio.board_camera import BoardCamera  # noqa: E402
from coral_learn.studio.security import Guard  # noqa: E402
from coral_learn.studio.server import make_app  # noqa: E402
from coral_learn.studio.session import Session  # noqa: E402

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

COUNT = 8
HEADERS = {"X-Coral-Learn": "1"}
Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos of every class."""
    folder = tmp_path_factory.mktemp("drawn")
    for _ in write_photos(folder, per_class=COUNT, seed=5):
        pass
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "garden", drawn_extractor())


@asynccontextmanager
async def client_of(
    project: Project,
    guard: Guard | None = None,
    headers: dict[str, str] = HEADERS,
    camera: BoardCamera | None = None,
    folders: Sequence[Path] = (),
) -> AsyncIterator[Client]:
    app = make_app(Session(project, "cpu"), guard or Guard.of_host("127.0.0.1"), camera, folders)
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


def on_server(
    project: Project, work: Callable[[Client], Awaitable[None]], guard: Guard | None = None
) -> None:
    """Runs requests against a server of a project."""

    async def run() -> None:
        async with client_of(project, guard) as client:
            await work(client)

    asyncio.run(run())


def form(*files: tuple[str, bytes]) -> Any:
    data = aiohttp.FormData(quote_fields=False)  # as browsers do
    for name, content in files:
        data.add_field("file", content, filename=name)
    return data


def photos_of(folder: Path, name: str) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted((folder / name).iterdir())]


async def answer(client: Client, method: str, path: str, status: int = 200, **more: Any) -> Any:
    response = await client.request(method, path, **more)
    text = await response.text()
    assert response.status == status, text
    return json.loads(text)


async def add(client: Client, name: str, *files: tuple[str, bytes], thin: int = 0) -> Any:
    path = f"/api/photos?class={name}&thin={thin}"
    return await answer(client, "POST", path, data=form(*files))


async def teach(client: Client, drawn: Path) -> None:
    for name in ("crab", "fish"):
        assert (await add(client, name, *photos_of(drawn, name)))["added"] == COUNT


async def measured(client: Client) -> Any:
    """Returns the state when its model was measured."""
    while not (state := await answer(client, "GET", "/api/state"))["measured"]:
        await asyncio.sleep(0.05)
    return state


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", **options)
    return content.getvalue()


def test_teaching_from_nothing(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        state = await answer(client, "GET", "/api/state")
        assert (state["project"], state["classes"], state["has_model"]) == ("garden", [], False)
        state = await answer(client, "POST", "/api/classes", json={"name": " crab "})
        assert state["classes"] == [{"name": "crab", "photos": 0}]
        await teach(client, drawn)
        state = await answer(client, "GET", "/api/state")
        assert state["classes"] == [{"name": name, "photos": COUNT} for name in ("crab", "fish")]
        assert state["has_model"]
        assert (await measured(client))["accuracy"]["tested"] == 2 * COUNT
        assert state["undo"] == f"add class fish ({COUNT} photos)"
        listed = await answer(client, "GET", "/api/photos?class=fish&limit=3")
        assert listed["total"] == COUNT
        assert [photo["label"] for photo in listed["photos"]] == ["fish"] * 3

    on_server(project, work)
    assert project.classes == ["crab", "fish"]


def test_changes_are_made_undone_and_made_again(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        photos = (await answer(client, "GET", "/api/photos?class=fish"))["photos"]
        ids = [photo["id"] for photo in photos[:2]]
        moved = {"ids": ids, "class": "crab"}
        state = await answer(client, "POST", "/api/photos/move", json=moved)
        assert [each["photos"] for each in state["classes"]] == [COUNT + 2, COUNT - 2]
        state = await answer(client, "POST", "/api/undo")
        assert state["redo"] == "move 2 photos to crab"
        state = await answer(client, "POST", "/api/redo")
        assert [each["photos"] for each in state["classes"]] == [COUNT + 2, COUNT - 2]
        state = await answer(client, "POST", "/api/photos/drop", json={"ids": ids})
        assert [each["photos"] for each in state["classes"]] == [COUNT, COUNT - 2]
        state = await answer(client, "PATCH", "/api/classes/fish", json={"name": "a/b % ü"})
        assert [each["name"] for each in state["classes"]] == ["crab", "a/b % ü"]
        state = await answer(client, "DELETE", "/api/classes/a%2Fb%20%25%20%C3%BC")
        assert [each["name"] for each in state["classes"]] == ["crab"]

    on_server(project, work)


def test_classes_without_photos(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        for name in ("crab", "fish"):
            await answer(client, "POST", "/api/classes", json={"name": name})
        failed = await answer(client, "POST", "/api/classes", 409, json={"name": "crab"})
        assert "there is a class 'crab' already" in failed["error"]
        await answer(client, "PATCH", "/api/classes/crab", json={"name": "lobster"})
        await answer(client, "PATCH", "/api/classes/fish", 409, json={"name": "lobster"})
        await add(client, "fish", *photos_of(drawn, "fish"))
        await answer(client, "POST", "/api/classes", 409, json={"name": "fish"})
        state = await answer(client, "DELETE", "/api/classes/lobster")
        assert state["classes"] == [{"name": "fish", "photos": COUNT}]
        await answer(client, "DELETE", "/api/classes/lobster", 409)
        wrong: Any
        for wrong in ({"name": ""}, {"name": 5}, {}, [], "fish\nx"):
            await answer(client, "POST", "/api/classes", 409, json=wrong)
        await answer(client, "POST", "/api/classes", 409, json={"name": "two\nlines"})
        await answer(client, "POST", "/api/classes", 409, data=b"{")

    on_server(project, work)


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return content.getvalue()


def test_what_is_no_picture_is_named_and_skipped(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        good = photos_of(drawn, "crab")
        result = await add(
            client,
            "crab",
            good[0],
            ("photos/tool.jpg", b"MZ\x90\x00" + bytes(100)),
            ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
            ("../../../etc/passwd", b"root:x:0:0"),
            ("empty.png", b""),
            ("copy.jpg", good[0][1]),
        )
        assert (result["added"], result["copies"]) == (1, 1)
        names = [each["name"] for each in result["skipped"]]
        assert names == ["tool.jpg", "drawing.svg", "passwd", "empty.png"]
        assert all(each["reason"] for each in result["skipped"])
        result = await add(client, "crab", ("broken.jpg", good[1][1][:200]))
        assert (result["added"], len(result["skipped"])) == (0, 1)
        result = await add(client, "fish", good[0], *photos_of(drawn, "fish"))
        assert result["other_classes"] == [{"name": good[0][0], "class": "crab"}]
        assert result["added"] == COUNT
        same = ("same.jpg", good[0][1])
        result = await add(client, "fish", ("same.jpg", b"broken"), same)
        assert result["other_classes"] == [{"name": "same.jpg", "class": "crab"}]
        assert len(result["skipped"]) == 1
        assert not list(project.path.glob(".incoming*"))

    on_server(project, work)
    assert not (project.path.parent / "passwd").exists()


def test_archives_are_unpacked(project: Project, drawn: Path) -> None:
    bomb = zipped([("bomb.jpg", bytes(400_000_000))])
    outside = zipped([("../../outside.jpg", photos_of(drawn, "crab")[0][1])])

    async def work(client: Client) -> None:
        result = await add(client, "crab", ("all.zip", zipped(photos_of(drawn, "crab"))))
        assert (result["added"], result["skipped"]) == (COUNT, [])
        result = await add(client, "crab", ("bomb.zip", bomb), ("outside.zip", outside))
        assert result["added"] == 0
        assert [each["name"] for each in result["skipped"]] == ["bomb.zip", "outside.zip"]
        result = await add(client, "crab", ("notes.zip", zipped([("readme.txt", b"words")])))
        assert "there is no picture in it" in result["skipped"][0]["reason"]

    on_server(project, work)
    assert not list(project.path.parent.glob("**/outside.jpg"))


def test_frames_that_hardly_differ_are_thinned(project: Project) -> None:
    shades = [10, 10, 11, 120, 120, 250]
    frames = [
        (f"{number}.jpg", jpeg(Image.new("RGB", (64, 64), (shade, shade, shade)), quality=90))
        for number, shade in enumerate(shades)
    ]

    async def work(client: Client) -> None:
        result = await add(client, "wall", *frames, thin=1)
        assert (result["added"], result["similar"]) == (3, 3)

    on_server(project, work)


def test_too_much_is_refused(
    project: Project, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coral_learn.studio.incoming.MAX_PICTURE_BYTES", 50_000)
    monkeypatch.setattr("coral_learn.studio.incoming.MAX_FILES", 3)
    small = ("small.jpg", photos_of(drawn, "crab")[0][1])

    async def work(client: Client) -> None:
        path = "/api/photos?class=crab"
        big = form(("big.jpg", bytes(60_000)))
        failed = await answer(client, "POST", path, 413, data=big)
        assert failed["error"] == "big.jpg is larger than 0 MB. Send a smaller file."
        failed = await answer(client, "POST", path, 413, data=form(*4 * [small]))
        assert "more than 3 files were sent at once" in failed["error"]
        monkeypatch.setattr("coral_learn.studio.incoming.SPARE_BYTES", 1 << 62)
        failed = await answer(client, "POST", path, 413, data=form(small))
        assert "the disk of the studio is almost full" in failed["error"]
        monkeypatch.undo()
        await answer(client, "POST", path, 409, data=b"no form")
        long = io.BytesIO(json.dumps({"name": "x" * 3_000_000}).encode())
        await answer(client, "POST", "/api/classes", 413, data=long)
        assert (await add(client, "crab", small))["added"] == 1
        assert not list(project.path.glob(".incoming*"))

    on_server(project, work)


def test_pictures_are_shown(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        [photo] = (await answer(client, "GET", "/api/photos?limit=1"))["photos"]
        assert photo["has_picture"]
        small = await client.get(f"/api/photos/{photo['id']}/thumbnail")
        assert "immutable" in small.headers["Cache-Control"]
        with Image.open(io.BytesIO(await small.read())) as picture:
            assert max(picture.size) <= 320
        whole = await client.get(f"/api/photos/{photo['id']}/picture")
        assert await whole.read() == photos_of(drawn, "fish")[-1][1]
        assert whole.headers["Content-Type"].startswith("image/")
        for name in ("0123456789ab", "..%2f..%2fproject.json", "x"):
            await answer(client, "GET", f"/api/photos/{name}/picture", 409)

    on_server(project, work)


def test_the_preview_runs_the_file_that_is_downloaded(project: Project, drawn: Path) -> None:
    frames = [photos_of(drawn, name)[0][1] for name in ("crab", "fish")]

    async def work(client: Client) -> None:
        origin = str(client.make_url("/"))[:-1]
        async with client.ws_connect("/api/preview", headers={"Origin": origin}) as socket:
            await socket.send_bytes(frames[0])
            assert "a model needs at least two" in (await socket.receive_json())["error"]
            await teach(client, drawn)
            await socket.send_bytes(b"no picture")
            assert "cannot be read" in (await socket.receive_json())["error"]
            answers = []
            for frame in frames:
                await socket.send_bytes(frame)
                answers.append(await socket.receive_json())
        model = await (await client.get("/api/exports/model")).read()
        with Classifier(model, device="cpu") as classifier:
            opened = [Image.open(io.BytesIO(frame)) for frame in frames]
            expected = classifier.classify(opened, top_k=2, threshold=0)
        for shown, classes in zip(answers, expected, strict=True):
            assert [(each["label"], each["score"]) for each in shown["classes"]] == [
                (each.label, round(each.score, 4)) for each in classes
            ]
            assert shown["label"] in (classes[0].label, None)
        assert await answer(client, "GET", "/api/check") == {"agree": 2 * COUNT, "of": 2 * COUNT}

    on_server(project, work)


def test_pages_follow_all_changes(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        origin = str(client.make_url("/"))[:-1]
        async with (
            client.ws_connect("/api/events", headers={"Origin": origin}) as one,
            client.ws_connect("/api/events", headers={"Origin": origin}) as other,
        ):
            first = (await one.receive_json())["state"]["version"]
            await other.receive_json()
            await teach(client, drawn)
            kinds = set()
            while True:
                message = await other.receive_json()
                kinds.add(message["type"])
                if message["type"] == "state" and message["state"]["has_model"]:
                    break
            assert kinds == {"state", "progress"}
            assert message["state"]["version"] > first
            await asyncio.to_thread(Project(project.path).rename_class, "crab", "Krabbe")
            while True:
                message = await asyncio.wait_for(one.receive_json(), 10)
                if message["type"] == "state" and message["state"]["classes"][0]["name"] != "crab":
                    break
            assert message["state"]["classes"][0]["name"] == "Krabbe"

    on_server(project, work)


def test_the_tray_is_sorted_later(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        turtles = photos_of(drawn, "turtle")[:3]
        before = (await answer(client, "GET", "/api/state"))["version"]
        state = await answer(client, "POST", "/api/tray", data=form(*turtles))
        assert (state["tray"], state["version"]) == (3, before)  # the model is the same
        await answer(client, "POST", "/api/tray", 409, data=form(("x.jpg", b"no picture")))
        listed = (await answer(client, "GET", "/api/tray"))["photos"]
        ids = [photo["id"] for photo in listed]
        assert {photo["suggested"] for photo in listed} <= {"crab", "fish"}
        assert all(0.5 <= photo["probability"] <= 1 for photo in listed)
        picture = await client.get(f"/api/tray/{ids[0]}")
        assert picture.content_type == "image/jpeg"
        sorted_one = {"ids": ids[:1], "class": "fish"}
        state = await answer(client, "POST", "/api/tray/sort", json=sorted_one)
        assert (state["tray"], state["classes"][1]["photos"]) == (2, COUNT + 1)
        await answer(client, "POST", "/api/tray/sort", json=sorted_one)  # sorted once more
        state = await answer(client, "POST", "/api/undo")
        assert (state["tray"], state["classes"][1]["photos"]) == (3, COUNT)
        state = await answer(client, "POST", "/api/redo")
        assert (state["tray"], state["classes"][1]["photos"]) == (2, COUNT + 1)
        state = await answer(client, "POST", "/api/tray/sort", json={"ids": ids[1:], "class": None})
        assert state["tray"] == 0
        await answer(client, "GET", "/api/tray/..%2f..%2fproject", 409)

    on_server(project, work)


def test_quality_names_what_is_wrong(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await answer(client, "GET", "/api/quality", 409)
        crab, fish = photos_of(drawn, "crab"), photos_of(drawn, "fish")
        await add(client, "crab", *crab, fish[0])
        await add(client, "fish", *fish[1:])
        quality = await answer(client, "GET", "/api/quality")
        assert quality["classes"] == ["crab", "fish"]
        assert np.sum(quality["confusion"]) == 2 * COUNT
        assert len(quality["recalls"]) == 2
        first = quality["doubtful"][0]
        assert (first["label"], first["suggested"]) == ("crab", "fish")
        assert first["id"] in {each["id"] for each in quality["wrong"]}
        ids = {"ids": [first["id"]]}
        state = await answer(client, "POST", "/api/photos/confirm", json=ids)
        assert state["undo"] == "confirm 1 label"
        left = (await answer(client, "GET", "/api/quality"))["doubtful"]
        assert first["id"] not in {each["id"] for each in left}
        await answer(client, "POST", "/api/photos/confirm", 409, json=ids)
        await answer(client, "POST", "/api/photos/confirm", 409, json={"ids": ["/etc/passwd"]})
        await answer(client, "POST", "/api/undo")
        assert (await answer(client, "GET", "/api/quality"))["doubtful"][0]["id"] == first["id"]

    on_server(project, work)


def test_exports(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        listed = (await answer(client, "GET", "/api/exports"))["exports"]
        assert not any(each["available"] for each in listed)
        await answer(client, "GET", "/api/exports/model", 409)
        await teach(client, drawn)
        listed = (await answer(client, "GET", "/api/exports"))["exports"]
        assert [each["id"] for each in listed] == [
            *("model", "labels", "frigate", "mediapipe", "python", "c-array", "report")
        ]
        for each in listed:
            if not each["available"]:
                assert each["why_not"]
                continue
            response = await client.get(f"/api/exports/{each['id']}")
            assert response.headers["Content-Disposition"].endswith(each["file"])
            content = await response.read()
            if each["file"].endswith(".zip"):
                names = zipfile.ZipFile(io.BytesIO(content)).namelist()
                assert names
                assert all(name.startswith("garden/") for name in names)
        await answer(client, "GET", "/api/exports/other", 404)

    on_server(project, work)


def test_only_ids_of_photos_are_taken(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        for name in ("/etc/passwd", str(drawn / "crab" / "crab_000.jpg"), "abcd"):
            failed = await answer(client, "POST", "/api/photos/drop", 409, json={"ids": [name]})
            assert failed["error"] == f"there is no photo {name!r}: it was dropped meanwhile"

    on_server(project, work)


def test_names_that_an_address_cannot_have_are_refused(project: Project) -> None:
    async def work(client: Client) -> None:
        for name in (".", "..", "x" * 101):
            await answer(client, "POST", "/api/classes", 409, json={"name": name})
        await answer(client, "POST", "/api/classes", json={"name": "x"})
        await answer(client, "PATCH", "/api/classes/x", 409, json={"name": ".."})
        for body in (b"[" * 100_000, b'{"name": "\xff"}'):
            await answer(client, "POST", "/api/classes", 409, data=io.BytesIO(body))

    on_server(project, work)


def test_a_class_with_photos_comes_before_an_empty_one(project: Project, drawn: Path) -> None:
    async def work(client: Client) -> None:
        await teach(client, drawn)
        await answer(client, "DELETE", "/api/classes/fish")
        await answer(client, "POST", "/api/classes", json={"name": "fish"})
        await answer(client, "POST", "/api/undo")
        state = await answer(client, "PATCH", "/api/classes/fish", json={"name": "Fisch"})
        assert state["classes"][1] == {"name": "Fisch", "photos": COUNT}

    on_server(project, work)


def test_a_project_that_is_away_for_a_moment_is_noticed_again(project: Project) -> None:
    async def work(client: Client) -> None:
        away = project.path.with_name("away")
        project.path.rename(away)
        await asyncio.sleep(1.5)
        away.rename(project.path)
        (project.path / "empty-classes.json").write_text('["crab"]')
        for _ in range(100):
            state = await answer(client, "GET", "/api/state")
            if state["classes"]:
                break
            await asyncio.sleep(0.1)
        assert state["classes"] == [{"name": "crab", "photos": 0}]

    on_server(project, work)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--keep", "nothing"), ("--resize", "crop"), ("--extractor", "other.tflite")],
)
def test_an_existing_project_refuses_other_settings(
    project: Project, tmp_path: Path, option: str, value: str
) -> None:
    if value == "other.tflite":
        value = str(tmp_path / value)
        Path(value).write_bytes(build_classifier().content)
    with pytest.raises(click.UsageError, match=f"{option}: .* is a project already, with another"):
        studio_command.main([str(project.path), option, value], standalone_mode=False)


def test_a_new_project_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "extractor.tflite").write_text("mine")
    with pytest.raises(ValueError, match=r"has a 'extractor\.tflite' and is no project"):
        studio_command.main([str(tmp_path)], standalone_mode=False)
    assert (tmp_path / "extractor.tflite").read_text() == "mine"


def test_the_demo_fills_an_empty_project(project: Project) -> None:
    async def work(client: Client) -> None:
        state = await answer(client, "POST", "/api/demo")
        assert len(state["classes"]) > 2
        assert state["has_model"]
        await answer(client, "POST", "/api/demo", 409)

    on_server(project, work)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "192.168.1.5:8080"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_other_sites_are_refused(project: Project, headers: dict[str, str], status: int) -> None:
    async def work(client: Client) -> None:
        response = await client.get("/api/state", headers=headers)
        assert response.status == status
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]

    on_server(project, work)


def test_changes_need_the_header_of_the_page(project: Project) -> None:
    async def run() -> None:
        async with client_of(project, headers={}) as client:
            body = {"name": "crab"}
            await answer(client, "POST", "/api/classes", 403, json=body)
            for path in ("/api/events", "/api/preview"):
                for origin in ({}, {"Origin": "http://evil.example"}):
                    with pytest.raises(aiohttp.WSServerHandshakeError):
                        await client.ws_connect(path, headers=origin)

    asyncio.run(run())
    assert project.classes == []


def test_others_need_the_token(project: Project) -> None:
    guard = Guard.of_host("0.0.0.0")
    assert guard.token is not None
    assert len(guard.token) >= 32

    async def work(client: Client) -> None:
        for path in ("/", "/api/state", "/page/index.html", "/?token=wrong", "/?token=%C3%BC"):
            failed = await answer(client, "GET", path, 401)
            assert "open the link that `coral-learn studio` printed" in failed["error"]
        link = f"/?token={guard.token}"
        response = await client.get(link, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        named = {"Cookie": cookie.split(";")[0]}
        await answer(client, "GET", "/api/state", headers=named)
        await answer(client, "GET", "/api/state", 403, headers=named | {"Host": "evil.example"})

    on_server(project, work, guard)


def test_no_file_outside_of_the_page_is_served(project: Project) -> None:
    async def work(client: Client) -> None:
        for path in ("..%2fserver.py", "%2e%2e%2fserver.py", "/etc/passwd", "nothing.js"):
            response = await client.get(f"/page/{path}")
            assert response.status in (400, 404)

    on_server(project, work)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts the real command, and returns its process and its link."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "coral_learn", "studio", str(tmp_path / "garden")),
                *("--no-browser", "--port", "0", "--device", "cpu", *options),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        link = process.stdout.readline().removeprefix("The studio is open: ").strip()
        return process, link

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_killed_studio_loses_nothing(
    command: Callable[..., tuple[subprocess.Popen[str], str]], project: Project, drawn: Path
) -> None:
    async def teach_at(link: str) -> None:
        async with session_at(link) as client:
            await teach(client, drawn)

    async def add_class_at(link: str) -> None:
        async with session_at(link) as client:
            await answer(client, "POST", "/api/classes", json={"name": "turtle"})

    async def state_at(link: str) -> Any:
        async with session_at(link) as client:
            return await answer(client, "GET", "/api/state")

    process, link = command()
    asyncio.run(teach_at(link))
    asyncio.run(add_class_at(link))
    process.kill()
    process.wait()
    left = project.path / f".incoming-{process.pid}-killed"
    left.mkdir(parents=True)
    mine = project.path / "incoming" / "mine.jpg"
    mine.parent.mkdir()
    mine.touch()
    process, link = command()
    state = asyncio.run(state_at(link))
    assert state["classes"] == [
        *({"name": name, "photos": COUNT} for name in ("crab", "fish")),
        {"name": "turtle", "photos": 0},
    ]
    assert not left.exists()
    assert mine.exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@asynccontextmanager
async def session_at(link: str) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession(link, headers=HEADERS) as client:
        yield client


def test_https_with_an_own_certificate(
    command: Callable[..., tuple[subprocess.Popen[str], str]],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def states_at(link: str) -> list[int]:
        base, token = link.split("?token=")
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(base, cookie_jar=jar) as client:
            found = []
            for path in ("/api/state", f"/?token={token}", "/api/state"):
                async with client.get(path, ssl=False, allow_redirects=False) as response:
                    found.append(response.status)
            return found

    _, link = command("--host", "0.0.0.0", "--https")
    port = link.split(":")[2].split("/")[0]
    link = f"https://127.0.0.1:{port}/{link.partition('/?')[2] and '?' + link.partition('/?')[2]}"
    assert asyncio.run(states_at(link)) == [401, 303, 200]
    secret = tmp_path / "state" / "coral-learn" / "studio-https.pem"
    assert secret.stat().st_mode & 0o077 == secret.parent.stat().st_mode & 0o077 == 0
    assert not list(project.path.rglob("*.pem"))  # a project is copied and sent to others
    kept = secret.read_bytes()
    command("--host", "0.0.0.0", "--https")
    assert secret.read_bytes() == kept  # a phone that was told to trust it does so again


def test_limits_are_those_that_the_documentation_names() -> None:
    assert limits.MAX_PICTURE_BYTES == 60_000_000
    assert limits.MAX_FILES == 10_000
