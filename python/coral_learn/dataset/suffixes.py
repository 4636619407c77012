"""The kinds of files, by the ends of their names in lower case."""

PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"}
    | {".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
"""Photos."""

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
"""Videos, whose frames are photos."""

LISTING_SUFFIXES = frozenset({".csv", ".jsonl", ".ndjson", ".tsv"})
"""Listings of photos and their classes."""

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
"""The names of the listing that Hugging Face's ImageFolder keeps beside the photos."""

ZIP_SUFFIXES = (".zip", ".tm")
"""Zip files; ``.tm`` is the project file of Teachable Machine."""

ARCHIVE_SUFFIXES = (
    *(*ZIP_SUFFIXES, ".tar", ".tar.gz", ".tgz"),
    *(".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
)
"""Archives."""
