"""The review of photos: finding what is doubtful about them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...arrays import ProbabilityMatrix
from ...embeddings import Embeddings
from ...heads.label_errors import Doubts, doubt_labels
from ...heads.label_next import label_next
from ...heads.length_normalization import normalize_lengths
from ...heads.near_duplicates import find_near_duplicates
from ...heads.scenes import number_scenes
from ...heads.softmax_regression import SoftmaxRegression
from ...heads.training_data import LabeledEmbeddings
from ...progress import StageProgress
from ...words import counted, quoted
from .findings import (
    FEW_PHOTOS,
    ConfusedClasses,
    Doubtful,
    Duplicates,
    Extreme,
    NearDuplicates,
    NextPhoto,
    Review,
)
from .outliers import find_outliers
from .photo_quality import PhotoQuality, measure_photos
from .photos import Photo, ReviewedPhotos

_MOST_EXTREME = 12  # of the darkest photos, and of the blurriest
_CONFUSED = 0.7  # of the answers right, where a coin gets 0.5


def review_photos(
    source: str,
    photos: ReviewedPhotos,
    *,
    count: int,
    seed: int = 0,
    progress: StageProgress = lambda stage, done, total: None,
) -> Review:
    """Reviews photos.

    Args:
        source: What is reviewed, as it is shown.
        photos: The photos.
        count: How many unlabelled photos to suggest.
        seed: Seeds the cross-validation.
        progress: Called with the stage, how many of its steps are done, and how many there are.

    Raises:
        ValueError: All photos are of one class.
    """
    if sum(map(bool, _counts(photos).values())) < 2:
        raise ValueError(
            f"all photos of {source} that can be read are of one class. Add photos of another one."
        )
    doubts = _doubts(photos, seed)
    files = [photo.path for photo in photos.photos]
    quality: list[PhotoQuality | None] = [None] * len(files)
    if any(files):
        quality = measure_photos(files, lambda done, total: progress("inspect", done, total))
    review = compile_review(source, photos, doubts, quality)
    return replace(review, label_next=_next(photos, count, seed))


def compile_review(
    source: str,
    photos: ReviewedPhotos,
    doubts: Doubts | None,
    quality: Sequence[PhotoQuality | None],
    *,
    compare: bool = True,
) -> Review:
    """Returns the review of labelled photos.

    Args:
        source: What is reviewed, as it is shown.
        photos: The photos, of at least two classes.
        doubts: How much their labels are doubted; None if it was not measured.
        quality: How bright and sharp each is; None where it was not measured.
        compare: Whether to look for near-duplicates and outliers, which takes memory, and time that
            grows with the square of the number of photos.
    """
    counts = _counts(photos)
    doubtful = np.zeros(len(photos), bool) if doubts is None else _are_doubtful(photos, doubts)
    return Review(
        source=source,
        photos=len(photos),
        classes=counts,
        doubtful=[] if doubts is None else _named_doubtful(photos, doubts, doubtful),
        duplicates=_duplicates(photos),
        near_duplicates=_near_duplicates(photos) if compare else [],
        outliers=find_outliers(photos, ~doubtful) if compare else [],
        darkest=_extremes(photos.photos, quality, "brightness"),
        blurriest=_extremes(photos.photos, quality, "sharpness"),
        confused_classes=[] if doubts is None else _confused(photos, doubts.probabilities),
        label_next=[],
        skipped=photos.skipped,
        notes=[*photos.notes, *_notes_of_small_classes(counts)],
    )


def find_doubtful(photos: ReviewedPhotos, seed: int = 0) -> list[Doubtful]:
    """Returns the photos of two or more classes whose label is probably wrong.

    The most doubtful is first. There are none if all classes have too few photos to tell.
    """
    return doubtful_of(photos, _doubts(photos, seed))


def doubtful_of(photos: ReviewedPhotos, doubts: Doubts) -> list[Doubtful]:
    """Returns the photos whose label is probably wrong, as :func:`find_doubtful` does."""
    return _named_doubtful(photos, doubts, _are_doubtful(photos, doubts))


def _doubts(photos: ReviewedPhotos, seed: int) -> Doubts:
    data = LabeledEmbeddings(photos.embeddings, photos.labels.astype(np.int32))
    scenes = number_scenes(photos.embeddings, photos.labels, photos.groups)
    return doubt_labels(data, scenes, seed)


def _are_doubtful(photos: ReviewedPhotos, doubts: Doubts) -> NDArray[np.bool_]:
    if max(_counts(photos).values()) < FEW_PHOTOS:
        return np.zeros(len(photos), bool)
    confirmed = np.array([photo.is_confirmed for photo in photos.photos], bool)
    return np.asarray((doubts.probabilities.argmax(axis=1) != photos.labels) & ~confirmed)


def _named_doubtful(
    photos: ReviewedPhotos, doubts: Doubts, doubtful: NDArray[np.bool_]
) -> list[Doubtful]:
    return [
        Doubtful(
            photos.photos[row],
            photos.classes[int(doubts.probabilities[row].argmax())],
            _rounded(doubts.probabilities[row, photos.labels[row]]),
        )
        for row in doubts.order.tolist()
        if doubtful[row]
    ]


def _counts(photos: ReviewedPhotos) -> dict[str, int]:
    counts = np.bincount(photos.labels, minlength=len(photos.classes)).tolist()
    named = zip(photos.classes, counts, strict=True)
    return {name: count for name, count in named if name != photos.drawn}


def _notes_of_small_classes(counts: dict[str, int]) -> list[str]:
    notes = []
    empty = [name for name, count in counts.items() if not count]
    if empty:
        notes.append(
            f"{counted(len(empty), 'class has', 'classes have')} no photo that can be read: "
            f"{quoted(empty)}"
        )
    small = [name for name, count in counts.items() if 0 < count < FEW_PHOTOS]
    if small:
        notes.append(
            f"the labels of classes with fewer than {FEW_PHOTOS} photos can hardly be judged: "
            f"{quoted(small)}"
        )
    return notes


def _duplicates(photos: ReviewedPhotos) -> list[Duplicates]:
    rows_of: dict[bytes, list[Photo]] = {}
    for photo, digest in zip(photos.photos, photos.digests, strict=True):
        if digest:
            rows_of.setdefault(digest, []).append(photo)
    found = [Duplicates(same) for same in rows_of.values() if len(same) > 1]
    return sorted(found, key=lambda each: not each.is_contradiction)


def _near_duplicates(photos: ReviewedPhotos) -> list[NearDuplicates]:
    near = find_near_duplicates(photos.embeddings, photos.labels)
    return [
        NearDuplicates((photos.photos[one], photos.photos[other]), _rounded(cosine))
        for one, other, cosine in zip(*(each.tolist() for each in near), strict=True)
        if not photos.digests[one] or photos.digests[one] != photos.digests[other]
    ]


def _extremes(
    photos: Sequence[Photo], quality: Sequence[PhotoQuality | None], quantity: str
) -> list[Extreme]:
    """Returns the photos with the lowest brightness or sharpness."""
    known = [
        Extreme(photo, quantity, getattr(each, quantity))
        for photo, each in zip(photos, quality, strict=True)
        if each is not None
    ]
    return sorted(known, key=lambda each: each.value)[:_MOST_EXTREME]


def _confused(photos: ReviewedPhotos, probabilities: ProbabilityMatrix) -> list[ConfusedClasses]:
    """Returns pairs of classes whose photos are taken for each other almost as often as not."""
    others = probabilities.copy()
    others[np.arange(len(photos)), photos.labels] = -1
    # Of very many pairs of classes, only those that some photo speaks for.
    pairs = {
        (min(pair), max(pair))
        for pair in zip(photos.labels.tolist(), others.argmax(axis=1).tolist(), strict=True)
    }
    found = []
    for one, other in sorted(pairs):
        parts = [photos.labels == label for label in (one, other)]
        if min(part.sum() for part in parts) < FEW_PHOTOS:
            continue
        first = probabilities[:, one] > probabilities[:, other]
        right = (np.mean(first[parts[0]]) + np.mean(~first[parts[1]])) / 2
        if right <= _CONFUSED:
            names = photos.classes[one], photos.classes[other]
            number = int(parts[0].sum() + parts[1].sum())
            found.append(ConfusedClasses(names, number, _rounded(right)))
    return sorted(found, key=lambda each: each.told_apart)


def _next(photos: ReviewedPhotos, count: int, seed: int) -> list[NextPhoto]:
    unlabelled = photos.unlabelled_embeddings
    if unlabelled is None or not len(unlabelled):
        return []
    rows = label_next(photos.embeddings, photos.labels, unlabelled, count, seed=seed)
    answers = _answers(photos, unlabelled[rows])
    return [
        NextPhoto(
            photos.unlabelled[row],
            photos.classes[int(answer.argmax())],
            _rounded(answer.max()),
        )
        for row, answer in zip(rows.tolist(), answers, strict=True)
    ]


def _answers(photos: ReviewedPhotos, unlabelled: Embeddings) -> ProbabilityMatrix:
    classes = len(photos.classes)
    head = SoftmaxRegression(unlabelled.shape[1], classes, seed=0)
    head.fit(normalize_lengths(photos.embeddings, classes), photos.labels, groups=photos.groups)
    return head.predict_proba(unlabelled)


def _rounded(number: float) -> float:
    return round(float(number), 4)
