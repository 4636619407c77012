"""Errors that a user can cause are recognized by their type, not by their text."""

import threading

import pytest

from coral_learn.cli.failures import FAILURES, explain
from coral_learn.errors import ThreadStartError, starting_thread
from coral_learn.extraction.pipeline import prepare_and_run


def test_a_thread_that_cannot_be_started_is_a_failure_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ThreadStartError) as caught:
        list(prepare_and_run(str, str, [1], preparers=1, runners=1))
    assert isinstance(caught.value, FAILURES)
    assert explain(caught.value).startswith("no thread can be started: raise the limits")


def test_an_error_in_a_thread_keeps_its_type_whatever_its_text() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError) as caught:
        list(prepare_and_run(fail, str, [1], preparers=1, runners=1))
    assert type(caught.value) is RuntimeError
    assert not isinstance(caught.value, FAILURES)


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(MemoryError), starting_thread():
        raise MemoryError
