"""The tail of an imprinting model: L2_NORMALIZATION, (QUANTIZE), CONV_2D, MUL, RESHAPE, SOFTMAX.

The normalized embedding and the weights of a class are unit vectors, so that CONV_2D gives the
cosine of the angle between them; MUL makes logits of the cosines. The tail is always written whole
and anew, as pycoral's models have it, and pycoral's own engine reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..layers import add_dequantize, add_quantize, add_reshape, add_result, add_softmax
from ..linear_layer import real_constant
from ..metadata import pack_with_labels
from ..model import (
    add_operator,
    add_tensor,
    embedding_index,
    main_subgraph,
    operator_name,
    set_output,
    tensor_dtype,
    tensor_quantization,
    tensor_shape,
    unpack,
)
from ..notes import read_note, write_note
from ..pruning import keep_up_to
from ..quantization import Quantization
from ..schema import ModelT, OperatorT, load_schema

_TAIL = ["CONV_2D", "MUL", "RESHAPE", "SOFTMAX"]
_COUNTS = "IMPRINTED_PHOTOS"
# Unit vectors of up to 2^16 features need no finer steps, nor do rows of zeros.
_SMALLEST_WEIGHT_SCALE = 2.0**-16
_LARGEST_SUM = 2.0**50  # of the lengths of embeddings; more is no sum of photos
_FLOAT: np.dtype[Any] = np.dtype(np.float32)
_MIDDLES: dict[np.dtype[Any], int] = {np.dtype(np.uint8): 128, np.dtype(np.int8): 0}


@dataclass(frozen=True)
class ImprintingTail:
    """The classes of an imprinting model; there may be none yet.

    Attributes:
        weights: float32 [D, C]; unit vectors for imprinted classes.
        biases: float32 [C], in units of the cosine.
        logit_scale: What the cosines are multiplied with, positive.
        sum_norms: For each imprinted class, the length of the sum of its embeddings. The others
            are the model's own classes from before.
        photo_counts: How many embeddings each imprinted class was trained with, 0 for others,
            int32 [C], in a model that also has classes of an ordinary classifier; None elsewhere.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    logit_scale: float
    sum_norms: Mapping[int, float]
    photo_counts: NDArray[np.int32] | None


@dataclass(frozen=True)
class ImprintingModel:
    """An imprinting model, taken apart.

    Attributes:
        extractor: A model whose output is the normalized embedding, [1, 1, 1, D].
        embedding: How that output stores numbers; None for float32.
        tail: The classes.
    """

    extractor: bytes
    embedding: Quantization | None
    tail: ImprintingTail


def has_imprinting_tail(content: bytes) -> bool:
    """Tells whether a model ends as imprinting models do."""
    names = _operator_names(unpack(content))
    return names[-4:] == _TAIL and "L2_NORMALIZATION" in names[-6:]


def read_imprinting_model(content: bytes) -> ImprintingModel:
    """Takes an imprinting model apart.

    Raises:
        ModelError: The model has another tail; pycoral's texts.
    """
    model = unpack(content)
    graph = main_subgraph(model)
    normalization = _check_architecture(_operator_names(model))
    normalized = _only_output(graph.operators[normalization])
    embedding = graph.tensors[normalized]
    if tensor_shape(embedding)[:-1] != (1, 1, 1):
        raise ModelError(
            "Embedding extractor's output tensor should be [1, 1, 1, x], "
            f"not {list(tensor_shape(embedding))}"
        )
    convolution, multiplication, _, softmax = graph.operators[-4:]
    if graph.outputs.tolist() != softmax.outputs.tolist():
        raise ModelError("Graph must have output from Softmax")
    if len(convolution.inputs) != 3 or len(multiplication.inputs) != 2:
        raise ModelError("CONV_2D must have weights and biases, and MUL a factor")
    weights = real_constant(model, int(convolution.inputs[1]))
    if weights.shape[1:] != (1, 1, tensor_shape(embedding)[-1]):
        raise ModelError(f"CONV_2D compares with weights of the shape {list(weights.shape)}")
    biases = real_constant(model, int(convolution.inputs[2]))
    if biases.shape != weights.shape[:1]:
        raise ModelError(f"CONV_2D has biases of the shape {list(biases.shape)}")
    scale = real_constant(model, int(multiplication.inputs[1]))
    if scale.size != 1 or not scale > 0:
        raise ModelError("MUL must multiply the cosines by one positive number")
    if not weights.any():  # stands for no class, because CONV_2D needs one
        weights = weights[:0]
    sum_norms = _parse_sum_norms(model.description, len(weights))
    tail = ImprintingTail(
        weights[:, 0, 0].T,
        biases[: len(weights)],
        float(scale.item()),
        sum_norms,
        _read_counts(model, len(weights), sum_norms),
    )
    quantization = tensor_quantization(embedding)
    write_note(model, _COUNTS, None)
    model.description = b""
    keep_up_to(model, normalized)
    extractor = pack_with_labels(model, None, output_name="embedding")
    return ImprintingModel(extractor, quantization, tail)


def append_imprinting_tail(
    extractor: bytes, tail: ImprintingTail, labels: Sequence[str] | None = None
) -> bytes:
    """Makes a classifier of a model whose output is the normalized embedding, [1, 1, 1, D].

    The cosines are stored in steps of 1/128, as pycoral's are. A tail without a class is written
    with weights of zeros for one, so that the model runs.

    Args:
        extractor: See :attr:`ImprintingModel.extractor`.
        tail: The classes.
        labels: The name of each class, to be stored in the model.
    """
    model = unpack(extractor)
    cosines = _add_convolution(model, embedding_index(model), tail)
    logits = _add_multiplication(model, cosines, tail.logit_scale)
    classes = tensor_shape(main_subgraph(model).tensors[logits])[-1]
    flat = add_reshape(model, "imprinting/flat", logits, [1, classes])
    set_output(model, add_softmax(model, "imprinting/probabilities", flat))
    lines = (f"{index} {norm:f}\n" for index, norm in sorted(tail.sum_norms.items()))
    model.description = "".join(lines).encode()
    write_note(model, _COUNTS, tail.photo_counts)
    return pack_with_labels(model, labels)


def append_normalization(extractor: bytes) -> bytes:
    """Makes the normalized embedding [1, 1, 1, D] the output of an embedding extractor.

    It has the type of the image that the model takes, and so has the output of a tail after it.

    Raises:
        ModelError: The model's output is not one embedding.
    """
    model = unpack(extractor)
    index = _match_input_type(model, embedding_index(model))
    shape = tensor_shape(main_subgraph(model).tensors[index])
    if len(shape) != 4:
        index = add_reshape(model, "imprinting/embedding", index, [1, 1, 1, shape[-1]])
    dtype = tensor_dtype(main_subgraph(model).tensors[index])
    normalized = _add_range(model, "imprinting/normalized", [1, 1, 1, shape[-1]], dtype, 1.0)
    schema = load_schema()
    add_operator(
        model,
        schema.BuiltinOperator.L2_NORMALIZATION,
        [index],
        [normalized],
        options=schema.L2NormOptionsT(),
        version=2 if dtype == np.int8 else 1,
    )
    set_output(model, normalized)
    return pack_with_labels(model, None, output_name="embedding")


def _only_output(operator: OperatorT) -> int:
    if len(operator.outputs) != 1:
        raise ModelError(f"L2_NORMALIZATION has {len(operator.outputs)} outputs")
    return int(operator.outputs[0])


def _operator_names(model: ModelT) -> list[str]:
    return [operator_name(model, operator) for operator in main_subgraph(model).operators]


def _check_architecture(names: list[str]) -> int:
    """Returns the index of the normalization in a model of the right operators."""
    if "L2_NORMALIZATION" not in names:
        raise ModelError("Unsupported model architecture. Input model must have an L2Norm layer.")
    if names[-4:] != _TAIL:
        raise ModelError(
            "The last 4 operators must be Conv2d, Mul, Reshape, Softmax, "
            f"not {', '.join(names[-4:])}"
        )
    normalization = len(names) - 1 - names[::-1].index("L2_NORMALIZATION")
    if names[normalization + 1 : -4] not in ([], ["QUANTIZE"]):
        raise ModelError(
            "Unsupported model architecture. L2Norm operator must be followed with the last "
            "Conv2d operator."
        )
    return normalization


def _parse_sum_norms(description: bytes | None, classes: int) -> dict[int, float]:
    """Reads lines of class and norm; a description that says anything else holds none."""
    lines = (description or b"").decode("utf-8", "replace").splitlines()
    try:
        norms = {int(index): float(norm) for index, norm in map(str.split, lines)}
    except ValueError:
        return {}
    return {
        index: norm
        for index, norm in norms.items()
        if 0 <= index < classes and 0 <= norm <= _LARGEST_SUM
    }


def _read_counts(
    model: ModelT, classes: int, sum_norms: Mapping[int, float]
) -> NDArray[np.int32] | None:
    counts = read_note(model, _COUNTS, np.int32, 1)
    if counts is None or len(counts) != classes:
        return None
    photos = [(index in sum_norms, int(count)) for index, count in enumerate(counts)]
    is_possible = all(count > 0 if imprinted else count == 0 for imprinted, count in photos)
    return counts if is_possible else None


def _match_input_type(model: ModelT, embedding: int) -> int:
    """Converts a quantized embedding to the type of the model's input, and returns its index."""
    graph = main_subgraph(model)
    quantization = tensor_quantization(graph.tensors[embedding])
    wanted = {tensor_dtype(graph.tensors[index]) for index in graph.inputs}
    if quantization is None or len(wanted) != 1 or quantization.dtype in wanted:
        return embedding
    (dtype,) = wanted
    if dtype == np.float32:
        return add_dequantize(model, "imprinting/real", embedding)
    if dtype not in _MIDDLES:
        return embedding
    zero_point = quantization.zero_point + _MIDDLES[dtype] - _MIDDLES[quantization.dtype]
    return add_quantize(
        model,
        "imprinting/quantized",
        embedding,
        Quantization(dtype, quantization.scale, zero_point),
    )


def _add_range(
    model: ModelT, name: str, shape: Sequence[int], dtype: np.dtype[Any] | None, limit: float
) -> int:
    """Adds a tensor for an operator to compute, for real values in [-limit, limit]."""
    dtype = dtype or _FLOAT
    quantization = Quantization(dtype, limit / 128, _MIDDLES[dtype]) if dtype != _FLOAT else None
    return add_result(model, name, shape, dtype, quantization)


def _add_constant(
    model: ModelT, name: str, values: NDArray[Any], quantization: Quantization | None
) -> int:
    """Adds a constant tensor of real values."""
    if quantization is None:
        return add_tensor(model, name, values.shape, np.float32, values=values)
    return add_tensor(
        model,
        name,
        values.shape,
        quantization.dtype,
        values=quantization.quantize(values),
        scale=quantization.scale,
        zero_point=quantization.zero_point,
    )


def _add_convolution(model: ModelT, embedding: int, tail: ImprintingTail) -> int:
    """Adds the CONV_2D and returns the index of the cosines."""
    schema = load_schema()
    features, classes = tail.weights.shape
    weights, biases = tail.weights.T.reshape(classes, 1, 1, features), tail.biases
    if classes == 0:
        weights, biases = np.zeros((1, 1, 1, features), np.float32), np.zeros(1, np.float32)
    read = tensor_quantization(main_subgraph(model).tensors[embedding])
    stored, sums = _quantize_weights(weights, read) if read is not None else (None, None)
    dtype = _FLOAT if read is None else read.dtype
    cosines = _add_range(model, "imprinting/cosines", [1, 1, 1, len(biases)], dtype, 1.0)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = 1
    add_operator(
        model,
        schema.BuiltinOperator.CONV_2D,
        [
            embedding,
            _add_constant(model, "imprinting/weights", weights, stored),
            _add_constant(model, "imprinting/biases", biases, sums),
        ],
        [cosines],
        options=options,
        version=3 if dtype == np.int8 else 1,
    )
    return cosines


def _quantize_weights(
    weights: NDArray[np.float32], embedding: Quantization
) -> tuple[Quantization, Quantization]:
    """Returns how weights and biases are stored."""
    low, high = float(weights.min()), float(weights.max())
    if embedding.dtype == np.int8:  # the runtimes take symmetric weights alone
        scale = max(high, -low) / 127
        stored = Quantization(embedding.dtype, max(scale, _SMALLEST_WEIGHT_SCALE), 0)
    else:
        stored = Quantization.of_range(embedding.dtype, low, high, _SMALLEST_WEIGHT_SCALE)
    return stored, Quantization(np.dtype(np.int32), embedding.scale * stored.scale, 0)


def _add_multiplication(model: ModelT, cosines: int, scale: float) -> int:
    """Adds the MUL and returns the index of the logits."""
    schema = load_schema()
    tensor = main_subgraph(model).tensors[cosines]
    read, dtype = tensor_quantization(tensor), tensor_dtype(tensor)
    stored = None if read is None else Quantization.of_range(read.dtype, 0.0, scale)
    logits = _add_range(model, "imprinting/logits", tensor_shape(tensor), dtype, scale)
    add_operator(
        model,
        schema.BuiltinOperator.MUL,
        [cosines, _add_constant(model, "imprinting/scale", np.array([scale]), stored)],
        [logits],
        options=schema.MulOptionsT(),
        version=2 if dtype == np.int8 else 1,
    )
    return logits
