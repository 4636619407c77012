"""Tails of classifiers other than SOFTMAX, put onto models that end in logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.output_kind import OutputKind
from coral_learn.tflite.quantization import Quantization, probability_quantization, stored_range

SHIFT = 0.5
"""What the tails ``bias`` and ``standardized`` add to the logits."""

FACTOR = 2.0
"""What the tail ``standardized`` multiplies the logits by, and ``divided`` divides them by."""


def with_tail(classifier: bytes, tail: str) -> bytes:
    """Returns a model with a tail after its logits.

    Args:
        classifier: A model whose only output is logits.
        tail: A key of :data:`KINDS_OF_TAILS`.
    """
    graph = ModelFile(classifier).graph.copy()
    (logits,) = graph.outputs
    graph.set_output(_TAILS[tail](graph, logits))
    return ModelFile.of_graph(graph, output_name="scores").content


KINDS_OF_TAILS = {
    "none": OutputKind.LOGITS,
    "bias": OutputKind.LOGITS,
    "standardized": OutputKind.PROBABILITIES,
    "divided": OutputKind.PROBABILITIES,
    "softmax": OutputKind.PROBABILITIES,
    "log_softmax": OutputKind.LOG_PROBABILITIES,
    "log of softmax": OutputKind.LOG_PROBABILITIES,
    "exp of log_softmax": OutputKind.PROBABILITIES,
    "written softmax": OutputKind.PROBABILITIES,
    "written shifted softmax": OutputKind.PROBABILITIES,
    "written softmax by reciprocal": OutputKind.PROBABILITIES,
    "written log_softmax": OutputKind.LOG_PROBABILITIES,
    "clipped softmax": OutputKind.PROBABILITIES,
    "percentages": OutputKind.PROBABILITIES,
}
"""What the output of a model with each tail means; these tails are for several logits."""

KINDS_OF_SINGLE_TAILS = {
    "none": OutputKind.SIGMOID_LOGIT,
    "sigmoid": OutputKind.SIGMOID,
    "written sigmoid": OutputKind.SIGMOID,
    "complement": OutputKind.SIGMOID,
    "pair": OutputKind.PROBABILITIES,
    "reversed pair": OutputKind.PROBABILITIES,
}
"""The same of the tails for one logit."""


def _add(
    graph: Graph,
    name: str,
    inputs: Sequence[Tensor],
    shape: Sequence[int],
    options: schema.OptionsT | None = None,
    quantization: Quantization | None = None,
) -> Tensor:
    dtype = np.float32 if quantization is None else quantization.dtype
    output = graph.add_result(f"tail/{name.lower()}", shape, dtype, quantization)
    version = 2 if inputs[0].dtype == np.int8 else 1
    code = getattr(schema.BuiltinOperator, name)
    graph.add_operator(code, inputs, [output], options=options, version=version)
    return output


def _number(graph: Graph, value: float) -> Tensor:
    return graph.add_tensor("tail/number", [1], np.float32, values=[value])


def _real(graph: Graph, tensor: Tensor) -> Tensor:
    if tensor.quantization is None:
        return tensor
    return _add(graph, "DEQUANTIZE", [tensor], tensor.shape, schema.DequantizeOptionsT())


def _pairwise(graph: Graph, name: str, first: Tensor, second: Tensor) -> Tensor:
    shape = np.broadcast_shapes(first.shape, second.shape)
    options: dict[str, Callable[[], schema.OptionsT]] = {
        "ADD": schema.AddOptionsT,
        "SUB": schema.SubOptionsT,
        "MUL": schema.MulOptionsT,
        "DIV": schema.DivOptionsT,
        "MINIMUM": schema.MaximumMinimumOptionsT,
        "MAXIMUM": schema.MaximumMinimumOptionsT,
    }
    return _add(graph, name, [first, second], shape, options[name]())


def _reduced(graph: Graph, name: str, tensor: Tensor) -> Tensor:
    options = schema.ReducerOptionsT()
    options.keepDims = True
    axis = graph.add_tensor("tail/axis", [1], np.int32, values=[len(tensor.shape) - 1])
    return _add(graph, name, [tensor, axis], [*tensor.shape[:-1], 1], options)


def _softmax(graph: Graph, logits: Tensor) -> Tensor:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    stored = None if logits.quantization is None else probability_quantization(logits.dtype)
    return _add(graph, "SOFTMAX", [logits], logits.shape, options, stored)


def _sigmoid(graph: Graph, logits: Tensor) -> Tensor:
    stored = None if logits.quantization is None else probability_quantization(logits.dtype)
    return _add(graph, "LOGISTIC", [logits], logits.shape, None, stored)


def _log_softmax(graph: Graph, logits: Tensor) -> Tensor:
    stored = None
    if logits.quantization is not None:  # the runtimes require this one
        stored = Quantization(logits.dtype, 16 / 256, stored_range(logits.dtype)[1])
    return _add(graph, "LOG_SOFTMAX", [logits], logits.shape, schema.LogSoftmaxOptionsT(), stored)


def _exp(graph: Graph, tensor: Tensor) -> Tensor:
    return _add(graph, "EXP", [tensor], tensor.shape, schema.ExpOptionsT())


def _log(graph: Graph, tensor: Tensor) -> Tensor:
    return _add(graph, "LOG", [tensor], tensor.shape)


def _written_softmax(graph: Graph, logits: Tensor) -> Tensor:
    exponentials = _exp(graph, _real(graph, logits))
    return _pairwise(graph, "DIV", exponentials, _reduced(graph, "SUM", exponentials))


def _written_shifted_softmax(graph: Graph, logits: Tensor) -> Tensor:
    real = _real(graph, logits)
    return _written_softmax(
        graph, _pairwise(graph, "SUB", real, _reduced(graph, "REDUCE_MAX", real))
    )


def _written_softmax_by_reciprocal(graph: Graph, logits: Tensor) -> Tensor:
    exponentials = _exp(graph, _real(graph, logits))
    total = _reduced(graph, "SUM", exponentials)
    reciprocal = _pairwise(graph, "DIV", _number(graph, 1), total)
    return _pairwise(graph, "MUL", exponentials, reciprocal)


def _written_log_softmax(graph: Graph, logits: Tensor) -> Tensor:
    real = _real(graph, logits)
    total = _log(graph, _reduced(graph, "SUM", _exp(graph, real)))
    return _pairwise(graph, "SUB", real, total)


def _clipped_softmax(graph: Graph, logits: Tensor) -> Tensor:
    scores = _real(graph, _softmax(graph, logits))
    below = _pairwise(graph, "MINIMUM", scores, _number(graph, 0.999))
    return _pairwise(graph, "MAXIMUM", below, _number(graph, 1e-3))


def _percentages(graph: Graph, logits: Tensor) -> Tensor:
    scores = _real(graph, _softmax(graph, logits))
    return _pairwise(graph, "MUL", scores, _number(graph, 100))


def _bias(graph: Graph, logits: Tensor) -> Tensor:
    """Adds the shift to the logit of the first class."""
    values = np.eye(1, logits.shape[-1], dtype=np.float32) * SHIFT
    shift = graph.add_tensor("tail/bias", values.shape, np.float32, values=values)
    return _pairwise(graph, "ADD", _real(graph, logits), shift)


def _standardized(graph: Graph, logits: Tensor) -> Tensor:
    shifted = _bias(graph, logits)
    return _softmax(graph, _pairwise(graph, "MUL", shifted, _number(graph, FACTOR)))


def _divided(graph: Graph, logits: Tensor) -> Tensor:
    return _softmax(graph, _pairwise(graph, "DIV", _real(graph, logits), _number(graph, FACTOR)))


def _complement(graph: Graph, logits: Tensor) -> Tensor:
    return _pairwise(graph, "SUB", _number(graph, 1), _real(graph, _sigmoid(graph, logits)))


def _written_sigmoid(graph: Graph, logits: Tensor) -> Tensor:
    real = _real(graph, logits)
    opposite = _add(graph, "NEG", [real], real.shape, schema.NegOptionsT())
    total = _pairwise(graph, "ADD", _exp(graph, opposite), _number(graph, 1))
    return _pairwise(graph, "DIV", _number(graph, 1), total)


def _joined(graph: Graph, parts: Sequence[Tensor]) -> Tensor:
    options = schema.ConcatenationOptionsT()
    options.axis = len(parts[0].shape) - 1
    shape = [*parts[0].shape[:-1], len(parts)]
    return _add(graph, "CONCATENATION", parts, shape, options)


def _pair(graph: Graph, logits: Tensor) -> Tensor:
    p = _real(graph, _sigmoid(graph, logits))
    return _joined(graph, [_pairwise(graph, "SUB", _number(graph, 1), p), p])


def _reversed_pair(graph: Graph, logits: Tensor) -> Tensor:
    p = _real(graph, _sigmoid(graph, logits))
    return _joined(graph, [p, _pairwise(graph, "SUB", _number(graph, 1), p)])


def _average(graph: Graph, logits: Tensor) -> Tensor:
    """Averages a softmax with one of sharper logits."""
    real = _real(graph, logits)
    sharper = _pairwise(graph, "MUL", real, _number(graph, FACTOR))
    total = _pairwise(graph, "ADD", _softmax(graph, real), _softmax(graph, sharper))
    return _pairwise(graph, "MUL", total, _number(graph, 0.5))


def _harshly_clipped(graph: Graph, logits: Tensor) -> Tensor:
    scores = _real(graph, _softmax(graph, logits))
    return _pairwise(graph, "MINIMUM", scores, _number(graph, 0.5))


def _rectified(graph: Graph, logits: Tensor) -> Tensor:
    real = _real(graph, logits)
    return _softmax(graph, _add(graph, "RELU", [real], real.shape))


def _capped(graph: Graph, logits: Tensor) -> Tensor:
    real = _real(graph, logits)
    return _softmax(graph, _add(graph, "RELU6", [real], real.shape))


_TAILS: dict[str, Callable[[Graph, Tensor], Tensor]] = {
    "none": lambda _, logits: logits,
    "bias": _bias,
    "standardized": _standardized,
    "divided": _divided,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "log of softmax": lambda graph, logits: _log(graph, _real(graph, _softmax(graph, logits))),
    "exp of log_softmax": lambda graph, logits: _exp(
        graph, _real(graph, _log_softmax(graph, logits))
    ),
    "written softmax": _written_softmax,
    "written shifted softmax": _written_shifted_softmax,
    "written softmax by reciprocal": _written_softmax_by_reciprocal,
    "written log_softmax": _written_log_softmax,
    "clipped softmax": _clipped_softmax,
    "percentages": _percentages,
    "sigmoid": _sigmoid,
    "written sigmoid": _written_sigmoid,
    "complement": _complement,
    "pair": _pair,
    "reversed pair": _reversed_pair,
    "average": _average,
    "harshly clipped": _harshly_clipped,
    "rectified": _rectified,
    "capped": _capped,
}
