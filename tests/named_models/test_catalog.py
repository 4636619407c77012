"""The catalog of Coral's models."""

import re
from pathlib import Path

import pytest

from coral_learn.errors import ModelError
from coral_learn.named_models.catalog import BUILTIN_NAME, NamedModel, catalog, find_model
from coral_learn.tflite.embedding import read_embedding
from coral_learn.tflite.open_extractor import open_extractor

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

KNOWN = "mobilenet-v1-edgetpu"


def test_each_row_is_complete() -> None:
    models = catalog().values()
    assert BUILTIN_NAME not in catalog()
    for model in models:
        assert re.fullmatch(r"[a-z0-9.-]+", model.name)
        assert re.fullmatch(r"[0-9a-f]{40}", model.git_id)
        assert re.fullmatch(r"([0-9a-f]{64})?", model.sha256)
        assert model.file.endswith("_edgetpu.tflite" if model.is_compiled else ".tflite")
    for values in ("file", "git_id"):
        assert len({getattr(model, values) for model in models}) == len(models)


def test_the_ids_are_those_of_corals_repository(data_dir: Path) -> None:
    lines = (data_dir / "coral_models.txt").read_text().splitlines()
    known = {tuple(line.split()) for line in lines}
    assert known >= {(model.git_id, model.file) for model in catalog().values()}


def test_real_files_are_what_the_catalog_says(data_dir: Path) -> None:
    here = [model for model in catalog().values() if (data_dir / "models" / model.file).exists()]
    assert len(here) >= 5
    for model in here:
        content = (data_dir / "models" / model.file).read_bytes()
        assert model.sha256
        assert model.has_content(content)
        assert not model.has_content(content[:-1])
        assert not model._replace(sha256="0" * 64).has_content(content)
        features = read_embedding(open_extractor(content).model).feature_dim
        assert features == model.features


def test_git_computes_the_same_id() -> None:
    # As `printf hello | git hash-object --stdin` prints it.
    model = NamedModel("a", "", 1, "a", "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", "")
    assert model.has_content(b"hello")
    assert not model.has_content(b"hello\n")


def test_a_name_is_found() -> None:
    assert find_model("mobilenet-v1").file.endswith("extractor.tflite")
    assert find_model(KNOWN).is_compiled
    assert find_model("mobilenet-v1", for_edge_tpu=True).name == KNOWN
    assert find_model(KNOWN, for_edge_tpu=True).name == KNOWN


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilenet-v9", r"did you mean mobilenet-v\d"),
        ("MobileNet-V1", "did you mean mobilenet-v1[?]"),
        ("efficientnet-lite", "did you mean efficientnet-lite0[?]"),
        ("xyz", "^xyz is neither a file nor the name of a model: `coral-learn models` lists"),
    ],
)
def test_an_unknown_name_is_told(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        find_model(name)


@pytest.mark.parametrize(
    ("name", "for_edge_tpu"), [("inception-v3-edgetpu", False), ("inception-v3", True)]
)
def test_a_model_that_is_not_compiled_is_told(name: str, for_edge_tpu: bool) -> None:
    with pytest.raises(
        ModelError, match=r"no extractor inception-v3 .* compiled .* one of mobilenet-v1, "
    ):
        find_model(name, for_edge_tpu=for_edge_tpu)
