"""The class names inside a model, read and replaced."""

from collections.abc import Sequence

from .file import ModelFile, ModelSource


def read_labels(model: ModelSource) -> list[str] | None:
    """Returns the class names that a model carries in its metadata.

    Args:
        model: A ``.tflite`` file or its bytes, made by this package or by others.

    Returns:
        The label of each class index, a line of the label file; the index itself if the line is
        empty. None if there are none, or none that can be read.

    Raises:
        ModelError: ``model`` is not a .tflite model, or is a damaged one.
    """
    return ModelFile.open(model).labels


def attach_labels(model: ModelSource, labels: Sequence[str]) -> ModelFile:
    """Returns the model with its labels replaced.

    Args:
        model: A classifier.
        labels: A name for each class, none with a line break in it.

    Raises:
        ModelError: ``model`` is not a .tflite model, or is a damaged one.
        ValueError: A label is empty or has a line break, or the model has another number of
            classes.
    """
    graph = ModelFile.open(model).graph.copy()
    for output in graph.outputs:
        if output.shape[-1:] != (len(labels),):
            raise ValueError(
                f"there are {len(labels)} labels for an output of the shape {list(output.shape)}"
            )
    return ModelFile.of_graph(graph, labels)
