"""What is doubtful about the photos of a training, for its report."""

from dataclasses import replace
from pathlib import Path

from ..extraction.cache import EmbeddingCache
from ..heads.scenes import are_too_many
from .review.findings import Duplicates, Review
from .review.photo_quality import PhotoQuality, measure_cached
from .review.photos import Photo, ReviewedPhotos
from .review.run import compile_review
from .training_photos import TrainingPhotos
from .trust import Trust

_MAX_BYTES = 50_000_000  # of photos to look for dark and blurred ones: one or two seconds


def review_training(
    source: Path, photos: TrainingPhotos, trust: Trust, cache: EmbeddingCache | None
) -> Review:
    """Reviews the photos that a head was trained and tested on.

    Args:
        source: Where the photos come from.
        photos: The photos.
        trust: How far the head can be relied on, and how much the labels are doubted.
        cache: A cache for how bright and how sharp photos are.
    """
    reviewed = ReviewedPhotos(
        photos=[
            Photo(path, name, photos.classes[label])
            for path, name, label in zip(photos.paths, photos.names, photos.labels, strict=True)
        ],
        classes=photos.classes,
        labels=photos.labels,
        embeddings=photos.embeddings,
        digests=photos.digests,
        skipped=photos.skipped,
    )
    review = compile_review(
        str(source),
        reviewed,
        trust.doubts,
        _quality(photos, cache),
        compare=not are_too_many(photos.embeddings),
    )
    contradictions = [
        Duplicates([Photo(path, str(path), label) for path, label in copies])
        for copies in photos.contradictions
    ]
    return replace(review, duplicates=contradictions)


def _quality(photos: TrainingPhotos, cache: EmbeddingCache | None) -> list[PhotoQuality | None]:
    """Measures photos; none if there is so much of them that training would take much longer."""
    nothing: list[PhotoQuality | None] = [None] * len(photos.paths)
    try:
        size = sum(path.stat().st_size for path in photos.paths)
    except OSError:  # a photo is gone since
        return nothing
    return nothing if size > _MAX_BYTES else measure_cached(photos.paths, photos.digests, cache)
