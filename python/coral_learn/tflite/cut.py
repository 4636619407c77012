"""Cutting a classifier at its embedding: the last layer off, an embedding extractor left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import ModelError
from .file import ModelFile, ModelSource, is_compiled, read_model_content
from .head.record import write_head_record
from .linear_layer import (
    LinearLayer,
    find_linear_layers,
    last_quantized_logits,
    logit_scale,
    read_linear_layer,
    softmax_beta,
)
from .metadata import pack_with_labels
from .model import (
    embedding_index,
    is_vector,
    main_subgraph,
    operator_name,
    tensor_name,
    tensor_shape,
    tensor_steps,
    tensor_type_name,
    unpack,
)
from .pruning import keep_up_to
from .schema import ModelT, TensorT

# The embeddings of the architectures that Coral's tutorial lists.
_KNOWN_EMBEDDINGS = (
    "MobilenetV1/Logits/AvgPool_1a/AvgPool",
    "MobilenetV2/Logits/AvgPool",
    "InceptionV1/Logits/AvgPool_0a_7x7/AvgPool",
    "InceptionV2/Logits/AvgPool_1a_7x7/AvgPool",
    "InceptionV3/Logits/AvgPool_1a_8x8/AvgPool",
    "InceptionV4/Logits/AvgPool_1a/AvgPool",
)
_TYPES = ("uint8", "int8", "float32")


@dataclass(frozen=True)
class Candidate:
    """A tensor at which a classifier could be cut.

    Attributes:
        name: Of the tensor.
        shape: Its dimensions; all but the last are 1.
        dtype: uint8, int8 or float32.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def feature_dim(self) -> int:
        """D, the length of the embedding."""
        return self.shape[-1]

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)} {self.dtype}"


def create_embedding_extractor(classifier: ModelSource, tensor_name: str | None = None) -> bytes:
    """Makes an embedding extractor of a classifier, by cutting off its last linear layer.

    The cut is at the tensor named, or at the embedding of an architecture known by its tensor
    names, or at what the last linear layer reads. What the model then leaves unused is dropped.

    Args:
        classifier: A ``.tflite`` file, not compiled for the Edge TPU, or its bytes.
        tensor_name: Where to cut; one of several names joined with ";" will do.

    Returns:
        A model with the same input, and the embedding as its only output, in the type that it has
        inside the classifier.

    Raises:
        ModelError: There is no embedding, or more than one, or it is not one vector an image.
    """
    model = unpack(read_model_content(classifier))
    layers = find_linear_layers(model)
    index = _find_embedding(model, layers, tensor_name)
    for layer in layers:
        if layer.embedding == index:
            _note_head(model, layer)
    keep_up_to(model, index)
    return pack_with_labels(model, None, output_name="embedding")


def cut_at_embedding(classifier: ModelFile, tensor_name: str | None = None) -> ModelFile:
    """Makes an embedding extractor of a classifier; see :func:`create_embedding_extractor`."""
    return ModelFile(create_embedding_extractor(classifier, tensor_name))


def list_candidates(classifier: ModelSource) -> list[Candidate]:
    """Lists the tensors at which a classifier could be cut, in the order they are computed.

    They are the vectors through which everything goes that leads from the image to the last linear
    layer, or to the output where there is none.

    Args:
        classifier: A ``.tflite`` file, or its bytes.

    Raises:
        ModelError: The file cannot be used.
    """
    model = unpack(read_model_content(classifier))
    return _list_candidates(model, find_linear_layers(model))


def is_classifier(model: ModelSource) -> bool:
    """Tells whether a model ends in a linear layer and a softmax, and so is no extractor.

    Of a model that was compiled for the Edge TPU, which hides its layers, nothing can be told.

    Raises:
        ModelError: The file cannot be used.
    """
    content = read_model_content(model)
    if is_compiled(content):
        return False
    tree = unpack(content)
    return any(
        operator_name(tree, operator) == "SOFTMAX"
        for layer in find_linear_layers(tree)
        for operator in layer.followers
    )


def read_embedding(extractor: ModelSource) -> Candidate:
    """Returns what is known of the output of an embedding extractor.

    Raises:
        ModelError: The model has not one output, or it is no embedding.
    """
    model = unpack(read_model_content(extractor))
    return _candidate(main_subgraph(model).tensors[embedding_index(model)])


def _find_embedding(model: ModelT, layers: Sequence[LinearLayer], name: str | None) -> int:
    graph = main_subgraph(model)
    if name is not None:
        indices = _tensors_named(model, [name])
        if not indices:
            raise _error(model, layers, f"there is no tensor named {name!r}")
    else:
        known, read = _tensors_named(model, _KNOWN_EMBEDDINGS), {each.embedding for each in layers}
        indices = known & read or known or read
    if not indices:
        last = ", ".join(operator_name(model, operator) for operator in graph.operators[-4:])
        raise _error(
            model,
            layers,
            f"no linear layer leads to the output; the last operators are {last}. An embedding "
            "extractor needs no cut and can be used as it is",
        )
    if len(indices) > 1:
        found = "; ".join(str(_candidate(graph.tensors[index])) for index in sorted(indices))
        raise _error(model, layers, f"there are several embeddings: {found}")
    index = indices.pop()
    _check_embedding(model, layers, index)
    return index


def _check_embedding(model: ModelT, layers: Sequence[LinearLayer], index: int) -> None:
    graph = main_subgraph(model)
    found = _candidate(graph.tensors[index])
    if graph.outputs.tolist() == [index]:
        raise ModelError(
            f"this model is an embedding extractor already, it gives {found}: use it as it is"
        )
    if not any(index in operator.outputs for operator in graph.operators):
        raise _error(model, layers, f"{found} is not computed from the image")
    if found.dtype not in _TYPES:
        raise _error(model, layers, f"{found} is neither {', '.join(_TYPES[:-1])} nor float32")
    if not is_vector(found.shape):
        raise _error(
            model,
            layers,
            f"{found} is not one vector an image, such as [1, 1, 1, D]: the model does not pool "
            "its features before the last layer",
        )


def _error(model: ModelT, layers: Sequence[LinearLayer], found: str) -> ModelError:
    graph = main_subgraph(model)
    outputs = [_candidate(graph.tensors[index]) for index in graph.outputs]
    names = [str(each) for each in _list_candidates(model, layers) if each not in outputs]
    advice = f". Name the tensor to cut at, one of: {'; '.join(names)}" if names else ""
    return ModelError(f"{found}{advice}")


def _list_candidates(model: ModelT, layers: Sequence[LinearLayer]) -> list[Candidate]:
    tensors = main_subgraph(model).tensors
    heads = {id(layer.operator) for layer in layers}
    passed = (_candidate(tensors[index]) for index in _bottlenecks(model, heads))
    return [each for each in passed if each.dtype in _TYPES and is_vector(each.shape)]


def _bottlenecks(model: ModelT, heads: set[int]) -> Iterator[int]:
    """Yields computed tensors that alone carry on what the operators so far have computed.

    Args:
        model: Its operators are in the order they run.
        heads: Identities of the operators to stop at.
    """
    graph = main_subgraph(model)
    last_use = {index: len(graph.operators) for index in graph.outputs.tolist()}
    for number, operator in reversed(list(enumerate(graph.operators))):
        for index in operator.inputs.tolist():
            last_use.setdefault(index, number)
    of_image = set(graph.inputs.tolist())  # what is widened or unpacked from weights is not
    alive = of_image & last_use.keys()
    for number, operator in enumerate(graph.operators):
        if id(operator) in heads:
            return
        inputs, outputs = operator.inputs.tolist(), set(operator.outputs.tolist())
        if of_image.isdisjoint(inputs):
            continue
        of_image |= outputs
        alive |= outputs & last_use.keys()
        alive -= {index for index in inputs if last_use[index] == number}
        if len(alive) == 1 and alive <= outputs:
            yield from alive


def _tensors_named(model: ModelT, names: Sequence[str]) -> set[int]:
    """Finds tensors by full name, or by one of the names that a converter joined."""
    return {
        index
        for index, tensor in enumerate(main_subgraph(model).tensors)
        if any(f";{name};" in f";{tensor_name(tensor)};" for name in names)
    }


def _candidate(tensor: TensorT) -> Candidate:
    return Candidate(tensor_name(tensor), tensor_shape(tensor), tensor_type_name(tensor))


def _note_head(model: ModelT, layer: LinearLayer) -> None:
    tensors = main_subgraph(model).tensors
    stored_weights = tensors[layer.operator.inputs[1]]
    logits = tensors[last_quantized_logits(model, layer)]
    if not tensor_type_name(stored_weights) == tensor_type_name(logits) != "float32":
        return
    try:
        weights, biases = read_linear_layer(model, layer)
        weight_scales, weight_zero_points = tensor_steps(stored_weights)
        logit_scales, logit_zero_points = tensor_steps(logits)
        write_head_record(
            model,
            weights,
            biases,
            (weight_scales * logit_scale(model, layer), weight_zero_points),
            (logit_scales * softmax_beta(model, layer), logit_zero_points),
        )
    except ModelError:  # a head that cannot be read cannot come back either
        return
