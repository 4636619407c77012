"""Writes the golden files: one file of every format that coral-learn writes, as small as possible.

    python tests/golden/make.py tests/golden/v3

Every later version must read the golden files of every earlier one (tests/test_golden.py). So make
a new folder whenever a format changes, with the first version that writes the new format, and never
write an old folder again. The folder v1 was written by the code at commit 2ba37a2:

    PYTHONPATH=OLD/python python tests/golden/make.py tests/golden/v1 --builder OLD/tests

The folder v2 has the first imprinting model that keeps the head of its classifier.

The same code and the same processor write the same bytes. The models are built in memory.
"""

import argparse
import json
import os
import random
import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from coral_learn import (
    Classifier,
    EmbeddingCache,
    EmbeddingExtractor,
    Embeddings,
    ImprintingEngine,
    Project,
    SoftmaxRegression,
    create_embedding_extractor,
    create_imprinting_model,
    read_head,
    remember_classes,
)

CLASSES = ["red", "green", "blue"]
CACHE_SOURCE = b"the golden model"
CACHED = {b"a photo": b"its embedding", b"another photo": bytes(range(16))}


def photos(seed: int, count: int) -> dict[str, list[NDArray[np.uint8]]]:
    """Returns small photos of each class, in which one colour is brighter than the others."""
    rng = np.random.default_rng(seed)
    brightness = 120 * np.eye(3)
    return {
        name: [(rng.uniform(0, 130, (4, 4, 3)) + colour).astype(np.uint8) for _ in range(count)]
        for name, colour in zip(CLASSES, brightness, strict=True)
    }


def main() -> None:
    """Writes all files, and ``expected.json`` with what they contain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder to write; it is emptied first")
    parser.add_argument(
        "--builder",
        type=Path,
        default=Path(__file__).parents[1] / "support",
        help="the folder of model_builder.py",
    )
    args = parser.parse_args()
    sys.path.insert(0, str(args.builder))
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    with (
        mock.patch.object(os, "urandom", random.Random(0).randbytes),
        mock.patch("time.time", return_value=1.0e9),
    ):
        expected = write_all(args.folder, import_module("model_builder"))
    text = json.dumps(expected, indent=1)
    (args.folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def write_all(folder: Path, model_builder: ModuleType) -> dict[str, Any]:
    """Writes all files; returns what they contain, by the name of the file."""
    extractor = model_builder.build_extractor("uint8", 4).content
    classifier = model_builder.build_classifier("uint8", 4, 2).content
    (folder / "extractor.tflite").write_bytes(extractor)
    training = photos(seed=1, count=6)
    with EmbeddingExtractor(extractor, device="cpu") as model:
        embeddings = model.extract([photo for each in training.values() for photo in each])
    labels = np.repeat(np.arange(len(CLASSES)), 6)
    head = trained_head(embeddings, labels)
    return {
        **write_embeddings(folder, embeddings),
        **write_head(folder, head, embeddings),
        **write_cache(folder),
        **write_project(folder, extractor, training),
        **write_retrained(folder, head, extractor, embeddings, labels),
        **write_imprinted(folder, extractor, embeddings, labels, keep_classes=False),
        **write_imprinted(folder, classifier, embeddings, labels, keep_classes=True),
    }


def trained_head(embeddings: Embeddings, labels: NDArray[np.int64]) -> SoftmaxRegression:
    head = SoftmaxRegression(4, len(CLASSES), weight_scale=0.5, reg=0.25, seed=7)
    data = {"data_train": embeddings, "labels_train": labels}
    head.train_with_sgd(data, 200, 0.1, batch_size=6, print_every=0)
    head.labels = CLASSES
    return head


def write_embeddings(folder: Path, embeddings: Embeddings) -> dict[str, Any]:
    real = Embeddings(np.asarray(embeddings[:2]))
    embeddings.save(folder / "embeddings_uint8.npz")
    real.save(folder / "embeddings_float32.npz")
    return {
        name: {
            "dtype": str(each.quantized.dtype),
            "quantized": each.quantized.tolist(),
            "scale": each.scale,
            "zero_point": each.zero_point,
        }
        for name, each in (("embeddings_uint8.npz", embeddings), ("embeddings_float32.npz", real))
    }


def write_head(folder: Path, head: SoftmaxRegression, embeddings: Embeddings) -> dict[str, Any]:
    head.save(folder / "head.npz")
    return {
        "head.npz": {
            "weights": head.weights.tolist(),
            "biases": head.biases.tolist(),
            "weight_scale": head.weight_scale,
            "reg": head.reg,
            "seed": head.seed,
            "labels": head.labels,
            "probabilities": head.predict_proba(embeddings).tolist(),
        }
    }


def write_cache(folder: Path) -> dict[str, Any]:
    cache = EmbeddingCache(folder)
    with cache.open(CACHE_SOURCE) as rows:
        for photo, row in CACHED.items():
            rows.put(rows.key(photo), row)
    return {
        cache.path.name: {
            "source": CACHE_SOURCE.decode(),
            "rows": {photo.decode(): row.hex() for photo, row in CACHED.items()},
        }
    }


def write_project(
    folder: Path, extractor: bytes, training: dict[str, list[NDArray[np.uint8]]]
) -> dict[str, Any]:
    project = Project.create(folder / "project", extractor)
    for name, each in training.items():
        project.add_class(name, each, device="cpu")
    project.remove_class("green")
    project.rename_class("blue", "navy")
    project.add_photos("red", training["red"][:1], device="cpu")
    shown = project.to_json()
    del shown["path"]
    return {"project": {"shown": shown, "scores": scores_of(project.serialize_model())}}


def write_retrained(
    folder: Path,
    head: SoftmaxRegression,
    extractor: bytes,
    embeddings: Embeddings,
    labels: NDArray[np.int64],
) -> dict[str, Any]:
    """Writes a model with its class means, and the extractor that is cut from it."""
    retrained = remember_classes(head.serialize_model(extractor), embeddings, labels)
    (folder / "retrained.tflite").write_bytes(retrained)
    (folder / "cut.tflite").write_bytes(create_embedding_extractor(retrained))
    weights, biases, names = read_head(retrained)
    means = [np.asarray(embeddings[labels == k]).mean(axis=0).tolist() for k in range(len(CLASSES))]
    return {
        "retrained.tflite": {
            "weights": weights.tolist(),
            "biases": biases.tolist(),
            "labels": names,
            "class_means": means,
            "scores": scores_of(retrained),
        }
    }


def write_imprinted(
    folder: Path,
    model: bytes,
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    *,
    keep_classes: bool,
) -> dict[str, Any]:
    """Writes an imprinting model, which stores the sums of its embeddings and may keep classes."""
    prepared = create_imprinting_model(model, keep_classes=keep_classes)
    engine = ImprintingEngine(prepared, keep_classes=keep_classes)
    engine.train_all(embeddings, labels + engine.num_classes)
    engine.labels = [f"class {index}" for index in range(engine.num_classes)]
    name = "imprinted_with_kept_classes.tflite" if keep_classes else "imprinted.tflite"
    (folder / name).write_bytes(engine.serialize_model())
    kept = engine.num_classes - len(CLASSES)
    answers = engine.predict(embeddings).tolist()
    engine.train(np.asarray(embeddings[0]), kept + 1)
    return {
        name: {
            "labels": engine.labels,
            "answers": answers,
            "scores": scores_of((folder / name).read_bytes()),
            "scores_after_training_on": scores_of(engine.serialize_model()),
        }
    }


def scores_of(model: bytes) -> list[list[float]]:
    """Returns the scores of one photo of each class."""
    with Classifier(model, device="cpu") as classifier:
        seen = [each for [each] in photos(seed=2, count=1).values()]
        return [[float(score) for score in row] for row in classifier.scores(seen)]


if __name__ == "__main__":
    main()
