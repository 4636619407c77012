"""Extraction on several Edge TPUs, some of which fail."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.averaging_model import averaging_model
from tests.support.stand_in.devices import StandIn
from tests.support.stand_in.models import compiled

from coral_learn import edgetpu
from coral_learn.errors import EdgeTpuError
from coral_learn.extraction.extractor import EmbeddingExtractor

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]
LEVELS = [index * 37 % 256 for index in range(300)]


@pytest.fixture
def photo_files(tmp_path: Path) -> list[Path]:
    """300 photos, each of a gray that encodes its number."""
    paths = [tmp_path / f"{index}.png" for index in range(len(LEVELS))]
    for path, level in zip(paths, LEVELS, strict=True):
        Image.new("L", (12, 10), level).save(path)
    return paths


def devices_used(tpus: StandIn) -> list[str]:
    return sorted(options["device"] for _, options in tpus.opened)


@pytest.mark.parametrize("devices", ["all", [":0", "usb:1", "pci:0"]])
def test_several_edge_tpus_share_the_photos(
    devices: str | list[str], edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "usb", "pci"], latency=0.001) as tpus:
        with EmbeddingExtractor(compiled(twin), device=devices) as extractor:
            embeddings = extractor.extract(photo_files)
            assert tpus.open_delegates == 3
        assert tpus.open_delegates == 0
        assert devices_used(tpus) == sorted([":0", ":1", ":2"] if devices == "all" else devices)
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
    assert sum(tpus.inferences) == 300
    assert min(tpus.inferences) >= 50


def test_all_devices_may_be_the_default(
    edge_tpus: EdgeTpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(edgetpu.DEVICE_VARIABLE, "all")
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "pci"]), EmbeddingExtractor(compiled(twin)) as extractor:
        assert extractor.device == ":0,:1"
    with pytest.warns(UserWarning, match="runs on the CPU"), EmbeddingExtractor(twin) as extractor:
        assert extractor.device == "cpu"


@pytest.mark.parametrize("device", ["usb", ":0", "pci:1", "all", [":0", "usb"]])
def test_a_model_that_is_not_compiled_is_refused_on_an_edge_tpu(
    device: str | list[str], edge_tpus: EdgeTpus, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(averaging_model())
    message = f"{path} is not compiled for the Edge TPU.*`edgetpu_compiler {path}`"
    with edge_tpus(None, ["usb", "pci"]), pytest.raises(EdgeTpuError, match=message):
        EmbeddingExtractor(path, device=device)


def test_all_devices_without_an_edge_tpu_is_an_error(edge_tpus: EdgeTpus) -> None:
    twin = averaging_model()
    with edge_tpus(twin, []), pytest.raises(EdgeTpuError, match="no Edge TPU was found"):
        EmbeddingExtractor(compiled(twin), device="all")


def test_every_photo_has_one_row_after_an_edge_tpu_fails(
    edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    done = []
    with edge_tpus(twin, ["usb"] * 3, latency=0.001, unplugged_after={1: 40}) as tpus:
        with EmbeddingExtractor(compiled(twin), device="all") as extractor:
            with pytest.warns(UserWarning, match="continuing without an Edge TPU") as warned:
                embeddings = extractor.extract(
                    photo_files, progress=lambda count, total: done.append(count)
                )
            assert tpus.open_delegates == 2
        assert tpus.open_delegates == 0
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
    assert tpus.inferences[1] == 40
    assert sum(tpus.inferences) == 300
    assert done == list(range(1, 301))
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.filterwarnings("ignore:continuing without")
def test_losing_every_edge_tpu_is_an_error(edge_tpus: EdgeTpus, photo_files: list[Path]) -> None:
    twin = averaging_model()
    with edge_tpus(twin, ["usb"] * 3, unplugged_after={0: 20, 1: 30, 2: 10}) as tpus:
        with (
            EmbeddingExtractor(compiled(twin), device="all") as extractor,
            pytest.raises(EdgeTpuError, match=r"failed.*\(all 3 were lost\)"),
        ):
            extractor.extract(photo_files)
        assert tpus.open_delegates == 0
    assert tpus.inferences == [20, 30, 10]


def test_losing_the_only_edge_tpu_is_an_error(edge_tpus: EdgeTpus, photo_files: list[Path]) -> None:
    twin = averaging_model()
    with (
        edge_tpus(twin, ["usb"], unplugged_after={0: 20}),
        EmbeddingExtractor(compiled(twin)) as extractor,
    ):
        for _ in range(2):
            with pytest.raises(EdgeTpuError, match="plug it in again and start over"):
                extractor.extract(photo_files)


def test_other_devices_run_the_photos_of_one_that_cannot_be_opened(
    edge_tpus: EdgeTpus, photo_files: list[Path]
) -> None:
    twin = averaging_model()
    with (
        edge_tpus(twin, ["usb"], latency=0.001),
        EmbeddingExtractor(compiled(twin), device=["usb", "usb:7"]) as extractor,
        pytest.warns(UserWarning, match="there is no Edge TPU 'usb:7'"),
    ):
        embeddings = extractor.extract(photo_files)
    np.testing.assert_array_equal(embeddings.quantized[:, 0], LEVELS)
