"""The answers of a saved classifier to embeddings: its head runs alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..edgetpu.interpreter import make_interpreter
from ..embeddings import Embeddings
from ..errors import ModelError
from ..extraction.model_runner import OutputFormat
from ..tflite.file import ModelFile
from ..tflite.head_alone import head_alone
from .scores import ScoreConverter

_REPORT_EVERY = 256


def score_embeddings(
    classifier: ModelFile,
    embeddings: Embeddings,
    labels: list[str] | None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:
    """Returns the probability of each class for each embedding, float32 [N, C].

    The operators of the saved head run on the CPU on the very numbers that the extractor gives
    them inside the model, so that the answers are those of the whole model.

    Args:
        classifier: The saved classifier.
        embeddings: The embeddings, [N, D].
        labels: The names of the classes, or None.
        report: Called with the number of embeddings done and the total.

    Raises:
        ModelError: The classifier has no head for such embeddings.
    """
    head = head_alone(classifier)
    interpreter = make_interpreter(head.model.content, "cpu", num_threads=1)
    interpreter.allocate_tensors()
    [source], [answer] = interpreter.get_input_details(), interpreter.get_output_details()
    form = OutputFormat.of_tensor(source)
    stored = embeddings.quantized
    given = OutputFormat(embeddings.shape[1], stored.dtype, embeddings.scale, embeddings.zero_point)
    if (form.size, form.dtype, form.zero_point) != (given.size, given.dtype, given.zero_point) or (
        not np.isclose(form.scale, given.scale, rtol=1e-6)
    ):
        raise ModelError(
            f"{classifier.name} reads {form.size} features, {form.dtype}, and the embeddings have "
            f"{given.size}, {given.dtype}, or are stored with another scale: they are of another "
            "extractor"
        )
    output = OutputFormat.of_tensor(answer)
    rows = np.empty((len(embeddings), output.size), output.dtype)
    shape = tuple(int(size) for size in source["shape"])
    for index in range(len(embeddings)):
        interpreter.set_tensor(source["index"], np.ascontiguousarray(stored[index]).reshape(shape))
        interpreter.invoke()
        rows[index] = interpreter.get_tensor(answer["index"]).reshape(-1)
        if (index + 1) % _REPORT_EVERY == 0 or index + 1 == len(embeddings):
            report(index + 1, len(embeddings))
    converter = ScoreConverter(classifier, output, labels)
    return converter.probabilities(Embeddings(rows, output.scale, output.zero_point))[0]
