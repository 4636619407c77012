"""The extractor of a review, for labelled and unlabelled photos alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...embeddings import Embeddings
from ...extraction.cache import EmbeddingCache
from ...extraction.extractor import EmbeddingExtractor
from ...extraction.photo_rows import PhotoRows
from ...progress import Progress
from ...tflite.file import ModelFile
from ...tflite.normalization import Normalization
from ...tflite.resizing import View


@dataclass(frozen=True)
class Embedder:
    """An extractor with everything that an embedding depends on besides the photo.

    Attributes:
        model: The extractor.
        device: The device, as for :class:`coral_learn.EmbeddingExtractor`.
        cache: The cache for embeddings, or None.
        normalization: How pixels are normalized; None for what the model says.
        view: How photos are resized; None for what the model says.
    """

    model: ModelFile
    device: str | None = None
    cache: EmbeddingCache | None = None
    normalization: Normalization | None = None
    view: View | None = None

    def embed(self, paths: Sequence[Path], progress: Progress) -> PhotoRows[Embeddings]:
        """Returns the embeddings and digests of the photos that can be read.

        Raises:
            ModelError: The model cannot be used.
            EdgeTpuError: The device failed.
        """
        with EmbeddingExtractor(
            self.model,
            device=self.device,
            cache=self.cache,
            normalization=self.normalization,
            resize=self.view,
        ) as extractor:
            return extractor.extract_readable(paths, progress=progress)
