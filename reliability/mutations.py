"""Breaking .tflite files: at random, in the fields of the flatbuffer, and in the zip archive."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np

from coral_learn.tflite import schema
from coral_learn.tflite.checked import CheckedBuffer, CheckedTable
from coral_learn.tflite.schema import load_generated
from coral_learn.tflite.tree import unpack

from .zip_tails import ZIP_TAILS

_FORMATS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
_MAX_VECTOR_ELEMENTS = 32
_MAX_SPAN = 200


@dataclass(frozen=True, order=True)
class Field:
    """A number in a file that determines how the file is read.

    Attributes:
        position: The position of the first byte.
        width: The size in bytes: 1, 2, 4 or 8.
        role: ``vtable`` (its sizes, entries and position), ``reference``, ``length`` or ``value``.
    """

    position: int
    width: int
    role: str


@dataclass(frozen=True)
class Seed:
    """A model to break.

    Attributes:
        name: The name of the model in reports.
        content: The file.
        fields: The fields that are read when the file is parsed, in the order of the file.
        places: The positions of the tables, strings and vectors, as targets for references.
    """

    name: str
    content: bytes
    fields: tuple[Field, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, name: str, content: bytes) -> "Seed":
        """Reads a model.

        Raises:
            ModelError: The model is damaged.
        """
        unpack(content)
        fields, places = _map(content)
        return cls(name, content, tuple(sorted(fields)), tuple(sorted(places)))


def mutate(seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> bytes:
    """Breaks a model in one to four random ways.

    Args:
        seed: The model.
        seeds: Other models, of which parts are spliced in.
        chance: The source of every choice.
    """
    if chance.random() < _SHARE_OF_TREES:
        content = bytearray(_change_tree(seed.content, chance))
        if chance.random() < 0.7:
            return bytes(content)
    else:
        content = bytearray(seed.content)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        (change,) = chance.choices(_CHANGES, _WEIGHTS)
        change(content, seed, seeds, chance)
    return bytes(content)


def _map(content: bytes) -> tuple[set[Field], set[int]]:
    """Finds the fields of a model by recording how it is read."""
    fields: set[Field] = set()
    places: set[int] = set()

    class RecordingTable(CheckedTable):
        def __init__(self, buffer: CheckedBuffer, position: int) -> None:
            super().__init__(buffer, position)
            places.add(position)
            vtable = position - struct.unpack_from("<i", content, position)[0]
            fields.add(Field(position, 4, "vtable"))
            fields.update(Field(vtable + place, 2, "vtable") for place in (0, 2))

        def Offset(self, vtable_offset: int) -> int:  # noqa: N802
            offset = super().Offset(vtable_offset)
            if offset:
                vtable = self.Pos - struct.unpack_from("<i", content, self.Pos)[0]
                fields.add(Field(vtable + vtable_offset, 2, "vtable"))
            return offset

        def Indirect(self, offset: int) -> int:  # noqa: N802
            fields.add(Field(offset, 4, "reference"))
            return int(super().Indirect(offset))

        def String(self, offset: int) -> bytes:  # noqa: N802
            start = self.Indirect(offset)
            places.add(start)
            fields.add(Field(start, 4, "length"))
            return super().String(offset)

        def Vector(self, offset: int) -> int:  # noqa: N802
            start = int(super().Vector(offset))
            places.add(start - 4)
            fields.add(Field(self.Pos + offset, 4, "reference"))
            fields.add(Field(start - 4, 4, "length"))
            return start

        def Get(self, flags: Any, offset: int) -> Any:  # noqa: N802
            fields.add(Field(offset, flags.bytewidth, "value"))
            return super().Get(flags, offset)

        def GetVectorAsNumpy(self, flags: Any, offset: int) -> Any:  # noqa: N802
            start, elements = self.Vector(offset), super().GetVectorAsNumpy(flags, offset)
            for index in range(min(len(elements), _MAX_VECTOR_ELEMENTS)):
                place = start + index * flags.bytewidth
                fields.add(Field(place, flags.bytewidth, "value"))
            return elements

    recording = load_generated(RecordingTable)
    recording.ModelT.InitFromBuf(CheckedBuffer(content), struct.unpack_from("<I", content)[0])
    fields.add(Field(0, 4, "reference"))
    fields -= {Field(f.position, 4, "value") for f in fields if f.role in ("reference", "length")}
    return {f for f in fields if f.position + f.width <= len(content)}, places


def _interesting(width: int, size: int, chance: random.Random) -> int:
    """Chooses a number that code is likely to handle wrongly, as the unsigned bits of a field."""
    bits = 8 * width
    edges = (0, 1, 2, -1, -2, 1 << (bits - 1), (1 << (bits - 1)) - 1, (1 << bits) - 1, 127, 128)
    choices = (
        lambda: chance.choice(edges),
        lambda: chance.randrange(-8, 64),
        lambda: size + chance.randrange(-8, 9),
        lambda: 1 << chance.randrange(bits),
        lambda: chance.getrandbits(bits),
        lambda: int(np.float32(chance.choice(_FLOATS)).view(np.uint32)),
    )
    return chance.choice(choices)() % (1 << bits)


_FLOATS = (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e-45, 1e-38, 3e38, -3e38, 1e-20, 1e20, 0.5)


def _change_field(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    field = chance.choice(seed.fields)
    if field.position + field.width > len(content):
        return
    form = _FORMATS[field.width]
    old = struct.unpack_from(form, content, field.position)[0]
    if field.role == "reference" and chance.random() < 0.5:
        new = chance.choice(seed.places) - field.position
    elif chance.random() < 0.2:
        new = old + chance.choice((-4, -2, -1, 1, 2, 4))
    else:
        new = _interesting(field.width, len(content), chance)
    struct.pack_into(form, content, field.position, new % (1 << 8 * field.width))


def _copy_field(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    one, other = chance.choice(seed.fields), chance.choice(seed.fields)
    if one.width == other.width and max(one.position, other.position) + one.width <= len(content):
        content[one.position : one.position + one.width] = content[
            other.position : other.position + one.width
        ]


def _flip_bit(content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> None:
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _set_word(content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> None:
    if len(content) >= 4:
        place = chance.randrange(len(content) // 4) * 4
        struct.pack_into("<I", content, place, _interesting(4, len(content), chance))


def _cut(content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> None:
    del content[chance.randrange(len(content) + 1) :]


def _delete_span(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    del content[_span(content, chance)]


def _repeat_span(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    span = _span(content, chance)
    content[span.stop : span.stop] = content[span]


def _fill_span(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    span = _span(content, chance)
    content[span] = bytes([chance.choice((0, 255, chance.randrange(256)))]) * len(content[span])


def _splice(content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> None:
    """Writes a span of another model over this one, at the same place or elsewhere."""
    other = chance.choice(seeds).content
    source = _span(other, chance)
    start = source.start if chance.random() < 0.5 else chance.randrange(len(content) + 1)
    part = other[source]
    content[start : start + len(part)] = part


def _splice_vector(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    """Overwrites the start of a table, string or vector with one of another model."""
    other = chance.choice(seeds)
    source, target = chance.choice(other.places), chance.choice(seed.places)
    part = other.content[source : source + 4 * chance.randrange(1, 20)]
    content[target : target + len(part)] = part


def _break_tail(
    content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random
) -> None:
    """Changes a byte near the end, where a zip archive has its directory."""
    if content:
        content[-chance.randrange(1, min(len(content), 160) + 1)] = chance.randrange(256)


def _add_tail(content: bytearray, seed: Seed, seeds: Sequence[Seed], chance: random.Random) -> None:
    content += chance.choice(ZIP_TAILS)


def _span(content: bytes | bytearray, chance: random.Random) -> slice:
    start = chance.randrange(len(content) + 1) // 4 * 4
    return slice(start, start + chance.randrange(1, _MAX_SPAN))


_Change = Callable[[bytearray, Seed, Sequence[Seed], random.Random], None]
_KINDS_OF_CHANGE: dict[_Change, int] = {
    _change_field: 50,
    _copy_field: 10,
    _flip_bit: 8,
    _set_word: 6,
    _cut: 3,
    _delete_span: 2,
    _repeat_span: 2,
    _fill_span: 3,
    _splice: 4,
    _splice_vector: 4,
    _break_tail: 6,
    _add_tail: 2,
}
_CHANGES, _WEIGHTS = list(_KINDS_OF_CHANGE), list(_KINDS_OF_CHANGE.values())
_SHARE_OF_TREES = 0.06


def _change_tree(content: bytes, chance: random.Random) -> bytes:
    """Changes a model as a tree and writes it again: a valid flatbuffer with invalid contents."""
    tree = unpack(content)
    for _ in range(chance.choice((1, 1, 2, 3))):
        _change_node(chance.choice(_nodes(tree)), chance)
    try:
        return pack_as_it_is(tree)
    except Exception:  # not everything can be written
        return content


def pack_as_it_is(tree: schema.ModelT) -> bytes:
    """Writes a tree without the alignment and checks of the package."""
    builder = flatbuffers.Builder()
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _nodes(tree: schema.ModelT) -> list[Any]:
    nodes = [tree]
    for node in nodes:  # grows as it goes
        for value in vars(node).values():
            children = value if isinstance(value, list) else [value]
            nodes += [child for child in children if getattr(child, "__dict__", None)]
    return nodes


def _change_node(node: Any, chance: random.Random) -> None:
    name = chance.choice(list(vars(node)))
    value = getattr(node, name)
    if isinstance(value, list) and value:
        index = chance.randrange(len(value))
        changed = (
            [*value, value[index]],
            [*value[:index], *value[index + 1 :]],
            chance.sample(value, len(value)),
            value * chance.choice((2, 50)),
        )
        setattr(node, name, chance.choice(changed))
    elif isinstance(value, np.ndarray):
        setattr(node, name, _change_array(value, chance))
    elif isinstance(value, bool):
        setattr(node, name, not value)
    elif isinstance(value, int):
        width = chance.choice((1, 2, 4))
        number = _interesting(width, 1000, chance)
        setattr(node, name, chance.choice((number, value + 1, value - 1, -1)))
    elif isinstance(value, float):
        setattr(node, name, float(chance.choice(_FLOATS)))
    elif isinstance(value, bytes):
        setattr(node, name, chance.choice((b"", value * 2, value[:1], b"\xff\0;;\n", value[::-1])))
    elif chance.random() < 0.3:
        setattr(node, name, None)


def _change_array(array: np.ndarray[Any, Any], chance: random.Random) -> np.ndarray[Any, Any]:
    changed = array.copy()
    if len(changed) and chance.random() < 0.5:
        bits = changed.view(np.dtype(f"u{changed.itemsize}"))
        bits[chance.randrange(len(bits))] = _interesting(changed.itemsize, 1000, chance)
        return changed
    shapes = (
        changed[:0],
        changed[:-1],
        changed[::-1].copy(),
        np.concatenate([changed, changed]),
        np.tile(changed, 40),
    )
    return chance.choice(shapes)
