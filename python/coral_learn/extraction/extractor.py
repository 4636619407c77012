"""Embedding extractors: photos in, embeddings out."""

from collections.abc import Iterable

from ..embeddings import Embeddings
from ..progress import Progress
from .image_model import ImageModel, OnError
from .images import ImageSource


class EmbeddingExtractor(ImageModel):
    """A model that turns a photo into an embedding, the features that a classifier's head weighs.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters and devices.
    """

    @property
    def feature_dim(self) -> int:
        """The number of features in an embedding."""
        return self.output_size

    def extract(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> Embeddings:
        """Returns the embeddings of photos.

        Photos are decoded, turned upright by their EXIF orientation, stretched to ``input_size``
        and quantized as the model's input is.

        Args:
            images: Paths, PIL images or uint8 arrays ([h, w], [h, w, 3] RGB or [h, w, 4] RGBA).
                Any iterable will do; photos are read as they are needed.
            progress: True for a bar on standard error, or what to call with (done, total) after
                each photo; total is None for an iterable without a length.
            on_error: Called with the index and the error of a photo that cannot be used, in order;
                the photo then has no row. By default the first such error is raised.

        Returns:
            One row a photo, in order, in the model's own output type.

        Raises:
            PhotoError: A photo cannot be used (a ValueError), and there is no ``on_error``.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        return self.run(images, progress=progress, on_error=on_error)
