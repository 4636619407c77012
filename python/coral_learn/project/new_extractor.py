"""The embedding extractor of a new project."""

from ..extraction.builtin_extractor import open_or_builtin
from ..tflite.file import ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike, parse_normalization
from ..tflite.open_extractor import AUTO, OpenedExtractor, open_extractor
from ..tflite.resize_note import read_resize, with_resize
from ..tflite.resizing import Resize, checked_resize


def prepare_extractor(
    source: ModelSource | None,
    tensor_name: str | None = None,
    input_size: InputSize | None = None,
    normalization: NormalizationLike | None = None,
    resize: Resize | None = None,
) -> OpenedExtractor:
    """Returns the extractor that a project keeps, and what was done to get it.

    The arguments and errors are those of :meth:`coral_learn.Project.create`.
    """
    given = None if normalization is None else parse_normalization(normalization)
    if resize is not None:
        resize = checked_resize(resize)
    if tensor_name == AUTO:
        raise ValueError(
            "a new project has no photos to measure tensors on, so --tensor cannot be auto here. "
            "First run `coral-learn extractor MODEL.tflite --tensor auto --photos PHOTOS --output "
            "EXTRACTOR.tflite`, then create the project with --extractor EXTRACTOR.tflite."
        )
    model, notes = open_extractor(open_or_builtin(source, input_size), tensor_name)
    model = with_resize(model, resize or read_resize(model))
    return OpenedExtractor(model if given is None else model.with_normalization(given), notes)
