"""Reading the float head of a classifier."""

from ...arrays import BiasVector, WeightColumns
from ...errors import ModelError
from ..file import ModelFile, ModelSource
from ..linear_layer import find_linear_layers, read_linear_layer


def read_head(
    classifier: ModelSource,
) -> tuple[WeightColumns, BiasVector, list[str] | None]:
    """Reads the float head of a classifier.

    Args:
        classifier: A ``.tflite`` file or its bytes. Its last linear layer may be quantized; a
            factor that the logits are multiplied by after it becomes part of the head.

    Returns:
        Weights float32 [D, C], biases float32 [C], and the labels inside the model, or None if
        there is not one for each class.

    Raises:
        ModelError: The model does not have exactly one linear layer that leads to its outputs, or
            is compiled.
    """
    model = ModelFile.open(classifier)
    if model.is_extractor:
        raise ModelError(
            f"{model.name} is an embedding extractor, which has no head: read the head of the "
            "classifier that it was made from"
        )
    layers = find_linear_layers(model.graph)
    if len(layers) != 1:
        raise ModelError(
            "a classifier has one last linear layer (FULLY_CONNECTED, or CONV_2D 1x1, before "
            f"SOFTMAX); this model has {len(layers) or 'none'}"
        )
    weights, biases = read_linear_layer(model.graph, layers[0])
    labels = model.labels
    return weights, biases, labels if labels and len(labels) == len(biases) else None
