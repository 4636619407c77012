"""Ray for real, on this machine: extraction, and shards in actors."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coral_learn.distributed.ray_cluster import connect
from coral_learn.embedded.folder import EmbeddedFolder

pytestmark = pytest.mark.slow_when_emulated

_JOB = Path(__file__).with_name("ray_job.py")


@pytest.fixture(scope="module")
def source(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn photos and a broken one."""
    folder = tmp_path_factory.mktemp("source") / "photos"
    shutil.copytree(photos, folder)
    (folder / "crab" / "broken.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def done(source: Path, output: Path, extractor: Path) -> Any:
    """What the job found, after it ran in a process of its own."""
    pytest.importorskip("ray", reason="the extra coral-learn[ray] is not installed")
    job = subprocess.run(
        [sys.executable, _JOB, source, extractor, output, output / "died"],
        capture_output=True,
        text=True,
    )
    assert job.returncode == 0, job.stderr[-3000:]
    return json.loads(job.stdout)


def test_a_killed_worker_loses_no_photo_and_repeats_none(
    done: Any, output: Path, embedded: Path
) -> None:
    assert done["died"]
    assert done["embedded"] == 60
    found, expected = EmbeddedFolder(output).read(), EmbeddedFolder(embedded).read()
    assert sorted(found.digests) == sorted(expected.digests)
    row_of = {digest: row for row, digest in enumerate(found.digests)}
    order = [row_of[digest] for digest in expected.digests]
    assert np.array_equal(found.embeddings.quantized[order], expected.embeddings.quantized)


def test_a_broken_photo_is_named_and_a_rerun_finds_nothing_to_do(done: Any, source: Path) -> None:
    assert done["skipped"] == [str(source / "crab" / "broken.jpg")]
    assert done["again"] == 0


def test_the_head_of_shards_in_actors_is_that_of_the_rows_in_memory(done: Any) -> None:
    assert done["shards"] == 3
    assert done["penalties"][0] == done["penalties"][1]
    assert done["difference"] <= 1e-4


def test_nothing_is_reported_to_the_makers_of_ray(done: Any) -> None:
    assert done["reports"] is False


def test_nobody_else_can_use_the_ray_that_is_started_here(done: Any) -> None:
    assert done["needs_token"] is True


def test_the_command_is_quiet(photos: Path, extractor: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra coral-learn[ray] is not installed")
    command = ["embed", photos, "--extractor", extractor, "--output", tmp_path / "out"]
    options = ["--engine", "ray", "--workers", "1", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "coral_learn", *map(str, command), *options],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["photos"] == 60
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("Reading photos")]
    assert lines == []


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"there is no Ray cluster at ray://127\.0\.0\.1:1 "):
        connect("ray://127.0.0.1:1", None)


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        ValueError, match=r"--engine ray needs ray: pip install 'coral-learn\[ray\]'"
    ):
        connect(None, 1)
