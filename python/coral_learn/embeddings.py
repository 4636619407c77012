"""Embeddings: the features that an extractor finds in each photo, in the type it gives them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arrays import AnyArray, StoredMatrix, is_masked
from .notebook import table

_DTYPES = (np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.float32))
_FORMAT_VERSION = 1
_SHOWN_ROWS, _SHOWN_FEATURES = 5, 8  # in notebooks
_MAX_SCALE = 1e36  # up to here every dequantized value is finite in float32


class Embeddings:
    """N embeddings of D features, stored as the extractor gave them and read as float32.

    A quantized extractor gives one byte for each feature. Keeping these bytes takes a quarter of
    the memory of float32, and training reads them in place.

    ``np.asarray(e)`` is the dequantized float32 matrix ``(quantized - zero_point) * scale``.
    ``e[i]`` is row i and ``e[:, j]`` is column j, both as float32. ``e[1:5]``, ``e[mask]`` and
    ``e[[3, 1]]`` are Embeddings.

    Attributes:
        quantized: The stored values, uint8, int8 or float32 of shape [N, D]; read-only.
        scale: The size of one quantization step in real units; 1.0 for float32.
        zero_point: The stored value that stands for real zero; 0 for float32.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import Embeddings
        >>> stored = np.array([[0, 128, 255], [10, 20, 30]], np.uint8)
        >>> embeddings = Embeddings(stored, scale=0.5, zero_point=0)
        >>> embeddings
        Embeddings(2 x 3 uint8, scale=0.5, zero_point=0)
        >>> embeddings[0].tolist()
        [0.0, 64.0, 127.5]
        >>> embeddings[1:].shape, embeddings.ndim, str(embeddings.dtype)
        ((1, 3), 2, 'float32')
        >>> embeddings.save("embeddings.npz")
        >>> twice = Embeddings.concatenate([embeddings, Embeddings.load("embeddings.npz")])
        >>> len(twice)
        4
    """

    quantized: StoredMatrix

    def __init__(self, quantized: ArrayLike, scale: float = 1.0, zero_point: int = 0) -> None:
        """Wraps stored values.

        Args:
            quantized: uint8, int8 or float32 of shape [N, D]; not copied.
            scale: Positive, at most 1e36.
            zero_point: Within the range of the dtype.

        Raises:
            ValueError: The shape, dtype, scale or zero point is invalid.
        """
        if is_masked(quantized):
            raise ValueError(
                "embeddings must not be a masked array: fill it, or leave out masked rows"
            )
        stored = np.asarray(quantized)
        if stored.ndim != 2 or stored.dtype not in _DTYPES:
            raise ValueError(
                "embeddings must be uint8, int8 or float32 of shape [N, D], "
                f"not {stored.dtype} of shape {list(stored.shape)}"
            )
        if not 0 < scale <= _MAX_SCALE:
            raise ValueError(f"scale must be positive and at most {_MAX_SCALE:g}, not {scale}")
        if stored.dtype == np.float32:
            if scale != 1 or zero_point != 0:
                raise ValueError(
                    "float32 embeddings must have scale 1 and zero point 0, "
                    f"not {scale} and {zero_point}"
                )
        elif not np.iinfo(stored.dtype).min <= zero_point <= np.iinfo(stored.dtype).max:
            raise ValueError(f"zero_point {zero_point} is outside the range of {stored.dtype}")
        self.quantized = stored.view()
        self.quantized.flags.writeable = False
        self.scale = float(scale)
        self.zero_point = int(zero_point)

    @classmethod
    def concatenate(cls, parts: Sequence["Embeddings"]) -> "Embeddings":
        """Joins embeddings of one extractor, in order.

        Args:
            parts: At least one.

        Returns:
            The rows of all parts, in the stored type, scale and zero point of the parts.

        Raises:
            ValueError: There are no parts, or they differ in dtype, D, scale or zero point.
            TypeError: A part is something else than Embeddings.
        """
        if not parts:
            raise ValueError("there are no embeddings to concatenate")
        if not all(isinstance(part, Embeddings) for part in parts):
            raise TypeError("only Embeddings can be concatenated")
        kinds = {(e.quantized.dtype, e.shape[1], e.scale, e.zero_point) for e in parts}
        if len(kinds) > 1:
            raise ValueError(
                "embeddings of different extractors cannot be concatenated: they differ in dtype, "
                "number of features, scale or zero point"
            )
        first = parts[0]
        return cls(np.concatenate([e.quantized for e in parts]), first.scale, first.zero_point)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the embeddings to a file in NumPy's .npz format, completely or not at all.

        Args:
            path: The file, which is replaced if it exists.

        Raises:
            OSError: The file cannot be written.
        """
        fields = {
            "version": _FORMAT_VERSION,
            "quantized": self.quantized,
            "scale": self.scale,
            "zero_point": self.zero_point,
        }
        from .npz import write_npz  # most embeddings are never saved

        write_npz(path, fields)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Embeddings":
        """Reads embeddings that :meth:`save` wrote.

        Args:
            path: The file.

        Returns:
            The embeddings, with the same stored values, scale and zero point.

        Raises:
            ValueError: The file holds something else, or is broken.
            OSError: The file cannot be read.
        """
        from .npz import read_npz

        return read_npz(path, "an embeddings file", _FORMAT_VERSION, cls._from_fields)

    @classmethod
    def _from_fields(cls, fields: Mapping[str, AnyArray]) -> "Embeddings":
        return cls(fields["quantized"], float(fields["scale"]), int(fields["zero_point"]))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape, (N, D)."""
        rows, features = self.quantized.shape
        return rows, features

    @property
    def ndim(self) -> Literal[2]:
        """The number of dimensions, always 2."""
        return 2

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """float32, the type that the values are read as; ``quantized.dtype`` is the stored one."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(
        self, index: slice | Sequence[int] | Sequence[bool] | AnyArray
    ) -> "Embeddings": ...
    def __getitem__(self, index: Any) -> "NDArray[np.float32] | Embeddings":
        stored = self.quantized[index]
        if isinstance(index, int | np.integer | tuple):
            return self._dequantize(stored)
        return Embeddings(stored, self.scale, self.zero_point)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        if self.quantized.dtype == wanted == np.float32:
            return self.quantized.copy() if copy else self.quantized
        if copy is False:
            raise ValueError(
                f"{self.quantized.dtype} embeddings cannot be read as {wanted} without a copy"
            )
        return self._dequantize(self.quantized).astype(wanted, copy=False)

    def __repr__(self) -> str:
        rows, features = self.shape
        kind = self.quantized.dtype
        if kind == np.float32:
            return f"Embeddings({rows} x {features} float32)"
        return (
            f"Embeddings({rows} x {features} {kind}, "
            f"scale={self.scale:.6g}, zero_point={self.zero_point})"
        )

    def _repr_html_(self) -> str:
        shown = np.asarray(self[:_SHOWN_ROWS])[:, :_SHOWN_FEATURES]
        rows = ([number, *(f"{value:.4g}" for value in row)] for number, row in enumerate(shown))
        columns = ("row", *(str(feature) for feature in range(shown.shape[1])))
        return table(repr(self), rows, columns=columns, text="The first values, dequantized:")

    def _dequantize(self, stored: AnyArray) -> NDArray[np.float32]:
        if stored.dtype == np.float32:
            return stored
        values = stored.astype(np.float32)
        values -= np.float32(self.zero_point)
        values *= np.float32(self.scale)
        return values
