"""Engines: what runs an extractor on many photos, on this machine or on many."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from ...extraction.embedded_rows import EmbeddedRow, stream_rows
from ...extraction.extractor import EmbeddingExtractor
from ...tflite.file import ModelFile
from ...tflite.normalization import Normalization, NormalizationLike, parse_normalization
from ...tflite.resize_note import read_view
from ...tflite.resizing import View
from ..engines import EngineOptions


class OutputForm(NamedTuple):
    """The form of an embedding: its length, and how it is stored."""

    features: int
    dtype: str
    scale: float
    zero_point: int


class OpenEngine(NamedTuple):
    """An extractor that is ready to run.

    Attributes:
        run: Yields the outcome of each photo, in any order, given their paths or addresses.
        close: Frees what it uses.
        output: The form of an embedding.
        resize: What the extractor sees of a photo.
        input_range: How pixels are normalized, if that was given; "" if not.
        device: What runs it.
    """

    run: Callable[[Sequence[str]], Generator[EmbeddedRow, None, None]]
    close: Callable[[], None]
    output: OutputForm
    resize: View
    input_range: str
    device: str


def open_engine(
    options: EngineOptions,
    model: ModelFile,
    normalization: NormalizationLike | None,
    resize: View | None,
) -> OpenEngine:
    """Opens an extractor on an engine.

    Raises:
        ValueError: The options do not go together, the input range is not known, or Ray is not
            installed.
        ModelError: The extractor cannot be used.
        EdgeTpuError: The device failed.
    """
    given = None if normalization is None else parse_normalization(normalization)
    if given is None and model.has_unknown_range:
        raise ValueError(
            f"{model.name} does not say in which range it takes pixels, and millions of photos are "
            "not to be embedded by a guess. Give the range with --input-range"
        )
    view = resize or read_view(model)
    if options.engine == "ray":
        return _open_on_ray(options, model, given, view)
    extractor = EmbeddingExtractor(
        model,
        device=options.device,
        workers=options.workers,
        cache=options.cache,
        normalization=given,
        resize=view,
    )
    return OpenEngine(
        lambda photos: stream_rows(extractor, photos),
        extractor.close,
        _form_of(extractor),
        view,
        "" if given is None else str(given),
        extractor.device,
    )


def _open_on_ray(
    options: EngineOptions, model: ModelFile, given: Normalization | None, view: View
) -> OpenEngine:
    from ...distributed.ray_cluster import connect  # an extra
    from ...distributed.ray_extraction import ExtractorSettings, extract_on_ray

    # Opened here as well, so that a model that cannot be used is found out before anything starts.
    with EmbeddingExtractor(model, device=options.device, workers=1, normalization=given) as first:
        form, device = _form_of(first), first.device
    cluster = connect(options.address, options.workers)
    settings = ExtractorSettings(model.content, options.device, given, view)
    return OpenEngine(
        lambda photos: extract_on_ray(settings, photos, cluster.workers),
        cluster.close,
        form,
        view,
        "" if given is None else str(given),
        device,
    )


def _form_of(extractor: EmbeddingExtractor) -> OutputForm:
    found = extractor.output_format
    return OutputForm(found.size, str(found.dtype), found.scale, found.zero_point)
