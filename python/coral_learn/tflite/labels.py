"""The class names inside a model, read and replaced."""

from collections.abc import Sequence

from .file import ModelFile, ModelSource


def read_labels(model: ModelSource) -> list[str] | None:
    """Returns the class names in a model's metadata.

    Args:
        model: A ``.tflite`` file or its bytes, made by this package or by others.

    Returns:
        The label of each class index, one per line of the label file; the index itself if the line
        is empty. None if there are no labels, or they cannot be read.

    Raises:
        ModelError: ``model`` is not a .tflite model, or is damaged.

    Examples:
        >>> from coral_learn import read_labels
        >>> read_labels("retrained/retrained_model.tflite")
        ['daisy', 'roses', 'tulips']
        >>> read_labels("extractor.tflite") is None
        True
    """
    return ModelFile.open(model).labels


def attach_labels(model: ModelSource, labels: Sequence[str]) -> ModelFile:
    """Returns the model with its labels replaced.

    Args:
        model: A classifier.
        labels: A name for each class, without line breaks.

    Raises:
        ModelError: ``model`` is not a .tflite model, or is damaged.
        ValueError: A label is empty or contains a line break, or the model has another number of
            classes.
    """
    graph = ModelFile.open(model).graph.copy()
    for output in graph.outputs:
        if output.shape[-1:] != (len(labels),):
            raise ValueError(
                f"there are {len(labels)} labels for an output of the shape {list(output.shape)}"
            )
    return ModelFile.of_graph(graph, labels)
