"""The models that the attacks mutate: one of every kind that the package makes or reads."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.support.model_builder import (
    KINDS,
    build_classifier,
    build_compiled_extractor,
    build_extractor,
)

from coral_learn.heads.imprinting import ImprintingEngine
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.head.class_means import attach_class_means
from coral_learn.tflite.imprinting.create import create_imprinting_model
from coral_learn.tflite.labels import attach_labels

from .mutations import Seed

_SIZE = (2, 2)


@functools.cache
def generated_seeds() -> tuple[Seed, ...]:
    """Builds the small models."""
    return tuple(Seed.of(name, content) for name, content in _build())


def real_seeds(folder: Path, max_bytes: int) -> tuple[Seed, ...]:
    """Reads the models in a folder that have at most ``max_bytes`` bytes."""
    paths = sorted(path for path in folder.glob("*.tflite") if path.stat().st_size <= max_bytes)
    return tuple(Seed.of(path.name, path.read_bytes()) for path in paths)


def _build() -> Iterator[tuple[str, bytes]]:
    for kind in KINDS:
        built = build_classifier(kind, 3, 2, size=_SIZE, with_signature=True)
        extractor = create_embedding_extractor(built.content)
        yield f"classifier {kind}", built.content
        yield f"cut {kind}", extractor
        yield f"labelled {kind}", attach_labels(built.content, ["cat", "dog"]).content
        yield f"imprinting {kind}", _teach(create_imprinting_model(extractor))
        yield f"grown {kind}", _teach(create_imprinting_model(built.content, keep_classes=True))
        yield f"own head {kind}", _with_own_head(extractor)
    for rank in (2, 3, 4):
        yield f"extractor rank {rank}", build_extractor("int8", 4, rank=rank, size=_SIZE).content
    yield "compiled", build_compiled_extractor().content
    yield "compiled classifier", _with_own_head(build_compiled_extractor("uint8", 3).content)
    yield from _other_tails()


def _other_tails() -> Iterator[tuple[str, bytes]]:
    tails: dict[str, dict[str, Any]] = {
        "fully connected": {"kind": "uint8", "linear": "fully_connected", "rank": 2},
        "factor": {"kind": "int8", "factor": 3.0, "flatten": "squeeze"},
        "mean": {"kind": "float32", "pool": "mean", "rank": 2, "linear": "fully_connected"},
        "half": {"kind": "float32", "half_precision": True},
        "per channel": {"kind": "int8", "per_channel": True, "activation": "logistic"},
        "real logits": {"kind": "uint8", "dequantize_logits": True},
        "logits": {"kind": "float32", "activation": None, "factor": 0.5},
        "fused": {"kind": "uint8", "fused_activation": "RELU6"},
    }
    for name, arguments in tails.items():
        yield name, build_classifier(features=3, classes=2, size=_SIZE, **arguments).content


def _teach(imprinting_model: bytes) -> bytes:
    engine = ImprintingEngine(imprinting_model, keep_classes=True)
    engine.train(np.arange(1.0, 1 + engine.embedding_dim), engine.num_classes)
    return engine.serialize_model()


def _with_own_head(extractor: bytes) -> bytes:
    head = np.array([[0.5, -0.5]] * 3, np.float32), np.zeros(2, np.float32)
    classifier = append_softmax_head(extractor, *head, labels=["a", "b"]).content
    return attach_class_means(classifier, np.ones((2, 3))).content
