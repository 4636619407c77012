"""The model that a user names, whether by a path or by a name of the catalog."""

from pathlib import Path
from typing import NamedTuple

from ..extraction.placement import uses_edge_tpu
from ..progress import Progress
from .catalog import BUILTIN_NAME, find_model, is_known
from .store import fetch_model


class ChosenModel(NamedTuple):
    """A model to use as an extractor.

    Attributes:
        path: The path of its file, or None for the built-in extractor.
        notes: Facts that the user should know, a sentence each.
    """

    path: Path | None
    notes: list[str]


def choose_model(given: Path | None, device: str | None, progress: Progress) -> ChosenModel:
    """Returns the extractor for what a user gave, which is downloaded if it is not here yet.

    A name without the suffix ``-edgetpu`` stands for the compiled model where an Edge TPU is used.

    Args:
        given: A path or a name; None for the built-in extractor.
        device: The device that will run the extractor, as for
            :class:`~coral_learn.EmbeddingExtractor`.
        progress: Called with the number of bytes done and the total, during a download.

    Raises:
        ModelError: There is no such name, or no compiled model for the Edge TPU that was asked
            for, or the file has another content than the catalog says.
        OSError: The model cannot be downloaded.
    """
    if given is None or not _is_name(given):
        return ChosenModel(given, [])
    name = str(given)
    if name == BUILTIN_NAME:
        return ChosenModel(None, [])
    for_edge_tpu = uses_edge_tpu(device)
    notes = []
    if for_edge_tpu and not device and is_known(name) and not is_known(name, for_edge_tpu=True):
        for_edge_tpu = False
        notes.append(
            f"Coral has no extractor {name} that is compiled for the Edge TPU, so it runs on the "
            "CPU: `coral-learn models` shows those that are"
        )
    model = find_model(name, for_edge_tpu=for_edge_tpu)
    return ChosenModel(fetch_model(model, progress), notes)


def _is_name(given: Path) -> bool:
    return len(given.parts) == 1 and given.suffix != ".tflite" and not given.exists()
