"""Files that stand for photos where their content does not matter."""

import io
import zipfile
from pathlib import Path

from PIL import Image


def make_files(root: Path, *names: str) -> Path:
    """Makes files with different contents; returns the folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode(errors="surrogateescape"))
    return root


def make_zip(path: Path, *names: str) -> Path:
    """Makes a zip file with files of these names; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def photo(number: int, size: int = 32) -> bytes:
    """Returns a real photo; every number gives another one."""
    content = io.BytesIO()
    color = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    Image.new("RGB", (size, size), color).save(content, "PNG")
    return content.getvalue()
