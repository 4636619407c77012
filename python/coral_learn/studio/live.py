"""The model that the preview runs, whose layers are those of the file that is downloaded."""

import time
from dataclasses import dataclass
from typing import Any

from ..errors import EdgeTpuError, ModelError
from ..extraction.picture_formats import open_photo
from ..jobs.answer import Answer
from ..jobs.classification import Classifier
from ..tflite.file import ModelFile
from .session import Session


@dataclass(frozen=True)
class LoadedModel:
    """A model that was loaded.

    Attributes:
        key: The version of the project that it is of, and how often models were measured.
        file: The file, or only its layers until it was measured.
        classifier: The model, ready to run.
        threshold: Below this probability, the answer is "I don't know".
    """

    key: tuple[int, int]
    file: ModelFile
    classifier: Classifier
    threshold: float


class LiveModel:
    """Answers for the preview; one thread calls it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loaded: LoadedModel | None = None

    def answer(self, frame: bytes) -> dict[str, Any]:
        """Returns what the model says about a frame.

        Raises:
            ValueError: There is no model, or the frame cannot be read.
        """
        loaded = self._load()
        start = time.perf_counter()
        found = _classify(loaded.classifier, frame)
        milliseconds = 1000 * (time.perf_counter() - start)
        best = found.classes[0]
        return {
            "classes": [
                {"label": each.label, "score": round(each.score, 4)} for each in found.classes
            ],
            "label": best.label if best.score >= loaded.threshold else None,
            "milliseconds": round(milliseconds, 1),
            "unfamiliar": found.is_unfamiliar,
            "version": loaded.key[0],
        }

    def close(self) -> None:
        """Frees the model."""
        if self._loaded is not None:
            self._loaded.classifier.close()
            self._loaded = None

    def _load(self) -> LoadedModel:
        key, last = (self._session.version, self._session.measured), self._loaded
        if last is not None and last.key == key:
            return last
        file, threshold = self._session.models.ready(), self._session.project.step.threshold
        if last is not None and last.file is file:
            classifier = last.classifier
        else:
            self.close()
            classifier = Classifier(file, device=self._session.device)
        self._loaded = LoadedModel(key, file, classifier, threshold)
        return self._loaded


def _classify(classifier: Classifier, frame: bytes) -> Answer:
    """Returns all classes, the most probable first."""
    try:
        with open_photo(frame) as picture:
            [found] = classifier.answer([picture], top_k=classifier.num_classes, threshold=0)
    except (ModelError, EdgeTpuError):
        raise
    except Exception as error:  # Pillow raises many types
        raise ValueError(f"the frame cannot be read: {error}") from error
    return found
