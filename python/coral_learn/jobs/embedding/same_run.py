"""Whether a folder of embedded photos was made in the way that is asked for now."""

from pathlib import Path

from ...embedded.format import Description


def check_same_run(folder: Path, present: Description, wanted: Description) -> None:
    """Refuses to add rows to a folder of another extractor, of other settings or other photos.

    Raises:
        ValueError: The folder is of another run; the error says what is different.
    """
    if present.extractor != wanted.extractor:
        raise ValueError(
            f"{folder} has embeddings of {present.named_extractor}, and "
            f"{wanted.named_extractor} is another extractor. Choose another --output."
        )
    for name, option in (("resize", "--resize"), ("input_range", "--input-range")):
        before, now = getattr(present, name), getattr(wanted, name)
        if before != now:
            raise ValueError(
                f"{folder} was made with {option} {before or 'left out'}, not "
                f"{now or 'left out'}. Use the same, or choose another --output."
            )
    if present.source != wanted.source:
        raise ValueError(
            f"{folder} has the photos of {present.source}, not of {wanted.source}. Choose another "
            "--output."
        )
    if present != wanted._replace(extractor_name=present.extractor_name):
        raise ValueError(
            f"{folder} has embeddings of another form than this extractor gives here. Choose "
            "another --output."
        )
