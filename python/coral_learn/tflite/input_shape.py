"""Giving a model's graph the input that every program can use: one image of a fixed size."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import ModelError
from .file import ModelFile
from .graph import Graph
from .image_shape import ImageShape, InputSize, checked_size
from .nodes import Operator, Tensor

_PIXEL_TYPES = ("uint8", "int8", "float32")
_MAX_KNOWN = 1000  # elements of a constant that may be a shape or axes
_MAX_ELEMENTS = 2**31 - 1
# What NumPy and plain arithmetic raise for shapes that do not go together.
_CLASHES = (ValueError, TypeError, LookupError, ArithmeticError)
_INTEGERS = {"int32": np.int32, "int64": np.int64}


def check_image_input(graph: Graph) -> ImageShape:
    """Returns the shape of a model's input.

    Raises:
        ModelError: The model does not take images, and nothing else, of a type that this package
            works with, or it computes with 16-bit integers.
    """
    if len(graph.inputs) != 1:
        found = " and ".join(_describe(tensor) for tensor in graph.inputs) or "nothing"
        raise ModelError(
            f"the model has {len(graph.inputs)} inputs ({found}), but must have one, an image: "
            "convert a model that takes the image alone"
        )
    (image,) = graph.inputs
    if any(tensor.type_name == "int16" for tensor in _activations(graph)):
        raise ModelError(
            "the model's activations are int16, but must be uint8, int8 or float32: convert the "
            "model again with 8-bit or with float activations"
        )
    if image.type_name not in _PIXEL_TYPES:
        raise ModelError(
            f"the model's input is {image.type_name}, but must be uint8, int8 or float32: convert "
            "the model again with an input of one of these types"
        )
    return ImageShape.of(image.shape, image.table.shapeSignature)


def fix_input_shape(model: ModelFile, input_size: InputSize | None = None) -> ModelFile:
    """Returns a model that takes one image of a fixed size and computes the same from it.

    A model for a batch of images gets a batch of one. A model for images of any size gets the
    chosen size, or else 224 x 224 pixels. All tensors that are computed from the image get the
    shape that follows, and the numbers in the graph that stand for the batch change with it.

    Args:
        model: The model, of one subgraph with one image as its input.
        input_size: Width and height; None for those of the model, or 224 where it has none.

    Returns:
        The model itself if its shape is fixed already. Any other model is meant to be changed
        further, and to get its labels then.

    Raises:
        ModelError: The model does not take images, or its shape cannot be fixed.
        ValueError: The size is not valid, or the model takes images of another size only.
    """
    try:
        shape = check_image_input(model.graph)
        target = shape.of_one_image(checked_size(input_size))
        return model if shape.is_fixed else model.with_graph(_fixed(model.graph, shape, target))
    except ModelError as error:
        raise name_file(model, error) from error


def name_file(model: ModelFile, error: ModelError) -> ModelError:
    """Returns an error that names the file of a model, if the model has one."""
    if not model.is_named or model.name in str(error):
        return error
    return ModelError(f"{model.name}: {error}")


def _fixed(graph: Graph, old: ImageShape, new: ImageShape) -> Graph:
    changed = graph.copy()
    try:
        _FixedShapes(changed, old, new).write()
    except _CLASHES as error:
        raise ModelError(_failure(old, new, error)) from error
    return changed


def with_one_image(model: ModelFile) -> ModelFile:
    """Returns a model with a fixed input shape if it takes images; any other model as it is.

    What comes after an embedding does not depend on the input, which may be a sound, for example.

    Raises:
        ModelError: The model takes images, and its shape cannot be fixed.
    """
    try:
        check_image_input(model.graph)
    except ModelError:
        return model
    return fix_input_shape(model)


def with_one_image_for_head(extractor: ModelFile) -> ModelFile:
    """Does the same for an extractor that gets a head, and warns if a size is assumed."""
    model = with_one_image(extractor)
    if model is not extractor:
        old, new = check_image_input(extractor.graph), check_image_input(model.graph)
        if old.any_width or old.any_height:
            warnings.warn(
                f"{extractor.name} takes photos of any size, but a model with a head takes one "
                f"size: {new.width} x {new.height} pixels. Extract the embeddings at this size, or "
                "choose the input size in retrain or Project.create",
                stacklevel=4,
            )
    return model


class _FixedShapes:
    """The shapes that follow from the shape of one image, through all operators of a graph."""

    def __init__(self, graph: Graph, old: ImageShape, new: ImageShape) -> None:
        # Imported here because only models whose shape is not fixed need the rules.
        from . import layer_shapes, shape_rules

        self._rules, self._unknown = shape_rules, layer_shapes.unknown
        self._graph = graph
        self._batch = old.batch
        self._keeps_size = (old.width, old.height) == (new.width, new.height)
        (image,) = graph.inputs
        self._arrays = {image: self._unknown(new.dims)}
        for operator in list(graph.operators):
            if not self._arrays.keys().isdisjoint(operator.inputs):
                self._compute(operator)

    def write(self) -> None:
        """Writes the shapes into the graph."""
        for tensor, array in self._arrays.items():
            tensor.table.shape = np.array(array.shape, np.int32)
            tensor.table.shapeSignature = None

    def _compute(self, operator: Operator) -> None:
        rule = self._rules.rule_of(operator)
        if operator.name == "RESHAPE" and self._batch > 1:
            self._fix_target(operator)
        sources = [self._array(tensor) for tensor in operator.inputs if tensor is not None]
        found = rule(operator, *sources)
        results = found if isinstance(found, list) else [found]
        is_known = operator.name == "SHAPE" or all(map(self._rules.is_known, sources))
        for output, result in zip(operator.outputs, results, strict=True):
            if result.size > _MAX_ELEMENTS:
                raise ModelError(f"{operator.name} gives too large a tensor")
            self._arrays[output] = result if is_known else self._unknown(result.shape)
            if not is_known:
                self._check_images_stay_apart(operator, output, result.shape)

    def _array(self, tensor: Tensor) -> np.ndarray:
        if tensor in self._arrays:
            return self._arrays[tensor]
        data = self._graph.model.buffers[tensor.table.buffer].data
        dtype = _INTEGERS.get(tensor.type_name)
        if dtype is None or data is None or not 0 < len(data) <= _MAX_KNOWN:
            return self._unknown(tensor.shape)
        return np.frombuffer(data, dtype).reshape(tensor.shape).astype(np.int64)

    def _fix_target(self, operator: Operator) -> None:
        """Gives a RESHAPE a target without the batch, unless its target is computed."""
        target = operator.inputs[1] if len(operator.inputs) > 1 else None
        if target in self._arrays:
            return
        options = operator.table.builtinOptions
        stored = getattr(options, "newShape", None)
        numbers = stored if target is None else self._array(target)
        if numbers is None or not len(numbers) or numbers[0] <= 0:
            return
        if numbers[0] % self._batch:
            raise ModelError(f"RESHAPE to {list(map(int, numbers))} joins the images of the batch")
        fixed = np.array([numbers[0] // self._batch, *numbers[1:]], np.int32)
        if stored is not None:
            setattr(options, "newShape", fixed)  # noqa: B010 (the options are a union of types)
        if target is not None:
            constant = self._graph.add_tensor(target.name, fixed.shape, np.int32, values=fixed)
            indices = operator.table.inputs.copy()
            indices[1], operator.inputs[1] = constant.index, constant
            operator.table.inputs = indices

    def _check_images_stay_apart(
        self, operator: Operator, output: Tensor, shape: tuple[int, ...]
    ) -> None:
        """Checks that the batch is a factor of the first dimension, and of no other."""
        if self._batch == 1:
            return
        was, now = output.shape, (shape[0] * self._batch, *shape[1:]) if shape else ()
        if not shape or (was != now if self._keeps_size else was[:1] != now[:1]):
            raise ModelError(f"{operator.name} does not keep the images of the batch apart")


def _activations(graph: Graph) -> list[Tensor]:
    return [*graph.inputs, *(output for each in graph.operators for output in each.outputs)]


def _describe(tensor: Tensor) -> str:
    try:
        ImageShape.of(tensor.shape, tensor.table.shapeSignature)
        kind = "an image, "
    except ModelError:
        kind = ""
    return f"{kind}{tensor.name} {list(tensor.shape)} {tensor.type_name}"


def _failure(shape: ImageShape, target: ImageShape, reason: Exception) -> str:
    if shape.batch > 1:
        return (
            f"the model takes a batch of {shape.batch} images, which cannot be changed to one "
            f"image ({reason}): convert the model again with a batch of 1"
        )
    return (
        f"the model takes images of any size, but cannot be fixed to {target.width} x "
        f"{target.height} pixels ({reason}): choose another input size, or convert the model again "
        "with a fixed size"
    )
