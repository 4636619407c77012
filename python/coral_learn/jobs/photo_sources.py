"""Where the photos of a retraining come from: read now, or embedded before."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset.folder import ImageFolder
from ..embedded.folder import is_embedded
from ..extraction.extractor import EmbeddingExtractor
from ..extraction.photo_rows import PhotoRows, skip_photo
from ..extraction.placement import check_compiled
from ..extraction.views import extract_views
from ..progress import Progress
from ..tflite.extractor_note import extractor_digest
from ..tflite.file import ModelFile
from ..tflite.normalization import Normalization
from ..tflite.open_extractor import AUTO, OpenedExtractor, open_extractor
from ..tflite.resize_note import read_resize, with_resize
from ..tflite.resizing import VIEWS, Resize
from .accuracy import score_test_photos
from .background import add_background
from .learning_photos import FoundPhotos, LearningPhotos, PhotoSettings
from .settings import Method
from .training_photos import TrainingPhotos, list_photos, take_training_photos

MAX_BYTES_IN_MEMORY = 250_000_000
"""The size of embeddings above which a head is fitted without having them all in memory."""


def find_photos(
    data_dir: str | os.PathLike[str], source: ModelFile, settings: PhotoSettings, method: Method
) -> FoundPhotos:
    """Finds the photos of a data set, and rejects what cannot be used before the long work.

    Args:
        data_dir: What :class:`coral_learn.ImageFolder` reads, or a folder of embedded photos.
        source: The extractor or classifier that the user gave.
        settings: How photos are to be seen.
        method: How the head is to be trained.

    Raises:
        ValueError: The photos or the settings cannot be used.
        ModelError: The extractor cannot be used.
        EdgeTpuError: The extractor cannot run on the device.
    """
    opened = None if settings.tensor_name == AUTO else open_extractor(source, settings.tensor_name)
    if is_embedded(data_dir):
        return _find_embedded(data_dir, opened, settings, method)
    if settings.engine.engine != "local":
        raise ValueError(
            f"--engine {settings.engine.engine} trains on a folder of embeddings. Make it of the "
            f"photos first: `coral-learn embed {data_dir} --output DIR`."
        )
    check_compiled(source, settings.device, is_cut=source.is_classifier)
    return PhotosToEmbed(list_photos(data_dir), source, opened, settings)


def _find_embedded(
    data_dir: str | os.PathLike[str],
    opened: OpenedExtractor | None,
    settings: PhotoSettings,
    method: Method,
) -> FoundPhotos:
    from .embedded_photos import PhotosEmbedded, open_embedded  # an extra

    folder = open_embedded(data_dir, opened, settings)
    assert opened is not None  # which was checked
    if settings.engine.engine == "local" and folder.num_bytes <= MAX_BYTES_IN_MEMORY:
        return PhotosEmbedded(folder, opened)
    if method != "fit":
        raise ValueError(
            f"--method {method} needs all photos in memory of this machine. Use --method fit."
        )
    from .streamed_photos import PhotosStreamed  # rarely needed

    return PhotosStreamed(folder, opened, settings)


@dataclass(frozen=True)
class PhotosToEmbed:
    """Photos that were listed, and are not embedded yet.

    Attributes:
        folder: The photos.
        source: The model that the user gave.
        opened: The extractor; None if its tensor is to be measured.
        settings: How photos are to be seen.
    """

    folder: ImageFolder
    source: ModelFile
    opened: OpenedExtractor | None
    settings: PhotoSettings

    @property
    def path(self) -> Path:
        """The folder or the file that they are in."""
        return self.folder.path

    def take(self, progress: Progress) -> LearningPhotos:
        """Reads the photos, and runs the extractor on them."""
        wanted, folder = self.settings, self.folder
        resize = wanted.resize or read_resize(self.source)
        views = VIEWS[resize]
        model, model_notes = self.opened or self._choose_tensor(resize)
        background = add_background(folder, wanted.none_of_these)
        seen = with_resize(model, views[0])
        pixel_range, range_notes = self._settle_range(seen)
        extracted = extract_views(
            # The model without its note has the embeddings in the cache that it had before.
            lambda view: EmbeddingExtractor(
                model,
                device=wanted.device,
                cache=wanted.cache,
                normalization=pixel_range,
                resize=view,
            ),
            background.folder.paths,
            views,
            progress=progress,
            on_error=skip_photo,
        )
        photos = take_training_photos(background.folder, extracted.found)
        photos = photos._replace(drawn_class=background.drawn_class)
        return LearningPhotos(
            folder,
            photos,
            seen if pixel_range is None else seen.with_normalization(pixel_range),
            extractor_digest(model),
            extracted.device,
            resize,
            [*model_notes, *range_notes, *photos.notes, *background.notes],
            functools.partial(self._test, photos),
        )

    def _test(
        self,
        photos: TrainingPhotos,
        model: ModelFile,
        rows: NDArray[np.int64],
        report: Callable[[int, int], None],
    ) -> PhotoRows[NDArray[np.float32]]:
        device, cache = self.settings.device, self.settings.cache
        return score_test_photos(model, photos, rows, device=device, cache=cache, report=report)

    def _choose_tensor(self, resize: Resize) -> OpenedExtractor:
        from .tensor_choice import measure_tensors  # rarely needed

        model = with_resize(self.source, VIEWS[resize][0])
        if self.settings.normalization is not None:
            model = model.with_normalization(self.settings.normalization)
        return measure_tensors(model, self.folder, device=self.settings.device)

    def _settle_range(self, extractor: ModelFile) -> tuple[Normalization | None, list[str]]:
        """Returns the normalization to use, None for the extractor's own, and what to tell."""
        if self.settings.normalization is not None:
            return self.settings.normalization, []
        if not extractor.has_unknown_range:
            return None, []
        from .input_range import measure_on_folder  # rarely needed

        measured = measure_on_folder(extractor, self.folder, device=self.settings.device)
        return measured.normalization, [measured.note]
