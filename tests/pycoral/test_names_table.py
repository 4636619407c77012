"""The table in docs/pycoral.md lists every name of pycoral 2.0, and says the truth."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.test_public_names import PYCORAL

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

DOCS = Path(__file__).parents[2] / "docs" / "pycoral.md"
ROW = re.compile(r"^\| `(pycoral\.[\w.]+)` \| (\w+) \|(.*)\|$", re.MULTILINE)
STATES = {name: state for name, state, _ in ROW.findall(DOCS.read_text(encoding="utf-8"))}

# From the reference of pycoral 2.0, and the functions and classes of its compiled module.
ORIGINAL = {
    "": "__version__",
    ".adapters.classify": "Class get_classes get_classes_from_scores get_scores num_classes",
    ".adapters.common": (
        "input_details input_size input_tensor output_tensor set_input set_resized_input"
    ),
    ".adapters.detect": (
        "BBox BBox.area BBox.height BBox.intersect BBox.iou BBox.map BBox.scale BBox.translate "
        "BBox.union BBox.valid BBox.width Object get_objects"
    ),
    ".adapters.segment": "get_output",
    ".learn.backprop.softmax_regression": (
        "SoftmaxRegression SoftmaxRegression.get_accuracy SoftmaxRegression.serialize_model "
        "SoftmaxRegression.train_with_sgd"
    ),
    ".learn.imprinting.engine": (
        "ImprintingEngine ImprintingEngine.embedding_dim ImprintingEngine.num_classes "
        "ImprintingEngine.serialize_extractor_model ImprintingEngine.serialize_model "
        "ImprintingEngine.train"
    ),
    ".pipeline.pipelined_model_runner": (
        "PipelinedModelRunner PipelinedModelRunner.interpreters PipelinedModelRunner.pop "
        "PipelinedModelRunner.push PipelinedModelRunner.set_input_queue_size "
        "PipelinedModelRunner.set_output_queue_size"
    ),
    ".pybind._pywrap_coral": (
        "GetRuntimeVersion ImprintingEnginePythonWrapper InvokeWithBytes InvokeWithDmaBuffer "
        "InvokeWithMemBuffer ListEdgeTpus PipelinedModelRunnerWrapper SetVerbosity "
        "SoftmaxRegressionModelWrapper SupportsDmabuf TrainConfigWrapper TrainingDataWrapper"
    ),
    ".utils.dataset": "read_label_file",
    ".utils.edgetpu": (
        "get_runtime_version invoke_with_bytes invoke_with_dmabuffer invoke_with_membuffer "
        "list_edge_tpus load_edgetpu_delegate make_interpreter run_inference set_verbosity "
        "supports_dmabuf"
    ),
}


def original_names() -> Iterator[tuple[str, str]]:
    """Yields each module of pycoral with each of its names, such as ``BBox.area``."""
    for module, names in ORIGINAL.items():
        for name in names.split():
            yield module, name


def test_the_table_lists_every_name_once_in_order() -> None:
    names = [f"pycoral{module}.{name}" for module, name in original_names()]
    listed = [name for name, _, _ in ROW.findall(DOCS.read_text(encoding="utf-8"))]
    assert listed == names
    assert set(STATES.values()) == {"same", "more", "differs", "absent"}


@pytest.mark.parametrize(("module", "name"), list(original_names()))
def test_the_state_is_true(module: str, name: str) -> None:
    found = import_module(f"coral_learn.pycoral{module}")
    if STATES[f"pycoral{module}.{name}"] == "absent":
        with pytest.raises(ImportError, match=rf"{name} .* use pycoral\."):
            getattr(found, name)
        return
    for part in name.split("."):
        found = getattr(found, part)


def test_the_package_has_no_other_names() -> None:
    original = {(module, name.split(".")[0]) for module, name in original_names()}
    ours = {(module, name) for module, names in PYCORAL.items() for name in names}
    assert ours <= original
