"""The studio asks nothing of another machine: its process would die, and its page is checked."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.studio.test_server import answer, drawn, session_at, teach
from tests.support.stand_in import library
from tests.support.studio_page import open_studio
from tests.support.studio_process import StudioProcess

__all__ = ["drawn"]  # a fixture

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def guarded(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a process that reaches for another machine dies."""
    if sys.platform != "linux":
        pytest.skip("needs LD_PRELOAD")
    folder = tmp_path_factory.mktemp("guard")
    source = Path(__file__).parents[1] / "support" / "no_outside.c"
    guard = library.build(
        folder, "-fvisibility=default", "-ldl", source=source, name="no_outside.so"
    )
    return {**os.environ, "LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')} {guard}".strip()}


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket().connect(('192.0.2.1', 9))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "import socket; socket.getaddrinfo('example.org', 9)",
        "import urllib.request; urllib.request.urlopen('http://192.0.2.1')",
    ],
)
def test_the_guard_stops_a_process(guarded: dict[str, str], code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], env=guarded, capture_output=True, text=True, check=False
    )
    assert done.returncode < 0
    assert "reached for another machine" in done.stderr


def test_a_whole_story_reaches_for_no_other_machine(
    guarded: dict[str, str], drawn: Path, tmp_path: Path
) -> None:
    async def story(link: str) -> None:
        async with session_at(link) as client:
            await teach(client, drawn)
            origin = {"Origin": link[:-1]}
            async with client.ws_connect("/api/preview", headers=origin) as socket:
                await socket.send_bytes(next((drawn / "crab").iterdir()).read_bytes())
                assert (await socket.receive_json())["classes"]
            await answer(client, "GET", "/api/quality")
            await answer(client, "GET", "/api/check")
            for export in (await answer(client, "GET", "/api/exports"))["exports"]:
                if export["available"]:
                    async with client.get(f"/api/exports/{export['id']}") as response:
                        assert response.status == 200
            await answer(client, "POST", "/api/undo")
            await answer(client, "GET", "/api/state")

    studio = StudioProcess(tmp_path / "garden", environment=guarded)
    studio.start()
    try:
        asyncio.run(story(studio.url))
    finally:
        studio.kill()


def test_a_page_cannot_ask_elsewhere_unnoticed(photos: Path, tmp_path: Path) -> None:
    with open_studio(photos, tmp_path) as opened:
        opened.open()
        opened.page.get_by_role("heading", name="Teach it by showing").wait_for()
        assert opened.errors == []
        for code in (
            "new Image().src = 'http://192.0.2.1/x.png'",
            "fetch('http://192.0.2.1/').catch(() => {})",
            "try { new WebSocket('ws://192.0.2.1/') } catch {}",
        ):
            opened.errors.clear()
            opened.page.evaluate(f"() => {{ {code} }}")
            opened.page.wait_for_timeout(200)
            assert any("Content Security Policy" in error for error in opened.errors), code
