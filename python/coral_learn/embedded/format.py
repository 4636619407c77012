"""The columns of the Parquet files of embedded photos, and what all their rows have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.addresses import INSTALL_PARQUET
from ..embeddings import Embeddings

if TYPE_CHECKING:  # pyarrow is an extra
    import pyarrow as pa

VERSION = 1
METADATA_KEY = b"coral_learn"
"""The key of the metadata of a file under which its :class:`Description` is, as JSON."""

DIGEST_BYTES = 32
_TYPES = ("uint8", "int8", "float32")
_MAX_FEATURES = 1_000_000
_SHOWN_DIGITS = 12
_MAX_METADATA = 100_000  # characters


class Description(NamedTuple):
    """What all rows have in common.

    Attributes:
        features: D, the length of an embedding.
        dtype: The type of its stored values: uint8, int8 or float32.
        scale: The size of one quantization step; 1.0 for float32.
        zero_point: The stored value that stands for real zero; 0 for float32.
        extractor: The SHA-256 of the extractor, in hexadecimal digits.
        extractor_name: The name of its file, to tell people.
        resize: What the extractor saw of a photo: squash, crop or linear.
        input_range: How pixels were normalized, if that was given; "" if not.
        source: Where the photos come from: an absolute path or an address.
    """

    features: int
    dtype: str
    scale: float
    zero_point: int
    extractor: str
    extractor_name: str
    resize: str
    input_range: str
    source: str

    @property
    def named_extractor(self) -> str:
        """The name of the extractor with the first digits of its SHA-256."""
        return f"{self.extractor_name} (sha256 {self.extractor[:_SHOWN_DIGITS]}...)"

    @property
    def row_bytes(self) -> int:
        """The number of bytes of an embedding."""
        return self.features * np.dtype(self.dtype).itemsize

    def rows(self, column: pa.ChunkedArray) -> Embeddings:
        """Returns the embeddings in a column ``embedding``, [N, D], without copying one chunk."""
        chunks = [_bytes_in(chunk, self.row_bytes) for chunk in column.chunks]
        stored = np.concatenate(chunks) if len(chunks) != 1 else chunks[0]
        return Embeddings(stored.view(self.dtype), self.scale, self.zero_point)


def check_pyarrow(what: str) -> None:
    """Checks that pyarrow is there.

    Raises:
        ValueError: It is not installed; the error says how to install it.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{what} needs {error.name}: {INSTALL_PARQUET}") from error


def digests_in(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Returns the digests in a column, uint8 [N, 32]."""
    return np.concatenate(
        [np.empty((0, DIGEST_BYTES), np.uint8)]
        + [_bytes_in(chunk, DIGEST_BYTES) for chunk in column.chunks]
    )


def schema_of(description: Description) -> pa.Schema:
    """Returns the schema of a file.

    An embedding is one value of D stored numbers, not a list: lists of bytes take 24 times as long
    to read, since Parquet stores a number of them in four bytes and a level beside it.
    """
    import pyarrow as pa

    metadata = {"version": VERSION, **description._asdict()}
    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            pa.field("split", pa.string()),
            pa.field("sha256", pa.binary(DIGEST_BYTES), nullable=False),
            pa.field("extractor_sha256", pa.binary(DIGEST_BYTES), nullable=False),
            pa.field("size", pa.int64()),
            pa.field("version", pa.string()),
            pa.field("embedding", pa.binary(description.row_bytes), nullable=False),
        ],
        {METADATA_KEY: json.dumps(metadata).encode()},
    )


def description_in(schema: pa.Schema) -> Description:
    """Returns what the schema of a file says about its rows.

    Raises:
        ValueError: ``coral-learn embed`` did not write the file, or it is damaged.
    """
    stored = (schema.metadata or {}).get(METADATA_KEY)
    if stored is None:
        raise ValueError("`coral-learn embed` did not write it")
    if len(stored) > _MAX_METADATA:
        raise ValueError("its description is too long")
    try:
        fields = json.loads(stored)
        version = fields.pop("version")
        if version != VERSION:
            raise ValueError(f"it has the version {version!r}, and this program reads {VERSION}")
        description = Description(**fields)
        _check(description)
        expected = schema_of(description)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"its description is damaged ({error})") from error
    if not schema.equals(expected):
        raise ValueError("it has other columns than `coral-learn embed` writes")
    return description


def _check(description: Description) -> None:
    """Checks numbers that come from a file."""
    if description.dtype not in _TYPES:
        raise ValueError(f"its embeddings are {description.dtype!r}, not {' or '.join(_TYPES)}")
    features = description.features
    if type(features) is not int or not 0 < features <= _MAX_FEATURES:
        raise ValueError(f"its embeddings have {features!r} features")
    texts = (*description[4:], description.dtype)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    nothing = np.empty((0, features), description.dtype)
    Embeddings(nothing, description.scale, description.zero_point)
    bytes.fromhex(description.extractor)


def _bytes_in(chunk: pa.FixedSizeBinaryArray, width: int) -> NDArray[np.uint8]:
    """Returns the bytes of fixed-size values, uint8 [N, width], without a copy."""
    if chunk.null_count:
        raise ValueError("a row has no value")
    data = chunk.buffers()[1]
    count, first = len(chunk), chunk.offset * width
    found = np.frombuffer(data, np.uint8, count * width, first) if count else np.empty(0, np.uint8)
    return found.reshape(count, width)
