"""Checks built wheels and sdists: tags, size, and that they hold the tracked files and no others.

    python tools/wheels/check.py DIST...

Needs a checkout and the package `packaging`. auditwheel, which sets the tag of a wheel, has already
checked that the wheel complies with it. Prints a line for each file and each problem; the exit
status is 1 if there are problems.
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import tomllib
from packaging.utils import parse_sdist_filename, parse_wheel_filename

_ROOT = Path(__file__).parents[2]
_MAX_BYTES = 5_000_000
_EXTRACTOR = "coral_learn/extraction/data/efficientnet_lite0_extractor.tflite"
_MAX_GLIBC = (2, 28)
_METADATA = (
    "METADATA",
    "WHEEL",
    "RECORD",
    "entry_points.txt",
    "licenses/LICENSE",
    "licenses/THIRD_PARTY_LICENSES",
)


def _tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, check=True)
    return set(listed.stdout.decode().splitlines())


def _compare(found: set[str], wanted: set[str]) -> Iterator[str]:
    yield from (f"stray file {name}" for name in sorted(found - wanted))
    yield from (f"missing file {name}" for name in sorted(wanted - found))


def _platform_problems(platform: str) -> Iterator[str]:
    if re.fullmatch(r"manylinux2014_(x86_64|aarch64)|macosx_\d+_\d+_arm64|win_amd64", platform):
        return  # manylinux2014 is the old name of manylinux_2_17
    glibc = re.fullmatch(r"manylinux_(\d+)_(\d+)_(x86_64|aarch64)", platform)
    if glibc is None:
        yield f"unexpected platform {platform}"
    elif (int(glibc[1]), int(glibc[2])) > _MAX_GLIBC:
        yield f"{platform} needs a newer glibc than {'.'.join(map(str, _MAX_GLIBC))}"


def _extension_suffix(interpreter: str, platform: str) -> str:
    """Returns the suffix of compiled modules, such as cpython-311-aarch64-linux-gnu.so."""
    version = interpreter.removeprefix("cp")
    if platform.startswith("win"):
        return f"cp{version}-{platform}.pyd"
    if platform.startswith("macosx"):
        return f"cpython-{version}-darwin.so"
    processor = "aarch64" if platform.endswith("aarch64") else "x86_64"
    return f"cpython-{version}-{processor}-linux-gnu.so"


def wheel_problems(path: Path) -> Iterator[str]:
    """Yields the problems of a wheel: ABI, platform, size and contents."""
    name, version, _, tags = parse_wheel_filename(path.name)
    interpreter, abi = {(tag.interpreter, tag.abi) for tag in tags}.pop()
    if interpreter != abi:
        yield f"unexpected ABI {abi} for {interpreter}"
    for tag in tags:
        yield from _platform_problems(tag.platform)
    if path.stat().st_size > _MAX_BYTES:
        yield f"{path.stat().st_size:,} bytes, over {_MAX_BYTES:,}"

    suffix = _extension_suffix(interpreter, min(tag.platform for tag in tags))
    metadata = f"{name.replace('-', '_')}-{version}.dist-info"
    wanted = {
        tracked.removeprefix("python/") for tracked in _tracked() if tracked.startswith("python/")
    }
    wanted |= {f"coral_learn/_core.{suffix}", _EXTRACTOR}
    wanted |= {f"{metadata}/{file}" for file in _METADATA}
    with zipfile.ZipFile(path) as archive:
        found = {name for name in archive.namelist() if not name.endswith("/")}
    yield from _compare(found, wanted)


def sdist_problems(path: Path) -> Iterator[str]:
    """Yields the problems of the contents of an sdist."""
    parse_sdist_filename(path.name)
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    excluded = tuple(project["tool"]["scikit-build"]["sdist"]["exclude"])
    wanted = {tracked for tracked in _tracked() if not tracked.startswith(excluded)} | {"PKG-INFO"}
    top = path.name.removesuffix(".tar.gz") + "/"
    with tarfile.open(path) as archive:
        found = {member.name.removeprefix(top) for member in archive if not member.isdir()}
    yield from _compare(found, wanted)


def main(paths: list[str]) -> bool:
    """Checks the files, prints the result, and returns whether there are no problems."""
    passed = True
    for path in map(Path, paths):
        problems = list((wheel_problems if path.suffix == ".whl" else sdist_problems)(path))
        print(f"{path.name}: {path.stat().st_size:,} bytes, {len(problems)} problems")
        for problem in problems:
            print(f"  {problem}")
        passed = passed and not problems
    return passed


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
