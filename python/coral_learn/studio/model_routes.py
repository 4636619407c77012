"""Requests about the model: the preview, how good it is, and taking it away."""

from typing import Any

from aiohttp import web

from ..project.check import count_agreement
from ..project.quality import measure_quality
from ..project.review import photos_of_project
from .context import STUDIO
from .exports import exports_of
from .limits import MAX_FRAME_BYTES
from .memory import giving_memory_back
from .requests import as_download

routes = web.RouteTableDef()


@routes.get("/api/preview")
async def _preview(request: web.Request) -> web.WebSocketResponse:
    studio = request.app[STUDIO]
    socket = await studio.pages.open(request, max_bytes=MAX_FRAME_BYTES)
    async for message in socket:
        if message.type is web.WSMsgType.BINARY:
            await socket.send_json(await studio.answer_or_error(message.data))
    return socket


@routes.get("/api/quality")
async def _quality(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]

    def measure() -> dict[str, Any]:
        version = studio.session.version
        photos = photos_of_project(studio.session.project.path)
        return {"version": version} | measure_quality(photos).to_json()

    return web.json_response(await studio.read_once("quality", giving_memory_back(measure)))


@routes.get("/api/check")
async def _check(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]

    def count() -> dict[str, int]:
        agree, of = count_agreement(studio.session.project.path, studio.session.device)
        return {"agree": agree, "of": of}

    return web.json_response(await studio.read_once("check", count))


@routes.get("/api/exports")
async def _list_exports(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]

    def listed() -> list[dict[str, Any]]:
        return [export.to_json() for export in exports_of(studio.session)]

    found = await studio.read(studio.session.of_classes, "exports", giving_memory_back(listed))
    return web.json_response({"exports": found})


@routes.get("/api/exports/{id}")
async def _export(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    found = [each for each in exports_of(studio.session) if each.id == request.match_info["id"]]
    if not found:
        raise web.HTTPNotFound
    return as_download(await studio.read(found[0].make), found[0].file)
