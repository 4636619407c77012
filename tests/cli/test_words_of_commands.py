"""What the commands say, read as a newcomer reads it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.support.model_builder import build_compiled_extractor

from coral_learn.cli.app import app
from coral_learn.cli.options import Number, WholeNumber
from coral_learn.cli.tables import print_project
from coral_learn.edgetpu.interpreter import make_interpreter
from coral_learn.errors import EdgeTpuError
from coral_learn.progress import progress_bars

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.mark.parametrize("value", ["x", "nan", "inf"])
def test_what_is_no_number_is_called_so(value: Any) -> None:
    with pytest.raises(click.BadParameter, match=rf"'{value}' is not a valid number\."):
        Number(min=0).convert(value, None, None)
    with pytest.raises(click.BadParameter, match=rf"'{value}' is not a valid whole number\."):
        WholeNumber(min=0).convert(value, None, None)


@pytest.mark.parametrize("option", ["--learning-rate", "--weight-scale"])
def test_a_negative_setting_is_refused_by_its_option(photos: Path, option: str) -> None:
    train = ["train", str(photos), "--extractor", "e", "--output", "o", "--method", "sgd"]
    done = CliRunner().invoke(app, [*train, option, "-1"])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': -1.0 is not in the range x>=0." in done.output


def test_bars_that_were_never_drawn_leave_no_empty_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="early"), progress_bars():
        raise ValueError("early")
    assert capfd.readouterr().err == ""


def test_a_threshold_is_never_shown_higher_than_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """With a threshold of 1.00 in place of 0.998 the answer would always be "I don't know"."""
    step = SimpleNamespace(
        classes=["a"], count=lambda name: 9, accuracy=1.0, interval=(0.9, 1.0), tested=9,
        threshold=0.9989,
    )  # fmt: skip
    project: Any = SimpleNamespace(step=step)
    print_project(project)
    assert "classify --threshold 0.99 keeps" in capsys.readouterr().out


def test_a_compiled_model_for_the_cpu_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model_edgetpu.tflite"
    path.write_bytes(build_compiled_extractor().content)
    with pytest.raises(EdgeTpuError, match=rf"^{path} is compiled for the Edge TPU and cannot run"):
        make_interpreter(path, "cpu")
