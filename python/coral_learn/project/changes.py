"""Changes of a project: each is trained and saved completely, or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.photo_rows import PhotoRows
from ..files import write_atomically
from ..tflite.file import ModelFile
from .index import ProjectIndex
from .new_photos import AddedPhotos, PhotoPath, find_new_photos
from .photo_views import views_of
from .state import ProjectState, add_photos
from .store import ProjectStore


class ProjectChanges:
    """Changes the project in a folder.

    Attributes:
        notes: Facts that a change found out, a sentence each.
    """

    def __init__(self, store: ProjectStore) -> None:
        self.notes: list[str] = []
        self._store = store

    @contextmanager
    def index(self) -> Iterator[ProjectIndex]:
        """Yields the index, and keeps other processes from changing it."""
        with self._store.locked():
            try:
                yield self._store.read_index()
            finally:
                with suppress(OSError, ValueError):  # the next change tries again
                    self._store.remove_unused_files()

    def add(
        self,
        index: ProjectIndex,
        name: str,
        paths: Sequence[PhotoPath | None],
        found: PhotoRows[Embeddings],
    ) -> AddedPhotos:
        """Adds those photos to a class that the project does not have.

        Args:
            index: The index of the project.
            name: The name of the class, which is created if the project does not have it.
            paths: The path of each photo; None for one without a file.
            found: The rows of those that can be read.
        """
        current = index.current
        known = zip(self._store.load_digests(current), current.rows, strict=True)
        class_of = {digest: current.classes[row.label] for digest, row in known if digest}
        sources = [paths[int(kept)] for kept in found.kept]
        rows, added = find_new_photos(found.digests, sources, class_of, name)
        if rows:
            digests = [found.digests[row] for row in rows]
            self._store.pictures.save(
                index.keep, zip(digests, [sources[row] for row in rows], strict=True)
            )
            file = self._store.save_embeddings(found.rows[rows], digests)
            self.save(index, add_photos(current, name, file, len(rows)))
        return added

    def save(self, index: ProjectIndex, changed: ProjectState) -> None:
        """Trains the head of a changed state, and saves the state as the current one."""
        if len(changed.classes) > 1:
            changed = self._trained(changed)
        self._store.write_index(index.changed(changed))

    def _trained(self, untrained: ProjectState) -> ProjectState:
        from .training import train_and_validate  # not needed to show or undo

        rows, labels = self._load_embeddings(untrained)
        views = views_of(ModelFile.open(self._store.extractor))
        trained = train_and_validate(rows, labels, len(untrained.classes), len(views))
        return replace(
            untrained,
            head=self._store.save_head(trained.head),
            accuracy=trained.accuracy,
            threshold=trained.threshold,
            tested=trained.tested,
        )

    def _load_embeddings(self, untrained: ProjectState) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the rows of all photos and their labels; measures an unknown input range."""
        model = ModelFile.open(self._store.extractor)
        if not model.has_float_input:
            return self._store.load_embeddings(untrained)
        from .unknown_range import embeddings_of, measure_embeddings  # rarely needed

        if model.has_unknown_range:
            measured = measure_embeddings(*self._store.load_embeddings(untrained))
            self.notes.append(measured.note)
            model = model.with_normalization(measured.normalization)
            write_atomically(self._store.extractor, model.content)
        return self._store.load_embeddings(untrained, lambda part: embeddings_of(model, part))
