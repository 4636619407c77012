"""The memory that this process takes, on Linux."""

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def can_measure() -> bool:
    """Returns whether the system reports the memory of a process."""
    return _CLEAR.exists()


def resident() -> int:
    """Returns the present memory of the process, in bytes."""
    return _read("VmRSS")


def reset_peak() -> None:
    """Starts a new measurement of the peak memory."""
    _CLEAR.write_text(_RESET_PEAK)


def peak() -> int:
    """Returns the peak memory since :func:`reset_peak`, in bytes."""
    return _read("VmHWM")


def _read(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", _STATUS.read_text())
    if found is None:
        raise RuntimeError(f"{_STATUS} has no field {field}")
    return 1024 * int(found[1])
