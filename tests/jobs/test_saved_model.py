"""The files of a retrained model."""

from pathlib import Path

import pytest
from tests.support.averaging_model import averaging_model
from tests.support.stand_in.models import compiled

from coral_learn.jobs.saved_model import save_model
from coral_learn.tflite.file import ModelFile


def test_the_model_its_labels_and_other_files_are_written(tmp_path: Path) -> None:
    model = ModelFile(averaging_model())
    saved = save_model(tmp_path, model, ["daisy", "rose"], {"report.txt": b"report"})
    assert saved.model == tmp_path / "retrained_model.tflite"
    assert saved.model.read_bytes() == model.content
    assert saved.labels == tmp_path / "label_map.txt"
    assert saved.labels.read_text() == "0 daisy\n1 rose\n"
    assert (tmp_path / "report.txt").read_bytes() == b"report"


def test_the_name_of_a_compiled_model_says_so(tmp_path: Path) -> None:
    saved = save_model(tmp_path, ModelFile(compiled(averaging_model())), ["daisy"])
    assert saved.model.name == "retrained_model_edgetpu.tflite"


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no/such/folder/page\.html"):
        save_model(
            tmp_path, ModelFile(averaging_model()), ["daisy"], {"no/such/folder/page.html": b""}
        )
    assert list(tmp_path.iterdir()) == []
