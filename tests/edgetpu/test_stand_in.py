"""The stand-in Edge TPU gives the same results as the CPU, from photos to a retrained model."""

import functools
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.support.averaging_model import averaging_model
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn, plugged_in
from tests.support.stand_in.models import compiled

from coral_learn import EmbeddingExtractor, SoftmaxRegression, edgetpu, retrain
from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.tree import unpack

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]


class Extractor(NamedTuple):
    compiled: bytes
    twin: bytes


@pytest.fixture(params=["averages", "mobilenet"])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """A small extractor made here, and the tutorial's with the Edge TPU compiler's own output."""
    if request.param == "averages":
        twin = averaging_model()
        return Extractor(compiled(twin), twin)
    models = request.getfixturevalue("data_dir") / "models"
    name = "mobilenet_v1_1.0_224_quant_embedding_extractor"
    return Extractor(
        ModelFile.open(models / f"{name}_edgetpu.tflite").content,
        ModelFile.open(models / f"{name}.tflite").content,
    )


@pytest.fixture
def images() -> list[np.ndarray]:
    """Six images, each of a single color."""
    colors = np.random.default_rng(0).integers(0, 256, (6, 1, 1, 3), np.uint8)
    return list(np.broadcast_to(colors, (6, 40, 40, 3)))


def test_embeddings_equal_those_of_the_cpu_bit_for_bit(
    extractor: Extractor, images: list[np.ndarray], edge_tpus: EdgeTpus
) -> None:
    expected = EmbeddingExtractor(extractor.twin).extract(images)
    with edge_tpus(extractor.twin) as tpus:
        found = EmbeddingExtractor(extractor.compiled).extract(images)
        assert sum(tpus.inferences) == len(images)
    assert len(np.unique(expected.quantized, axis=0)) == len(images)
    np.testing.assert_array_equal(found.quantized, expected.quantized)
    assert (found.scale, found.zero_point) == (expected.scale, expected.zero_point)


def test_the_retrained_compiled_model_classifies_like_the_one_for_the_cpu(
    extractor: Extractor, images: list[np.ndarray], edge_tpus: EdgeTpus
) -> None:
    embeddings = EmbeddingExtractor(extractor.twin).extract(images)
    head = SoftmaxRegression(embeddings.shape[1], 3, seed=1)
    labels = np.arange(len(images)) % 3
    data = {"data_train": embeddings, "labels_train": labels}
    data.update(data_val=embeddings, labels_val=labels)
    head.train_with_sgd(data, num_iter=50, learning_rate=0.01, print_every=0)
    on_cpu, on_edgetpu = (head.serialize_model(model) for model in extractor[::-1])
    assert operators(on_edgetpu)[0] == "edgetpu-custom-op"
    assert operators(on_edgetpu)[1] == "FULLY_CONNECTED"
    assert operators(on_edgetpu)[-1] == "SOFTMAX"
    expected = [probabilities(edgetpu.make_interpreter(on_cpu), image) for image in images]
    with edge_tpus(extractor.twin, ["pci"]) as tpus:
        interpreter = edgetpu.make_interpreter(on_edgetpu, "pci:0")
        found = [probabilities(interpreter, image) for image in images]
        assert tpus.inferences == [len(images)]
    assert np.ptp(expected) > 0
    np.testing.assert_array_equal(found, expected)


def test_retraining_gives_the_same_result_on_both(
    extractor: Extractor, photos: Path, edge_tpus: EdgeTpus, tmp_path: Path
) -> None:
    seeded_retrain = functools.partial(retrain, photos, seed=3, validation=0.2, test=0.2)
    on_cpu = seeded_retrain(extractor.twin, tmp_path / "cpu")
    with edge_tpus(extractor.twin) as tpus:
        on_edgetpu = seeded_retrain(extractor.compiled, tmp_path / "edgetpu")
        assert sum(tpus.inferences) == on_cpu.images + on_cpu.images // 5  # all, then test
        gc.collect()
        assert tpus.open_delegates == 0
    assert on_edgetpu.model.name == "retrained_model_edgetpu.tflite"
    assert operators(on_edgetpu.model.read_bytes())[0] == "edgetpu-custom-op"
    assert on_edgetpu.accuracy == on_cpu.accuracy


def test_retraining_on_all_devices_frees_every_interpreter(
    photos: Path, edge_tpus: EdgeTpus, tmp_path: Path
) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(each, interpreter) for each in gc.get_objects())

    interpreter = edgetpu.runtime_module().Interpreter
    before = alive()
    twin = averaging_model()
    with edge_tpus(twin, ["usb", "usb", "pci"], latency=0.01) as tpus:
        result = retrain(photos, compiled(twin), tmp_path, device="all", seed=3)
        gc.collect()
        assert tpus.open_delegates == 0
        assert {options["device"] for _, options in tpus.opened} == {":0", ":1", ":2"}
        assert sum(tpus.inferences) == 60 + 6  # all, then test
        assert min(tpus.inferences) > 0
    assert result.device == ":0,:1,:2"
    del tpus  # with the CPU twins that do its arithmetic
    assert alive() == before
    assert not [each for each in threading.enumerate() if "coral-learn" in each.name]


@pytest.mark.slow_when_emulated
@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("variant", ["-DOLD_ABI_WILD", "-DOLD_ABI_ZEROS"])
def test_the_train_command_survives_a_library_with_the_old_abi(
    photos: Path, tmp_path: Path, variant: str
) -> None:
    model, output = tmp_path / "extractor.tflite", tmp_path / "output"
    model.write_bytes(compiled(averaging_model()))
    arguments = ["train", str(photos), "--extractor", str(model), "--output", str(output)]
    with plugged_in(library.build(tmp_path, variant)):
        done = subprocess.run(
            [sys.executable, "-c", "from coral_learn.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert f"is not compatible with {edgetpu.runtime_name()}" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(output.glob("*")) == []


def operators(content: bytes) -> list[str]:
    """Lists the operators of a model by name."""
    model = unpack(content)
    names = {
        code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
    }
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]
    return [
        code.customCode.decode() if code.customCode else names[code.builtinCode] for code in codes
    ]


def probabilities(interpreter: edgetpu.Interpreter, image: np.ndarray) -> np.ndarray:
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    _, height, width, _ = details["shape"]
    resized = np.resize(image, (1, height, width, 3))  # the images are of one color
    interpreter.set_tensor(details["index"], resized)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("variant", [[], ["-DNO_ENTRY_POINTS"], ["-DOLD_ABI_WILD"]])
def test_the_stand_in_compiles_without_a_warning(variant: list[str], tmp_path: Path) -> None:
    library.build(tmp_path, "-Werror", "-pedantic", *variant)
