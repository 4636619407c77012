"""Small .tflite models of every kind and tail, built in memory.

``build_extractor`` and ``build_classifier`` make models that take an image [1, height, width, 3]
and output the mean over the image of ``clip(image @ features, 0, 6)``, with or without a head after
it. ``BuiltModel`` says what a model should compute; ``run`` returns what the interpreter computes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coral_learn import edgetpu
from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import EDGETPU_CUSTOM_OP, Graph
from coral_learn.tflite.metadata import declare_normalization
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.normalization import SIGNED_UNIT, Normalization
from coral_learn.tflite.quantization import Quantization, probability_quantization
from coral_learn.tflite.tree import pack, unpack

# The type of the inner tensors, and the type of the image and the output.
KINDS = {
    "uint8": ("uint8", "uint8"),
    "int8": ("int8", "int8"),
    "int8 with uint8 outside": ("int8", "uint8"),
    "int8 with float32 outside": ("int8", "float32"),
    "float32": ("float32", "float32"),
}

_MAX_FEATURE = 6.0  # of RELU6


@dataclass(frozen=True)
class BuiltModel:
    """A model and the numbers in it.

    Attributes:
        content: The .tflite file.
        image: Quantization of the input; None for float32.
        embedding: Quantization of the embedding; None for float32.
        embedding_name: Name of the embedding tensor.
        features: float32 [3, D]; the embedding is the mean of ``clip(image @ features, 0, 6)``.
        weights: The head's weights as stored, float32 [D, C]; empty in an extractor.
        biases: The head's biases as stored, float32 [C].
        logit_step: Quantization scale of the logits; 0.0 for float32.
        logit_factor: The factor by which MUL multiplies the logits.
    """

    content: bytes
    image: Quantization | None
    embedding: Quantization | None
    embedding_name: str
    features: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    logit_step: float = 0.0
    logit_factor: float = 1.0

    def expected_embedding(self, image: np.ndarray) -> np.ndarray:
        """Returns the exact embedding of an image in the model's input format, [D]."""
        real = image if self.image is None else self.image.dequantize(image)
        grid = np.clip(real @ self.features.astype(np.float64), 0, _MAX_FEATURE)
        return np.asarray(grid.mean((0, 1, 2)))

    def expected_logits(self, embedding: np.ndarray) -> np.ndarray:
        """Returns the logits of a real embedding, [C]."""
        logits = embedding @ self.weights.astype(np.float64) + self.biases
        return np.asarray(logits * self.logit_factor)


def build_extractor(
    kind: str = "uint8",
    features: int = 8,
    *,
    rank: int = 4,
    size: tuple[int, int] = (4, 4),
    with_signature: bool = False,
    normalization: Normalization | None = SIGNED_UNIT,
    seed: int = 0,
) -> BuiltModel:
    """Builds an embedding extractor.

    Args:
        kind: One of ``KINDS``; the embedding has the type of the inner tensors.
        features: D.
        rank: The rank of the embedding: 2 for [1, D], 3 for [1, 1, D], 4 for [1, 1, 1, D].
        size: Height and width of the image.
        with_signature: Whether it has a signature ``serving_default`` from ``image`` to ``scores``.
        normalization: What the metadata of a model with a float32 input declare, or None.
        seed: The seed of the random weights.
    """
    builder = _Builder(kind, seed)
    embedding = builder.add_backbone(features, rank, "average_pool", size)
    return builder.finish(embedding, with_signature, normalization)


def build_classifier(
    kind: str = "uint8",
    features: int = 8,
    classes: int = 4,
    *,
    linear: str = "conv",
    flatten: str | None = "reshape",
    activation: str | None = "softmax",
    factor: float | None = None,
    pool: str = "average_pool",
    pool_last: bool = False,
    rank: int = 4,
    size: tuple[int, int] = (4, 4),
    per_channel: bool = False,
    half_precision: bool = False,
    dequantize_logits: bool = False,
    fused_activation: str = "NONE",
    hidden: int | None = None,
    hidden_activation: str = "RELU",
    with_signature: bool = False,
    normalization: Normalization | None = SIGNED_UNIT,
    seed: int = 0,
) -> BuiltModel:
    """Builds a classifier with one of the tails that converters make.

    Args:
        kind: One of ``KINDS``.
        features: D.
        classes: C.
        linear: ``conv`` for CONV_2D 1x1 (needs rank 4), or ``fully_connected``.
        flatten: ``reshape`` or ``squeeze`` between ``conv`` and the activation; None for neither.
        activation: ``softmax``, ``logistic``, or None for a model that outputs logits.
        factor: The factor of a MUL after the linear layer; None for no MUL.
        pool: ``average_pool`` or ``mean``.
        pool_last: Whether the logits are pooled, as in SqueezeNet, and not the features; needs
            ``conv`` and rank 4.
        rank: The rank of the embedding, see :func:`build_extractor`.
        size: Height and width of the image.
        per_channel: Whether int8 weights of the head have a scale for each class.
        half_precision: Whether float32 weights of the head are stored as float16.
        dequantize_logits: Whether a DEQUANTIZE comes before the activation instead of after it.
        fused_activation: The activation of the linear layer, a name in the schema's
            ``ActivationFunctionType``.
        hidden: The number of features of a FULLY_CONNECTED "hidden" between the embedding and the
            head, whose output is then what the head reads; None for no such layer.
        hidden_activation: Its activation, as for ``fused_activation``.
        with_signature: See :func:`build_extractor`.
        normalization: See :func:`build_extractor`.
        seed: The seed of the random weights.
    """
    builder = _Builder(kind, seed)
    embedding = builder.add_backbone(features, rank, None if pool_last else pool, size)
    if hidden is not None:
        embedding = builder.add_hidden(embedding, hidden, hidden_activation)
    builder.make_head(features if hidden is None else hidden, classes, factor)
    logits = builder.add_linear_layer(
        embedding, linear, per_channel, half_precision, fused_activation
    )
    if pool_last:
        logits = builder.add_pool(logits, rank, pool, size, builder.logit_quantization)
    if factor is not None:
        logits = builder.add_factor(logits, factor)
    if linear == "conv" and flatten is not None:
        logits = builder.add_flatten(logits, flatten)
    if dequantize_logits:
        logits = builder.add_dequantize(logits)
    output = builder.add_activation(logits, activation) if activation else logits
    output = builder.add_output_conversion(output, activation)
    return builder.finish(output, with_signature, normalization)


def build_compiled_extractor(kind: str = "uint8", features: int = 8) -> BuiltModel:
    """Builds a model like those compiled for the Edge TPU, with one custom operator.

    No interpreter can run it without the Edge TPU's delegate.
    """
    return _Builder(kind, seed=0).finish_compiled(features)


def with_outputs(content: bytes, names: Sequence[str]) -> bytes:
    """Returns the model with the tensors of these names as its outputs."""
    model = unpack(content)
    indices = {tensor.name: tensor.index for tensor in Graph(model).tensors}
    model.subgraphs[0].outputs = np.array([indices[name] for name in names], np.int32)
    return pack(model)


def operator_names(content: bytes) -> list[str]:
    """Returns the names of a model's operators, in the order they run."""
    return [operator.name for operator in ModelFile(content).graph.operators]


def custom_options(content: bytes) -> bytes:
    """Returns the custom options of a model's first operator."""
    options = unpack(content).subgraphs[0].operators[0].customOptions
    assert options is not None
    return options.tobytes()


def run(content: bytes, image: np.ndarray, **options: Any) -> np.ndarray:
    """Runs a model with one input in a new interpreter, and returns its first output."""
    interpreter = make_interpreter(content, **options)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    output: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


def run_to(content: bytes, name: str, image: np.ndarray) -> np.ndarray:
    """Runs a model and returns one of its inner tensors, by making it the first output."""
    own = [tensor.name for tensor in Graph(unpack(content)).outputs]
    return run(with_outputs(content, [name, *own]), image)


def make_interpreter(content: bytes, **options: Any) -> Any:
    """Returns an interpreter of the installed runtime that is ready to run."""
    interpreter = edgetpu.runtime_module().Interpreter(model_content=content, **options)
    interpreter.allocate_tensors()
    return interpreter


def random_image(model: BuiltModel, size: tuple[int, int] = (4, 4), seed: int = 0) -> np.ndarray:
    """Returns a random image in the model's input format, [1, height, width, 3]."""
    real = np.random.default_rng(seed).uniform(-1, 1, (1, *size, 3))
    return real.astype(np.float32) if model.image is None else model.image.quantize(real)


class _Builder:
    """A model under construction; each method adds one part and returns its output tensor."""

    def __init__(self, kind: str, seed: int) -> None:
        inside, outside = KINDS[kind]
        self.inside, self.outside = np.dtype(inside), np.dtype(outside)
        self.random = np.random.default_rng(seed)
        self.graph = Graph.empty("built for tests")
        self.model = self.graph.model
        self.weights = np.zeros((0, 0), np.float32)
        self.biases = np.zeros(0, np.float32)
        self.logit_step = 0.0
        self.logit_factor = 1.0
        self.hidden_weights: np.ndarray | None = None

    @property
    def is_quantized(self) -> bool:
        return self.inside != np.float32

    def add_backbone(
        self, features: int, rank: int, pool: str | None, size: tuple[int, int]
    ) -> Tensor:
        self.size = size
        self.image_quantization = (
            None if self.outside == np.float32 else Quantization.of_range(self.outside, -1, 1)
        )
        image = self._add_result("image", [1, *size, 3], self.image_quantization)
        self.input = image
        if self.inside != self.outside:
            inside = Quantization.of_range(self.inside, -1, 1)
            image = self._add_operator("QUANTIZE", [image], "image/inside", [1, *size, 3], inside)

        weights = self.random.normal(size=(features, 1, 1, 3)).astype(np.float32)
        weight_tensor, real, scales = self._add_weights("features/weights", weights)
        self.features = real.reshape(features, 3).T
        biases = self._add_biases("features/biases", np.zeros(features, np.float32), image, scales)
        self.embedding_quantization = self._quantization_of(0, _MAX_FEATURE)
        shape = [1, *size, features]
        grid = self._add_operator(
            "CONV_2D",
            [image, weight_tensor, biases],
            "features",
            shape,
            self.embedding_quantization,
            self._conv_options("RELU6"),
        )
        embedding = grid
        if pool is not None:
            embedding = self.add_pool(grid, rank, pool, size, self.embedding_quantization)
        self.is_pooled = pool is not None
        self.embedding_name = embedding.name
        return embedding

    def make_head(self, features: int, classes: int, factor: float | None) -> None:
        """Chooses weights, biases, and a range that holds the logits of most images."""
        scale = 1.5 / np.sqrt(features)
        self.weights = self.random.normal(0, scale, (features, classes)).astype(np.float32)
        self.biases = self.random.normal(0, 0.3, classes).astype(np.float32)
        embeddings = self._sample_embeddings()
        if self.hidden_weights is not None:
            embeddings = embeddings @ self.hidden_weights
        logits = embeddings @ self.weights + self.biases
        self.logit_quantization = self._quantization_of(1.5 * logits.min(), 1.5 * logits.max())

    def add_hidden(self, embedding: Tensor, hidden: int, activation: str) -> Tensor:
        features = embedding.shape[-1]
        values = self.random.normal(0, 1 / np.sqrt(features), (hidden, features))
        weights, real, scales = self._add_weights("hidden/weights", values.astype(np.float32))
        biases = self._add_biases("hidden/biases", np.zeros(hidden, np.float32), embedding, scales)
        self.hidden_weights = real.T
        outputs = self._sample_embeddings() @ self.hidden_weights
        self.embedding_name = "hidden"
        self.embedding_quantization = self._quantization_of(
            float(outputs.min()), float(outputs.max())
        )
        return self._add_operator(
            "FULLY_CONNECTED",
            [embedding, weights, biases],
            "hidden",
            [1, hidden],
            self.embedding_quantization,
            self._fully_connected_options(activation),
        )

    def _sample_embeddings(self) -> np.ndarray:
        images = self.random.uniform(-1, 1, (32, np.prod(self.size), 3))
        places = np.clip(images @ self.features, 0, _MAX_FEATURE)
        return np.asarray(places.mean(1) if self.is_pooled else places.reshape(-1, places.shape[2]))

    def add_linear_layer(
        self, embedding: Tensor, linear: str, per_channel: bool, half_precision: bool, fused: str
    ) -> Tensor:
        features, classes = self.weights.shape
        shape = [classes, 1, 1, features] if linear == "conv" else [classes, features]
        weights, real, scales = self._add_weights(
            "head/weights", self.weights.T.reshape(shape), per_channel, half_precision
        )
        self.weights = np.ascontiguousarray(real.reshape(classes, features).T)
        biases = self._add_biases("head/biases", self.biases, embedding, scales)
        self.biases = self.real_biases
        if self.logit_quantization is not None:
            self.logit_step = self.logit_quantization.scale
        return self._add_operator(
            "CONV_2D" if linear == "conv" else "FULLY_CONNECTED",
            [embedding, weights, biases],
            "head/logits",
            [*embedding.shape[:-1], classes] if linear == "conv" else [1, classes],
            self.logit_quantization,
            self._conv_options(fused) if linear == "conv" else self._fully_connected_options(fused),
        )

    def add_factor(self, logits: Tensor, factor: float) -> Tensor:
        self.logit_factor = factor
        before = self.logit_quantization
        stored = self._quantization_of(0, factor)
        value = factor if stored is None else stored.quantize(factor)
        constant = self.graph.add_tensor(
            "head/factor",
            [1],
            self.inside,
            values=np.reshape(value, [1]),
            scale=stored.scale if stored else None,
            zero_point=stored.zero_point if stored else 0,
        )
        if before is not None:
            self.logit_quantization = Quantization(
                before.dtype, before.scale * factor, before.zero_point
            )
            self.logit_step *= factor
        return self._add_operator(
            "MUL",
            [logits, constant],
            "head/scaled",
            logits.shape,
            self.logit_quantization,
            schema.MulOptionsT(),
        )

    def add_flatten(self, logits: Tensor, flatten: str) -> Tensor:
        shape = [1, logits.shape[-1]]
        if flatten == "squeeze":
            options = schema.SqueezeOptionsT()
            options.squeezeDims = np.array([1, 2], np.int32)
            return self._add_operator(
                "SQUEEZE", [logits], "head/flat", shape, self.logit_quantization, options
            )
        return self._add_reshape(logits, "head/flat", shape, self.logit_quantization)

    def add_dequantize(self, tensor: Tensor) -> Tensor:
        return self._add_operator("DEQUANTIZE", [tensor], "head/real", tensor.shape, None)

    def add_activation(self, logits: Tensor, activation: str) -> Tensor:
        is_real = logits.dtype == np.float32
        quantization = None if is_real else probability_quantization(self.inside)
        options = None
        if activation == "softmax":
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
        return self._add_operator(
            activation.upper(), [logits], "scores", logits.shape, quantization, options
        )

    def add_output_conversion(self, output: Tensor, activation: str | None) -> Tensor:
        dtype = output.dtype
        if dtype in (self.outside, np.float32):
            return output
        if self.outside == np.float32:
            return self.add_dequantize(output)
        inside = probability_quantization(dtype) if activation else self.logit_quantization
        assert inside is not None
        shift = int(np.iinfo(self.outside).min) - int(np.iinfo(dtype).min)
        outside = Quantization(self.outside, inside.scale, inside.zero_point + shift)
        return self._add_operator("QUANTIZE", [output], "output", output.shape, outside)

    def finish(
        self, output: Tensor, with_signature: bool, normalization: Normalization | None
    ) -> BuiltModel:
        self.graph.set_inputs([self.input])
        self.graph.set_output(output)
        if normalization is not None and self.outside == np.float32:
            declare_normalization(self.graph, normalization, has_labels=False)
        if with_signature:
            self._add_signature(self.input, output)
        return BuiltModel(
            pack(self.model),
            self.image_quantization,
            self.embedding_quantization,
            self.embedding_name,
            self.features,
            self.weights,
            self.biases,
            self.logit_step,
            self.logit_factor,
        )

    def finish_compiled(self, features: int) -> BuiltModel:
        self.image_quantization = Quantization.of_range(self.outside, -1, 1)
        self.embedding_quantization = self._quantization_of(0, _MAX_FEATURE)
        self.embedding_name = "embedding"
        self.features = np.zeros((3, features), np.float32)
        self.input = self._add_result("image", [1, 4, 4, 3], self.image_quantization)
        output = self._add_operator(
            "CUSTOM", [self.input], "embedding", [1, 1, 1, features], self.embedding_quantization
        )
        self.model.operatorCodes[0].customCode = EDGETPU_CUSTOM_OP.encode()
        self.model.subgraphs[0].operators[0].customOptions = np.arange(251, dtype=np.uint8)
        return self.finish(output, with_signature=False, normalization=None)

    def add_pool(
        self,
        grid: Tensor,
        rank: int,
        pool: str,
        size: tuple[int, int],
        quantization: Quantization | None,
    ) -> Tensor:
        features = grid.shape[-1]
        vector = [1, 1, 1, features] if pool == "average_pool" or rank == 4 else [1, features]
        target_shape = [*[1] * (rank - 1), features]
        if pool == "average_pool":
            options = schema.Pool2DOptionsT()
            options.padding = schema.Padding.VALID
            options.filterHeight, options.filterWidth = size
            options.strideH = options.strideW = 1
            pooled = self._add_operator(
                "AVERAGE_POOL_2D", [grid], "pooled", vector, quantization, options
            )
        else:
            reduction = schema.ReducerOptionsT()
            reduction.keepDims = rank == 4
            axes = self.graph.add_tensor("axes", [2], np.int32, values=[1, 2])
            pooled = self._add_operator(
                "MEAN", [grid, axes], "pooled", vector, quantization, reduction
            )
        if vector == target_shape:
            return pooled
        return self._add_reshape(pooled, "embedding", target_shape, quantization)

    def _add_reshape(
        self, tensor: Tensor, name: str, shape: Sequence[int], quantization: Quantization | None
    ) -> Tensor:
        target = self.graph.add_tensor(f"{name}/shape", [len(shape)], np.int32, values=shape)
        options = schema.ReshapeOptionsT()
        options.newShape = np.array(shape, np.int32)
        return self._add_operator("RESHAPE", [tensor, target], name, shape, quantization, options)

    def _add_weights(
        self, name: str, values: np.ndarray, per_channel: bool = False, half: bool = False
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Adds weights [C, ..., D]; returns their tensor, their real values and their scales."""
        scales = np.ones(1)
        if self.inside == np.float32:
            if not half:
                return (
                    self.graph.add_tensor(name, values.shape, np.float32, values=values),
                    (values),
                    scales,
                )
            stored = values.astype(np.float16)
            tensor = self.graph.add_tensor(name, values.shape, np.float16, values=stored)
            dequantized = self._add_operator(
                "DEQUANTIZE", [tensor], f"{name}/real", values.shape, None
            )
            return dequantized, stored.astype(np.float32), scales
        if self.inside == np.uint8:
            quantization = Quantization.of_range(self.inside, values.min(), values.max())
            scales, zero_point = np.array([quantization.scale]), quantization.zero_point
            stored = quantization.quantize(values)
        else:
            axes = tuple(range(1, values.ndim)) if per_channel else None
            largest = np.abs(values).max(axis=axes, keepdims=True).astype(np.float64)
            steps = np.maximum(largest, 1e-6) / 127
            scales, zero_point = steps.ravel().astype(np.float32), 0
            stored = np.clip(np.rint(values / steps), -127, 127).astype(np.int8)
        tensor = self.graph.add_tensor(
            name,
            values.shape,
            self.inside,
            values=stored,
            scale=scales,
            zero_point=zero_point,
        )
        shape = [-1] + [1] * (values.ndim - 1)
        real = (stored.astype(np.float64) - zero_point) * scales.reshape(shape)
        return tensor, real.astype(np.float32), scales

    def _add_biases(
        self, name: str, values: np.ndarray, source: Tensor, weight_scales: np.ndarray
    ) -> Tensor:
        self.real_biases = values
        if not self.is_quantized:
            return self.graph.add_tensor(name, values.shape, np.float32, values=values)
        source_scale = source.scales.scales[0]
        scales = (source_scale * weight_scales).astype(np.float32)
        stored = np.rint(values / scales).astype(np.int32)
        self.real_biases = (stored * scales).astype(np.float32)
        return self.graph.add_tensor(name, values.shape, np.int32, values=stored, scale=scales)

    def _add_operator(
        self,
        name: str,
        inputs: Sequence[Tensor],
        output_name: str,
        shape: Sequence[int],
        quantization: Quantization | None,
        options: Any = None,
    ) -> Tensor:
        output = self._add_result(output_name, shape, quantization)
        types = {str(tensor.dtype) for tensor in (inputs[0], output)}
        version = 1
        if name == "DEQUANTIZE":
            version = 3 if "float16" in types else 2
        elif types == {"int8"} and name not in ("RESHAPE", "SQUEEZE", "QUANTIZE"):
            version = {"CONV_2D": 3, "FULLY_CONNECTED": 4}.get(name, 2)
        code = getattr(schema.BuiltinOperator, name)
        self.graph.add_operator(code, inputs, [output], options=options, version=version)
        return output

    def _add_result(
        self, name: str, shape: Sequence[int], quantization: Quantization | None
    ) -> Tensor:
        dtype = np.float32 if quantization is None else quantization.dtype
        return self.graph.add_result(name, shape, dtype, quantization)

    def _add_signature(self, image: Tensor, output: Tensor) -> None:
        signature = schema.SignatureDefT()
        signature.signatureKey = b"serving_default"
        signature.subgraphIndex = 0
        signature.inputs = [self._map("image", image)]
        signature.outputs = [self._map("scores", output)]
        self.model.signatureDefs.append(signature)

    def _map(self, name: str, tensor: Tensor) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), tensor.index
        return entry

    def _quantization_of(self, low: float, high: float) -> Quantization | None:
        return Quantization.of_range(self.inside, low, high) if self.is_quantized else None

    def _conv_options(self, fused: str) -> Any:
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideH = options.strideW = 1
        options.fusedActivationFunction = getattr(schema.ActivationFunctionType, fused)
        return options

    def _fully_connected_options(self, fused: str) -> Any:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = getattr(schema.ActivationFunctionType, fused)
        return options
