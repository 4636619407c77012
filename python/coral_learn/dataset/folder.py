"""Photos on disk whose classes are known."""

import os
from bisect import bisect
from collections.abc import Sequence
from copy import copy
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..notebook import table
from .addresses import is_address, local_path
from .groups import Found, Group, Part
from .layouts import find_in_folder
from .origins import PhotoOrigin, file_origin
from .split import Split
from .suffixes import ARCHIVE_SUFFIXES, LISTING_SUFFIXES
from .temporary import TemporaryFolder


class ImageFolder:
    """The photos in ``path/<class>/``, at any depth below the folder of the class.

    The folder may also have ``train``, ``val`` and ``test`` with the class folders in each, or be
    one of the other things that hold photos and their classes: a zip or tar file of such a folder,
    a CSV or JSON Lines file that lists paths and classes, a project of Teachable Machine, or the
    folder of a custom classification model of Frigate. Of videos in class folders, frames are used
    as photos (``pip install 'coral-learn[video]'``). All of these may be at an address that fsspec
    reads, such as ``s3://bucket/photos`` (``pip install 'coral-learn[parquet]'``), and a listing
    may name photos by such addresses. What an archive has, frames, and copies of what is elsewhere
    are in a temporary folder, which is removed together with this object.

    Attributes:
        path: The folder or file that was given; the copy of one at an address.
        classes: The names of the classes, sorted, so that the labels are in the same order on
            every machine.
        paths: The paths of the photos, class by class, and sorted within each class.
        labels: The class index of each photo, int64 of shape [N].
        split: The rows to train, to validate and to test on, if the folder or the listing says so,
            or None. A part that it does not have is empty.
        groups: The number of the group of each photo, int64 [N], where frames of one video are a
            group and every photo is one of its own; None without videos.
        notes: What was found that the user may not expect, such as ignored files, in one line each.

    Examples:
        >>> from pathlib import Path
        >>> from coral_learn import ImageFolder
        >>> photos = ImageFolder("photos")
        >>> photos
        ImageFolder('photos': 36 photos of 3 classes)
        >>> photos.classes
        ['daisy', 'roses', 'tulips']
        >>> photos.names[0], photos.labels[0]
        ('daisy/0.jpg', ...0...)
        >>> more = photos.with_class("turtles", sorted(Path("other_photos").iterdir()))
        >>> len(more)
        42
        >>> ImageFolder.listed("photos").origin(0).location
        '/...photos/daisy/0.jpg'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Lists the photos without opening them; copies those at addresses.

        Args:
            path: The folder of the class folders, or one of the other things that hold photos.

        Raises:
            ValueError: The folder does not exist, cannot be read, or has no class folder; a class
                folder has no photo, or a name that a label map cannot hold; two names are almost
                the same; an archive is damaged or unsafe; or a listing names missing files.
            OSError: A file cannot be read, or an archive cannot be unpacked.
        """
        self._list(path)
        for folder in self._temporary:
            folder.fetch(self.paths)

    @classmethod
    def listed(cls, path: str | os.PathLike[str]) -> "ImageFolder":
        """Lists photos as the constructor does, but leaves those at addresses where they are.

        Their files are empty; :meth:`origin` says where they are.

        Args:
            path: As for the constructor.

        Returns:
            The photos.

        Raises:
            ValueError: As for the constructor.
            OSError: As for the constructor.
        """
        made = cls.__new__(cls)
        made._list(path)
        return made

    @classmethod
    def of_found(cls, path: Path, found: Found) -> "ImageFolder":
        """Returns photos that were listed elsewhere, and need not be there any more."""
        made = cls.__new__(cls)
        made.path = path
        made._take(found)
        return made

    def _list(self, path: str | os.PathLike[str]) -> None:
        given = local_path(os.fspath(path))
        self._take(self._find_at(given) if is_address(given) else self._find_here(Path(given)))

    def _take(self, found: Found) -> None:
        self._temporary = found.temporary
        if any(group.videos for group in found.groups):
            found = self._with_frames(found)
        notes = [*found.notes, str(found.ignored)] if found.ignored else found.notes
        self.notes = [self.shown(note) for note in notes]
        groups = sorted(found.groups, key=lambda group: group.label)
        photos = [_photos_of_class(list(each)) for _, each in groupby(groups, lambda g: g.label)]
        self.classes = sorted({group.label for group in groups})
        self.paths = [path for each in photos for path, _ in each]
        self.labels = np.repeat(np.arange(len(photos)), [len(each) for each in photos])
        self.split = _split([part for each in photos for _, part in each])
        self.groups = _group_numbers(self.paths, found.groups)

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        path = self.shown(str(self.path))
        return f"ImageFolder({path!r}: {len(self)} photos of {len(self.classes)} classes)"

    def _repr_html_(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        rows = zip(self.classes, counts, strict=True)
        return table(repr(self), rows, columns=("class", "photos"), text=" ".join(self.notes))

    @property
    def names(self) -> list[str]:
        """The path of each photo below ``path``, or below the folder of the listing."""
        is_listing = self.path.suffix.lower() in LISTING_SUFFIXES and self.path.is_file()
        base = self.shown(str(self.path.parent if is_listing else self.path))
        return [_name_below(base, self.shown(str(path))) for path in self.paths]

    def with_class(
        self, name: str, photos: Sequence[Path], temporary: TemporaryFolder | None = None
    ) -> "ImageFolder":
        """Returns these photos and those of a further class, which are all to train on.

        Args:
            name: The name of the class, which is not yet among them.
            photos: Its photos, sorted.
            temporary: The folder that they are in, if it is to be removed with this object.
        """
        made = copy(self)
        index = bisect(self.classes, name)
        place, count = int(np.searchsorted(self.labels, index)), len(photos)
        rows = np.arange(place, place + count)
        made.classes = [*self.classes[:index], name, *self.classes[index:]]
        made.paths = [*self.paths[:place], *photos, *self.paths[place:]]
        made.labels = np.insert(self.labels + (self.labels >= index), place, [index] * count)
        if temporary is not None:
            made._temporary = [*self._temporary, temporary]
        if self.split is not None:
            given = (self.split.train, self.split.validation, self.split.test)
            train, *others = (part + count * (part >= place) for part in given)
            made.split = Split(np.concatenate([train, rows]), *others)
        if self.groups is not None:
            alone = np.arange(count) + self.groups.max() + 1
            made.groups = np.insert(self.groups, place, alone)
        return made

    def shown(self, text: str) -> str:
        """Returns a text in which the paths of unpacked photos begin with the archive's.

        Args:
            text: The path of a photo, or a sentence with it.

        Examples:
            >>> from coral_learn import ImageFolder
            >>> photos = ImageFolder("photos")
            >>> photos.shown(str(photos.paths[0]))  # nothing was unpacked
            'photos/daisy/0.jpg'
        """
        for folder in reversed(self._temporary):  # a video may be in an archive
            text = folder.shown(text)
        return text

    def origin(self, row: int) -> PhotoOrigin:
        """Returns where a photo comes from.

        Args:
            row: The row of the photo.
        """
        path = self.paths[row]
        for folder in reversed(self._temporary):
            found = folder.origin(path)
            if found is not None:
                return found._replace(name=self.shown(found.name))
        return file_origin(path)

    def _find_at(self, address: str) -> Found:
        from .remote import RemotePhotos

        remote = RemotePhotos(address)
        try:
            found = self._find_here(remote.mirror(address))
        except ValueError as error:
            raise ValueError(remote.shown(str(error))) from error
        found.temporary.insert(0, remote)  # its archives are in it
        return found

    def _find_here(self, path: Path) -> Found:
        self.path = path
        name = path.name.lower()
        if not self.path.is_file():
            return find_in_folder(self.path)
        if Path(name).suffix in LISTING_SUFFIXES:
            from .listing import find_in_listing

            return find_in_listing(self.path)
        if name.endswith(ARCHIVE_SUFFIXES):
            from .archived_folder import find_in_archive

            return find_in_archive(self.path)
        raise ValueError(
            f"{self.path} is a file. Give the folder of your photos, a zip or tar file of it, or a "
            "CSV or JSON Lines file with the path and the class of each photo."
        )

    def _with_frames(self, found: Found) -> Found:
        from .videos import take_frames

        try:
            return take_frames(found)
        except ValueError as error:
            raise ValueError(self.shown(str(error))) from error


def _name_below(base: str, path: str) -> str:
    """Returns the path of a photo below a folder; an address elsewhere as it is."""
    if is_address(path):
        return path.removeprefix(f"{base}/")
    return os.path.relpath(path, base)


def _photos_of_class(groups: list[Group]) -> list[tuple[Path, Part | None]]:
    """Returns the photos of one class in order, each with its part of a split."""
    return sorted(
        ((path, group.part) for group in groups for path in group.photos), key=lambda each: each[0]
    )


def _group_numbers(paths: list[Path], groups: list[Group]) -> NDArray[np.int64] | None:
    """Returns the same number for all frames of a video, and other numbers for photos."""
    videos = [group.photos for group in groups if group.videos]
    if not videos:
        return None
    number_of = {path: len(paths) + number for number, each in enumerate(videos) for path in each}
    return np.array([number_of.get(path, row) for row, path in enumerate(paths)], np.int64)


def _split(parts: list[Part | None]) -> Split | None:
    """Returns the rows of each part, or None if the photos are not split."""
    if not parts or parts[0] is None:
        return None
    each = np.array(parts)
    return Split(*(np.flatnonzero(each == part) for part in ("train", "validation", "test")))
