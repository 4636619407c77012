"""Engines: where the work is done, on this machine or on many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..extraction.cache import EmbeddingCache

EngineName = Literal["local", "ray"]
"""Threads of this process, or actors of Ray."""


@dataclass(frozen=True)
class EngineOptions:
    """Where the work is done.

    Attributes:
        engine: What does it.
        device: The device of an extractor, as for :class:`coral_learn.EmbeddingExtractor`.
        workers: The number of photos at once, of threads or of actors; None for the number of
            processors.
        cache: A cache for embeddings (local only: other machines have others).
        address: The address of a Ray cluster, such as ``auto`` or ``ray://head:10001``; None to
            start Ray on this machine.
    """

    engine: EngineName = "local"
    device: str | None = None
    workers: int | None = None
    cache: EmbeddingCache | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        """Checks that the options go together.

        Raises:
            ValueError: There is an address, and no cluster.
        """
        if self.engine != "ray" and self.address is not None:
            raise ValueError(
                "--address is that of a Ray cluster. Add --engine ray, or leave it out."
            )
