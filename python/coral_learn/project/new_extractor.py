"""The embedding extractor of a new project."""

from ..extraction.builtin_extractor import open_or_builtin
from ..tflite.file import ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike, parse_normalization
from ..tflite.open_extractor import AUTO, OpenedExtractor, open_extractor


def prepare_extractor(
    source: ModelSource | None,
    tensor_name: str | None = None,
    input_size: InputSize | None = None,
    normalization: NormalizationLike | None = None,
) -> OpenedExtractor:
    """Returns the extractor that a project keeps, and what was done to get it.

    The arguments and errors are those of :meth:`coral_learn.Project.create`.
    """
    given = None if normalization is None else parse_normalization(normalization)
    if tensor_name == AUTO:
        raise ValueError(
            "a new project has no photos to measure tensors on, so --tensor cannot be auto here. "
            "First run `coral-learn extractor MODEL.tflite --tensor auto --photos PHOTOS --output "
            "EXTRACTOR.tflite`, then create the project with --extractor EXTRACTOR.tflite."
        )
    opened = open_extractor(open_or_builtin(source, input_size), tensor_name)
    if given is None:
        return opened
    return opened._replace(model=opened.model.with_normalization(given))
