"""What requests bring, checked, and what is answered when something is wrong."""

import logging
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web
from aiohttp.typedefs import Handler

from ..failures import explain
from .incoming import Incoming, RefusedError
from .limits import MAX_REQUEST_BYTES

_CHUNK = 1 << 16
_log = logging.getLogger(__name__)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Returns the JSON object of a request.

    Raises:
        ValueError: It brings something else.
    """
    try:
        data = await request.json()
    except (ValueError, LookupError, RecursionError) as error:  # LookupError: its encoding
        raise ValueError("the request has no JSON") from error
    if not isinstance(data, dict):
        raise ValueError("the request has no JSON object")
    return data


def read_text(data: dict[str, Any], name: str) -> str:
    """Returns a text in a JSON object.

    Raises:
        ValueError: There is none.
    """
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name!r} must be a text that is not empty")
    return value.strip()


def read_ids(data: dict[str, Any]) -> list[str]:
    """Returns the ids in a JSON object.

    Raises:
        ValueError: There are none.
    """
    ids = data.get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        raise ValueError("'ids' must be a list of ids")
    return ids


def read_number(request: web.Request, name: str, default: int) -> int:
    """Returns a whole number of 0 or more in the address of a request.

    Raises:
        ValueError: It is something else.
    """
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"{name!r} must be a whole number, not {text!r}")
    return int(text)


async def receive_files(request: web.Request, incoming: Incoming) -> None:
    """Writes the files of a form to the disk.

    Raises:
        ValueError: The request brings no form.
        RefusedError: It brings too much.
        OSError: The disk is full.
    """
    if not request.content_type.startswith("multipart/"):
        raise ValueError("the request has no files")
    if (request.content_length or 0) > MAX_REQUEST_BYTES:  # refused before it is read
        raise RefusedError(
            f"more than {MAX_REQUEST_BYTES // 1_000_000} MB were sent at once. Send fewer or "
            "smaller files."
        )
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.filename is None:
            continue
        with incoming.open(part.filename) as file:
            while chunk := await part.read_chunk(_CHUNK):
                file.write(chunk)


def as_download(content: bytes, name: str, kind: str = "application/octet-stream") -> web.Response:
    """Returns a file that the browser saves."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return web.Response(
        body=content, content_type=kind, headers={"Content-Disposition": disposition}
    )


@web.middleware
async def explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers with a sentence for people when something is wrong."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(error.status, error.reason)
    except RefusedError as error:
        return _answer(413, str(error))
    except ValueError as error:
        return _answer(409, explain(error))
    except ConnectionError:
        raise
    except Exception as error:
        return _answer(500, explained(error))


def explained(error: BaseException) -> str:
    """Returns what went wrong; what no user can have caused is logged."""
    try:
        return explain(error)
    except RuntimeError:
        _log.exception("the studio failed")
        return f"the studio failed: {error}"


def _answer(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
