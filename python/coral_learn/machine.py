"""The machine: its processors, and the user's folders on it."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

CACHE_VARIABLE = "CORAL_LEARN_CACHE"
"""The environment variable with the folder for embeddings and downloaded models."""

_CONTAINER_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of cgroup version 2, as a container sees it
_PROCESSORS = Path("/proc/cpuinfo")
_KIND_FIELDS = ("model name", "flags", "Features", "CPU part")


def usable_cpus() -> int:
    """Returns how many processors this process may use at once, at least 1.

    Unlike ``os.cpu_count()``, this respects the affinity mask, and the quota of a container as it
    is when this is first called.
    """
    if sys.platform == "linux":
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = _read_quota(_CONTAINER_QUOTA)
    return cpus if quota is None else min(cpus, max(1, round(quota)))


@cache  # reading the file takes as long as a prediction for one photo
def _read_quota(file: Path) -> float | None:
    """Returns the number of processors that a container may use, or None if it has no limit."""
    try:
        quota, period = file.read_text(encoding="utf-8").split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # there is no such file, or the quota is "max"
        return None


def processor_kind() -> str:
    """Returns a text that is equal on all machines on which the runtime chooses the same kernels.

    XNNPACK chooses its kernels by the processor's instruction sets. The results of different
    kernels differ by a few quantization steps.
    """
    fields = {}
    try:
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in _KIND_FIELDS:
                fields[name] = value
    except OSError:  # not Linux
        fields["processor"] = platform.processor()
    return f"{platform.machine()} {fields}"


def cache_folder() -> Path:
    """Returns the user's folder for embeddings and downloaded models; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return _user_folder("~/Library/Caches", "XDG_CACHE_HOME", "~/.cache")


def state_folder() -> Path:
    """Returns the user's folder for what is kept on this machine alone; it may not exist yet."""
    return _user_folder("~/Library/Application Support", "XDG_STATE_HOME", "~/.local/state")


def _user_folder(on_macos: str, variable: str, default: str) -> Path:
    if sys.platform == "darwin":
        base = on_macos
    elif sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        base = os.environ.get(variable) or default
    return Path(os.path.expanduser(base)) / "coral-learn"  # noqa: PTH111 (never raises)
