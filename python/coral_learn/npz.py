"""Files in NumPy's .npz format: how heads and embeddings are saved."""

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .arrays import AnyArray
from .files import write_atomically

T = TypeVar("T")


def write_npz(path: str | os.PathLike[str], fields: Mapping[str, Any]) -> None:
    """Writes named arrays and numbers to a file, completely or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **fields)
    write_atomically(path, buffer.getvalue())


def read_npz(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    read: Callable[[Mapping[str, AnyArray]], T],
) -> T:
    """Reads a file that :func:`write_npz` wrote, without running any code that it may contain.

    Args:
        path: The file.
        kind: What the file should hold, for the error message: ``"a saved head"``.
        version: The value that its field ``version`` must have.
        read: Makes the result from the named arrays. Its exceptions mean that the file is broken.

    Raises:
        ValueError: The file holds something else, or is broken.
        OSError: The file cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as fields:
            if fields["version"] != version:
                raise ValueError(f"version {fields['version']}, not {version}")
            return read(fields)
    except Exception as error:  # zipfile and NumPy raise many types on a broken file
        raise ValueError(f"{os.fspath(path)} is not {kind}: {error}") from error
