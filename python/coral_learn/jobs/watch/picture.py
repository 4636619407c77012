"""What a source gives: pictures, and what happened to the source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple, Protocol

from ...extraction.images import ImageSource


class Picture(NamedTuple):
    """A picture to classify.

    Attributes:
        image: The path of a file, or the picture itself.
        origin: Where it comes from, by the keys of the output: ``path``, or ``source`` and
            ``frame``.
        time: When it was found, in UTC.
    """

    image: ImageSource
    origin: dict[str, str | int]
    time: datetime


class Notice(NamedTuple):
    """Something about the source that the user should know, such as a camera that is lost.

    Attributes:
        text: A sentence without its period.
    """

    text: str


class PictureSource(Protocol):
    """A folder or a camera."""

    def pictures(self) -> Iterator[Picture | Notice]:
        """Yields pictures as they come, and waits for them."""
        ...

    def will_come_again(self, picture: Picture) -> bool:
        """Tells whether a picture that cannot be read may not be complete yet, and comes again."""
        ...

    def close(self) -> None:
        """Frees the camera."""
        ...


def now() -> datetime:
    """Returns the time, in UTC."""
    return datetime.now(timezone.utc)
