"""The classifier to export, opened and checked once for every target."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import cast

import numpy as np

from ...edgetpu.runtime import TensorDetails
from ...errors import ModelError
from ...extraction.input_format import InputFormat
from ...extraction.placement import known_normalizations
from ...tflite.answers import read_answer_notes
from ...tflite.file import ModelFile, ModelSource
from ...tflite.input_shape import check_image_input, fix_input_shape, name_file
from ...tflite.labels import attach_labels
from ...tflite.nodes import Tensor
from ...tflite.normalization import Normalization, NormalizationLike, parse_normalization
from ...tflite.output_kind import OutputKind
from ...tflite.resize_note import read_resize
from ...tflite.resizing import Resize
from ...words import listed
from ..class_labels import labels_from_zero
from ..classification import LabelSource, label_names

TRAIN_ON_BUILTIN = (
    "train with the built-in extractor, which takes uint8 photos of 224 x 224 pixels: "
    "`coral-learn train PHOTOS --output DIR`"
)
"""What to do if the input of a model does not fit."""

_SCORES = (OutputKind.PROBABILITIES, OutputKind.MULTI_LABEL)


@dataclass(frozen=True)
class ExportSource:
    """A classifier for the CPU that takes one image and gives a score for each class.

    Attributes:
        model: The model, with the labels inside.
        labels: The names of the classes.
        kind: What the scores mean, probabilities or independent labels.
        input_format: The size of the image, and the tensor value of each pixel value.
        normalization: How pixels are normalized, as far as it is known.
        resize: How photos were resized in training.
        threshold: The lowest probability of an answer to give; None for any.
    """

    model: ModelFile
    labels: list[str]
    kind: OutputKind
    input_format: InputFormat
    normalization: Normalization | None
    resize: Resize
    threshold: float | None

    @property
    def name(self) -> str:
        """The name of the model in messages."""
        return self.model.name

    @property
    def image(self) -> Tensor:
        """The input of the model."""
        return self.model.graph.inputs[0]

    @property
    def scores(self) -> Tensor:
        """The output of the model."""
        return self.model.graph.outputs[0]

    @property
    def takes_bytes(self) -> bool:
        """Whether the input takes the bytes of an RGB picture as they are."""
        pixels = np.arange(256).astype(self.input_format.table.dtype)
        return (
            self.image.type_name == "uint8"
            and np.array_equal(self.input_format.table, pixels)
            and self.is_plain_rgb
        )

    @property
    def is_plain_rgb(self) -> bool:
        """Whether the input has the shape [1, height, width, 3]."""
        return self.input_format.mode == "RGB" and not self.input_format.channels_first

    def check_range_is_known(self, consumer: str) -> None:
        """Refuses a float input if nothing tells the range of its pixels.

        Raises:
            ModelError: The range is not known.
        """
        if self.model.has_float_input and self.normalization is None:
            raise ModelError(
                f"{self.name} takes float32 and does not say in which range, which {consumer} "
                "needs to know: give it with --input-range or normalization="
            )


def open_source(
    source: ModelSource,
    labels: LabelSource | None = None,
    normalization: NormalizationLike | None = None,
) -> ExportSource:
    """Opens the classifier to export.

    Args:
        source: The path of a ``.tflite`` file, or its bytes.
        labels: The names of the classes; by default the labels inside the model.
        normalization: How pixels are normalized, as for :class:`coral_learn.EmbeddingExtractor`.

    Raises:
        ModelError: The file cannot be read, is no classifier for the CPU, or has no labels.
        OSError, ValueError: The label file cannot be read, or does not fit the model.
    """
    model = ModelFile.open(source)
    _refuse_other_kinds(model)
    if normalization is not None:
        model = _renamed(model.with_normalization(parse_normalization(normalization)), model)
    resize = read_resize(model)
    kind = model.output_kind
    fixed = fix_input_shape(model)
    names = _names(fixed, labels)
    declared, given = known_normalizations(model)
    return ExportSource(
        _with_labels(fixed, names),
        names,
        kind,
        _input_format(fixed, declared, given),
        given or declared,
        resize,
        read_answer_notes(model).threshold,
    )


def _refuse_other_kinds(model: ModelFile) -> None:
    path = shlex.quote(model.name) if model.is_named else "MODEL.tflite"
    if model.is_compiled:
        raise ModelError(
            f"{model.name} is compiled for the Edge TPU, but an export is for the CPU: train on "
            "the CPU model that the extractor was compiled from, or with the built-in extractor "
            "(`coral-learn train PHOTOS --output DIR`), and export the result"
        )
    kind = model.output_kind
    if kind is OutputKind.EMBEDDING:
        raise ModelError(
            f"{model.name} is an embedding extractor, which knows no classes: train a classifier "
            f"on it with `coral-learn train PHOTOS --extractor {path} --output DIR`, and export "
            "the result"
        )
    if kind not in _SCORES:
        raise ModelError(
            f"{model.name} gives {kind.value.replace('_', ' ')}, but what it is exported to "
            "expects the probability of each class: convert it again with a softmax at its end, "
            f"or train it on your photos with `coral-learn train PHOTOS --extractor {path} "
            "--output DIR`, and export the result"
        )


def _names(model: ModelFile, labels: LabelSource | None) -> list[str]:
    """Returns the names of the classes, of which there must be one for each output."""
    names = model.labels if labels is None else label_names(labels)
    if names is None:
        raise ModelError(
            f"{model.name} has no labels inside: give a file with the name of each class, one a "
            "line, with --labels or labels="
        )
    try:
        check_image_input(model.graph)
    except ModelError as error:
        raise name_file(model, error) from error
    outputs = model.graph.outputs
    if len(outputs) != 1 or not outputs[0].shape:
        raise ModelError(
            f"{model.name} has {len(outputs)} outputs ({listed([each.name for each in outputs])}), "
            "but must have one, a row of scores: convert a model with one of them"
        )
    classes = outputs[0].shape[-1]
    names = labels_from_zero(names, classes) or names
    if len(names) != classes:
        raise ValueError(
            f"there are {len(names)} labels for the {classes} classes of {model.name}: give a "
            "label file with one name for each class with --labels or labels="
        )
    return names


def _with_labels(model: ModelFile, names: list[str]) -> ModelFile:
    """Returns the model as it is if it describes itself completely, or else with a description."""
    is_described = not model.has_float_input or model.normalization is not None
    if model.labels == names and is_described:
        return model
    return _renamed(attach_labels(model, names), model)


def _renamed(model: ModelFile, original: ModelFile) -> ModelFile:
    model.name = original.name
    return model


def _input_format(
    model: ModelFile, declared: Normalization | None, given: Normalization | None
) -> InputFormat:
    image = model.graph.inputs[0]
    stored = image.quantization
    details = {
        "shape": np.array(image.shape),
        "dtype": image.dtype.type,
        "quantization": (0.0, 0) if stored is None else (stored.scale, stored.zero_point),
    }
    return InputFormat.of_tensor(cast("TensorDetails", details), declared, given)
