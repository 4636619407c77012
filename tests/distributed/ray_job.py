"""Extraction and a fit on Ray, in a process of its own: prints what came out as JSON.

A worker is killed while it embeds photos, and an actor while it holds a shard.
"""

import json
import os
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from coral_learn import SoftmaxRegression
from coral_learn.distributed import ray_extraction
from coral_learn.distributed.parquet_shard import divide
from coral_learn.distributed.parts import PartChoice
from coral_learn.distributed.ray_cluster import connect
from coral_learn.distributed.ray_shard import open_on_ray
from coral_learn.embedded import writer
from coral_learn.embedded.folder import EmbeddedFolder
from coral_learn.embedded.image_folder import read_images
from coral_learn.jobs.embedding.run import embed
from coral_learn.jobs.engines import EngineOptions

photos, extractor, output, died = map(Path, sys.argv[1:])


class DyingWorker(ray_extraction.ExtractionWorker):
    """Is killed in the middle of a batch, once."""

    def __call__(self, batch: Any) -> Any:
        try:
            died.touch(exist_ok=False)
        except FileExistsError:
            return super().__call__(batch)
        os.kill(os.getpid(), signal.SIGKILL)
        return None


writer._GROUP_BYTES = 1000
ray_extraction.ExtractionWorker = DyingWorker  # type: ignore[misc]
with redirect_stdout(sys.stderr):  # Ray prints that a worker died
    cluster = connect(None, 3)
    import ray  # which reads the environment, and so not before
    from ray._common.usage.usage_lib import usage_stats_enabled
    from ray._private.authentication.authentication_utils import is_token_auth_enabled

    on_ray = EngineOptions("ray", workers=2)
    embedded = embed(photos, extractor, output, options=on_ray)
    again = embed(photos, extractor, output, options=on_ray)
    opened = EmbeddedFolder(output)
    images = read_images(opened)
    shape = images.embeddings.shape[1], len(images.folder.classes)
    one, many = (SoftmaxRegression(*shape, seed=0) for _ in range(2))
    expected = one.fit(images.embeddings, images.folder.labels)
    shards = open_on_ray(divide(opened, PartChoice(), 3), PartChoice(), 3)
    ray.kill(shards[0]._actor, no_restart=False)
    found = many.fit_shards(shards)
    reports, needs_token = usage_stats_enabled(), is_token_auth_enabled()
    cluster.close()
difference = np.abs(many.weights - one.weights).max() / np.abs(one.weights).max()
print(
    json.dumps(
        {
            "embedded": embedded.embedded,
            "skipped": [photo.path for photo in embedded.skipped],
            "again": again.embedded,
            "died": died.exists(),
            "shards": len(shards),
            "penalties": [expected.penalty, found.penalty],
            "difference": float(difference),
            "reports": reports,
            "needs_token": needs_token,
        }
    )
)
