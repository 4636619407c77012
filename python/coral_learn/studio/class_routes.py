"""Requests about classes, and about undoing changes."""

from aiohttp import web

from .context import STUDIO
from .demo_photos import add_demo
from .requests import read_json, read_text

routes = web.RouteTableDef()


@routes.get("/api/state")
async def _state(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return web.json_response(await studio.read(studio.state))


@routes.get("/api/events")
async def _events(request: web.Request) -> web.WebSocketResponse:
    return await request.app[STUDIO].pages.follow(request)


@routes.post("/api/classes")
async def _add(request: web.Request) -> web.Response:
    name = read_text(await read_json(request), "name")
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.add_class, name)


@routes.patch("/api/classes/{name}")
async def _rename(request: web.Request) -> web.Response:
    new_name = read_text(await read_json(request), "name")
    studio = request.app[STUDIO]
    name = request.match_info["name"]
    return await studio.change_state(studio.session.rename_class, name, new_name)


@routes.delete("/api/classes/{name}")
async def _remove(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.remove_class, request.match_info["name"])


@routes.post("/api/undo")
async def _undo(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.undo)


@routes.post("/api/redo")
async def _redo(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.redo)


@routes.post("/api/demo")
async def _demo(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    report = studio.pages.progress("draw and look at the demo's pictures")
    return await studio.change_state(add_demo, studio.session, report)
