"""Reading the float head of a classifier."""

import shlex

from ...arrays import BiasVector, WeightColumns
from ...errors import ModelError
from ..file import ModelFile, ModelSource
from ..linear_layer import LinearLayer, find_linear_layers
from ..output_kind import class_names
from .layer_numbers import is_binary, read_linear_layer


def read_head(
    classifier: ModelSource,
) -> tuple[WeightColumns, BiasVector, list[str] | None]:
    """Reads the float head of a classifier.

    Args:
        classifier: A ``.tflite`` file or its bytes. Its last linear layer may be quantized;
            constants that its logits are multiplied by, or that are added to them, become part of
            the head. A convolution 1x1 may come before the pooling: it then is the head of the
            pooled features. A model that gives one number, the sigmoid of z, has two classes with
            the logits 0 and z.

    Returns:
        Weights float32 [D, C], biases float32 [C], and the labels inside the model, or None if
        there is not one for each class. If one number stands for two classes and the model has one
        label N, the labels are "not N" and N.

    Raises:
        ModelError: The model does not have exactly one linear layer that leads to its outputs, it
            is not a softmax regression, or it is compiled.

    Examples:
        >>> from coral_learn import read_head
        >>> weights, biases, labels = read_head("retrained/retrained_model.tflite")
        >>> weights.shape, biases.shape, labels
        ((1280, 3), (3,), ['daisy', 'roses', 'tulips'])
    """
    model = ModelFile.open(classifier)
    if model.is_extractor:
        raise ModelError(
            f"{model.name} is an embedding extractor, which has no head: read the head of the "
            "classifier that it was made from"
        )
    layer = _only_layer(model, find_linear_layers(model.graph))
    try:
        weights, biases = read_linear_layer(model.graph, layer)
    except ModelError as error:
        raise ModelError(f"{model.name}: {error}. {_advice(model, layer)}") from error
    labels = class_names(model.labels, is_binary=is_binary(layer))
    return weights, biases, labels if labels and len(labels) == len(biases) else None


def _only_layer(model: ModelFile, layers: list[LinearLayer]) -> LinearLayer:
    if len(layers) == 1:
        return layers[0]
    found = (
        "a classifier has one last linear layer (FULLY_CONNECTED, or CONV_2D 1x1, before "
        f"SOFTMAX); this model has {len(layers) or 'none'}"
    )
    if len({layer.embedding for layer in layers}) == 1:
        found += f", which read the same embedding. {_advice(model, layers[0])}"
    raise ModelError(f"{model.name}: {found}")


def _advice(model: ModelFile, layer: LinearLayer) -> str:
    path = shlex.quote(model.name) if model.is_named else "CLASSIFIER.tflite"
    return (
        f"To train a new head, cut it at {layer.embedding.name!r}: "
        f"`coral-learn extractor {path} --output EXTRACTOR.tflite`"
    )
