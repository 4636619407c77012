"""What the machine is, and what it can do at most."""

import platform
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .workers import available_processors

_SGEMM_SIZE = 1536
SGEMM_FLOPS = 2 * _SGEMM_SIZE**3

_INSTRUCTION_SETS = ("avx512f", "avx2", "fma", "sse4_2", "asimddp", "asimd")


def describe() -> dict[str, Any]:
    """Returns the machine and the versions, as far as they matter for the figures."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "processors": available_processors(),
        "architecture": f"{platform.machine()} {' '.join(_instruction_sets())}".strip(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "coral-learn": version("coral-learn"),
    }


def sgemm() -> Callable[[], object]:
    """Multiplies two large float32 matrices: what NumPy's BLAS reaches is taken for the limit."""
    generator = np.random.default_rng(0)
    left, right = (
        generator.standard_normal((_SGEMM_SIZE, _SGEMM_SIZE), np.float32) for _ in range(2)
    )
    product = np.empty_like(left)
    return lambda: np.matmul(left, right, out=product)


def reading(size: int) -> Callable[[], object]:
    """Reads ``size`` bytes once: a dot product of an array with itself waits for memory alone."""
    values = np.ones(size // 4, np.float32)
    return lambda: np.dot(values, values)


def _instruction_sets() -> list[str]:
    if sys.platform != "linux":
        return []
    words = set(Path("/proc/cpuinfo").read_text().split())
    return [name for name in _INSTRUCTION_SETS if name in words]
