"""Nothing is sent over the network, and no file that is read can run code."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import build_classifier, build_extractor
from tests.support.stand_in import library

from coral_learn import Embeddings, SoftmaxRegression
from coral_learn.tflite.head.class_means import attach_class_means, read_class_means
from coral_learn.tflite.tree import pack, unpack

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

MAIN = "from coral_learn.cli import main; main()"


@pytest.fixture(scope="module")
def without_network(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a process that opens a socket dies."""
    if sys.platform != "linux":
        pytest.skip("needs LD_PRELOAD")
    source = Path(__file__).with_name("support") / "no_network.c"
    folder = tmp_path_factory.mktemp("no_network")
    guard = library.build(
        folder, "-fvisibility=default", "-ldl", source=source, name="no_network.so"
    )
    preloaded = f"{os.environ.get('LD_PRELOAD', '')} {guard}".strip()
    return {**os.environ, "LD_PRELOAD": preloaded, "XDG_CACHE_HOME": str(folder)}


def run(
    environment: dict[str, str], code: str, *arguments: object
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
        "import socket; socket.getaddrinfo('localhost', 9)",
    ],
)
def test_the_guard_stops_a_process_that_uses_the_network(
    without_network: dict[str, str], code: str
) -> None:
    done = run(without_network, code)
    assert done.returncode < 0
    assert "reached for the network" in done.stderr


def test_the_commands_do_not_use_the_network(
    without_network: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(build_extractor("uint8", 16, size=(16, 16)).content)
    output = tmp_path / "out"
    model = output / "retrained_model.tflite"
    photo = next(photos.glob("*/*"))
    for arguments in (
        ["train", photos, "--extractor", extractor, "--output", output],
        ["classify", model, photo],
        ["evaluate", model, photos],
    ):
        done = run(without_network, MAIN, *arguments)
        assert done.returncode == 0, done.stderr
    done = run(without_network, MAIN, "doctor", "--model", model)
    assert done.returncode in (0, 1), done.stderr  # 1: it reports that there is no Edge TPU


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


def head_fields(tmp_path: Path) -> dict[str, Any]:
    head = SoftmaxRegression(4, 2, seed=0)
    head.labels = ["a", "b"]
    data = {"data_train": np.eye(4, dtype=np.float32), "labels_train": [0, 1, 0, 1]}
    head.train_with_sgd(data, 1, 0.1, print_every=0)
    head.save(tmp_path / "head.npz")
    return dict(np.load(tmp_path / "head.npz"))


def embeddings_fields(tmp_path: Path) -> dict[str, Any]:
    Embeddings(np.eye(4, dtype=np.float32)).save(tmp_path / "embeddings.npz")
    return dict(np.load(tmp_path / "embeddings.npz"))


@pytest.mark.parametrize(
    ("make_fields", "load"),
    [(head_fields, SoftmaxRegression.load), (embeddings_fields, Embeddings.load)],
    ids=["head", "embeddings"],
)
def test_loading_never_unpickles(
    make_fields: Callable[[Path], dict[str, Any]], load: Callable[[Path], object], tmp_path: Path
) -> None:
    mark, path = tmp_path / "unpickled", tmp_path / "malicious.npz"
    fields = make_fields(tmp_path)
    assert len(fields) >= 4
    for name in fields:
        np.savez(path, **{**fields, name: np.array(Malicious(mark), object)})
        with pytest.raises(ValueError, match=r"malicious\.npz is not"):
            load(path)
        assert not mark.exists(), name
    assert np.load(path, allow_pickle=True)[name] is not None  # the attack works with allow_pickle
    assert mark.exists()


def test_a_note_in_a_model_is_never_unpickled(tmp_path: Path) -> None:
    mark, noted = tmp_path / "unpickled", tmp_path / "note.npy"
    np.save(noted, np.array([Malicious(mark)], object), allow_pickle=True)
    mark.unlink(missing_ok=True)
    classifier = build_classifier(classes=2).content
    model = unpack(attach_class_means(classifier, [np.ones(8), np.zeros(8)]).content)
    (entry,) = [each for each in model.metadata if (each.name or b"").startswith(b"CORAL_LEARN_")]
    model.buffers[entry.buffer].data = np.frombuffer(noted.read_bytes(), np.uint8)
    assert read_class_means(pack(model)) is None
    assert not mark.exists()
