"""Models whose input is not one RGB image of a fixed size, with numbers that NumPy can check."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.normalization import SIGNED_UNIT
from coral_learn.tflite.tree import pack, unpack


class ShapedModel:
    """A float classifier under construction: each method adds operators after the last tensor.

    Attributes:
        graph: The graph.
        last: The tensor that the next operator reads.
    """

    def __init__(
        self, shape: Sequence[int], signature: Sequence[int] | None = None, seed: int = 0
    ) -> None:
        self.graph = Graph.empty("built for tests")
        self.random = np.random.default_rng(seed)
        self.image = self.last = self.graph.add_tensor("image", shape, np.float32)
        if signature is not None:
            self.image.table.shapeSignature = np.array(signature, np.int32)

    def transpose(self, *order: int) -> "ShapedModel":
        shape = [self.last.shape[axis] for axis in order]
        return self._add("TRANSPOSE", [self._integers(order)], shape)

    def convolve(self, channels: int, kernel: int = 3, stride: int = 1) -> "ShapedModel":
        """Adds a CONV_2D with RELU and the padding VALID, or SAME for a kernel of 1."""
        batch, height, width, depth = self.last.shape
        options: Any = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME if kernel == 1 else schema.Padding.VALID
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        sides = [max(1, (side - kernel) // stride + 1) for side in (height, width)]
        constants = [
            self._weights((channels, kernel, kernel, depth)),
            self._weights((channels,)),
        ]
        return self._add("CONV_2D", constants, [batch, *sides, channels], options)

    def pool(self, *, keep: bool = False) -> "ShapedModel":
        """Adds a MEAN over height and width."""
        batch, _, _, channels = self.last.shape
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        shape = [batch, 1, 1, channels] if keep else [batch, channels]
        return self._add("MEAN", [self._integers((1, 2))], shape, options)

    def reshape(self, *target: int, of: Sequence[int] | None = None) -> "ShapedModel":
        """Adds a RESHAPE; ``of`` is the shape that follows, where ``target`` has a -1."""
        options = schema.ReshapeOptionsT()
        options.newShape = np.array(target, np.int32)
        return self._add("RESHAPE", [self._integers(target)], of or target, options)

    def flatten_as_keras(self) -> "ShapedModel":
        """Adds a RESHAPE whose target is computed from the SHAPE of its input."""
        source, graph, code = self.last, self.graph, schema.BuiltinOperator
        features = int(np.prod(source.shape[1:]))
        shape = graph.add_tensor("shape", [len(source.shape)], np.int32)
        shape_options = schema.ShapeOptionsT()
        shape_options.outType = schema.TensorType.INT32
        graph.add_operator(code.SHAPE, [source], [shape], options=shape_options)
        batch = graph.add_tensor("batch", [], np.int32)
        options = schema.StridedSliceOptionsT()
        options.shrinkAxisMask = 1
        ends = [self._integers((number,)) for number in (0, 1, 1)]
        graph.add_operator(code.STRIDED_SLICE, [shape, *ends], [batch], options=options)
        target = graph.add_tensor("target", [2], np.int32)
        pack_options = schema.PackOptionsT()
        pack_options.valuesCount = 2
        count = graph.add_tensor("count", [], np.int32, values=features)
        graph.add_operator(code.PACK, [batch, count], [target], options=pack_options)
        self.last = graph.add_tensor("flat", [source.shape[0], features], np.float32)
        graph.add_operator(
            code.RESHAPE, [source, target], [self.last], options=schema.ReshapeOptionsT()
        )
        return self

    def squeeze_and_excite(self) -> "ShapedModel":
        """Multiplies the channels by numbers that are computed from their means."""
        source, channels = self.last, self.last.shape[-1]
        self.pool(keep=True).convolve(channels, kernel=1)._add("LOGISTIC", [], self.last.shape)
        gate, self.last = self.last, source
        return self._add("MUL", [gate], source.shape, schema.MulOptionsT())

    def classify(self, classes: int = 4) -> "ShapedModel":
        """Adds a FULLY_CONNECTED and a SOFTMAX."""
        features = self.last.shape[-1]
        options = schema.FullyConnectedOptionsT()
        constants = [self._weights((classes, features)), self._weights((classes,))]
        self._add("FULLY_CONNECTED", constants, [self.last.shape[0], classes], options)
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        return self._add("SOFTMAX", [], self.last.shape, softmax)

    def content(self) -> bytes:
        """Returns the model, with the last tensor as its output, for pixels from -1 to 1."""
        self.graph.set_inputs([self.image])
        self.graph.set_output(self.last)
        return ModelFile(pack(self.graph.model)).with_normalization(SIGNED_UNIT).content

    def _add(
        self, name: str, constants: Sequence[Tensor], shape: Sequence[int], options: Any = None
    ) -> "ShapedModel":
        output = self.graph.add_tensor(name.lower(), shape, np.float32)
        code = getattr(schema.BuiltinOperator, name)
        self.graph.add_operator(code, [self.last, *constants], [output], options=options)
        self.last = output
        return self

    def _integers(self, values: Sequence[int]) -> Tensor:
        return self.graph.add_tensor("integers", [len(values)], np.int32, values=values)

    def _weights(self, shape: Sequence[int]) -> Tensor:
        values = self.random.normal(0, 0.5, shape)
        return self.graph.add_tensor("weights", shape, np.float32, values=values)


def with_input(content: bytes, *, shape: Sequence[int] | None = None, dtype: str = "") -> bytes:
    """Returns a model that claims another shape or type of its input."""
    model = unpack(content)
    [image] = Graph(model).inputs
    if shape is not None:
        image.table.shape = np.array(shape, np.int32)
    if dtype:
        image.table.type = getattr(schema.TensorType, dtype)
    return pack(model)


def with_several_subgraphs(content: bytes) -> bytes:
    """Returns a model with one more subgraph, which nothing uses."""
    model = unpack(content)
    model.subgraphs.append(unpack(content).subgraphs[0])
    return pack(model)
