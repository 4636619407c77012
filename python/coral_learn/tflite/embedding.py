"""The embedding of a model: the output of an extractor, and where a classifier can be cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import ModelError
from .ending import class_tensors, hides_last_layer, is_pooled
from .file import ModelFile, ModelSource
from .graph import Graph
from .input_shape import fix_input_shape, with_one_image
from .linear_layer import LinearLayer, find_linear_layers
from .nodes import EMBEDDING_TYPES, Tensor

# Far beyond any model; everything computed with scales inside this range fits a 32-bit float.
_MIN_SCALE, _MAX_SCALE = 2.0**-50, 2.0**50
_MAX_FEATURES = 2**16


@dataclass(frozen=True)
class Candidate:
    """A tensor at which a classifier could be cut.

    Attributes:
        name: The name of the tensor.
        shape: The dimensions of the tensor; all but the last are 1.
        dtype: The type of its elements: uint8, int8 or float32.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of_tensor(cls, tensor: Tensor) -> "Candidate":
        """Describes a tensor."""
        return cls(tensor.name, tensor.shape, tensor.type_name)

    @property
    def feature_dim(self) -> int:
        """D, the length of the embedding."""
        return self.shape[-1]

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)} {self.dtype}"


def read_embedding(extractor: ModelSource) -> Candidate:
    """Returns the name, shape and type of an embedding extractor's output.

    Raises:
        ModelError: The model does not have exactly one output, or it is not an embedding.
    """
    model = with_one_image(ModelFile.open(extractor))
    return Candidate.of_tensor(embedding_output(model.graph, model.name))


def list_candidates(classifier: ModelSource) -> list[Candidate]:
    """Lists the tensors at which a classifier could be cut, in the order they are computed.

    At each of them, this one vector is all that the rest of the model reads, up to the last linear
    layer, or up to the output of a model without one.

    Args:
        classifier: A ``.tflite`` file or its bytes.

    Raises:
        ModelError: The file cannot be used.
    """
    model = fix_input_shape(ModelFile.open(classifier))
    tensors = candidates(model.graph, heads_of(model))
    return [Candidate.of_tensor(tensor) for tensor in tensors]


def heads_of(model: ModelFile) -> list[LinearLayer]:
    """Returns the last linear layers of a classifier; an extractor has none, whatever it ends in.

    Raises:
        ModelError: The model hides its layers, or is damaged.
    """
    _refuse_hidden_layers(model)
    return [] if model.is_extractor else find_linear_layers(model.graph)


def _refuse_hidden_layers(model: ModelFile) -> None:
    """Rejects a model whose last layer the Edge TPU's operator hides."""
    if hides_last_layer(model.graph):
        kind = "a classifier" if model.is_classifier else "a model"
        raise ModelError(
            f"{model.name} is {kind} compiled for the Edge TPU, which hides its layers: use the "
            "CPU model that it was compiled from, and compile the result with edgetpu_compiler"
        )


def embedding_output(graph: Graph, name: str = "this model") -> Tensor:
    """Returns the output of an embedding extractor.

    Args:
        graph: The graph of the extractor.
        name: The name of its file, for errors.

    Raises:
        ModelError: The model does not have exactly one output, or the output is not a vector of a
            type that heads can read, or its size or scale is out of range.
    """
    if len(graph.outputs) != 1:
        raise ModelError(f"{name} has {len(graph.outputs)} outputs; an embedding extractor has one")
    output = graph.outputs[0]
    if not output.is_vector:
        raise ModelError(
            f"{name} gives {list(output.shape)}; an embedding extractor gives [1, D] or "
            "[1, 1, 1, D]"
        )
    if output.type_name not in EMBEDDING_TYPES:
        raise ModelError(
            f"{name} gives {output.type_name}; an embedding extractor gives uint8, int8 or float32"
        )
    if output.shape[-1] > _MAX_FEATURES:
        raise ModelError(
            f"the output has {output.shape[-1]} features; an embedding has at most {_MAX_FEATURES}"
        )
    quantization = output.quantization
    if quantization and not _MIN_SCALE <= quantization.scale <= _MAX_SCALE:
        raise ModelError(
            f"the output has a quantization scale of {quantization.scale}; "
            f"an embedding has one in [{_MIN_SCALE:.2g}, {_MAX_SCALE:.2g}]"
        )
    return output


def candidates(graph: Graph, layers: Sequence[LinearLayer]) -> list[Tensor]:
    """Lists the tensors at which a graph could be cut; see :func:`list_candidates`.

    Args:
        graph: The graph of a classifier.
        layers: The last linear layers in it.
    """
    scores = class_tensors(graph)
    return [
        tensor
        for tensor in _bottlenecks(graph, layers)
        if tensor.type_name in EMBEDDING_TYPES and tensor.is_vector and tensor not in scores
    ]


def best_first(graph: Graph, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Sorts candidates: pooled tensors before others, and then later ones before earlier ones."""
    last_first = tensors[::-1]
    return sorted(last_first, key=lambda tensor: not is_pooled(graph, tensor))


def wider_pooled_tensor(
    graph: Graph, layers: Sequence[LinearLayer], embedding: Tensor
) -> Tensor | None:
    """Returns the widest pooled candidate that has more features than an embedding, if any.

    A narrow hidden layer keeps what its own classes need, and pooled features serve other classes
    better.
    """
    wider = [
        tensor
        for tensor in candidates(graph, layers)
        if tensor.shape[-1] > embedding.shape[-1] and is_pooled(graph, tensor)
    ]
    return max(wider, key=lambda tensor: tensor.shape[-1], default=None)


def short_name(graph: Graph, tensor: Tensor) -> str:
    """Returns a name that is enough to find a tensor: of names joined with ";", a unique one."""
    names = [part for each in graph.tensors for part in each.name.split(";")]
    unique = [part for part in tensor.name.split(";") if part and names.count(part) == 1]
    return min(unique, key=len, default=tensor.name)


def _bottlenecks(graph: Graph, layers: Sequence[LinearLayer]) -> Iterator[Tensor]:
    """Yields each computed tensor that is the only one that later operators still read.

    Stops at the first of the linear layers.
    """
    heads = {layer.logits for layer in layers}
    last_use: dict[Tensor | None, int] = {tensor: len(graph.operators) for tensor in graph.outputs}
    for number, operator in reversed(list(enumerate(graph.operators))):
        for tensor in operator.inputs:
            last_use.setdefault(tensor, number)
    from_image: set[Tensor | None] = set(graph.inputs)  # not unpacked from weights
    alive = from_image & last_use.keys()
    for number, operator in enumerate(graph.operators):
        if not heads.isdisjoint(operator.outputs):
            return
        if from_image.isdisjoint(operator.inputs):
            continue
        from_image.update(operator.outputs)
        alive |= set(operator.outputs) & last_use.keys()
        alive -= {tensor for tensor in operator.inputs if last_use[tensor] == number}
        if len(alive) == 1 and alive <= set(operator.outputs):
            yield from (tensor for tensor in alive if tensor is not None)
