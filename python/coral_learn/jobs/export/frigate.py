"""Exporting to Frigate, the video recorder: a model for its custom classification.

Frigate stretches the picture of an object, or of a part of a camera's view, to 224 x 224 pixels and
gives the RGB bytes to the model as they are. It divides the row of scores by its sum, and takes the
names of the classes from the lines of ``labelmap.txt``. It does so in
``frigate/data_processing/real_time/custom_classification.py``.
"""

import json
import math
from pathlib import Path

from ...errors import ModelError
from ...tflite.output_kind import OutputKind
from ...tflite.resize_note import with_resize
from ...words import printable
from .contents import MARK, MODEL_NAME, Contents, label_lines, notes_of_squashing
from .source import TRAIN_ON_BUILTIN, ExportSource

LABEL_MAP_NAME = "labelmap.txt"
CONFIG_NAME = "config.yml"
NO_CLASS = "none"
"""The class of objects that are none of the others: Frigate gives them no name."""

_SIZE = (224, 224)
_DEFAULT_THRESHOLD = "0.8"
_SCORE_TYPES = ("uint8", "float32")

_CONFIG = f"""\
# Written {MARK}, for Frigate 0.17 and later: add it to Frigate's configuration.
# {MODEL_NAME} and {LABEL_MAP_NAME} belong into /config/model_cache/{{folder}}/
classification:
  custom:
    {{name}}:
      threshold: {{threshold}}
      object_config:
        objects: [bird] # what Frigate detects and this model names, such as dog or car
        classification_type: sub_label # or attribute
      # For the state of a part of a camera's view, such as a gate, in place of object_config:
      # state_config:
      #   motion: true
      #   interval: 10 # seconds
      #   cameras:
      #     front:
      #       crop: [0.1, 0.2, 0.5, 0.9] # left, top, right, bottom, as fractions of the view
"""


def frigate_contents(source: ExportSource, folder: Path) -> Contents:
    """Returns the folder that Frigate's custom classification reads.

    Args:
        source: The classifier.
        folder: The folder, whose name becomes the name of the model in Frigate.

    Raises:
        ModelError: The input or the output of the classifier does not fit.
    """
    _check_input(source)
    _check_scores(source)
    name = folder.resolve().name
    quoted = json.dumps(name, ensure_ascii=False)  # a JSON text is also one of YAML
    config = _CONFIG.format(folder=printable(name), name=quoted, threshold=_threshold(source))
    files = {
        # classify and evaluate then do with this file what Frigate does.
        MODEL_NAME: with_resize(source.model, "linear").content,
        LABEL_MAP_NAME: label_lines(source.labels),
        CONFIG_NAME: config.encode(),
    }
    notes = [
        *notes_of_squashing(source.resize, "Frigate", better="linear"),
        *_note_of_no_class(source.labels),
    ]
    return Contents(
        files,
        notes,
        f"copy {MODEL_NAME} and {LABEL_MAP_NAME} to /config/model_cache/{name}/ of Frigate, add "
        f"{CONFIG_NAME} to its configuration, and restart it",
    )


def _threshold(source: ExportSource) -> str:
    """Returns the lowest score of an answer, rounded up, because Frigate rounds the scores."""
    if source.threshold is None:
        return _DEFAULT_THRESHOLD
    return f"{math.ceil(round(source.threshold * 100, 4)) / 100:.2f}"


def _check_input(source: ExportSource) -> None:
    width, height = source.input_format.size
    found = f"{source.name} takes {list(source.image.shape)} {source.image.type_name}"
    if (width, height) != _SIZE:
        raise ModelError(
            f"{found}, but Frigate gives pictures of 224 x 224 pixels: {TRAIN_ON_BUILTIN}"
        )
    if not source.takes_bytes:
        raise ModelError(
            f"{found}, but Frigate gives the RGB bytes of a picture as they are, [1, 224, 224, 3] "
            f"uint8 from 0 to 255: {TRAIN_ON_BUILTIN}"
        )


def _check_scores(source: ExportSource) -> None:
    if source.kind is not OutputKind.PROBABILITIES:
        raise ModelError(
            f"{source.name} gives every label a probability of its own, but Frigate expects "
            "probabilities that sum to 1: train with one folder for each class"
        )
    scores = source.scores
    if len(scores.shape) != 2 or scores.type_name not in _SCORE_TYPES:
        raise ModelError(
            f"{source.name} gives {list(scores.shape)} {scores.type_name}, but Frigate expects a "
            f"row of scores, [1, {len(source.labels)}] uint8 or float32: {TRAIN_ON_BUILTIN}"
        )


def _note_of_no_class(labels: list[str]) -> list[str]:
    if NO_CLASS in labels:
        return []
    similar = [label for label in labels if label.lower() == NO_CLASS]
    if similar:
        return [
            f"the class {similar[0]!r} must be named {NO_CLASS!r}, in small letters, for Frigate "
            "to give its objects no name: rename the folder, and train again"
        ]
    return [
        f"there is no class {NO_CLASS!r}. To name objects, Frigate wants one for those that are "
        f"none of the others: put photos of them in a folder {NO_CLASS}, and train again. The "
        "state of a part of a camera's view needs none"
    ]
