"""What a project trains on: a row for each view of each photo, its class, and which photo it is."""

from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..heads.scenes import number_scenes
from ..tflite.file import ModelFile
from .photo_views import part_of_rows, stacked, views_of
from .store import ProjectStore


class TrainingRows(NamedTuple):
    """The rows that the head of a project is trained on.

    Attributes:
        embeddings: The embeddings, [N, D].
        labels: The class of each row, [N].
        keys: What tells the scenes of the photos apart, for each row: the SHA-256 of a photo of the
            scene, or of its embedding where it is not known. It is the same on every machine.
        classes: The names of the classes.
        photos: The number of photos, at most N.
    """

    embeddings: Embeddings
    labels: NDArray[np.int64]
    keys: list[str]
    classes: list[str]
    photos: int


def load_training_rows(store: ProjectStore) -> TrainingRows:
    """Returns the rows of the current state of a project.

    Raises:
        ValueError: The project has no photos, or the input range of its extractor is not known.
        OSError: A file cannot be read.
    """
    with store.locked(shared=True):
        state = store.read_index().current
        if not state.rows:
            raise ValueError(
                f"{store.path} has no photos. Add some with `coral-learn project add`."
            )
        rows, labels = store.load_embeddings(state)
        digests = store.load_digests(state)
    model = ModelFile.open(store.extractor)
    if model.has_float_input:
        if model.has_unknown_range:
            raise ValueError(
                f"the input range of the extractor in {store.path} is not known yet. Add a second "
                "class, on which it is measured, or create the project with --input-range."
            )
        from .unknown_range import embeddings_of  # rarely needed

        rows = embeddings_of(model, rows)
    views = len(views_of(model))
    parts = [part_of_rows(rows, index, views) for index in range(views)]
    stored = np.ascontiguousarray(rows.quantized)
    digests = [
        digest or sha256(row.tobytes()).digest()
        for digest, row in zip(digests, stored, strict=True)
    ]
    keys = _scene_keys(number_scenes(parts[0], labels), digests)
    return TrainingRows(
        stacked(parts), np.tile(labels, views), keys * views, list(state.classes), len(labels)
    )


def _scene_keys(scenes: NDArray[np.int64], digests: list[bytes]) -> list[str]:
    """Returns for each photo the smallest digest of its scene, which depends on no order."""
    smallest: dict[int, bytes] = {}
    for scene, digest in zip(scenes.tolist(), digests, strict=True):
        smallest[scene] = min(smallest.get(scene, digest), digest)
    return [smallest[scene].hex() for scene in scenes.tolist()]
