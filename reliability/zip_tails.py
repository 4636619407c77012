"""Zip archives to append to a model: valid, unusual and broken ones, each with a label file."""

import io
import struct
import zipfile

LABEL_FILE = "labels.txt"
_METHODS = {zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def archive(data: bytes, method: int = zipfile.ZIP_STORED, name: str = LABEL_FILE) -> bytes:
    """Returns a valid archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        writer.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def bomb(method: int, megabytes: int) -> bytes:
    """Returns an archive of a few kilobytes whose label file has many megabytes when unpacked."""
    return archive(bytes(megabytes << 20), method)


def many_entries(count: int) -> bytes:
    """Returns an archive whose directory lists ``count`` empty files."""
    # By the zip format: 24 bytes of versions, times and sizes; a name length of 1; 16 more bytes.
    entry = b"PK\1\2" + struct.pack("<H", 20) * 2 + bytes(20) + struct.pack("<H", 1) + bytes(16)
    directory = (entry + b"a") * count
    entries = min(count, 0xFFFF)
    sizes = struct.pack("<4H2LH", 0, 0, entries, entries, len(directory), 0, 0)
    return directory + b"PK\5\6" + sizes


def _changed(data: bytes, marker: bytes, offset: int, form: str, value: int) -> bytes:
    """Returns an archive with one number of a record, found by its marker, replaced."""
    changed = bytearray(data)
    struct.pack_into(form, changed, changed.rindex(marker) + offset, value)
    return bytes(changed)


def _all() -> tuple[bytes, ...]:
    labels = b"one\ntwo\nthree\n"
    plain = archive(labels)
    tails = [plain, *(archive(labels, method) for method in sorted(_METHODS))]
    tails += [bomb(method, 8) for method in sorted(_METHODS)]
    tails += [
        archive(b""),
        archive(b"\n" * 1000),
        archive(b"\xff\xfe\x00bad"),
        archive(b"\xef\xbb\xbfone\r\ntwo"),
        archive(labels, name="../../labels.txt"),
        archive(labels, name=""),
        plain + plain,
        plain[:-1],
        plain + b"\0" * 100,
        plain[10:],
        many_entries(300),
        _changed(plain, b"PK\5\6", 8, "<H", 65535),  # entries
        _changed(plain, b"PK\5\6", 12, "<I", 0xFFFFFFFF),  # size of the directory
        _changed(plain, b"PK\5\6", 12, "<I", 0),
        _changed(plain, b"PK\5\6", 16, "<I", 0xFFFFFFFE),  # position of the directory
        _changed(plain, b"PK\5\6", 20, "<H", 65535),  # length of the comment
        _changed(plain, b"PK\1\2", 8, "<H", 1),  # flags: encrypted
        _changed(plain, b"PK\1\2", 8, "<H", 0x2041),  # flags: patched, strongly encrypted
        _changed(plain, b"PK\1\2", 10, "<H", 97),  # method
        _changed(plain, b"PK\1\2", 10, "<H", zipfile.ZIP_LZMA),
        _changed(plain, b"PK\1\2", 20, "<I", 0xFFFFFFFF),  # packed size: in an extra field
        _changed(plain, b"PK\1\2", 24, "<I", 0x7FFFFFFF),  # size
        _changed(plain, b"PK\1\2", 28, "<H", 65535),  # length of the name
        _changed(plain, b"PK\1\2", 42, "<I", 0x7FFFFFFF),  # position of the file
        _changed(plain, b"PK\3\4", 26, "<H", 65535),
    ]
    return tuple(tails)


ZIP_TAILS = _all()
