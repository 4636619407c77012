"""A small object detector with the real post-processing operator, whose results NumPy can check.

The image, of 12 x 8 pixels unless told otherwise, is divided into four quarters. Each is one
candidate: its score for class 0 is its mean green and its score for class 1 its mean blue, both
from 0 to 1. Its box is the quarter itself, moved down and to the right by its mean red: at full
red, by half the image. The operator leaves out candidates whose score is not above ``MIN_SCORE``,
and leaves the rows after the last detection undefined.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import DTypeLike, NDArray

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.nodes import Tensor

OUTPUTS = ("boxes", "classes", "scores", "count")
SIZE = (12, 8)
MIN_SCORE = 0.05
MAX_DETECTIONS = 6

_QUARTERS = 4
_MOVE_BY_RED = [[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
_ANCHORS = [[y, x, 0.5, 0.5] for y in (0.25, 0.75) for x in (0.25, 0.75)]
_SETTINGS: dict[str, bool | int | float] = {
    "max_detections": MAX_DETECTIONS,
    "max_classes_per_detection": 1,
    "num_classes": 2,
    "nms_score_threshold": MIN_SCORE,
    "nms_iou_threshold": 0.6,
    "use_regular_nms": False,
    "y_scale": 1.0,
    "x_scale": 1.0,
    "h_scale": 1.0,
    "w_scale": 1.0,
}


def detection_model(
    order: Sequence[str] = OUTPUTS,
    signature: Mapping[str, str] | None = None,
    dtype: DTypeLike = np.uint8,
    size: tuple[int, int] = SIZE,
) -> bytes:
    """Returns a detector with four outputs.

    Args:
        order: The order of the outputs; see ``OUTPUTS``.
        signature: The output that each name in the signature stands for, such as
            ``{"output_0": "count"}``; None for a model without a signature.
        dtype: The type of the image: uint8 from 0 to 255, int8 from -128 to 127, or float32 from 0
            to 1.
        size: The width and the height of the image, both even.
    """
    graph = Graph.empty("built for tests")
    image, real_image = _add_image(graph, np.dtype(dtype), size)
    outputs = _add_post_processing(graph, *_add_candidates(graph, real_image, size))
    graph.set_inputs([image])
    indices = [outputs[name].index for name in order]
    graph.model.subgraphs[0].outputs = np.array(indices, np.int32)
    if signature is not None:
        named = {name: outputs[output] for name, output in signature.items()}
        graph.model.signatureDefs = [_signature({"image": image}, named)]
    return ModelFile.of_graph(graph).content


def quarters_image(
    colors: Sequence[tuple[int, int, int]], size: tuple[int, int] = SIZE
) -> NDArray[np.uint8]:
    """Returns a uint8 image [height, width, 3] whose quarters have these colors, row by row."""
    width, height = size
    cells = np.array(colors, np.uint8).reshape(2, 2, 3)
    return cells.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


def _add_image(graph: Graph, dtype: np.dtype[Any], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Adds the input; returns it as it is, and as float32 from 0 to 1."""
    shape = [1, size[1], size[0], 3]
    if dtype == np.float32:
        image = graph.add_tensor("image", shape, dtype)
        return image, image
    zero_point = np.iinfo(dtype).min
    image = graph.add_tensor("image", shape, dtype, scale=1 / 255, zero_point=zero_point)
    real = graph.add_tensor("real image", shape, np.float32)
    graph.add_operator(
        schema.BuiltinOperator.DEQUANTIZE,
        [image],
        [real],
        options=schema.DequantizeOptionsT(),
        version=2,
    )
    return image, real


def _add_candidates(
    graph: Graph, image: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns box encodings [1, 4, 4], class scores with the background [1, 4, 3], and anchors."""
    code = schema.BuiltinOperator
    pool = schema.Pool2DOptionsT()
    pool.padding = schema.Padding.VALID
    pool.filterWidth = pool.strideW = size[0] // 2
    pool.filterHeight = pool.strideH = size[1] // 2
    colors = graph.add_tensor("colors", [1, 2, 2, 3], np.float32)
    graph.add_operator(code.AVERAGE_POOL_2D, [image], [colors], options=pool)
    scores = _add_reshape(graph, colors, [1, _QUARTERS, 3])
    moves = graph.add_tensor("moves", [4, 3], np.float32, values=_MOVE_BY_RED)
    rows = graph.add_tensor("rows", [_QUARTERS, 4], np.float32)
    none = graph.add_tensor("no bias", [4], np.float32, values=np.zeros(4))
    graph.add_operator(
        code.FULLY_CONNECTED,
        [_add_reshape(graph, colors, [_QUARTERS, 3]), moves, none],
        [rows],
        options=schema.FullyConnectedOptionsT(),
    )
    anchors = graph.add_tensor("anchors", [_QUARTERS, 4], np.float32, values=_ANCHORS)
    return _add_reshape(graph, rows, [1, _QUARTERS, 4]), scores, anchors


def _add_reshape(graph: Graph, source: Tensor, shape: Sequence[int]) -> Tensor:
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(shape, np.int32)
    target = graph.add_tensor("shape", [len(shape)], np.int32, values=shape)
    result = graph.add_tensor("reshaped", shape, np.float32)
    graph.add_operator(schema.BuiltinOperator.RESHAPE, [source, target], [result], options=options)
    return result


def _add_post_processing(graph: Graph, *inputs: Tensor) -> dict[str, Tensor]:
    shapes = ([1, MAX_DETECTIONS, 4], [1, MAX_DETECTIONS], [1, MAX_DETECTIONS], [1])
    outputs = {
        name: graph.add_tensor(name, shape, np.float32)
        for name, shape in zip(OUTPUTS, shapes, strict=True)
    }
    operator = graph.add_operator(schema.BuiltinOperator.CUSTOM, inputs, list(outputs.values()))
    code = graph.model.operatorCodes[operator.table.opcodeIndex]
    code.customCode = b"TFLite_Detection_PostProcess"
    operator.table.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(_SETTINGS)), np.uint8)
    return outputs


def _signature(inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.inputs, signature.outputs = _named(inputs), _named(outputs)
    return signature


def _named(tensors: Mapping[str, Tensor]) -> list[Any]:
    entries = []
    for name, tensor in tensors.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), tensor.index
        entries.append(entry)
    return entries
