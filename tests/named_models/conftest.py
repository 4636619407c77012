"""A catalog of models that the tests make, and a server that has them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.file_server import FileServer, serve
from tests.support.model_builder import build_extractor
from tests.support.stand_in.models import compiled

from coral_learn.machine import CACHE_VARIABLE
from coral_learn.named_models import catalog as module
from coral_learn.named_models import download as download_module
from coral_learn.named_models.store import URL_VARIABLE


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, which is empty, and short pauses between attempts."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(download_module, "_PAUSE", 0.001)
    return tmp_path / "cache"


@pytest.fixture
def files() -> dict[str, bytes]:
    small = build_extractor(size=(6, 6)).content
    return {
        "plain.tflite": build_extractor().content,
        "small.tflite": small,
        "small_edgetpu.tflite": compiled(small),
    }


@pytest.fixture
def server(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileServer]:
    """A server of three models, ``plain``, ``small`` and ``small-edgetpu``, in the catalog."""
    lines = ["name,network,features,file,git_id,sha256"]
    for name in ("plain", "small", "small-edgetpu"):
        file = f"{name.replace('-', '_')}.tflite"
        sha256 = hashlib.sha256(files[file]).hexdigest() if name == "small" else ""
        lines.append(f"{name},A network,,{file},{git_id(files[file])},{sha256}")
    (tmp_path / "models.csv").write_text("\n".join(lines))
    monkeypatch.setattr(module, "_FILE", tmp_path / "models.csv")
    module.catalog.cache_clear()
    with serve(dict(files)) as state:
        monkeypatch.setenv(URL_VARIABLE, state.url)
        yield state
    module.catalog.cache_clear()
