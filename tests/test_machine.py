"""The processors of this machine: how many may be used, and their kind."""

import contextlib
import os
from pathlib import Path

import pytest

from coral_learn import machine


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_processors_that_may_be_used_are_counted() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= machine.usable_cpus() <= len(before)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 64), ("250000 100000", 2), ("10000 100000", 1), ("9900000 100000", 64)],
)
def test_the_quota_of_a_container_counts(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(machine, "_CONTAINER_QUOTA", tmp_path / "cpu.max")
    with contextlib.suppress(AttributeError):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert machine.usable_cpus() == expected


def test_the_kind_of_processor_does_not_change() -> None:
    assert machine.processor_kind() == machine.processor_kind()
    assert len(machine.processor_kind()) > 10
