"""The folder of a project: its lock, its index of states, and the files that the states use.

lock              held while the project is read or changed
project.json      the index: all states, oldest first
extractor.tflite  the embedding extractor
parts/*.npz       the embeddings and heads that the states refer to
parts/*.sha256    the SHA-256 of the photo of each embedding, 32 bytes each
photos/*, thumbnails/*    what is kept of the photos themselves
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..file_lock import lock_file
from ..files import write_atomically
from ..heads.softmax_regression import SoftmaxRegression
from ..tflite.file import ModelFile
from ..words import counted
from .index import ProjectIndex, parse_index
from .pictures import Pictures
from .state import REMOVED, EmbeddingFile, ProjectState

_DIGEST_SIZE = 32
_OWN_NAME = re.compile(r"(embeddings-[0-9a-f]+\.(npz|sha256)|head-[0-9a-f]+\.npz)")
_INDEX_NAME = "project.json"
_LOCK_NAME = "lock"
_PARTS_NAME = "parts"

_Stamp = tuple[int, int, int]


class ProjectStore:
    """Reads and writes the folder of a project.

    Attributes:
        path: The folder.
        extractor: The path of the embedding extractor.
        pictures: What is kept of the photos themselves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.extractor = path / "extractor.tflite"
        self.pictures = Pictures(path)
        self._index = path / _INDEX_NAME
        self._parts = path / _PARTS_NAME
        self._model: tuple[_Stamp, ModelFile] | None = None
        self._loaded: dict[str, tuple[_Stamp, Embeddings]] = {}  # of the files that are used
        self._read: tuple[bytes, ProjectIndex | None] = (b"", None)  # which is parsed once

    def exists(self) -> bool:
        """Tells whether the folder contains a project."""
        return self._index.exists()

    def make_folder(self) -> None:
        """Creates the folder if it does not exist.

        Raises:
            OSError: The folder cannot be created.
        """
        self._parts.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Keeps other processes from changing the project.

        Args:
            shared: Whether other processes may read the project at the same time.
        """
        path = self.path / _LOCK_NAME
        # Readers need no permission to write, unless the lock's file is missing.
        with path.open("rb" if shared and path.exists() else "ab") as lock:
            lock_file(lock, shared=shared)
            yield

    def read_index(self) -> ProjectIndex:
        """Returns the index.

        Raises:
            ValueError: The folder contains no project, or one that this version cannot read.
        """
        try:
            content = self._index.read_bytes()
            known, index = self._read
            if index is None or content != known:
                index = parse_index(content.decode())
                self._read = content, index
            return index
        except FileNotFoundError:
            raise ValueError(
                f"{self.path} does not contain a project ({_INDEX_NAME} is missing). "
                "Create one with `coral-learn project create`."
            ) from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{self._index} is not a project that this version of coral-learn can read: {error}"
            ) from error

    def read_extractor(self) -> ModelFile:
        """Returns the embedding extractor, which is opened again only after it was changed.

        Raises:
            ModelError: The file cannot be read.
        """
        stamp = _stamp(self.extractor)
        if self._model is None or self._model[0] != stamp:
            self._model = stamp, ModelFile.open(self.extractor)
        return self._model[1]

    def write_index(self, index: ProjectIndex) -> None:
        """Replaces the index, completely or not at all.

        Raises:
            OSError: The index cannot be written.
        """
        content = index.to_json()
        write_atomically(self._index, content)
        self._read = content, index

    def save_embeddings(self, embeddings: Embeddings, digests: Sequence[bytes]) -> str:
        """Saves embeddings in a new file, and returns its name.

        Args:
            embeddings: The embeddings, [N, D].
            digests: The SHA-256 of the file of each photo, or b"" for a photo that is no file.
        """
        name = _new_name("embeddings")
        content = b"".join(digest.ljust(_DIGEST_SIZE, b"\0") for digest in digests)
        write_atomically(self._parts / _digests_name(name), content)
        embeddings.save(self._parts / name)
        return name

    def load_digests(self, state: ProjectState) -> list[bytes]:
        """Returns the digest of each row of :meth:`load_embeddings`; b"" if it is not known.

        Raises:
            OSError: A file cannot be read.
        """
        return [
            digest
            for part in state.photos
            for digest, label in zip(
                self._part_digests(part.file, len(part.labels)), part.labels, strict=True
            )
            if label != REMOVED
        ]

    def load_embeddings(
        self, state: ProjectState, narrow: Callable[[Embeddings], Embeddings] | None = None
    ) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the embeddings of all classes, [N, D], and their labels, [N].

        Args:
            state: The state whose embeddings to load.
            narrow: Returns the part of a file's embeddings that is used; what it leaves out is
                dropped from the file. By default all of them.

        Raises:
            ValueError: A file is damaged.
            OSError: A file cannot be read.
        """
        parts = [self._load_part(part, narrow) for part in state.photos]
        used = {part.file for part in state.photos}
        self._loaded = {name: kept for name, kept in self._loaded.items() if name in used}
        return (
            Embeddings.concatenate([embeddings for embeddings, _ in parts]),
            np.concatenate([labels for _, labels in parts]),
        )

    def save_head(self, head: SoftmaxRegression) -> str:
        """Saves a head in a new file, and returns its name."""
        name = _new_name("head")
        head.save(self._parts / name)
        return name

    def load_head(self, name: str) -> SoftmaxRegression:
        """Returns the head in a file.

        Raises:
            ValueError: The file is damaged.
            OSError: The file cannot be read.
        """
        return SoftmaxRegression.load(self._parts / name)

    def remove_unused_files(self) -> None:
        """Removes files of changes that were undone, failed, or were interrupted by a kill.

        Raises:
            ValueError: See :meth:`read_index`.
            OSError: A file cannot be read or removed.
        """
        index = self.read_index()
        states = [*index.states, *index.undone]
        used = {part.file for state in states for part in state.photos}
        used |= {_digests_name(name) for name in used}
        used |= {state.head for state in states if state.head is not None}
        for path in self._parts.iterdir():
            if path.name not in used and _OWN_NAME.fullmatch(path.name):
                path.unlink()
        if index.keep != "nothing":
            self.pictures.remove_others(self._used_digests(states))

    def _used_digests(self, states: Sequence[ProjectState]) -> set[bytes]:
        """Returns the digests of the photos that are in a class in any of the states."""
        used: dict[str, NDArray[np.bool_]] = {}
        parts = {id(part): part for state in states for part in state.photos}  # which share most
        for part in parts.values():
            kept = np.array(part.labels) != REMOVED
            used[part.file] = kept | used.get(part.file, kept)
        digests = {name: self._part_digests(name, len(kept)) for name, kept in used.items()}
        return {digests[name][row] for name, kept in used.items() for row in np.flatnonzero(kept)}

    def _part_digests(self, file: str, rows: int) -> list[bytes]:
        """Returns the digest of each row of a file, b"" if it is not known."""
        path = self._parts / _digests_name(file)
        content = path.read_bytes() if path.exists() else b""
        if len(content) != _DIGEST_SIZE * rows:
            return [b""] * rows  # an earlier version kept none
        starts = range(0, len(content), _DIGEST_SIZE)
        digests = (content[start : start + _DIGEST_SIZE] for start in starts)
        return [digest if any(digest) else b"" for digest in digests]

    def _load_part(
        self, part: EmbeddingFile, narrow: Callable[[Embeddings], Embeddings] | None
    ) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the rows of a file that belong to a class, and their labels."""
        path = self._parts / part.file
        embeddings, labels = self._load_file(path), np.array(part.labels)
        if len(embeddings) != len(labels):
            raise ValueError(
                f"{path} is damaged: it has {counted(len(embeddings), 'row')}, but {_INDEX_NAME} "
                f"lists {len(labels)}. Undo the changes that use it, or restore a backup."
            )
        if narrow is not None:
            whole, embeddings = embeddings, narrow(embeddings)
            if embeddings is not whole:
                embeddings.save(path)
        kept = labels != REMOVED
        if kept.all():
            return embeddings, labels
        return embeddings[kept], labels[kept]

    def _load_file(self, path: Path) -> Embeddings:
        """Returns the embeddings in a file, which is read again only after it was changed."""
        stamp = _stamp(path)
        known = self._loaded.get(path.name)
        if known is None or known[0] != stamp:
            known = stamp, Embeddings.load(path)
            self._loaded[path.name] = known
        return known[1]


def _stamp(path: Path) -> _Stamp:
    """Returns what is different after a file was replaced; a zero for one that is missing."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # opening it says what is wrong
    return found.st_mtime_ns, found.st_ino, found.st_size


def _new_name(kind: str) -> str:
    return f"{kind}-{os.urandom(8).hex()}.npz"


def _digests_name(embeddings: str) -> str:
    return Path(embeddings).with_suffix(".sha256").name
