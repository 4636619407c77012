"""Testing a classifier on photos that were embedded before."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ..embedded.folder import EmbeddedFolder
from ..embedded.image_folder import read_images
from ..extraction.photo_rows import PhotoRows
from ..tflite.extractor_note import read_extractor_digest
from ..tflite.file import ModelFile
from .stored_scores import score_embeddings


class EmbeddedTest:
    """Photos that were embedded before, for a classifier that was made from the same extractor.

    Attributes:
        folder: The photos, as if they were listed.
        note: What the user should know, in a sentence.
    """

    note = "the head of the model was tested on embeddings that were made before"

    def __init__(self, data_dir: str | os.PathLike[str], classifier: ModelFile) -> None:
        """Reads the embeddings.

        Raises:
            ValueError: They are of another extractor than that of the classifier, or damaged.
            ModelError: The file is not a .tflite model.
        """
        opened = EmbeddedFolder(data_dir)
        digest = read_extractor_digest(classifier)
        if digest is None:
            raise ValueError(
                f"{classifier.name} does not say which extractor it was made from, so that it "
                f"cannot be tested on the embeddings in {opened.path}. Train it again, or test it "
                "on the photos."
            )
        if digest != opened.description.extractor:
            raise ValueError(
                f"{opened.path} has embeddings of {opened.description.named_extractor}, and "
                f"{classifier.name} was made from another extractor (sha256 {digest[:12]}...). "
                "Embed the photos with that one, or test on the photos."
            )
        images = read_images(opened)
        self.folder = images.folder
        self._images = images
        self._classifier = classifier

    def score(
        self, rows: NDArray[np.int64], labels: list[str] | None
    ) -> PhotoRows[NDArray[np.float32]]:
        """Returns the scores of some of the photos.

        Args:
            rows: The numbers of the photos, [T].
            labels: The names of the classes of the classifier, or None.

        Raises:
            ModelError: The classifier has no head for such embeddings.
        """
        scores = score_embeddings(self._classifier, self._images.embeddings[rows], labels)
        digests = [self._images.digests[row] for row in rows]
        return PhotoRows(scores, np.arange(len(rows)), [], digests)
