"""Requests about the camera of the machine that the studio runs on."""

import asyncio
import time
from contextlib import aclosing

from aiohttp import web

from .board_camera import BoardCamera
from .context import STUDIO, Studio
from .incoming import Incoming
from .photo_routes import LOOK
from .requests import read_json, read_text

routes = web.RouteTableDef()

_BOUNDARY = "frame"
_MAX_SECONDS = 30.0  # of one recording


@routes.get("/api/camera")
async def _stream(request: web.Request) -> web.StreamResponse:
    camera = _camera(request)
    kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    async with aclosing(camera.frames()) as frames:
        async for frame in frames:
            head = (
                f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
            )
            await response.write(head.encode() + frame + b"\r\n")
    return response


@routes.get("/api/camera/preview")
async def _preview(request: web.Request) -> web.WebSocketResponse:
    camera, studio = _camera(request), request.app[STUDIO]
    socket = await studio.pages.open(request, max_bytes=1024)
    sending = asyncio.create_task(_send_answers(studio, camera, socket))
    try:
        async for _ in socket:
            pass  # a page only listens; reading notices that it closes the socket
    finally:
        sending.cancel()
    return socket


async def _send_answers(studio: Studio, camera: BoardCamera, socket: web.WebSocketResponse) -> None:
    async with aclosing(camera.frames()) as frames:
        async for frame in frames:
            await socket.send_json(await studio.answer_or_error(frame))


@routes.post("/api/camera/record")
async def _record(request: web.Request) -> web.Response:
    camera, studio = _camera(request), request.app[STUDIO]
    data = await read_json(request)
    name, seconds = read_text(data, "class"), data.get("seconds")
    if not isinstance(seconds, int | float) or not 0 < seconds <= _MAX_SECONDS:
        raise ValueError(f"'seconds' must be above 0 and at most {_MAX_SECONDS:g}")
    report = studio.pages.progress(LOOK)
    end = time.monotonic() + seconds
    with Incoming(studio.session.project.path) as incoming:
        async with aclosing(camera.frames()) as frames:
            number = 0
            async for frame in frames:
                number += 1
                with incoming.open(f"frame {number}.jpg") as file:
                    file.write(frame)
                if time.monotonic() >= end:
                    break
        result = await studio.change(studio.session.add, name, incoming, report, thin=True)
    return web.json_response(result | {"state": await studio.read(studio.state)})


def _camera(request: web.Request) -> BoardCamera:
    camera = request.app[STUDIO].camera
    if camera is None:
        raise ValueError("the studio was started without a camera: start it with --camera 0")
    return camera
