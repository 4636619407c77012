"""A local folder that mirrors files at addresses: listed at once, read when they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .addresses import AddressError, copy_address, list_address
from .origins import PhotoOrigin
from .suffixes import ARCHIVE_SUFFIXES, LISTING_SUFFIXES, VIDEO_SUFFIXES
from .temporary import TemporaryFolder

_READ_AT_ONCE = (*ARCHIVE_SUFFIXES, *LISTING_SUFFIXES, *VIDEO_SUFFIXES)
_THREADS = 16  # a store takes many milliseconds for an answer, and many requests at once


class RemotePhotos(TemporaryFolder):
    """A temporary folder with a place for each file at an address.

    A photo is an empty file until :meth:`fetch` reads it, so that the layout of the folders can be
    looked at as if they were on this machine.
    """

    def __init__(self, address: str) -> None:
        """Makes the folder, which is still empty."""
        super().__init__(Path(address))
        self._origins: dict[Path, PhotoOrigin] = {}
        self._schemes: set[str] = set()

    def add(self, origin: PhotoOrigin) -> Path:
        """Adds a file at an address, and returns its place.

        Raises:
            ValueError: The place would be outside of this folder.
        """
        place = self._place(origin.name)
        self._origins[place] = origin
        return place

    def mirror(self, address: str) -> Path:
        """Makes the places of all files at an address, and returns the place of the address itself.

        What tells the classes is read at once: archives, listings, and videos, which have frames.

        Raises:
            AddressError: There is nothing, or it cannot be read.
            ValueError: A name cannot be used.
        """
        for origin in list_address(address):
            place = self.add(origin)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.name.lower().endswith(_READ_AT_ONCE):
                copy_address(origin.name, place)
            else:
                place.touch()
        return self._place(address)

    def fetch(self, photos: Iterable[Path]) -> None:
        """Reads photos into their places; one that cannot be read is not there afterwards."""
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self._fetch_one, filter(self._origins.__contains__, photos)):
                pass

    def origin(self, path: Path) -> PhotoOrigin | None:
        """Returns the origin of a photo in this folder; None for any other photo."""
        return self._origins.get(path)

    def shown(self, text: str) -> str:
        """Returns a text in which paths in this folder are addresses again."""
        for scheme in self._schemes:
            text = text.replace(f"{(self.path / scheme).as_posix()}/", f"{scheme}://")
        return text

    def _place(self, address: str) -> Path:
        scheme, _, rest = address.partition("://")
        parts = rest.strip("/").split("/")
        if {"", ".", ".."} & set(parts):
            raise ValueError(
                f"{address!r} has an empty part, or one that is . or .., and cannot be used. "
                "Correct the address."
            )
        self._schemes.add(scheme)
        return self.path.joinpath(scheme, *parts)

    def _fetch_one(self, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy_address(self._origins[place].name, place)
        except AddressError:
            place.unlink(missing_ok=True)
