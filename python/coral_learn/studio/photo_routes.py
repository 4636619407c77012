"""Requests about photos: adding, listing, showing and sorting them."""

from pathlib import Path
from typing import Any

from aiohttp import web

from ..jobs.thumbnail import small_jpeg
from .context import STUDIO, Studio
from .incoming import Incoming
from .requests import read_ids, read_json, read_number, read_text, receive_files

routes = web.RouteTableDef()

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # an id is of one content
_NO_SCRIPTS = {"Content-Disposition": "attachment"}  # where somebody opens it as a page
_THUMBNAIL = 320  # pixels
_MOST_PHOTOS = 1000  # in one answer
_SUGGESTED = 60  # pictures of the tray, the oldest, which a page shows first
LOOK = "look at the pictures"


@routes.post("/api/photos")
async def _add(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    name, thin = request.query.get("class", ""), request.query.get("thin") == "1"
    report = studio.pages.progress(LOOK)
    with Incoming(studio.session.project.path) as incoming:
        await receive_files(request, incoming)
        result = await studio.change(studio.session.add, name, incoming, report, thin=thin)
    return web.json_response(result | {"state": await studio.read(studio.state)})


@routes.get("/api/photos")
async def _list(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    label = request.query.get("class")
    photos = [
        photo
        for photo in await studio.read(studio.session.photos)
        if label is None or photo.label == label
    ]
    start = read_number(request, "offset", 0)
    end = start + min(read_number(request, "limit", 200), _MOST_PHOTOS)
    shown = [
        {"id": each.id, "label": each.label, "has_picture": each.picture is not None}
        for each in photos[start:end]
    ]
    return web.json_response({"total": len(photos), "photos": shown})


@routes.get("/api/photos/{id}/thumbnail")
async def _thumbnail(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    path = await studio.read(studio.session.picture, request.match_info["id"])
    content = await studio.read(_small, path)
    return web.Response(body=content, content_type="image/jpeg", headers=_FOREVER)


@routes.get("/api/photos/{id}/picture")
async def _picture(request: web.Request) -> web.StreamResponse:
    studio = request.app[STUDIO]
    path = await studio.read(studio.session.picture, request.match_info["id"])
    return web.FileResponse(path, headers=_FOREVER | _NO_SCRIPTS)


@routes.post("/api/photos/move")
async def _move(request: web.Request) -> web.Response:
    data = await read_json(request)
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.move, read_ids(data), read_text(data, "class"))


@routes.post("/api/photos/drop")
async def _drop(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.drop, read_ids(await read_json(request)))


@routes.post("/api/photos/confirm")
async def _confirm(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    return await studio.change_state(studio.session.confirm, read_ids(await read_json(request)))


@routes.get("/api/tray")
async def _list_tray(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    ids = await studio.read(studio.session.tray_ids)
    has_model = (await studio.read(studio.state))["has_model"]
    photos = [
        {"id": name} | (await _suggestion(studio, name) if has_model and place < _SUGGESTED else {})
        for place, name in enumerate(ids)
    ]
    return web.json_response({"photos": photos})


@routes.get("/api/tray/{id}")
async def _tray_picture(request: web.Request) -> web.StreamResponse:
    studio = request.app[STUDIO]
    path = await studio.read(studio.session.tray.path, request.match_info["id"])
    return web.FileResponse(path, headers=_FOREVER)


@routes.post("/api/tray")
async def _add_to_tray(request: web.Request) -> web.Response:
    studio = request.app[STUDIO]
    with Incoming(studio.session.project.path) as incoming:
        await receive_files(request, incoming)
        return await studio.change_state(studio.session.keep_for_later, incoming)


@routes.post("/api/tray/sort")
async def _sort(request: web.Request) -> web.Response:
    data = await read_json(request)
    studio = request.app[STUDIO]
    label = None if data.get("class") is None else read_text(data, "class")
    report = studio.pages.progress(LOOK)
    return await studio.change_state(studio.session.sort, read_ids(data), label, report)


async def _suggestion(studio: Studio, name: str) -> dict[str, Any]:
    """Returns the class that a picture of the tray looks like now."""
    known = studio.session.of_version("suggestions", dict[str, dict[str, Any]])
    if name in known:
        return known[name]
    try:
        content = await studio.read(studio.session.tray.path(name).read_bytes)
        best = (await studio.answer(content))["classes"][0]
    except (OSError, ValueError):  # another page sorts it, or it is damaged
        return {}
    known[name] = {"suggested": best["label"], "probability": best["score"]}
    return known[name]


def _small(path: Path) -> bytes:
    content = path.read_bytes()
    return content if path.parent.name == "thumbnails" else small_jpeg(content, _THUMBNAIL)
