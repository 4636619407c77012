"""tools/wheels/check.py accepts a valid wheel, and no other."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytest.importorskip("tomllib", reason="the tools need Python 3.11")
if not (ROOT / ".git").exists():
    pytest.skip("this is not a checkout", allow_module_level=True)
pytestmark = pytest.mark.slow_when_emulated

METADATA = (
    "METADATA",
    "WHEEL",
    "RECORD",
    "entry_points.txt",
    "licenses/LICENSE",
    "licenses/THIRD_PARTY_LICENSES",
)
EXTRACTOR = "coral_learn/extraction/data/efficientnet_lite0_extractor.tflite"
MODULE = "coral_learn/_core.cpython-312-aarch64-linux-gnu.so"


def package_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "."], cwd=ROOT / "python", capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def make_wheel(
    folder: Path,
    *,
    tag: str = "cp312-cp312-manylinux_2_28_aarch64",
    module: str = MODULE,
    padding: int = 0,
    without: str = "",
    stray: str = "",
) -> Path:
    path = folder / f"coral_learn-1.2.3-{tag}.whl"
    names = [
        *package_files(),
        EXTRACTOR,
        *(f"coral_learn-1.2.3.dist-info/{name}" for name in METADATA),
    ]
    with zipfile.ZipFile(path, "w") as archive:
        for name in filter(None, {*names, stray} - {without}):
            archive.writestr(name, b"")
        archive.writestr(module, bytes(padding))
    return path


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "wheels" / "check.py", path],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("tag", "suffix"),
    [
        ("cp312-cp312-manylinux_2_28_aarch64", "cpython-312-aarch64-linux-gnu.so"),
        (
            "cp310-cp310-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
            "cpython-310-x86_64-linux-gnu.so",
        ),
        (
            "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64",
            "cpython-311-x86_64-linux-gnu.so",
        ),
        ("cp314-cp314-macosx_11_0_arm64", "cpython-314-darwin.so"),
        ("cp312-cp312-win_amd64", "cp312-win_amd64.pyd"),
    ],
)
def test_a_valid_wheel_passes(tmp_path: Path, tag: str, suffix: str) -> None:
    done = check(make_wheel(tmp_path, tag=tag, module=f"coral_learn/_core.{suffix}"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"stray": "tests/test_files.py"}, "stray file tests/test_files.py"),
        ({"without": "coral_learn/py.typed"}, "missing file coral_learn/py.typed"),
        (
            {"without": "coral_learn-1.2.3.dist-info/licenses/LICENSE"},
            "missing file coral_learn-1.2.3.dist-info/licenses/LICENSE",
        ),
        ({"module": MODULE.replace("aarch64", "x86_64")}, f"missing file {MODULE}"),
        ({"without": EXTRACTOR}, f"missing file {EXTRACTOR}"),
        ({"padding": 5_000_000}, "over 5,000,000"),
        ({"tag": "cp312-cp312-manylinux_2_34_aarch64"}, "needs a newer glibc than 2.28"),
        ({"tag": "cp312-cp312-linux_aarch64"}, "unexpected platform linux_aarch64"),
        ({"tag": "cp312-abi3-manylinux_2_28_aarch64"}, "unexpected ABI abi3 for cp312"),
    ],
)
def test_each_fault_of_a_wheel_is_found(
    tmp_path: Path, fault: dict[str, str | int], problem: str
) -> None:
    done = check(make_wheel(tmp_path, **fault))  # type: ignore[arg-type]
    assert done.returncode == 1
    assert problem in done.stdout
