"""Classification: which class a photo shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Embeddings
from ..extraction.image_model import ImageModel
from ..extraction.images import ImageSource
from ..extraction.photo_rows import OnError, PhotoRows, raise_error, skip_photo
from ..labels import label_list, read_label_file
from ..notebook import table
from ..progress import Progress
from ..tflite.answers import read_answer_notes
from ..tflite.file import ModelFile, ModelSource
from ..tflite.image_shape import InputSize
from ..tflite.normalization import NormalizationLike
from ..tflite.output_kind import class_names
from ..tflite.resizing import View
from ..words import counted
from .answer import Answer, Class, Selection, select_classes
from .class_labels import labels_from_zero, warn_of_label_count
from .conformal import lowest_probability
from .scores import ScoreConverter

if TYPE_CHECKING:
    from ..extraction.cache import EmbeddingCache

LabelSource = str | os.PathLike[str] | Sequence[str] | Mapping[int, str]
"""Labels: the path of a label file, a list of names, or a mapping of names by class index."""


class Classifier:
    """A classifier of photos, from a ``.tflite`` file.

    Use it in a ``with`` statement, or call :meth:`close`, to free the interpreters.

    Attributes:
        labels: The names of the classes, or None.
        num_classes: The number of classes; two for a model that gives one number.
        output_kind: What the model's output means.
        input_size: Width and height of the model's input, in pixels.
        resize: What the model sees of a photo, ``squash``, ``crop`` or ``linear``.
        threshold: The lowest probability of an answer, as the model says; None if it says nothing.
        knows_familiarity: Whether the model tells how familiar photos look; one that was retrained
            here does.
        familiarity_note: What the model knows of its training photos; None if it knows nothing.

    Examples:
        >>> from coral_learn import Classifier
        >>> with Classifier("retrained/retrained_model.tflite", device="cpu") as classifier:
        ...     print(classifier)
        ...     [[best]] = classifier.classify(["photo.jpg"])
        ...     [answer] = classifier.answer(["photo.jpg"], top_k=3)
        ...     scores = classifier.scores(["photo.jpg", "new/daisy0.jpg"])
        ...     found = classifier.classify_readable(["photo.jpg", "your_script.py"])
        ...     answers = classifier.answer_readable(["photo.jpg"])
        ...     rows = classifier.score_readable(["photo.jpg"]).rows
        Classifier('retrained/retrained_model.tflite': 3 classes, 224 x 224 pixels, cpu)
        >>> best.label, classifier.label(0), scores.shape
        ('roses', 'daisy', (2, 3))
        >>> len(answer.classes), found.skipped[0].path
        (3, 'your_script.py')
        >>> classifier.close()  # again, which does nothing
    """

    def __init__(
        self,
        model: ModelSource,
        *,
        labels: LabelSource | None = None,
        device: str | None = None,
        cache: EmbeddingCache | None = None,
        input_size: InputSize | None = None,
        normalization: NormalizationLike | None = None,
        resize: View | None = None,
    ) -> None:
        """Loads a classifier.

        Args:
            model: The path of a ``.tflite`` file, or its bytes.
            labels: The names of the classes; by default the labels inside the model.
            device: A device as for :func:`coral_learn.edgetpu.make_interpreter`.
            cache: A cache for the scores of photos that are given as files.
            input_size: Width and height of the model's input, or one number for both; None for
                those of the model, or 224 for a model that takes images of any size.
            normalization: How pixels are normalized, as for
                :class:`coral_learn.EmbeddingExtractor`.
            resize: What the model sees of a photo, as for :class:`coral_learn.EmbeddingExtractor`.

        Raises:
            ModelError: The model cannot be used, or is an embedding extractor.
            EdgeTpuError: The device failed.
            OSError, ValueError: The label file cannot be read, or the normalization or ``resize``
                is invalid.
        """
        file = ModelFile.open(model)
        self._name = file.name
        names = label_names(labels) if labels is not None else file.labels
        self._notes = read_answer_notes(file)
        self.threshold = self._notes.threshold
        self.familiarity_note = known = self._notes.familiarity
        self._model = ImageModel(
            file,
            device=device,
            cache=cache,
            input_size=input_size,
            normalization=normalization,
            resize=resize,
            features=None if known is None else len(known.moments.center),
        )
        self.input_size = self._model.input_size
        self.resize = self._model.resize
        self.knows_familiarity = self._model.embedding_format is not None
        try:
            self._scores = ScoreConverter(file, self._model.output_format, names)
        except BaseException:
            self._model.close()
            raise
        self.num_classes = self._scores.num_classes
        named = class_names(names, is_binary=self._scores.is_binary)
        self.labels = labels_from_zero(named, self.num_classes)
        self.output_kind = self._scores.kind

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        width, height = self.input_size
        return (
            f"Classifier({self._name!r}: {counted(self.num_classes, 'class', 'classes')}, "
            f"{width} x {height} pixels, {self._model.device})"
        )

    def _repr_html_(self) -> str:
        rows = ((index, self.label(index)) for index in range(self.num_classes))
        return table(repr(self), rows, columns=("index", "class"))

    def close(self) -> None:
        """Frees the interpreters. The classifier cannot be used afterwards."""
        self._model.close()

    def label(self, index: int) -> str:
        """Returns the name of a class, or its index in digits if the class has no name.

        Args:
            index: The class index, at least 0.
        """
        if self.labels is not None and index < len(self.labels):
            return self.labels[index]
        return str(index)

    def scores(
        self,
        images: Iterable[ImageSource],
        *,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> NDArray[np.float32]:
        """Returns the probability of each class for each photo, float32 [N, C] in [0, 1].

        The scores of a model that gives logits, logarithms, or one number for two classes are
        turned into probabilities.

        Args:
            images: Photos, as for :meth:`coral_learn.EmbeddingExtractor.extract`.
            progress: True for a bar on standard error, or a function to call with (done, total).
            on_error: Called with the index and the error of each photo that cannot be read; such a
                photo has no row. By default the first such error is raised.

        Raises:
            PhotoError: A photo cannot be read (a ValueError), and ``on_error`` is None.
            ModelError: The model failed, or gives scores that are not finite.
            EdgeTpuError: The device failed.
        """
        found = self._model.run(images, progress=progress, on_error=on_error or raise_error)
        return self._scores.probabilities(found.rows)[0]

    def score_readable(
        self, images: Iterable[ImageSource], *, progress: bool | Progress = False
    ) -> PhotoRows[NDArray[np.float32]]:
        """Returns the scores and digests of the photos that can be read, and what was skipped.

        Args:
            images: Photos, as for :meth:`scores`.
            progress: As for :meth:`scores`.

        Returns:
            The scores, float32 [K, C], and which of the photos they belong to.

        Raises:
            ModelError: The model failed, or gives scores that are not finite.
            EdgeTpuError: The device failed.
        """
        found = self._model.run(images, progress=progress, on_error=skip_photo, digests=True)
        return found.with_rows(self._scores.probabilities(found.rows)[0])

    def classify(
        self,
        images: Iterable[ImageSource],
        *,
        top_k: int = 1,
        threshold: float | None = None,
        coverage: float | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> list[list[Class]]:
        """Returns the ``top_k`` most probable classes of each photo, the most probable first.

        Classes with a probability below ``threshold`` are left out, so that a photo of something
        that the model does not know gets an empty list. By default it is that of the model, which
        :func:`retrain` stores if a precision is wished for, or else 0.
        :attr:`coral_learn.Project.step` has one that keeps 95% of the right answers.

        With ``coverage``, all classes are returned that may be right: as few as contain the right
        one in this fraction of photos like those that the model was trained on. ``top_k`` and
        ``threshold`` are not used. Only a model that was retrained here knows them.

        A model that gives each label a probability of its own (a sigmoid) can find several labels
        in a photo, or none. All labels that reach ``threshold``, by default 0.5, are returned, and
        ``top_k`` is not used.

        Args:
            images: Photos, as for :meth:`coral_learn.EmbeddingExtractor.extract`.
            top_k: The largest number of classes of a photo, at least 1.
            threshold: The lowest probability of a class, in [0, 1]; None for that of the model.
            coverage: The fraction of photos whose own class is to be among those that are returned,
                in (0, 1); None for ``top_k`` and ``threshold``.
            progress: True for a bar on standard error, or a function to call with (done, total).
            on_error: Called with the index and the error of each photo that cannot be read; such a
                photo has no row. By default the first such error is raised.

        Raises:
            ValueError: ``top_k`` is less than 1, ``threshold`` is outside [0, 1], ``coverage`` is
                outside (0, 1) or not known for this model, or a photo cannot be read.
            ModelError: The model failed, or gives scores that are not finite.
            EdgeTpuError: The device failed.
        """
        selection = self._selection(top_k, threshold, coverage)
        found = self._run_named(images, progress, on_error or raise_error)
        return self._best_classes(found.rows, selection)

    def classify_readable(
        self,
        images: Iterable[ImageSource],
        *,
        top_k: int = 1,
        threshold: float | None = None,
        coverage: float | None = None,
        progress: bool | Progress = False,
    ) -> PhotoRows[list[list[Class]]]:
        """Returns the classes of the photos that can be read, and which photos were skipped.

        Args:
            images: Photos, as for :meth:`classify`.
            top_k: As for :meth:`classify`.
            threshold: As for :meth:`classify`.
            coverage: As for :meth:`classify`.
            progress: As for :meth:`classify`.

        Raises:
            ValueError: An argument is invalid, as for :meth:`classify`.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        selection = self._selection(top_k, threshold, coverage)
        found = self._run_named(images, progress, skip_photo)
        return found.with_rows(self._best_classes(found.rows, selection))

    def answer(
        self,
        images: Iterable[ImageSource],
        *,
        top_k: int = 1,
        threshold: float | None = None,
        coverage: float | None = None,
        progress: bool | Progress = False,
        on_error: OnError | None = None,
    ) -> list[Answer]:
        """Returns the classes of each photo, as :meth:`classify` does, and how familiar it looks.

        Args:
            images: Photos, as for :meth:`classify`.
            top_k: As for :meth:`classify`.
            threshold: As for :meth:`classify`.
            coverage: As for :meth:`classify`.
            progress: As for :meth:`classify`.
            on_error: As for :meth:`classify`.

        Raises:
            ValueError: An argument is invalid, as for :meth:`classify`, or a photo cannot be read.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        selection = self._selection(top_k, threshold, coverage)
        return self._answers(self._run_named(images, progress, on_error or raise_error), selection)

    def answer_readable(
        self,
        images: Iterable[ImageSource],
        *,
        top_k: int = 1,
        threshold: float | None = None,
        coverage: float | None = None,
        progress: bool | Progress = False,
    ) -> PhotoRows[list[Answer]]:
        """Returns the answers for the photos that can be read, and which photos were skipped.

        Args:
            images: Photos, as for :meth:`classify`.
            top_k: As for :meth:`classify`.
            threshold: As for :meth:`classify`.
            coverage: As for :meth:`classify`.
            progress: As for :meth:`classify`.

        Raises:
            ValueError: An argument is invalid, as for :meth:`classify`.
            ModelError: The model failed.
            EdgeTpuError: The device failed.
        """
        selection = self._selection(top_k, threshold, coverage)
        found = self._run_named(images, progress, skip_photo)
        return found.with_rows(self._answers(found, selection))

    def _run_named(
        self, images: Iterable[ImageSource], progress: bool | Progress, on_error: OnError
    ) -> PhotoRows[Embeddings]:
        """Runs the model for answers with the names of classes, which may be wrong."""
        warn_of_label_count(self.labels, self.num_classes)
        return self._model.run(images, progress=progress, on_error=on_error)

    def _answers(self, found: PhotoRows[Embeddings], selection: Selection) -> list[Answer]:
        best = self._best_classes(found.rows, selection)
        if found.embeddings is None or self._notes.familiarity is None:
            return [Answer(classes) for classes in best]
        from ..heads.strangers import familiarity  # many models do without it

        fractions = familiarity(self._notes.familiarity, found.embeddings).tolist()
        return [
            Answer(classes, round(fraction, 4))
            for classes, fraction in zip(best, fractions, strict=True)
        ]

    def _selection(self, top_k: int, threshold: float | None, coverage: float | None) -> Selection:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1], not {threshold}")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if coverage is None:
            return Selection(top_k, self.threshold if threshold is None else threshold, 0)
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be above 0 and below 1, not {coverage}")
        if self._notes.own_class is None:
            raise ValueError(
                f"{self._name} does not say how probable right classes are, which coverage needs. "
                "Retrain it with this version of `coral-learn train`, with two or more photos of a "
                "class"
            )
        lowest = lowest_probability(self._notes.own_class, coverage)
        return Selection(self.num_classes, lowest, 1)

    def _best_classes(self, rows: Embeddings, selection: Selection) -> list[list[Class]]:
        scores, kind = self._scores.probabilities(rows)
        return select_classes(scores, kind, selection, self.label)


def label_names(labels: LabelSource) -> list[str]:
    """Returns the names of the classes by their index.

    Raises:
        OSError, ValueError: The label file cannot be read.
    """
    if isinstance(labels, str | os.PathLike):
        labels = read_label_file(labels)
    return label_list(labels) if isinstance(labels, Mapping) else list(labels)
