"""What the machine is: how many processors may be used, and of which kind they are."""

import os
import platform
from pathlib import Path

_CONTAINER_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of cgroup version 2, as a container sees it
_PROCESSORS = Path("/proc/cpuinfo")
_KIND_FIELDS = ("model name", "flags", "Features", "CPU part")


def usable_cpus() -> int:
    """Returns how many processors this process may use at once, at least 1.

    The affinity mask and a container's quota count, which ``os.cpu_count()`` does not know.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    try:
        quota, period = _CONTAINER_QUOTA.read_text().split()
        return min(cpus, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or no quota but "max"
        return cpus


def processor_kind() -> str:
    """Returns a text that is the same wherever the runtime chooses the same kernels.

    XNNPACK chooses them by the processor's instruction sets, and what one gives differs from
    another by some quantization steps.
    """
    fields = {}
    try:
        for line in _PROCESSORS.read_text(errors="replace").splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in _KIND_FIELDS:
                fields[name] = value
    except OSError:  # not Linux
        fields["processor"] = platform.processor()
    return f"{platform.machine()} {fields}"
