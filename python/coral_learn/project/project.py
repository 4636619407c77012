"""A model whose classes are added, removed and renamed over time; every change can be undone."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..extraction.cache import EmbeddingCache
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, raise_error
from ..files import write_atomically
from ..jobs.saved_model import save_model
from ..notebook import table
from ..progress import Progress
from ..tflite.answers import AnswerNotes, with_answer_notes
from ..tflite.extractor_note import extractor_digest, with_extractor_digest
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike
from ..tflite.resize_note import read_view, with_resize
from ..tflite.resizing import Resize
from ..words import quoted
from . import state
from .changes import ProjectChanges
from .index import Keep, ProjectIndex
from .new_photos import AddedPhotos, embed_photos, tell_other_classes
from .photo_views import views_of
from .photos import ProjectPhoto, find_rows, photo_id
from .state import PhotoRow, ProjectState
from .store import ProjectStore
from .summary import ProjectSummary

if TYPE_CHECKING:  # what only some changes need
    from ..heads.softmax_regression import SoftmaxRegression
    from .training_rows import TrainingRows


class Project:
    """A folder with an embedding extractor, the embeddings of photos, and a head trained on them.

    The photos are not needed again; copies of their files are kept as :meth:`create` was told, so
    that a label can be looked at later. Every change trains the head on the kept embeddings, and is
    saved completely or not at all; :meth:`undo` undoes it. Several processes can use one project:
    each change waits for the one before it.

    Attributes:
        path: The folder of the project.
        notes: Facts about the extractor that :meth:`create` took and its input range, a sentence
            each.

    Examples:
        >>> from pathlib import Path
        >>> from coral_learn import Project
        >>> project = Project.create("flowers", "extractor.tflite")
        >>> added = project.add_class("daisy", sorted(Path("photos/daisy").iterdir()))
        >>> added = project.add_class("rose", sorted(Path("photos/roses").iterdir())[:8])
        >>> added = project.add_photos("rose", sorted(Path("photos/roses").iterdir())[8:])
        >>> added = project.add("tulips", sorted(Path("photos/tulips").iterdir()))
        >>> project.rename_class("rose", "roses")
        >>> project.classes, len(project.photos), project.extractor.name
        (['daisy', 'roses', 'tulips'], 36, 'extractor.tflite')
        >>> project.move_photos("daisy", ["photos/roses/0.jpg"])
        >>> len(project.photos_of("daisy"))
        13
        >>> project.undo()
        'move 1 photo to daisy'
        >>> project.redo(), project.undo()
        ('move 1 photo to daisy', 'move 1 photo to daisy')
        >>> project.drop_photos([project.photos[0].id])
        >>> project.remove_class("tulips")
        >>> project.history[-1], project.step.what
        ('remove class tulips', 'remove class tulips')
        >>> Project("flowers")
        Project('flowers': 23 photos of 2 classes, ...)
        >>> project.summary.keep, len(project.index.states), project.to_json()["tested"] > 0
        ('originals', 8, True)
        >>> project.export("model").name
        'retrained_model.tflite'
        >>> project.serialize_model()[4:8], project.make_model(familiarity=False).labels
        (b'TFL3', ['daisy', 'roses'])

        To look at a label once, and to measure after several changes instead of after each:

        >>> project.confirm_photos([project.photos[0].id])
        >>> project.measure_later()
        >>> added = project.add("roses", ["new/roses0.jpg", "new/roses1.jpg"])
        >>> project.summary.accuracy is None
        True
        >>> project.measure()
        >>> project.summary.accuracy > 0.5
        True

        To train elsewhere:

        >>> from coral_learn import SoftmaxRegression
        >>> from coral_learn.distributed import MemoryShard
        >>> rows = project.training_rows()
        >>> head = SoftmaxRegression(rows.embeddings.shape[1], len(rows.classes))
        >>> head.labels = rows.classes
        >>> fitted = head.fit_shards([MemoryShard(rows.embeddings, rows.labels, groups=rows.keys)])
        >>> project.take_head(head, "take a head of my own")
        >>> project.history[-1]
        'take a head of my own'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a project.

        Args:
            path: The folder of the project.

        Raises:
            ValueError: The folder contains no project, or a newer version wrote it.
        """
        self.path = Path(path)
        self._store = ProjectStore(self.path)
        self._changes = ProjectChanges(self._store)
        self.notes = self._changes.notes
        self._store.read_index()

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        extractor: ModelSource | None = None,
        *,
        tensor_name: str | None = None,
        input_size: InputSize | None = None,
        normalization: NormalizationLike | None = None,
        resize: Resize | None = None,
        keep: Keep = "originals",
    ) -> "Project":
        """Creates a project without classes.

        Args:
            path: The folder of the project, which is created if it does not exist.
            extractor: The embedding extractor, which is copied into the project; None for the
                built-in one, EfficientNet-Lite0. The last layer of a classifier is cut off, and
                :attr:`notes` say where.
            tensor_name: The tensor of ``extractor`` to take as the embedding, as for
                :func:`coral_learn.retrain`, but not "auto".
            input_size: Width and height of the input, or one number for both, for an extractor that
                takes images of any size; None for 224.
            normalization: How pixels are normalized, as for
                :class:`coral_learn.EmbeddingExtractor`; the copy declares it. By default, where a
                float extractor shows nothing, it is measured as soon as there are two classes.
            resize: How photos are resized to the input, as for :func:`coral_learn.retrain`; the
                copy remembers it for all photos that are added.
            keep: What to keep of the photos that are added: their files, thumbnails, or nothing.
                Photos that are not given as files are not kept.

        Returns:
            The project.

        Raises:
            ValueError: The folder already contains a project, or the normalization, ``resize`` or
                ``keep`` is invalid.
            ModelError: The extractor cannot be used.
            OSError: The folder cannot be written.
        """
        from .new_extractor import prepare_extractor  # rarely needed

        if keep not in get_args(Keep):
            raise ValueError(f"keep must be one of {quoted(get_args(Keep))}, not {keep!r}")
        # Rejects other models before anything is written.
        model, notes = prepare_extractor(extractor, tensor_name, input_size, normalization, resize)
        store = ProjectStore(Path(path))
        _check_is_free(store)
        store.make_folder()
        with store.locked():
            _check_is_free(store)  # another process may have been faster
            write_atomically(store.extractor, model.content)
            store.write_index(ProjectIndex([ProjectState("create")], keep=keep))
        project = cls(path)
        project.notes += notes
        return project

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r}: {self.summary})"

    def _repr_html_(self) -> str:
        rows = [(each.name, each.photos) for each in self.summary.classes]
        return table(repr(self), rows, columns=("class", "photos"))

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the model's outputs."""
        return list(self.step.classes)

    @property
    def step(self) -> ProjectState:
        """The current state, which the last change made."""
        return self.index.current

    @property
    def index(self) -> ProjectIndex:
        """The states, those that were undone, and what is kept, all read at one moment."""
        return self._store.read_index()

    @property
    def extractor(self) -> Path:
        """The file of the embedding extractor."""
        return self._store.extractor

    @property
    def history(self) -> list[str]:
        """A description of each change, oldest first."""
        return self.summary.history

    @property
    def summary(self) -> ProjectSummary:
        """The classes, the accuracy and the history, all read at one moment."""
        return ProjectSummary.of_index(self.path, self.index)

    def to_json(self) -> dict[str, Any]:
        """Returns :attr:`summary` as plain types."""
        return self.summary.to_json()

    @property
    def photos(self) -> list[ProjectPhoto]:
        """The photos of all classes, in the order in which they were added."""
        with self._store.locked(shared=True):
            current = self.step
            digests = self._store.load_digests(current)
            pictures = self._store.pictures.files()
        return [
            ProjectPhoto(photo_id(row, digest), current.classes[row.label], pictures.get(digest))
            for row, digest in zip(current.rows, digests, strict=True)
        ]

    def photos_of(self, name: str) -> list[ProjectPhoto]:
        """Returns the photos of a class, in the order in which they were added.

        Args:
            name: The name of the class.

        Raises:
            ValueError: The project has no such class.
        """
        state.class_index(self.step, name)
        return [photo for photo in self.photos if photo.label == name]

    def add(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> AddedPhotos:
        """Adds photos to a class, which is created if the project does not have it.

        Photos are compared by the content of their files: a photo that the class has, or that is
        given twice, counts once, and a photo that another class has is left out.

        Args:
            name: The name of the class.
            photos: Photos of the class, at least one.
            device: See :class:`coral_learn.EmbeddingExtractor`.
            cache: The cache with the embeddings of photos seen before.
            progress: See :meth:`coral_learn.EmbeddingExtractor.extract`.
            on_error: See :meth:`coral_learn.EmbeddingExtractor.extract`. By default the first photo
                that cannot be read is an error.

        Returns:
            How many photos were added, and which were left out.

        Raises:
            ValueError: No photo can be read, or no class can have this name.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        return self._add(state.check_name, name, photos, device, cache, progress, on_error)

    def add_class(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> AddedPhotos:
        """Adds a class, as :meth:`add` does, and warns of photos that other classes have.

        Args:
            name: The name of the class, which the project does not have yet.
            photos: As for :meth:`add`.
            device: As for :meth:`add`.
            cache: As for :meth:`add`.
            progress: As for :meth:`add`.
            on_error: As for :meth:`add`.

        Returns:
            How many photos were added, and which were left out.

        Raises:
            ValueError: The project has a class of this name, no photo can be read, or all of them
                are in other classes.
            EdgeTpuError: The device failed.
            OSError: The project cannot be written.
        """
        check = state.check_new_class
        added = self._add(check, name, photos, device, cache, progress, on_error)
        tell_other_classes(added, name)
        return added

    def add_photos(
        self,
        name: str,
        photos: Iterable[ImageSource],
        *,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> AddedPhotos:
        """Adds photos to a class, as :meth:`add_class` does.

        Args:
            name: The name of a class of the project.
            photos: As for :meth:`add`.
            device: As for :meth:`add`.
            cache: As for :meth:`add`.
            progress: As for :meth:`add`.
            on_error: As for :meth:`add`.

        Returns:
            How many photos were added, and which were left out.

        Raises:
            ValueError: The project has no such class, no photo can be read, or all of them are in
                other classes.
        """
        check = state.class_index
        added = self._add(check, name, photos, device, cache, progress, on_error)
        tell_other_classes(added, name)
        return added

    def add_embedded(self, name: str, folder: str | os.PathLike[str]) -> AddedPhotos:
        """Adds the photos of a class that ``coral-learn embed`` has embedded with this extractor.

        The class is created if the project does not have it. Otherwise as :meth:`add_class`.

        Args:
            name: The name of the class, here and in the folder.
            folder: The folder of embedded photos.

        Returns:
            How many photos were added, and which were left out.

        Raises:
            ValueError: The embeddings are of another extractor than :attr:`extractor`, or none of
                them can be added; or pyarrow is not installed.
            OSError: The project cannot be written.

        Examples:
            >>> from coral_learn import Project
            >>> project = Project.create("garden", "extractor.tflite")
            >>> project.add_embedded("daisy", "embedded").photos
            12
        """
        from .embedded_photos import read_class  # an extra

        state.check_name(self.step, name)
        given = read_class(ModelFile.open(self.extractor), folder, name)
        with self._changes.index() as index:
            added = self._changes.add(index, name, given.paths, given.found)
        self.notes += given.notes
        tell_other_classes(added, name)
        return added

    def remove_class(self, name: str) -> None:
        """Removes a class and its embeddings.

        Args:
            name: The name of the class.

        Raises:
            ValueError: The project has no such class.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            self._changes.save(index, state.remove_class(index.current, name))

    def rename_class(self, name: str, new_name: str) -> None:
        """Renames a class, without training.

        Args:
            name: The name of the class.
            new_name: Its new name.

        Raises:
            ValueError: The project has no class ``name``, or already has a class ``new_name``.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            renamed = state.rename_class(index.current, name, new_name)
            self._store.write_index(index.changed(renamed))

    def move_photos(self, name: str, photos: Iterable[str | os.PathLike[str]]) -> None:
        """Moves photos to another class.

        Args:
            name: The name of the class.
            photos: The id of each photo, or its first digits, or the path of the photo's file.

        Raises:
            ValueError: The project has no such class or photo, or a class would be left without
                photos.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            rows = self._rows_of(photos, index.current)
            self._changes.save(index, state.move_photos(index.current, name, rows))

    def drop_photos(self, photos: Iterable[str | os.PathLike[str]]) -> None:
        """Removes photos. Their pictures are kept as long as the change can be undone.

        Args:
            photos: As for :meth:`move_photos`.

        Raises:
            ValueError: The project has no such photo, or a class would be left without photos.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            rows = self._rows_of(photos, index.current)
            self._changes.save(index, state.drop_photos(index.current, rows))

    def confirm_photos(self, photos: Iterable[str | os.PathLike[str]]) -> None:
        """Notes that somebody looked at photos, and that their labels are right.

        They are no longer listed as doubtful, until they are moved.

        Args:
            photos: As for :meth:`move_photos`.

        Raises:
            ValueError: The project has no such photo, or all labels were confirmed before.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            rows = self._rows_of(photos, index.current)
            self._store.write_index(index.changed(state.confirm_photos(index.current, rows)))

    def training_rows(self) -> "TrainingRows":
        """Returns what the head is trained on.

        Returns:
            The embeddings with the label and the scene of each, read at one moment.

        Raises:
            ValueError: The project has no photos, or the input range of its extractor is not known.
            OSError: The project cannot be read.
        """
        from .training_rows import load_training_rows  # loads what showing and undoing do not need

        return load_training_rows(self._store)

    def take_head(self, head: "SoftmaxRegression", what: str) -> None:
        """Takes a head that was trained elsewhere for these classes; the next change trains again.

        Args:
            head: The head, with a label for each class.
            what: A description of the change, for :attr:`history`.

        Raises:
            ValueError: The head has other classes than the project.
            OSError: The project cannot be written.
        """
        from .given_head import ordered_head, state_with_head  # rarely needed

        embeddings = self.training_rows().embeddings
        with self._changes.index() as index:
            file = self._store.save_head(ordered_head(head, index.current.classes, embeddings))
            self._store.write_index(index.changed(state_with_head(index.current, file, what)))

    def undo(self) -> str:
        """Undoes the last change, and returns its description.

        Returns:
            The description of the change, such as ``add class daisy (12 photos)``.

        Raises:
            ValueError: There is no change to undo.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            self._store.write_index(index.with_one_undone())
            return index.current.what

    def redo(self) -> str:
        """Makes the change again that was undone last, and returns its description.

        Returns:
            The description of the change, such as ``add class daisy (12 photos)``.

        Raises:
            ValueError: Nothing was undone, or the project was changed since.
            OSError: The project cannot be written.
        """
        with self._changes.index() as index:
            redone = index.with_one_redone()
            self._store.write_index(redone)
            return redone.current.what

    def measure(self, check: Callable[[], object] = bool) -> None:
        """Measures the current head on held-out photos, unless that was done.

        Args:
            check: Called from time to time; an error that it raises ends the measuring.

        Raises:
            OSError: The project cannot be written.
        """
        self._changes.measure(check)

    def measure_later(self) -> None:
        """Lets changes leave it to :meth:`measure` to measure their heads, so that they end soon.

        Until then, the state has no accuracy and the threshold of the state before.
        """
        self._changes.measure_later = True

    def serialize_model(self) -> bytes:
        """Returns the retrained model, with its labels.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        return self.make_model().content

    def make_model(
        self, *, familiarity: bool = True, check: Callable[[], object] = bool
    ) -> ModelFile:
        """Returns the retrained model as an opened file, which is not written.

        Args:
            familiarity: Whether the model is to know how familiar photos look, which takes most of
                the time.
            check: Called from time to time; an error that it raises ends the work.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        with self._store.locked(shared=True):  # so that no change removes the head meanwhile
            current = self.step
            if current.head is None:
                found = (
                    f"only one class ({current.classes[0]!r})" if current.classes else "no class"
                )
                raise ValueError(
                    f"{self.path} has {found}, but a model needs at least two. "
                    "Add classes with `coral-learn project add`."
                )
            head = self._store.load_head(current.head)
            known = self._store.load_embeddings(current) if familiarity else None
        head.labels = current.classes
        extractor = self._store.read_extractor()
        model = head.to_model(with_resize(extractor, read_view(extractor)))
        model = with_extractor_digest(model, extractor_digest(extractor))
        if known is None:
            return model
        from .unknown_range import embeddings_of
        from .validation import measure_familiarity  # not needed to show or undo

        rows, labels = known
        seen = embeddings_of(extractor, rows)
        note = measure_familiarity(seen, labels, len(views_of(extractor)), check)
        return with_answer_notes(model, AnswerNotes(familiarity=note))

    def export(self, output: str | os.PathLike[str]) -> Path:
        """Writes the model and ``label_map.txt`` into a folder.

        Args:
            output: The folder, which is created if it does not exist.

        Returns:
            The path of the model.

        Raises:
            ValueError: The project has fewer than two classes.
            OSError: The folder cannot be written.
        """
        model = self.make_model()
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        return save_model(folder, model, model.labels or []).model

    def _add(
        self,
        check: Callable[[ProjectState, str], object],
        name: str,
        photos: Iterable[ImageSource],
        device: str | None,
        cache: EmbeddingCache | None,
        progress: bool | Progress,
        on_error: OnError | None,
    ) -> AddedPhotos:
        """Adds photos to a class whose name passes a check, before the long work and after it."""
        check(self.step, name)
        paths, found = embed_photos(
            self._store.read_extractor(),
            photos,
            device=device,
            cache=cache,
            progress=progress,
            on_error=on_error or raise_error,
        )
        with self._changes.index() as index:
            check(index.current, name)
            return self._changes.add(index, name, paths, found)

    def _rows_of(
        self, photos: Iterable[str | os.PathLike[str]], current: ProjectState
    ) -> list[PhotoRow]:
        names = [os.fspath(photo) for photo in photos]
        return find_rows(names, current, self._store.load_digests(current))


def _check_is_free(store: ProjectStore) -> None:
    if store.exists():
        raise ValueError(f"{store.path} already contains a project. Choose another folder.")
