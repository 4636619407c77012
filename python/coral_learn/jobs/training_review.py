"""What is doubtful about the photos of a training, for its report."""

from collections.abc import Sequence
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
    rows, drawn = photos.real, photos.drawn_class
    reviewed = ReviewedPhotos(
        photos=[
            Photo(photos.paths[row], photos.names[row], photos.classes[photos.labels[row]])
            for row in rows
        ],
        classes=photos.classes,
        labels=photos.labels[rows],
        embeddings=photos.embeddings[rows],
        digests=[photos.digests[row] for row in rows],
        skipped=photos.skipped,
        drawn=None if drawn is None else photos.classes[drawn],
    )
    review = compile_review(
        str(source),
        reviewed,
        trust.doubts,
        _quality([photos.paths[row] for row in rows], reviewed.digests, cache),
        compare=not are_too_many(photos.embeddings),
    )
    contradictions = [
        Duplicates([Photo(path, str(path), label) for path, label in copies])
        for copies in photos.contradictions
    ]
    return replace(review, duplicates=contradictions)


def _quality(
    paths: Sequence[Path], digests: Sequence[bytes], cache: EmbeddingCache | None
) -> list[PhotoQuality | None]:
    """Measures photos; none if there is so much of them that training would take much longer."""
    nothing: list[PhotoQuality | None] = [None] * len(paths)
    try:
        size = sum(path.stat().st_size for path in paths)
    except OSError:  # a photo is gone since
        return nothing
    return nothing if size > _MAX_BYTES else measure_cached(paths, digests, cache)
