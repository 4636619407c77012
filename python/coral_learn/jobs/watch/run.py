"""Watching a source: what is seen in each picture, and when pictures no longer look as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...embeddings import Embeddings
from ...extraction.photo_rows import SkippedPhoto
from ...words import listed
from ..answer import Answer
from ..classification import Classifier
from .drift import DriftChange, DriftDetector
from .picture import Notice, Picture, PictureSource
from .scenes import SceneCounter


class Sighting(NamedTuple):
    """What a classifier says about a picture.

    Attributes:
        picture: The picture.
        answer: The classes, and how familiar the picture looks.
    """

    picture: Picture
    answer: Answer

    def to_json(self) -> dict[str, Any]:
        """Returns what is seen as JSON values."""
        classes = self.answer.classes
        best = classes[0] if classes else None
        return {
            "time": time_text(self.picture.time),
            **self.picture.origin,
            "label": best and best.label,
            "score": best and best.score,
            "classes": [vars(each) for each in classes],
            "familiarity": self.answer.familiarity,
        }


class Drift(NamedTuple):
    """The pictures look different from before.

    Attributes:
        time: When the last of them was found.
        change: What changed.
    """

    time: datetime
    change: DriftChange

    def to_json(self) -> dict[str, Any]:
        """Returns the change as JSON values."""
        return {"event": "drift", "time": time_text(self.time), **self.change._asdict()}

    def __str__(self) -> str:
        state, photos, _ = self.change
        if state == "back":
            return f"the last {photos} pictures look like those that the model was trained on again"
        return (
            f"the last {photos} pictures look unlike those that the model was trained on: check "
            "the camera and the light, or add some of these pictures and train again"
        )


Event = Sighting | Drift | SkippedPhoto | Notice


class Watch:
    """A classifier on the pictures of a source.

    Attributes:
        counts: How often each label was seen; None stands for "I don't know".
        skipped: The number of pictures that cannot be read.
        has_drifted: Whether the last pictures look unlike those of the training.
    """

    def __init__(
        self, source: PictureSource, classifier: Classifier, *, top_k: int, threshold: float | None
    ) -> None:
        """Starts to watch.

        Args:
            source: Where pictures come from.
            classifier: The classifier.
            top_k: The largest number of classes to name.
            threshold: The lowest probability of a class to name; None for that of the model.
        """
        self._source = source
        self._classifier = classifier
        self._selection: dict[str, Any] = {"top_k": top_k, "threshold": threshold}
        known = classifier.familiarity_note if classifier.knows_familiarity else None
        self._drift = None if known is None else DriftDetector(len(known.quantiles))
        self._scenes = None if known is None else SceneCounter(known.moments.center)
        self.counts: Counter[str | None] = Counter()
        self.skipped = 0

    @property
    def has_drifted(self) -> bool:
        """Whether the last pictures look unlike those of the training."""
        return self._drift is not None and self._drift.has_drifted

    @property
    def can_tell_drift(self) -> bool:
        """Whether the model knows enough of its training photos to tell drift."""
        return self._drift is not None and self._drift.can_tell

    def events(self, most: int | None = None) -> Iterator[Event]:
        """Yields what happens.

        Args:
            most: The number of pictures after which to end; None for no end.
        """
        for item in self._source.pictures():
            if isinstance(item, Notice):
                yield item
                continue
            found = self._classifier.answer_readable([item.image], **self._selection)
            if found.rows:
                [answer] = found.rows
                self.counts[answer.classes[0].label if answer.classes else None] += 1
                yield Sighting(item, answer)
                yield from self._drift_with(item, answer, found.embeddings)
            elif self._source.will_come_again(item):
                continue
            else:
                self.skipped += 1
                yield from found.skipped
            if most is not None and self.counts.total() + self.skipped >= most:
                return

    def _drift_with(
        self, picture: Picture, answer: Answer, embeddings: Embeddings | None
    ) -> Iterator[Drift]:
        if self._drift is None or self._scenes is None:
            return
        if embeddings is None or answer.familiarity is None:
            return
        if self._scenes.counts(np.asarray(embeddings)[0], answer.familiarity):
            change = self._drift.update(answer.familiarity)
            if change is not None:
                yield Drift(picture.time, change)


def time_text(time: datetime) -> str:
    """Returns a time in UTC by ISO 8601, such as ``2026-11-26T19:00:00.123Z``."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def model_in_folder() -> Path:
    """Returns the only model in the current folder.

    Raises:
        ValueError: There is none, or there are several.
    """
    models = sorted(Path().glob("*.tflite"))
    if len(models) == 1:
        return models[0]
    found = f"{len(models)} models ({listed([*map(str, models)])})" if models else "no model"
    raise ValueError(f"this folder has {found}: choose one with --model MODEL.tflite")
