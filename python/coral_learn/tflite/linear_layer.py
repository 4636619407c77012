"""The last linear layer of a classifier, found backwards from the outputs."""

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ModelError
from .activation import Activation, size_of
from .graph import EDGETPU_CUSTOM_OP, Graph
from .nodes import Operator, Tensor
from .origins import RESHAPING, Origins
from .output_kind import OutputKind
from .quantization import stored_range
from .score_reader import ScoreReader

AFFINE = ("ADD", "DIV", "MUL", "NEG", "SUB")
"""The operators that may scale and move logits by constants."""

POOLING = ("AVERAGE_POOL_2D", "MEAN")
"""The operators that may average the logits of all places in the image."""

_LINEAR = ("FULLY_CONNECTED", "CONV_2D")
# Only an activation after these shows that a linear layer before them gives logits.
_BENDING = (
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "PRELU", "ELU", "GELU"),
    *("TANH", "HARD_SWISH", "MINIMUM", "MAXIMUM", "GATHER", "SLICE", "STRIDED_SLICE"),
)
_JOINING = ("ADD", "ADD_N", "CONCATENATION", "PACK")
_MAX_STEPS = 16


class LinearLayer(NamedTuple):
    """A linear layer that leads to an output of the model.

    Attributes:
        operator: The FULLY_CONNECTED or CONV_2D operator.
        embedding: The tensor that it reads.
        weights: The tensor of its weights.
        downstream: The operators between it and the activation or, without one, the output.
        activation: The activation that reads its logits; None if they are the output.
        is_joined: Whether its logits are joined with those of other layers before the activation.
    """

    operator: Operator
    embedding: Tensor
    weights: Tensor
    downstream: tuple[Operator, ...]
    activation: Activation | None
    is_joined: bool

    @property
    def logits(self) -> Tensor:
        """The tensor that it computes."""
        return self.operator.outputs[0]

    @property
    def kind(self) -> OutputKind:
        """What the numbers after its activation mean."""
        if self.activation is not None:
            return self.activation.kind
        is_single = self.logits.shape[-1:] == (1,)
        return OutputKind.SIGMOID_LOGIT if is_single else OutputKind.LOGITS

    @property
    def activation_input(self) -> Tensor:
        """The logits as the activation reads them; the output if there is no activation."""
        return self.downstream[-1].outputs[0] if self.downstream else self.logits

    @property
    def factor(self) -> float:
        """What the activation multiplies the logits by; 1 in all common models."""
        return 1.0 if self.activation is None else self.activation.factor

    @property
    def is_pooled(self) -> bool:
        """Whether it runs at every place in the image, and its logits are averaged afterwards."""
        return any(_pools_places(operator) for operator in self.downstream)

    @property
    def is_pointwise(self) -> bool:
        """Whether it gives the logits of each place from the features of that place alone."""
        options, shape = self.operator.table.builtinOptions, self.weights.shape
        strides = {getattr(options, "strideH", 1), getattr(options, "strideW", 1)}
        return strides == {1} and shape == (shape[0], *(1,) * (len(shape) - 2), shape[-1])

    @property
    def clips_logits(self) -> bool:
        """Whether its logits are stored in a range without negative numbers, as after a ReLU."""
        stored = self.logits.quantization
        return stored is not None and stored.zero_point == stored_range(stored.dtype)[0]


def find_linear_layers(graph: Graph) -> list[LinearLayer]:
    """Finds the linear layers that lead to the outputs, without duplicates.

    A layer with a fused activation and neither a softmax nor a sigmoid after it does not count: it
    is part of an extractor.

    Raises:
        ModelError: The layers are hidden in the operator of a model compiled for the Edge TPU.
    """
    scores, search = ScoreReader(graph), _Search(graph)
    found: dict[Tensor, LinearLayer] = {}
    for output in dict.fromkeys(graph.outputs):
        read = scores.read(output)
        ends = [(each.logits, each) for each in read.activations] if read else [(output, None)]
        for tensor, activation in ends:
            for layer in search.layers_behind(tensor, activation):
                if layer.logits not in found or found[layer.logits].activation is None:
                    found[layer.logits] = layer
    return list(found.values())


def read_output_kind(graph: Graph) -> OutputKind:
    """Returns what the first output of a graph means, as far as its operators show."""
    output = graph.outputs[0]
    scores = ScoreReader(graph).read(output)
    if scores is not None:
        return scores.kind
    try:
        layers = _Search(graph).layers_behind(output, None)
    except ModelError:
        return OutputKind.UNKNOWN
    if layers:
        return layers[0].kind
    return OutputKind.UNKNOWN if _has_hidden_softmax(graph, output) else OutputKind.EMBEDDING


def _has_hidden_softmax(graph: Graph, output: Tensor) -> bool:
    """Tells whether a softmax of as many numbers as the output comes before unknown operators."""
    return any(
        operator.name in ("SOFTMAX", "LOG_SOFTMAX")
        and [size_of(tensor) for tensor in operator.outputs] == [size_of(output)]
        for operator in graph.operators
    )


class _Search:
    """The search for the linear layers behind a tensor."""

    def __init__(self, graph: Graph) -> None:
        self._origins = Origins(graph)

    def layers_behind(
        self,
        tensor: Tensor,
        activation: Activation | None,
        downstream: tuple[Operator, ...] = (),
        *,
        is_joined: bool = False,
    ) -> list[LinearLayer]:
        """Returns the layers that a tensor of logits comes from; none if a part comes from none.

        Raises:
            ModelError: The layers are hidden in the operator of a compiled model.
        """
        operator = self._origins.producers.get(tensor)
        if operator is None or len(downstream) >= _MAX_STEPS:
            return []
        if operator.name == EDGETPU_CUSTOM_OP:
            raise ModelError(
                "the model was compiled for the Edge TPU, which hides its last layer: use the "
                "model that it was compiled from, and compile the result with edgetpu_compiler"
            )
        if operator.name in _LINEAR:
            return list(_as_linear_layers(operator, downstream, activation, is_joined))
        sources = self._sources(operator, activation)
        if is_joined and len(sources) > 1:
            return []
        found = [
            self.layers_behind(
                source,
                activation,
                (operator, *downstream),
                is_joined=is_joined or len(sources) > 1,
            )
            for source in sources
        ]
        return [layer for part in found for layer in part] if all(found) else []

    def _sources(self, operator: Operator, activation: Activation | None) -> list[Tensor]:
        """Returns the inputs to follow; several only for an operator that joins logits."""
        name = operator.name
        if name in (*RESHAPING, "NEG") or (name in POOLING and operator.outputs[0].is_vector):
            return [tensor for tensor in operator.inputs[:1] if tensor is not None]
        computed = self._origins.computed_inputs(operator)
        if name in AFFINE and len(computed) == 1:
            return computed
        if activation is None:
            return []
        return computed if name in _JOINING or (name in _BENDING and len(computed) == 1) else []


def _as_linear_layers(
    operator: Operator,
    downstream: tuple[Operator, ...],
    activation: Activation | None,
    is_joined: bool,
) -> Iterator[LinearLayer]:
    embedding, weights = [*operator.inputs[:2], None, None][:2]
    if embedding is None or weights is None:
        raise ModelError("the last linear layer lacks its input or its weights")
    layer = LinearLayer(operator, embedding, weights, downstream, activation, is_joined)
    if activation is not None or _gives_logits(layer):
        yield layer


def _gives_logits(layer: LinearLayer) -> bool:
    """Tells whether the output of a model is the logits of a layer, and not features."""
    if layer.operator.has_activation:
        return False
    return not layer.is_pooled or (layer.is_pointwise and not layer.clips_logits)


def _pools_places(operator: Operator) -> bool:
    source = operator.inputs[0] if operator.inputs else None
    if operator.name not in POOLING or source is None:
        return False
    sizes = source.table.shapeSignature  # has -1 where the size of the image decides
    return not source.is_vector or (sizes is not None and -1 in sizes[1:].tolist())
