"""Downloading a file over HTTP so that an interrupted download continues where it stopped."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ..progress import Progress

_ATTEMPTS = 5  # in a row, without a byte more
_PAUSE = 1.0  # before the second attempt, in seconds; twice as long before each further one
_SILENCE = 30.0  # seconds without a byte after which a connection is given up
_CHUNK = 2**16
_MAX_BYTES = 200_000_000  # a model has a few tens of them; until it is checked, it may be anything
_TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})  # answers after which to try again


class DownloadError(OSError):
    """A file could not be downloaded."""


class _InterruptedError(Exception):
    """The connection broke after it was made; another attempt may continue."""


def download(url: str, part: Path, progress: Progress) -> None:
    """Downloads a file, or the rest of it.

    A connection that breaks, and a server that is overloaded, are tried again a few times.

    Args:
        url: An address with https or http. A redirection from https to http is not followed.
        part: The file to write. If it exists, it holds the beginning of the download, and what is
            missing is added.
        progress: Called with the number of bytes done and the total.

    Raises:
        DownloadError: The server cannot be reached, or does not send the file. ``part`` keeps what
            has arrived.
        OSError: ``part`` cannot be written.
    """
    if urlsplit(url).scheme not in ("https", "http"):
        raise DownloadError("the address does not begin with https:// or http://")
    failures = 0
    while True:
        before = _size(part)
        try:
            _download_rest(url, part, progress)
            return
        except _InterruptedError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures == _ATTEMPTS:
                raise DownloadError(f"{error}, {_ATTEMPTS} times: try again later") from error
        time.sleep(_PAUSE * 2 ** (failures - 1))


def _download_rest(url: str, part: Path, progress: Progress) -> None:
    """Downloads what ``part`` is missing, over one connection."""
    start = _size(part)
    with _open(url, start) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:  # all of it, from the beginning
            start = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.unlink()
            raise _InterruptedError("the server sent another part of the file than asked for")
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        _check_size(part.parent, start, total)
        done = start
        progress(done, total)
        for chunk in _chunks(response):
            _write_at(part, done, chunk)
            done += len(chunk)
            _check_size(part.parent, done, None)
            progress(done, total)
    if total is not None and done < total:
        raise _InterruptedError(f"the connection broke after {done} of {total} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _write_at(part: Path, position: int, chunk: bytes) -> None:
    try:
        with part.open("r+b" if position else "wb") as file:
            file.seek(position)
            file.write(chunk)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(part)) from error


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _InterruptedError(f"the connection broke ({_reason(error)})") from error
        if not chunk:
            return
        yield chunk


def _check_size(folder: Path, done: int, total: int | None) -> None:
    """Rejects a file that is too large for a model, or for the disk."""
    if max(done, total or 0) > _MAX_BYTES:
        raise DownloadError(
            f"the server sends more than {_MAX_BYTES // 10**6} MB, and no model is so large"
        )
    if total is not None and total - done > (free := shutil.disk_usage(folder).free):
        raise DownloadError(
            f"it takes {(total - done) / 1e6:.1f} MB, but {folder} has {free / 1e6:.1f} MB left: "
            "free some space"
        )


def _open(url: str, start: int) -> HTTPResponse:
    headers = {"User-Agent": "coral-learn", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = urllib.request.build_opener(_Redirections)
    try:
        response: HTTPResponse = opener.open(
            urllib.request.Request(url, headers=headers), timeout=_SILENCE
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return _open(url, 0)
        answer = f"the server answered {error.code} {error.reason}"
        raise (_InterruptedError if error.code in _TEMPORARY else DownloadError)(answer) from error
    except urllib.error.URLError as error:
        raise DownloadError(f"the server cannot be reached ({_reason(error.reason)})") from error
    except (OSError, HTTPException) as error:
        raise _InterruptedError(f"the server did not answer ({_reason(error)})") from error
    return response


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but not to an address that anyone on the way can change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Returns the request to the new address."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it redirects to {newurl}, which is not safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _reason(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
