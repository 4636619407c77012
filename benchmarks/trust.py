"""Whether what is said about photos and models can be relied on."""

from collections.abc import Iterator

from . import bursts, drift, label_errors, reliance, strangers
from .figures import Figure, Note
from .settings import Settings

PART = "trust"


def run(settings: Settings) -> Iterator[Figure | Note]:
    """Measures each promise."""
    yield from label_errors.run(PART, settings)
    yield from reliance.run(PART, settings)
    yield from strangers.run(PART, settings)
    yield from bursts.run(PART, settings)
    yield from drift.run(PART, settings)
