"""Locks on open files, between processes."""

import subprocess
import sys
import threading
from pathlib import Path

import portalocker
import pytest

from coral_learn.file_lock import lock_file

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

NO_SHARED_LOCKS = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no shared locks without further packages"
)
HOLDER = """
import sys
from coral_learn.file_lock import lock_file
file = open(sys.argv[1], "rb")
lock_file(file, shared=sys.argv[2] == "shared")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "lock").touch()
    return tmp_path / "lock"


def start_holder(path: Path, kind: str) -> subprocess.Popen[str]:
    """Starts a process that holds a lock until its standard input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    return holder


@pytest.mark.parametrize("shared", [False, True])
def test_an_exclusive_lock_keeps_others_out_until_its_process_ends(
    path: Path, shared: bool
) -> None:
    with start_holder(path, "exclusive") as holder:
        with path.open("rb") as file, pytest.raises(BlockingIOError, match="has locked it"):
            lock_file(file, shared=shared, wait=False)
        holder.kill()
        holder.wait()
        with path.open("rb") as file:
            lock_file(file, shared=shared, wait=False)


@NO_SHARED_LOCKS
def test_a_shared_lock_admits_readers_only(path: Path) -> None:
    with start_holder(path, "shared") as holder:
        with path.open("rb") as file:
            lock_file(file, shared=True, wait=False)
        with path.open("rb") as file, pytest.raises(BlockingIOError, match="has locked it"):
            lock_file(file, wait=False)
        holder.communicate()


def test_a_lock_waits_until_it_is_free_even_where_the_system_gives_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, given_up = portalocker.lock, threading.Event()

    def give_up_once(file: int, flags: portalocker.LockFlags) -> None:
        if not given_up.is_set():
            given_up.set()
            raise portalocker.AlreadyLocked("Windows does after ten seconds")
        real(file, flags)

    monkeypatch.setattr(portalocker, "lock", give_up_once)
    with start_holder(path, "exclusive") as holder, path.open("rb") as file:
        waiting = threading.Thread(target=lock_file, args=(file,))
        waiting.start()
        given_up.wait()
        assert waiting.is_alive()
        holder.communicate()
        waiting.join()


def test_a_file_system_without_locks_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int, flags: portalocker.LockFlags) -> None:
        raise portalocker.LockException("no locks") from OSError(37, "No locks available")

    monkeypatch.setattr(portalocker, "lock", fail)
    with path.open("rb") as file, pytest.raises(OSError, match="No locks available"):
        lock_file(file)
