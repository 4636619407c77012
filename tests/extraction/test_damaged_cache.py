"""The embedding cache on a damaged file: the file is replaced, and no wrong row is ever used."""

import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from coral_learn.extraction.cache import EmbeddingCache

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache")


def put(cache: EmbeddingCache, rows: dict[bytes, bytes], source: bytes = b"model") -> None:
    with cache.open(source) as cached:
        for photo, row in rows.items():
            cached.put(cached.key(photo), row)


def get(cache: EmbeddingCache, photo: bytes, source: bytes = b"model") -> bytes | None:
    with cache.open(source) as cached:
        return cached.get(cached.key(photo))


def corrupt(path: Path) -> None:
    """Writes zeros over all but the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


@pytest.mark.parametrize("damage", [b"This is no database at all. " * 500, None])
def test_a_broken_file_is_set_aside_and_replaced(
    cache: EmbeddingCache, damage: bytes | None
) -> None:
    put(cache, {b"%d" % index: bytes(3000) for index in range(100)})
    if damage is None:
        corrupt(cache.path)
    else:
        cache.path.write_bytes(damage)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert get(cache, b"50") is None
    put(cache, {b"50": b"row"})
    assert get(cache, b"50") == b"row"
    assert cache.info().embeddings == 1
    [broken] = cache.path.parent.glob("*.broken")
    cache.clear()
    assert not broken.exists()


def set_write_version(content: bytearray) -> None:
    content[18] = 77


def set_read_version(content: bytearray) -> None:
    content[19] = 77


def rename_a_column(content: bytearray) -> None:
    content[:] = content.replace(b"value BLOB", b"volue BLOB")


def make_the_schema_undecodable(content: bytearray) -> None:
    place = content.index(b"CREATE INDEX")
    content[place : place + 6] = b"\xe9\xe9\xe9\xe9\xe9\xe9"


@pytest.mark.parametrize(
    "damage",
    [set_write_version, set_read_version, rename_a_column, make_the_schema_undecodable],
)
def test_a_file_with_a_damaged_header_or_schema_is_replaced_by_the_next_run(
    cache: EmbeddingCache, damage: Callable[[bytearray], None]
) -> None:
    put(cache, {b"photo": b"row"})
    content = bytearray(cache.path.read_bytes())
    damage(content)
    cache.path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert get(cache, b"photo") in (None, b"row")
        put(cache, {b"photo": b"row"})
    assert all("is not used" in str(each.message) for each in caught)
    put(cache, {b"photo": b"row"})
    assert get(cache, b"photo") == b"row"


def test_damage_causes_neither_a_wrong_row_nor_an_error(
    cache: EmbeddingCache, tmp_path: Path
) -> None:
    rows = {b"%d" % index: b"%d" % index * 100 for index in range(60)}
    put(cache, rows)
    intact = cache.path.read_bytes()
    for seed in range(40):
        rng = random.Random(seed)
        damaged = EmbeddingCache(tmp_path / f"damaged {seed}")
        damaged.path.parent.mkdir()
        damaged.path.write_bytes(changed_at_random(intact, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                with damaged.open(b"model") as cached:
                    found = {photo: cached.get(cached.key(photo)) for photo in rows}
                assert all(found[photo] in (None, row) for photo, row in rows.items())
                put(damaged, rows)


def changed_at_random(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    start = rng.randrange(len(changed))
    match rng.randrange(4):
        case 0:
            del changed[start:]
        case 1:
            for _ in range(rng.choice([1, 5, 50])):
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        case 2:
            changed[start : start + 500] = bytes(len(changed[start : start + 500]))
        case 3:
            changed[rng.randrange(100)] = rng.randrange(256)
    return bytes(changed)


def test_a_row_that_was_damaged_on_disk_is_not_used(cache: EmbeddingCache) -> None:
    put(cache, {b"photo": b"A" * 1000})
    content = cache.path.read_bytes()
    assert content.count(b"A" * 1000) == 1
    cache.path.write_bytes(content.replace(b"A" * 1000, b"A" * 500 + b"B" + b"A" * 499))
    assert get(cache, b"photo") is None
