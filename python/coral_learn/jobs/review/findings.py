"""What a review found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...extraction.photo_rows import SkippedPhoto
from .photos import Photo

FEW_PHOTOS = 5
"""The labels of a class with fewer photos can hardly be judged."""


@dataclass(frozen=True)
class Doubtful:
    """A photo whose label is probably wrong.

    Attributes:
        photo: The photo.
        suggested: The class that it looks like.
        probability: The probability of its label, by heads that were fitted without the photo.
    """

    photo: Photo
    suggested: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return _of_photo(self.photo) | {
            "suggested": self.suggested,
            "probability": self.probability,
        }


@dataclass(frozen=True)
class Duplicates:
    """Photos whose files have the same content.

    Attributes:
        photos: The photos, at least two.
    """

    photos: Sequence[Photo]

    @property
    def is_contradiction(self) -> bool:
        """Whether they are in different classes."""
        return len({photo.label for photo in self.photos}) > 1

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return _of_photos(self.photos)


@dataclass(frozen=True)
class NearDuplicates:
    """Two photos that look almost the same.

    Attributes:
        photos: Both photos.
        similarity: The cosine of their embeddings, relative to the center of their class.
    """

    photos: Sequence[Photo]
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return _of_photos(self.photos) | {"similarity": self.similarity}


@dataclass(frozen=True)
class Extreme:
    """A photo that stands out by one number.

    Attributes:
        photo: The photo.
        quantity: The name of the number in JSON.
        value: The number.
    """

    photo: Photo
    quantity: str
    value: float

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return _of_photo(self.photo) | {self.quantity: self.value}


@dataclass(frozen=True)
class ConfusedClasses:
    """Two classes that cannot be told apart.

    Attributes:
        classes: Their names.
        photos: The number of their photos.
        told_apart: How often the right one of the two is found, the mean of both classes; 0.5 is
            chance.
    """

    classes: tuple[str, str]
    photos: int
    told_apart: float

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return {
            "classes": list(self.classes),
            "photos": self.photos,
            "told_apart": self.told_apart,
        }


@dataclass(frozen=True)
class NextPhoto:
    """An unlabelled photo whose label teaches most.

    Attributes:
        photo: The photo.
        suggested: The class that it looks like.
        probability: The probability of that class.
    """

    photo: Photo
    suggested: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain types."""
        return {
            "path": self.photo.name,
            "suggested": self.suggested,
            "probability": self.probability,
        }


@dataclass(frozen=True)
class Review:
    """Everything that a review found.

    Attributes:
        source: What was reviewed.
        photos: The number of photos.
        classes: The number of photos of each class, by name; 0 if none can be read.
        doubtful: Photos whose label is probably wrong, the most doubtful first; none if all
            classes have too few photos to tell.
        duplicates: Exact copies; those with two labels first.
        near_duplicates: Pairs that look almost the same, the most similar first.
        outliers: Photos that are unlike their class, the most unusual first.
        darkest: The darkest photos.
        blurriest: The least sharp photos.
        confused_classes: Pairs of classes that cannot be told apart, the worst first.
        label_next: Unlabelled photos to label next, those that teach most first.
        skipped: Photos that cannot be read.
        notes: Facts that the user should know, a sentence each.
    """

    source: str
    photos: int
    classes: dict[str, int]
    doubtful: Sequence[Doubtful]
    duplicates: Sequence[Duplicates]
    near_duplicates: Sequence[NearDuplicates]
    outliers: Sequence[Extreme]
    darkest: Sequence[Extreme]
    blurriest: Sequence[Extreme]
    confused_classes: Sequence[ConfusedClasses]
    label_next: Sequence[NextPhoto]
    skipped: Sequence[SkippedPhoto] = ()
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Returns the review as plain types, as ``coral-learn review --json`` prints it."""
        lists = (
            *("doubtful", "duplicates", "near_duplicates", "outliers", "darkest", "blurriest"),
            *("confused_classes", "label_next"),
        )
        return {
            "source": self.source,
            "photos": self.photos,
            "classes": self.classes,
            **{name: [each.to_json() for each in getattr(self, name)] for name in lists},
            "skipped": [vars(each) for each in self.skipped],
            "notes": self.notes,
        }


def _of_photo(photo: Photo) -> dict[str, Any]:
    return {"path": photo.name, "label": photo.label}


def _of_photos(photos: Sequence[Photo]) -> dict[str, Any]:
    return {
        "paths": [photo.name for photo in photos],
        "labels": [photo.label for photo in photos],
    }
