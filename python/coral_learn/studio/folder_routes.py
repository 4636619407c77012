"""Requests about the folders whose new pictures go into classes."""

from aiohttp import web

from .context import STUDIO
from .requests import read_json, read_text

routes = web.RouteTableDef()


@routes.post("/api/folders/{number}")
async def _watch(request: web.Request) -> web.Response:
    data = await read_json(request)
    studio = request.app[STUDIO]
    number = request.match_info["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise web.HTTPNotFound
    label = None if data.get("class") is None else read_text(data, "class")
    return await studio.change_state(studio.watches.watch, int(number), label)
