"""The machine: a description, and the limits of its speed."""

import platform
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from coral_learn import build_info
from coral_learn.machine import usable_cpus

_SGEMM_SIZE = 1536
SGEMM_FLOPS = 2 * _SGEMM_SIZE**3

_INSTRUCTION_SETS = ("avx512f", "avx2", "fma", "sse4_2", "asimddp", "asimd")


def describe() -> dict[str, Any]:
    """Describes the machine and the versions that matter for the results."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "processors": usable_cpus(),
        "architecture": f"{platform.machine()} {' '.join(_instruction_sets())}".strip(),
        "kernels": build_info()["instruction_set"],
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "coral-learn": version("coral-learn"),
    }


def sgemm() -> Callable[[], object]:
    """Multiplies two large float32 matrices: the rate of NumPy's BLAS counts as the limit."""
    generator = np.random.default_rng(0)
    left, right = (
        generator.standard_normal((_SGEMM_SIZE, _SGEMM_SIZE), np.float32) for _ in range(2)
    )
    product = np.empty_like(left)
    return lambda: np.matmul(left, right, out=product)


def reading(size: int) -> Callable[[], object]:
    """Reads ``size`` bytes once: a dot product of an array with itself only waits for memory."""
    values = np.ones(size // 4, np.float32)
    return lambda: np.dot(values, values)


def _instruction_sets() -> list[str]:
    if sys.platform != "linux":
        return []
    words = set(Path("/proc/cpuinfo").read_text().split())
    return [name for name in _INSTRUCTION_SETS if name in words]
