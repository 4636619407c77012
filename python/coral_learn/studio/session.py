"""What people teach in the studio: a project, and what the page needs to know of it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..progress import Progress
from ..project.photos import ProjectPhoto
from ..project.project import Project
from ..project.readable import AddedFiles, add_readable
from ..project.state import check_new_class, class_index
from ..tflite.file import ModelFile
from ..tflite.input_shape import check_image_input
from .adding import add_pictures
from .description import describe_project
from .empty_classes import EmptyClasses
from .incoming import Incoming
from .made_once import MadeOnce
from .models import Models
from .tray import Tray

_Result = TypeVar("_Result")
_LONGEST_NAME = 100  # characters


class Session:
    """A project that several people change at once; every method may be called from any thread.

    Classes without photos, which a project cannot have, are kept in a file of its own until the
    first photo comes.

    Attributes:
        project: The project.
        tray: Its tray.
        models: Its model.
        version: A number that grows with each change, also of another program.
        measured: How often a model was measured, which changes no version.
    """

    def __init__(self, project: Project, device: str | None = None) -> None:
        self.project = project
        project.measure_later()
        self.models = Models(project)
        self.measured = 0
        self.tray = Tray(project.path)
        self.version = time.time_ns() // 1_000_000  # another one than before a restart
        self.device = device
        self._empty = EmptyClasses(project.path)
        self._changing = threading.RLock()
        self._stamp = self._project_stamp()
        self._kept = MadeOnce()

    def state(self) -> dict[str, Any]:
        """Returns what the page shows, as plain types."""
        return self.of_version("state", self._state) | {"tray": len(self.tray_ids())}

    def tray_ids(self) -> list[str]:
        """Returns the ids of the pictures in the tray, oldest first."""
        return self.tray.ids(self._photo_ids())

    def photos(self) -> list[ProjectPhoto]:
        """Returns the photos of all classes, the newest first."""
        return self.of_version("photos", lambda: self.project.photos[::-1])

    def picture(self, name: str) -> Path:
        """Returns the kept file of a photo.

        Raises:
            ValueError: There is no such photo, or nothing is kept of it.
        """
        pictures = self.of_version(
            "pictures", lambda: {photo.id: photo.picture for photo in self.photos()}
        )
        path = pictures.get(name)
        if path is None:
            raise ValueError(f"no picture is kept of the photo {name!r}")
        return path

    def of_version(self, name: str, make: Callable[[], _Result]) -> _Result:
        """Returns a result that is made once for each version."""
        return self._kept.get(name, lambda: self.version, make)

    def of_classes(self, name: str, make: Callable[[], _Result]) -> _Result:
        """Returns a result that is made once for the same classes."""
        return self._kept.get(name, lambda: self.project.classes, make)

    def notice_changes(self) -> bool:
        """Tells whether another program has changed the project since."""
        with self._changing:
            stamp = self._project_stamp()
            if stamp == self._stamp:
                return False
            self._note_change()
            return True

    def note_measured(self, head: str | None) -> None:
        """Takes over what was measured of the model with a head."""
        with self._changing:
            if self.project.step.head == head:  # what was measured is all that has changed
                self._stamp = self._project_stamp()
                self._kept.forget("state")
        self.measured += 1

    def add_class(self, name: str) -> None:
        """Adds a class without photos.

        Raises:
            ValueError: There is a class of this name, or a label map cannot hold it.
        """
        with self._change():
            self._check_new_name(name)
            self._empty.add(name)

    def rename_class(self, name: str, new_name: str) -> None:
        """Renames a class.

        Raises:
            ValueError: There is no such class, or one of the new name.
        """
        with self._change():
            self._check_new_name(new_name)
            if self._is_empty(name):
                self._empty.remove(name)
                self._empty.add(new_name)
            else:
                self.project.rename_class(name, new_name)

    def remove_class(self, name: str) -> None:
        """Removes a class.

        Raises:
            ValueError: There is no such class.
        """
        with self._change():
            if self._is_empty(name):
                self._empty.remove(name)
            else:
                self.project.remove_class(name)

    def add(
        self, name: str, incoming: Incoming, progress: Progress, *, thin: bool = False
    ) -> dict[str, Any]:
        """Adds the pictures in files to a class, which may be new; returns what became of them.

        Raises:
            ValueError: No class can have this name.
        """
        pictures = incoming.pictures(thin=thin)
        with self._change():
            result = add_pictures(
                self.project, name, pictures, incoming.name_of, self.device, progress
            )
            self._take(name)
        return result

    def move(self, names: Sequence[str], label: str) -> None:
        """Moves photos to another class.

        Raises:
            ValueError: There is no such photo or class, or a class would be left without photos.
        """
        with self._change():
            self._check_ids(names)
            self.project.move_photos(label, names)

    def drop(self, names: Sequence[str]) -> None:
        """Removes photos.

        Raises:
            ValueError: There is no such photo, or a class would be left without photos.
        """
        with self._change():
            self._check_ids(names)
            self.project.drop_photos(names)

    def confirm(self, names: Sequence[str]) -> None:
        """Notes that the labels of photos are right.

        Raises:
            ValueError: There is no such photo, or all labels were confirmed before.
        """
        with self._change():
            self._check_ids(names)
            self.project.confirm_photos(names)

    def undo(self) -> None:
        """Undoes the last change."""
        with self._change():
            self.project.undo()

    def redo(self) -> None:
        """Makes the change again that was undone last."""
        with self._change():
            self.project.redo()

    def check_class(self, name: str) -> None:
        """Checks that there is a class, with or without photos.

        Raises:
            ValueError: There is none.
        """
        if name not in self._empty.names:
            class_index(self.project.step, name)

    def add_to_class(self, name: str, paths: Sequence[Path]) -> AddedFiles:
        """Adds photos in files of this machine to a class, if it is still there.

        Raises:
            ValueError: There is no such class.
        """
        with self._change():
            self.check_class(name)
            added = add_readable(self.project, name, paths, device=self.device)
            self._take(name)
        return added

    def add_files(self, name: str, paths: Sequence[Path]) -> None:
        """Adds photos in files of this machine to a class, which may be new."""
        with self._change():
            self.project.add(name, paths, device=self.device)
            self._take(name)

    def keep_for_later(self, incoming: Incoming) -> None:
        """Puts the pictures in files into the tray.

        Raises:
            ValueError: The tray is full, or a file is no picture.
        """
        pictures = incoming.pictures()
        if pictures.skipped and not pictures.paths:
            raise ValueError(str(pictures.skipped[0]))
        with self._changing:
            for path in pictures.paths:
                self.tray.add(path, self._photo_ids())

    def sort(self, names: list[str], label: str | None, progress: Progress) -> None:
        """Takes pictures out of the tray and into a class, or away if there is none.

        Raises:
            ValueError: There is no such picture, or no class can have this name.
        """
        names = list(dict.fromkeys(names))
        with self._change():
            paths = [self.tray.path(name) for name in names]
            if label is None:
                self.tray.remove(names)
            else:
                self.project.add(label, paths, device=self.device, progress=progress)
                self._take(label)

    def _check_new_name(self, name: str) -> None:
        """Refuses the name of a class that is there, or that an address cannot have."""
        check_new_class(self.project.step, name)
        if name in self._empty.names:
            raise ValueError(f"there is a class {name!r} already. Choose another name.")
        if name in (".", "..") or len(name) > _LONGEST_NAME:
            raise ValueError(
                f"a class cannot have the name {name[:20]!r}. Choose one of at most "
                f"{_LONGEST_NAME} characters."
            )

    def _is_empty(self, name: str) -> bool:
        return name in self._empty.names and name not in self.project.classes

    def _photo_ids(self) -> set[str]:
        return self.of_version("ids", lambda: {photo.id for photo in self.photos()})

    def _check_ids(self, names: Sequence[str]) -> None:
        """Refuses what is no id: a project would take the path of a file as well."""
        unknown = next((name for name in names if name not in self._photo_ids()), None)
        if unknown is not None:
            raise ValueError(f"there is no photo {unknown!r}: it was dropped meanwhile")

    def _take(self, name: str) -> None:
        """Forgets that a class has no photos."""
        if name in self._empty.names and name in self.project.classes:
            self._empty.remove(name)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Keeps other threads from changing the project, and notes that it has changed."""
        with self._changing:
            yield
            self._note_change()

    def _note_change(self) -> None:
        self.version += 1
        self._stamp = self._project_stamp()

    def _project_stamp(self) -> list[tuple[int, int]]:
        """Returns what is different after every change."""
        files = (self.project.path / "project.json", self._empty.file)
        found = [file.stat() for file in files if file.exists()]
        return [(each.st_mtime_ns, each.st_ino) for each in found]

    def _state(self) -> dict[str, Any]:
        version = self.version
        facts = describe_project(self.project.path, self.project.index, self._empty.names)
        return {"version": version} | facts | self._extractor()

    def _extractor(self) -> dict[str, Any]:
        def read_size() -> list[int]:
            shape = check_image_input(ModelFile.open(self.project.extractor).graph)
            return [shape.width, shape.height]

        size = self._kept.get("extractor", lambda: None, read_size)  # which never changes
        return {"extractor": {"input": size}, "device": self.device or "CPU"}
