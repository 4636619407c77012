"""Training with plain Eigen: a small C++ program, compiled when it is needed."""

import ctypes
import functools
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np

from .trainers import LEARNING_RATE, Case, Floats, Training, arrays, start_weights

_SOURCE = Path(__file__).with_name("eigen_trainer.cc")
_FLAGS = ("-std=c++17", "-O3", "-march=native", "-DNDEBUG", "-shared", "-fPIC")

_SYSTEM_HEADERS = ("/usr/include", "/usr/local/include", "/opt/homebrew/include")
_PACKAGE_HEADERS = "cmeel.prefix/include"  # of cmeel-eigen, with which the package is built


class EigenMissingError(Exception):
    """There is no plain Eigen to compare with, and why."""


def compile_trainer(folder: Path) -> Path:
    """Compiles the training for this processor.

    Args:
        folder: Where to put the library.

    Returns:
        The library, for :func:`train_with_eigen`.

    Raises:
        EigenMissingError: There is no compiler or no Eigen, or they do not work.
    """
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        raise EigenMissingError("there is no C++ compiler")
    library = folder / "eigen_trainer.so"
    command = [compiler, *_FLAGS, f"-I{_headers()}", str(_SOURCE), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise EigenMissingError(f"{compiler} does not compile it: {first}")
    return library


def train_with_eigen(library: Path, case: Case) -> Training:
    """Trains with one matrix product of Eigen each way, on a copy of the rows of the batch."""
    x, y = arrays(case)
    start = np.ascontiguousarray(start_weights(case).T)
    function = _load(library)

    def train() -> tuple[Floats, Floats]:
        weights, biases = start.copy(), np.zeros(case.classes, np.float32)
        sizes = (case.rows, case.features, case.classes, case.iterations, case.batch)
        function(x, y, *sizes, LEARNING_RATE, weights, biases)
        return weights.T, biases

    return train


@functools.cache
def _load(library: Path) -> "ctypes._NamedFuncPointer":
    function = ctypes.CDLL(str(library)).train
    floats = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
    integers = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
    sizes = [ctypes.c_int64] * 5
    function.argtypes = [floats, integers, *sizes, ctypes.c_float, floats, floats]
    function.restype = None
    return function


def _headers() -> Path:
    packages = (Path(sysconfig.get_path(name), _PACKAGE_HEADERS) for name in ("platlib", "purelib"))
    for include in (*packages, *map(Path, _SYSTEM_HEADERS)):
        if (include / "eigen3/Eigen/Dense").is_file():
            return include / "eigen3"
    raise EigenMissingError("Eigen is not installed (pip install cmeel-eigen)")
