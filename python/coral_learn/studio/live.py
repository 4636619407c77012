"""The model that the preview runs, whose layers are those of the file that is downloaded."""

import time
from dataclasses import dataclass
from typing import Any

from ..errors import EdgeTpuError, ModelError
from ..extraction.picture_formats import open_photo
from ..jobs.answer import Answer
from ..jobs.classification import Classifier
from ..project.project import Project


@dataclass(frozen=True)
class LoadedModel:
    """A model that was loaded.

    Attributes:
        version: The version of the project that it is of.
        classifier: The model, ready to run.
        threshold: Below this probability, the answer is "I don't know".
    """

    version: int
    classifier: Classifier
    threshold: float


class LiveModel:
    """Answers for the preview; one thread calls it."""

    def __init__(self, project: Project, device: str | None) -> None:
        self._project = project
        self._device = device
        self._loaded: LoadedModel | None = None

    def answer(self, version: int, frame: bytes) -> dict[str, Any]:
        """Returns what the model of a version says about a frame.

        Raises:
            ValueError: There is no model, or the frame cannot be read.
        """
        loaded = self._load(version)
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
            "version": version,
        }

    def close(self) -> None:
        """Frees the model."""
        if self._loaded is not None:
            self._loaded.classifier.close()
            self._loaded = None

    def _load(self, version: int) -> LoadedModel:
        if self._loaded is None or self._loaded.version != version:
            # What the model knows of its photos changes no answer and takes most of the time.
            content = self._project.serialize_model(familiarity=False)
            threshold = self._project.step.threshold
            self.close()
            classifier = Classifier(content, device=self._device)
            self._loaded = LoadedModel(version, classifier, threshold)
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
