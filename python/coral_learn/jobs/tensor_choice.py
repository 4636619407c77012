"""Choosing the tensor to take as the embedding by measuring several on photos."""

import math
from collections.abc import Iterator

from ..dataset.folder import ImageFolder
from ..errors import ModelError
from ..extraction.extractor import EmbeddingExtractor
from ..tflite.embedding import best_first, candidates, heads_of
from ..tflite.ending import hides_last_layer
from ..tflite.file import ModelFile
from ..tflite.graph import Graph
from ..tflite.nodes import Tensor
from ..tflite.open_extractor import OpenedExtractor, describe_embedding, open_extractor
from ..tflite.origins import RESHAPING
from .input_range import measure_extractor
from .quick_head import held_out_loss, sample_photos

_MAX_TRIED = 5
_MAX_FEATURES = 2**14  # a head on more takes long, and overfits


def measure_tensors(
    model: ModelFile, photos: ImageFolder, *, device: str | None = None
) -> OpenedExtractor:
    """Opens a model as an extractor, at the tensor whose features tell the classes apart best.

    A head is fitted to the features of a sample of the photos at each of a few tensors. The choice
    is the one with the least loss on photos that the head was not fitted to.

    Args:
        model: A classifier or an extractor.
        photos: Photos of the classes to learn.
        device: The device to run on, as for :class:`~coral_learn.EmbeddingExtractor`.

    Raises:
        ModelError: The model cannot be used, or cannot be cut anywhere.
        ValueError: No class has two photos that can be read.
        EdgeTpuError: The device failed.
    """
    if len(photos.classes) < 2:
        raise ValueError(
            f"{photos.path} has only one class ({photos.classes[0]!r}), but tensors are compared "
            "by how well they tell classes apart. Add a folder for each further class."
        )
    paths, labels = sample_photos(photos)
    notes = []
    if model.has_unknown_range:
        first = next(_openings(model)).model
        measured = measure_extractor(first, paths, labels, device=device)
        model = model.with_normalization(measured.normalization)
        notes.append(measured.note)
    tried: list[tuple[float, OpenedExtractor]] = []
    for opened in _openings(model):
        with EmbeddingExtractor(opened.model, device=device) as extractor:
            found = extractor.extract_readable(paths)
        kept = labels[found.kept]
        loss = held_out_loss(found.rows, kept) if len(kept) else math.inf
        tried.append((loss, opened))
    best_loss, best = min(tried, key=lambda each: each[0])
    if best_loss == math.inf:
        raise ValueError(
            f"{photos.path} has too few photos that can be read to measure tensors on: add photos, "
            "or name the tensor"
        )
    names = [describe_embedding(model, opened.model) for _, opened in tried]
    outcome = "; ".join(f"{name} {loss:.3f}" for name, (loss, _) in zip(names, tried, strict=True))
    note = (
        f"{describe_embedding(model, best.model)} was chosen as the embedding of {model.name}: it "
        f"has the least held-out loss on {len(paths)} photos ({outcome})"
    )
    if photos.split is None:
        note += "; these photos took part in the choice, so a test on them is a little too good"
    return OpenedExtractor(best.model, [*notes, note])


def _openings(model: ModelFile) -> Iterator[OpenedExtractor]:
    """Yields the extractors to try: first what is taken by default, if anything is."""
    taken: list[str] = []
    failure: ModelError | None = None
    try:
        default = open_extractor(model)
    except ModelError as error:
        failure = error
    else:
        taken = [default.model.graph.outputs[0].name]
        yield default
    if hides_last_layer(model.graph):
        names = []
    else:
        names = [each.name for each in _distinct_candidates(model) if each.name not in taken]
    for name in names[: _MAX_TRIED - len(taken)]:
        yield open_extractor(model, name)
    if failure is not None and not names:
        raise failure


def _distinct_candidates(model: ModelFile) -> list[Tensor]:
    """Returns the tensors at which the model can be cut, best first, without mere copies."""
    graph = model.graph
    found = candidates(graph, heads_of(model))
    usable = [tensor for tensor in found if 1 < tensor.shape[-1] <= _MAX_FEATURES]
    return [tensor for tensor in best_first(graph, usable) if not _is_copy(graph, tensor, usable)]


def _is_copy(graph: Graph, tensor: Tensor, others: list[Tensor]) -> bool:
    """Tells whether a tensor has the numbers of another candidate in another shape or type."""
    operator = graph.producers[tensor]
    return operator.name in RESHAPING and operator.inputs[0] in others
