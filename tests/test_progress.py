"""Progress: calls for each photo, and bars on standard error."""

import pytest

from coral_learn.progress import counting, progress_bars

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_the_total_is_the_length_of_the_photos_or_unknown() -> None:
    calls: list[tuple[int, int | None]] = []
    for photos in (["a", "b"], iter(["a", "b"])):
        with counting(lambda *call: calls.append(call), photos, "Photos") as count:
            count(1)
    assert calls == [(1, 2), (1, None)]


def test_no_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with counting(False, ["a"], "Photos") as count:
        count(1)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with counting(True, ["a", "b"], "Photos") as count:
        count(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Photos" in captured.err
    assert "2/2" in captured.err


def test_every_title_has_its_own_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as update:
        update("Reading", 3, 3)
        update("Training", 1, 7)
    error = capsys.readouterr().err
    assert "Reading" in error
    assert "3/3" in error
    assert "Training" in error
    assert "1/7" in error
