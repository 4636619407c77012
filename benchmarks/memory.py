"""How much memory the present process takes; Linux only."""

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def can_measure() -> bool:
    """Whether the system tells."""
    return _CLEAR.exists()


def resident() -> int:
    """Returns what the process takes now, in bytes."""
    return _read("VmRSS")


def reset_peak() -> None:
    """Begins to watch for the most that the process takes."""
    _CLEAR.write_text(_RESET_PEAK)


def peak() -> int:
    """Returns the most that the process took since :func:`reset_peak`, in bytes."""
    return _read("VmHWM")


def _read(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", _STATUS.read_text())
    if found is None:
        raise RuntimeError(f"{_STATUS} does not say {field}")
    return 1024 * int(found[1])
