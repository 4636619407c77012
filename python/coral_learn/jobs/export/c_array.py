"""Exporting to C++: a model and its labels as arrays, for TensorFlow Lite Micro."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...tflite.answers import without_familiarity
from ...tflite.head.int8_head import with_int8_head
from ...tflite.nodes import Operator
from ...tflite.resizing import VIEWS
from ...words import listed
from .contents import MARK, Contents, notes_of_threshold
from .source import ExportSource

HEADER_NAME = "model.h"
SOURCE_NAME = "model.cc"

_BYTES_A_LINE = 16
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")

_HEADER = """\
// Written {mark}: a model for TensorFlow Lite Micro.
// Input: {input}
// Output: {output}
// Operators: {operators}
#ifndef CORAL_LEARN_MODEL_H_
#define CORAL_LEARN_MODEL_H_

extern const unsigned char g_model[];  // the .tflite file, aligned to 16 bytes
extern const unsigned int g_model_len;

extern const char* const g_labels[];  // UTF-8, in the order of the output
extern const unsigned int g_labels_len;

#endif  // CORAL_LEARN_MODEL_H_
"""

_SOURCE = """\
// Written {mark}: the model and its labels.
#include "model.h"

alignas(16) const unsigned char g_model[] = {{
{model}
}};
const unsigned int g_model_len = sizeof(g_model);

const char* const g_labels[] = {{
{labels}
}};
const unsigned int g_labels_len = sizeof(g_labels) / sizeof(g_labels[0]);
"""


def c_array_contents(source: ExportSource, folder: Path) -> Contents:
    """Returns C++ files with a model and its labels.

    A head in uint8 on a model in int8, as with the built-in extractor, becomes one in int8.

    Args:
        source: The classifier.
        folder: The folder, which is not used.
    """
    moved = with_int8_head(source.model)
    model = without_familiarity(source.model if moved is None else moved)
    operators = model.graph.operators
    header = _HEADER.format(
        mark=MARK,
        input=_described(source, "image"),
        output=_described(source, "scores"),
        operators=", ".join(sorted({operator.name for operator in operators})),
    )
    text = _SOURCE.format(
        mark=MARK,
        model="\n".join(_lines(model.content)),
        labels="\n".join(f"    {c_string(label)}," for label in source.labels),
    )
    return Contents(
        {SOURCE_NAME: text.encode("ascii"), HEADER_NAME: header.encode()},
        [
            *_notes_of_view(source),
            *notes_of_threshold(source.threshold, "compare the largest score with it"),
            *_notes_of_kernels(operators),
        ],
        f"compile {SOURCE_NAME} into your program, and give g_model to tflite::GetModel",
    )


def c_string(text: str) -> str:
    """Returns a text as a literal of C, in ASCII."""
    plain = {ord(each) for each in map(chr, range(32, 127)) if each not in '"\\?'}
    return '"' + "".join(chr(c) if c in plain else f"\\{c:03o}" for c in text.encode()) + '"'


def _lines(content: bytes) -> list[str]:
    rows = range(0, len(content), _BYTES_A_LINE)
    return [",".join(map(str, content[row : row + _BYTES_A_LINE])) + "," for row in rows]


def _described(source: ExportSource, end: str) -> str:
    tensor = source.image if end == "image" else source.scores
    stored = tensor.quantization
    scale = f", (value - {stored.zero_point}) * {stored.scale:.9g}" if stored else ""
    return f"{tensor.type_name} {list(tensor.shape)}{scale}"


def _notes_of_view(source: ExportSource) -> list[str]:
    if VIEWS[source.resize][0] != "crop":
        return []
    return [
        f"the model was trained with --resize {source.resize}: give it the center of the camera's "
        "picture in the shape of its input"
    ]


def _notes_of_kernels(operators: Sequence[Operator]) -> list[str]:
    """Warns of operators on uint8, for which TensorFlow Lite Micro has no kernels."""
    names = sorted(
        {
            operator.name
            for operator in operators
            if operator.name not in _CONVERSIONS
            and any(output.type_name == "uint8" for output in operator.outputs)
        }
    )
    if not names:
        return []
    return [
        f"{listed(names)} compute in uint8, but TensorFlow Lite Micro computes in int8 or float32 "
        "only, and refuses this model; the array is for other runtimes. Train with the built-in "
        "extractor (`coral-learn train PHOTOS --output DIR`), or with one in int8 or float32"
    ]
