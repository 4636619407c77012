"""The server of the studio."""

import mimetypes
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

# NumPy loads this part at its first use, which fails if two threads of the studio need it at once.
import numpy.ma  # noqa: F401
from aiohttp import web

from . import camera_routes, class_routes, folder_routes, model_routes, photo_routes
from .board_camera import BoardCamera
from .context import STUDIO, Studio
from .incoming import remove_left_files
from .limits import MAX_JSON_BYTES, MAX_REQUESTS_PER_SECOND
from .request_rate import RequestRate, limiting
from .requests import explain_errors
from .security import Guard, add_headers, guarding
from .session import Session
from .watches import Watches

routes = web.RouteTableDef()


def make_app(
    session: Session,
    guard: Guard,
    camera: BoardCamera | None = None,
    folders: Sequence[Path] = (),
) -> web.Application:
    """Returns the application that serves a session.

    Args:
        session: What people teach.
        guard: Who may use it.
        camera: The camera of this machine, or None.
        folders: The folders of this machine that pages may have watched.

    Raises:
        ValueError: One of these cannot be watched.
    """
    remove_left_files(session.project.path)
    app = web.Application(
        middlewares=[
            limiting(RequestRate(MAX_REQUESTS_PER_SECOND)),
            guarding(guard),
            explain_errors,
        ],
        client_max_size=MAX_JSON_BYTES,
    )
    app[STUDIO] = studio = Studio(session, camera, Watches(folders, session))
    app.add_routes(routes)
    for part in (camera_routes, class_routes, folder_routes, model_routes, photo_routes):
        app.add_routes(part.routes)
    app.cleanup_ctx.append(studio.running)
    app.on_shutdown.append(studio.shut_down)
    app.on_response_prepare.append(add_headers)
    return app


@routes.get("/")
@routes.get("/page/{name}")
async def _page(request: web.Request) -> web.Response:
    name = request.match_info.get("name", "index.html")
    file = files(__package__).joinpath("page", name)
    if "/" in name or not file.is_file():
        raise web.HTTPNotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content = file.read_bytes()
    return web.Response(body=content, content_type=kind, headers={"Cache-Control": "no-cache"})
