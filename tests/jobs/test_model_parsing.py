"""A retraining parses and packs each model once, because both take longer than fitting a head."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from coral_learn.demo.run import embedded_extractor
from coral_learn.jobs.methods import Method
from coral_learn.jobs.retraining import retrain
from coral_learn.tflite import schema


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The numbers of models that were unpacked and packed."""
    model_type = schema.ModelT
    unpack, pack = model_type.InitFromBuf, model_type.Pack
    counted: Counter[str] = Counter()

    def counting_unpack(*arguments: Any) -> Any:
        counted["unpack"] += 1
        return unpack(*arguments)

    def counting_pack(*arguments: Any) -> Any:
        counted["pack"] += 1
        return pack(*arguments)

    monkeypatch.setattr(model_type, "InitFromBuf", staticmethod(counting_unpack))
    monkeypatch.setattr(model_type, "Pack", counting_pack)
    return counted


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(
    ("method", "max_unpacks", "max_packs"), [("fit", 2, 1), ("sgd", 2, 1), ("imprint", 3, 2)]
)
def test_models_are_unpacked_and_packed_as_rarely_as_possible(
    calls: Counter[str],
    photos: Path,
    tmp_path: Path,
    method: Method,
    max_unpacks: int,
    max_packs: int,
) -> None:
    retrain(photos, embedded_extractor(), tmp_path, method=method)
    assert calls["unpack"] >= 1
    assert calls["unpack"] <= max_unpacks
    assert calls["pack"] <= max_packs
