"""The folder of a project: its lock, its index of states, and the files that the states use.

lock              held while the project is read or changed
project.json      the index: all states, oldest first
extractor.tflite  the embedding extractor
parts/*.npz       the embeddings and heads that the states refer to
parts/*.sha256    the SHA-256 of the photo of each embedding, 32 bytes each
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..file_lock import lock_file
from ..files import write_atomically
from ..heads.softmax_regression import SoftmaxRegression
from ..words import counted
from .state import REMOVED, EmbeddingFile, ProjectState

_FORMAT_VERSION = 2
_READABLE_VERSIONS = (1, 2)  # version 1 has no digests, and no number of tested photos
_DIGEST_SIZE = 32
_HELD_OUT_BY_VERSION_1 = 0.2
_INDEX_NAME = "project.json"
_LOCK_NAME = "lock"
_PARTS_NAME = "parts"


class ProjectStore:
    """Reads and writes the folder of a project.

    Attributes:
        path: The folder.
        extractor: The path of the embedding extractor.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.extractor = path / "extractor.tflite"
        self._index = path / _INDEX_NAME
        self._parts = path / _PARTS_NAME

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

    def read_states(self) -> list[ProjectState]:
        """Returns all states, oldest first; there is at least one.

        Raises:
            ValueError: The folder contains no project, or one that this version cannot read.
        """
        try:
            return _parse_states(json.loads(self._index.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ValueError(
                f"{self.path} does not contain a project ({_INDEX_NAME} is missing). "
                "Create one with `coral-learn project create`."
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{self._index} is not a project that this version of coral-learn can read: {error}"
            ) from error

    def write_states(self, states: Sequence[ProjectState]) -> None:
        """Replaces the index, completely or not at all.

        Raises:
            OSError: The index cannot be written.
        """
        content = {"version": _FORMAT_VERSION, "steps": [asdict(state) for state in states]}
        write_atomically(self._index, json.dumps(content).encode())

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

    def load_digests(self, state: ProjectState) -> dict[bytes, str]:
        """Returns the class of each photo by its digest, as far as the project knows it.

        Raises:
            OSError: A file cannot be read.
        """
        labels = [label for part in state.photos for label in part.labels if label != REMOVED]
        digests = self.load_row_digests(state)
        return {
            digest: state.classes[label]
            for digest, label in zip(digests, labels, strict=True)
            if digest
        }

    def load_row_digests(self, state: ProjectState) -> list[bytes]:
        """Returns the digest of each row of :meth:`load_embeddings`; b"" if it is not known.

        Raises:
            OSError: A file cannot be read.
        """
        found: list[bytes] = []
        for part in state.photos:
            path = self._parts / _digests_name(part.file)
            content = path.read_bytes() if path.exists() else b""
            if len(content) != _DIGEST_SIZE * len(part.labels):
                content = bytes(_DIGEST_SIZE * len(part.labels))  # an earlier version kept none
            for row, label in enumerate(part.labels):
                digest = content[_DIGEST_SIZE * row : _DIGEST_SIZE * (row + 1)]
                if label != REMOVED:
                    found.append(digest if any(digest) else b"")
        return found

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
            ValueError: See :meth:`read_states`.
            OSError: A file cannot be removed.
        """
        states = self.read_states()
        used = {part.file for state in states for part in state.photos}
        used |= {_digests_name(name) for name in used}
        used |= {state.head for state in states if state.head is not None}
        for path in self._parts.iterdir():
            if path.name not in used:
                path.unlink()

    def _load_part(
        self, part: EmbeddingFile, narrow: Callable[[Embeddings], Embeddings] | None
    ) -> tuple[Embeddings, NDArray[np.int64]]:
        """Returns the rows of a file that belong to a class, and their labels."""
        path = self._parts / part.file
        embeddings, labels = Embeddings.load(path), np.array(part.labels)
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
        return embeddings[kept], labels[kept]


def _new_name(kind: str) -> str:
    return f"{kind}-{os.urandom(8).hex()}.npz"


def _digests_name(embeddings: str) -> str:
    return Path(embeddings).with_suffix(".sha256").name


def _parse_states(content: Any) -> list[ProjectState]:
    version = content["version"]
    if version not in _READABLE_VERSIONS:
        raise ValueError(f"it has version {version}, not {_FORMAT_VERSION}")
    states = [
        ProjectState(**{**fields, "photos": [EmbeddingFile(**part) for part in fields["photos"]]})
        for fields in content["steps"]
    ]
    if not states or not all(map(_has_valid_fields, states)):
        raise ValueError("it is damaged")
    return [_with_tested(state) for state in states] if version == 1 else states


def _with_tested(state: ProjectState) -> ProjectState:
    """Adds the number of tested photos, which version 1 did not write."""
    if state.accuracy is None:
        return state
    from ..dataset.split import split_by_class  # rarely needed

    labels = np.array([label for part in state.photos for label in part.labels])
    split = split_by_class(labels[labels != REMOVED], 0, _HELD_OUT_BY_VERSION_1)
    return replace(state, tested=len(split.test))


def _has_valid_fields(state: Any) -> bool:
    """Tells whether the fields of a ProjectState, which may hold any JSON, are as declared."""
    valid_labels = range(REMOVED, len(state.classes))
    return (
        all(isinstance(name, str) for name in (state.what, *state.classes))
        and all(_is_file_name(part.file) for part in state.photos)
        and all(
            isinstance(label, int) and label in valid_labels
            for part in state.photos
            for label in part.labels
        )
        and (state.head is None or _is_file_name(state.head))
        and isinstance(state.accuracy, float | int | None)
        and isinstance(state.threshold, float | int)
        and isinstance(state.tested, int)
    )


def _is_file_name(name: Any) -> bool:
    """Tells whether a name stays inside the folder."""
    return isinstance(name, str) and Path(name).name == name
