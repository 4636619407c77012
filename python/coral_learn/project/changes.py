"""Changes of a project: each is trained and saved completely, or not at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.photo_rows import PhotoRows
from ..files import write_atomically
from ..heads.records import FitRecord
from .index import ProjectIndex
from .new_photos import AddedPhotos, PhotoPath, find_new_photos
from .photo_views import views_of
from .state import ProjectState, add_photos
from .store import ProjectStore

if TYPE_CHECKING:
    from .training import LastHead


class ProjectChanges:
    """Changes the project in a folder.

    Attributes:
        notes: Facts that a change found out, a sentence each.
        measure_later: Whether changes leave it to :meth:`measure` to measure their heads.
    """

    def __init__(self, store: ProjectStore) -> None:
        self.notes: list[str] = []
        self.measure_later = False
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
            changed = self._trained(index.current, changed)
        self._store.write_index(index.changed(changed))

    def measure(self, check: Callable[[], object]) -> None:
        """Measures the head of the current state, unless that was done or there is none.

        Args:
            check: Called from time to time; an error that it raises ends the measuring.
        """
        with self._store.locked(shared=True):
            current = self._store.read_index().current
            if current.measured or current.head is None:
                return
            rows, labels = self._store.load_embeddings(current)
        found = self._validated(current, rows, labels, check)
        with self.index() as index:
            self._store.write_index(index.measured(current.head, **found))

    def _trained(self, before: ProjectState, untrained: ProjectState) -> ProjectState:
        from .training import keeps_penalty, train, train_further  # not needed to show or undo

        rows, labels = self._load_embeddings(untrained)
        views = len(views_of(self._store.read_extractor()))
        classes = untrained.classes
        unsearched = keeps_penalty(before, untrained)
        last = None if unsearched is None else self._last_head(before, rows.shape[1] // views)
        if last is None:
            head, record, scenes = train(rows, labels, classes, views)
        else:
            head, record = train_further(last, rows, labels, classes, views), last.record
            scenes = None
        trained = replace(
            untrained,
            head=self._store.save_head(head),
            threshold=before.threshold,
            measured=False,
            penalty=record.penalty,
            temperature=record.temperature,
            unsearched=0 if last is None else unsearched or 0,
        )
        if self.measure_later:
            return trained
        found = self._validated(trained, rows, labels, bool, scenes)
        return replace(trained, measured=True, **found)

    def _last_head(self, before: ProjectState, features: int) -> "LastHead | None":
        """Returns the head before a change; None if its file does not fit."""
        from .training import LastHead

        with suppress(OSError, ValueError):  # a damaged head is trained from the photos again
            head = self._store.load_head(before.head or "")
            if (head.feature_dim, head.num_classes) == (features, len(before.classes)):
                return LastHead(head, before.classes, _record(before))
        return None

    def _validated(
        self,
        state: ProjectState,
        rows: Embeddings,
        labels: NDArray[np.int64],
        check: Callable[[], object],
        scenes: NDArray[np.int64] | None = None,
    ) -> dict[str, Any]:
        """Returns the fields of a state that held-out photos show."""
        from .unknown_range import embeddings_of
        from .validation import validate

        model = self._store.read_extractor()
        seen, views = embeddings_of(model, rows), len(views_of(model))
        classes = len(state.classes)
        return validate(_record(state), seen, labels, classes, views, check, scenes)._asdict()

    def _load_embeddings(self, untrained: ProjectState) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the rows of all photos and their labels; measures an unknown input range."""
        model = self._store.read_extractor()
        if not model.has_float_input:
            return self._store.load_embeddings(untrained)
        from .unknown_range import embeddings_of, measure_embeddings  # rarely needed

        if model.has_unknown_range:
            measured = measure_embeddings(*self._store.load_embeddings(untrained))
            self.notes.append(measured.note)
            model = model.with_normalization(measured.normalization)
            write_atomically(self._store.extractor, model.content)
        return self._store.load_embeddings(untrained, lambda part: embeddings_of(model, part))


def _record(state: ProjectState) -> FitRecord:
    """Returns how the head of a state was fitted."""
    penalty = cast("float", state.penalty)  # which a head that is not measured has
    return FitRecord(penalty, {}, [], converged=True, temperature=state.temperature)
