"""Buckets of rows, by which shards agree on folds without showing each other a row."""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..embeddings import Embeddings

BUCKETS = 256
"""The number of buckets; the bucket of a row is in [0, BUCKETS)."""

_WORD = 8  # bytes
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio
_FEATURES = 64  # two different embeddings do not agree in so many, and they are hashed faster


def buckets_of(embeddings: Embeddings) -> NDArray[np.uint8]:
    """Returns the bucket of each embedding, uint8 [N].

    It is the highest byte of a hash of the stored values: the same on every computer and with every
    version.

    Args:
        embeddings: N embeddings.

    Examples:
        >>> import numpy as np
        >>> from coral_learn import Embeddings
        >>> from coral_learn.distributed import buckets_of
        >>> buckets = buckets_of(Embeddings(np.array([[1, 2], [3, 4], [1, 2]], np.uint8)))
        >>> bool(buckets[0] == buckets[2]), buckets.dtype
        (True, dtype('uint8'))
    """
    return (hashes_of(embeddings) >> np.uint64(56)).astype(np.uint8)


def hashes_of(embeddings: Embeddings) -> NDArray[np.uint64]:
    """Returns a number for each embedding, uint64 [N], that equal embeddings of a type share.

    The stored values of every ``D // 64``-th feature are read as little-endian 64-bit words. Their
    sum times fixed odd numbers is mixed once more, all modulo 2^64 (multiply-shift hashing).
    """
    values = embeddings.quantized
    chosen = values[:, :: max(1, values.shape[1] // _FEATURES)]
    little_endian = chosen.astype(chosen.dtype.newbyteorder("<"), copy=False)
    row_bytes = np.ascontiguousarray(little_endian).view(np.uint8)
    padding = -row_bytes.shape[1] % _WORD
    words = np.pad(row_bytes, ((0, 0), (0, padding))).view("<u8")
    odd = np.random.PCG64(0).random_raw(words.shape[1]) | np.uint64(1)
    hashes: NDArray[np.uint64] = words.astype(np.uint64, copy=False) @ odd
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIXER
    return hashes


def buckets_of_groups(groups: ArrayLike) -> NDArray[np.uint8]:
    """Returns the bucket of each row by the key of its group, uint8 [N].

    Args:
        groups: The key of each row's group, integers or strings [N]. The same key, such as the
            name of a video, must mean the same group on all shards.

    Examples:
        >>> from coral_learn.distributed import buckets_of_groups
        >>> buckets_of_groups(["morning", "morning", "evening"]).tolist()
        [..., ..., ...]
    """
    keys = np.asarray(groups).tolist()
    bucket = {key: blake2b(str(key).encode(), digest_size=1).digest() for key in set(keys)}
    return np.frombuffer(b"".join(bucket[key] for key in keys), np.uint8)
