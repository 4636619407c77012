"""A project with many noisy pictures, as a studio is measured with."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coral_learn import Embeddings, Project
from coral_learn.project.index import ProjectIndex
from coral_learn.project.state import EmbeddingFile, ProjectState
from coral_learn.project.store import ProjectStore

_SIZE = (320, 240)


def make_project(path: Path, *, classes: int, per_class: int) -> Project:
    """Makes a project whose classes are stripes of different width in any color, under noise."""
    generator = np.random.default_rng(0)
    pictures = path.with_name("pictures")
    pictures.mkdir()
    project = Project.create(path)
    project.measure_later()
    for kind in range(classes):
        paths = []
        for number in range(per_class):
            paths.append(pictures / f"{kind}-{number}.jpg")
            paths[-1].write_bytes(_jpeg(generator, kind))
        project.add(f"class {kind}", paths)
    return project


def frame() -> bytes:
    """Returns a picture as a camera would give it, a JPEG."""
    return _jpeg(np.random.default_rng(1), 3)


def grow(project: Project, times: int) -> None:
    """Makes a project several times as large, by embeddings that differ a little from others."""
    store, generator = ProjectStore(project.path), np.random.default_rng(2)
    current = project.step
    rows, labels = store.load_embeddings(current)
    photos = list(current.photos)
    for _ in range(times - 1):
        stored = rows.quantized.astype(np.int64) + generator.integers(-3, 4, rows.shape)
        near = Embeddings(stored.clip(0, 255).astype(np.uint8), rows.scale, rows.zero_point)
        digests = [generator.bytes(32) for _ in labels]
        photos.append(EmbeddingFile(store.save_embeddings(near, digests), labels.tolist()))
    state = ProjectState("grow", current.classes, photos, current.head)
    index: ProjectIndex = project.index
    store.write_index(index.changed(state))


def _jpeg(generator: np.random.Generator, kind: int) -> bytes:
    stripes = 40 * np.sin(np.arange(80) / (kind + 1))[None, :, None]
    noise = generator.normal(0, 40, (60, 80, 3))
    pixels: NDArray[np.uint8] = (
        (generator.integers(0, 255, 3) + noise + stripes).clip(0, 255).astype(np.uint8)
    )
    content = io.BytesIO()
    Image.fromarray(pixels).resize(_SIZE).save(content, "JPEG")
    return content.getvalue()
