"""Exporting to MediaPipe Tasks: one model file that describes itself.

The image classifier of MediaPipe Tasks stretches the whole picture to the input, by bilinear
interpolation. It reads the labels from the model, and the normalization of a float input.
"""

from pathlib import Path

from ...errors import ModelError
from ...tflite.resize_note import with_resize
from .contents import MODEL_NAME, Contents, notes_of_squashing, notes_of_threshold
from .source import TRAIN_ON_BUILTIN, ExportSource

_TYPES = ("uint8", "float32")


def mediapipe_contents(source: ExportSource, folder: Path) -> Contents:
    """Returns the model for the image classifier of MediaPipe Tasks.

    Args:
        source: The classifier.
        folder: The folder, which is not used.

    Raises:
        ModelError: The input or the output of the classifier does not fit.
    """
    _check_input(source)
    if source.scores.type_name not in _TYPES:
        raise ModelError(
            f"{source.name} gives {source.scores.type_name} scores, but MediaPipe takes uint8 or "
            f"float32: {TRAIN_ON_BUILTIN}"
        )
    # classify and evaluate then do with this file almost what MediaPipe does.
    model = with_resize(source.model, "linear")
    return Contents(
        {MODEL_NAME: model.content},
        [
            *notes_of_squashing(source.resize, "MediaPipe", better="linear"),
            *notes_of_threshold(source.threshold, "give it to MediaPipe as score_threshold"),
        ],
        f"give {MODEL_NAME} to MediaPipe's ImageClassifier as model_asset_path",
    )


def _check_input(source: ExportSource) -> None:
    found = f"{source.name} takes {list(source.image.shape)} {source.image.type_name}"
    is_float = source.image.type_name == "float32"
    if not source.is_plain_rgb or not (is_float or source.takes_bytes):
        raise ModelError(
            f"{found}, but MediaPipe gives RGB pixels, [1, height, width, 3], as uint8 from 0 to "
            f"255 or as float32: {TRAIN_ON_BUILTIN}"
        )
    source.check_range_is_known("MediaPipe")
    differs = source.normalization and any(len(set(each)) > 1 for each in source.normalization)
    if is_float and differs:
        raise ModelError(
            f"{source.name} normalizes each channel in another way ({source.normalization}), which "
            f"MediaPipe cannot do: {TRAIN_ON_BUILTIN}"
        )
