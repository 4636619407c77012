"""Faults: kills, signals, full disks, no permission, no memory, broken caches, at random moments.

``python -m reliability.faults [--quick] [--runs 200] [--first N] [--seed N]``

Each run takes one command of a small world, such as ``coral-learn train`` over older results, and
injects one fault. Afterwards:

- each file that the command writes is the complete old one or the complete new one;
- unless the command was killed, all files are old or all are new, and no temporary file is left;
- the command has printed one line without a traceback, and has ended with the right exit status;
- the same command succeeds without the fault, and removes what was left over.

Signals arrive after a random part of the command's time, from its first instruction to its last, or
just before or after a file is flushed or renamed (``reliability.injected``). The full disk is a
tmpfs if this user may mount one, and otherwise a limit on the size of files. Root must respect
permissions too, because its capabilities over files are removed.
"""

import argparse
import contextlib
import ctypes
import errno
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .fault_world import Done, Finding, Target, Trial, World

_ALL_RUNS = 200
_ONLY_PRINTING = ("evaluate", "classify")  # the output of the others includes durations
_WRITE_MOMENTS = 12  # in a command that writes three files
_NATIVE = "OpenBLAS error: "  # OpenBLAS ends the process itself when it is out of memory
_PR_CAPBSET_DROP = 24
_CAPABILITIES_OVER_FILES = (1, 2, 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


@dataclass(frozen=True)
class Fault:
    """A fault to inject.

    Attributes:
        name: The name of the fault.
        inject: Runs the command of a trial with the fault.
        statuses: The acceptable exit statuses.
        killed: Whether the fault gives the command no chance to clean up.
        says: The text that the error must contain if the command fails.
        at_writes: Whether the fault happens only in commands that write results.
    """

    name: str
    inject: Callable[[Trial, random.Random], Done]
    statuses: tuple[int, ...]
    killed: bool = False
    says: str = "coral-learn: error: "
    at_writes: bool = False


def check_ending(fault: Fault, trial: Trial, done: Done) -> str:
    """Returns how a command with a fault ended, in a few words.

    Raises:
        Finding: The command did not end as it should.
    """
    state, (after, output) = trial.state(), trial.world.after[trial.target.name]
    before = trial.world.before[trial.target.name]
    for name in state:
        if state[name] not in (before.get(name), after.get(name)):
            raise Finding(f"{name} is neither the old file nor the new one")
    if done.status not in fault.statuses:
        raise Finding(f"the exit status is {done.status}: {done.errors[-2000:]}")
    if fault.killed:
        return "killed" if done.status < 0 else "too late"
    if _before_main(done):
        return "before the start"
    if "Traceback" in done.errors or "Exception" in done.errors:
        raise Finding(done.errors[-3000:])
    if state not in (before, after):
        raise Finding("some files are old and some are new")
    if left := trial.leftovers():
        raise Finding(f"temporary files are left: {left}")
    if done.status == 0:
        if state != after:
            raise Finding("the exit status is 0, but the results are not the new ones")
        if trial.target.name in _ONLY_PRINTING and done.output != output:
            raise Finding("the exit status is 0, but the output is a different one")
        return "not affected" if fault.statuses[0] != 0 else "continued"
    last_line = done.errors.strip().rpartition("\n")[2]
    if done.status > 0 and fault.says not in last_line and not last_line.startswith(_NATIVE):
        raise Finding(f"the exit status is {done.status}, but the last line is {last_line!r}")
    return "ended cleanly"


def check_rerun(trial: Trial) -> None:
    """Runs the same command again, without a fault.

    Raises:
        Finding: The command fails, or its results are wrong.
    """
    world, target = trial.world, trial.target
    if target.changes_project and trial.state() != world.before[target.name]:
        # The change was complete before the fault; another change must succeed.
        again = Target("next", ("project", "rename", "project", "a", "A"), "project")
        expected = None
    else:
        again, expected = target, world.after[target.name][0]
    rerun = Trial(world, trial.path, again)
    done = rerun.finish(rerun.start())
    if done.status != 0 or "Traceback" in done.errors:
        raise Finding(f"the same command fails afterwards: {done.errors}")
    if expected is not None and rerun.state() != expected:
        raise Finding("the same command gives different results afterwards")
    if rerun.leftovers():
        raise Finding(f"a second run does not remove {rerun.leftovers()}")


def _before_main(done: Done) -> bool:
    """Tells whether a signal arrived while Python itself started, before the package."""
    return "in main\n" not in done.errors and (
        "KeyboardInterrupt" in done.errors or (done.status < 0 and not done.errors)
    )


def _signal_at_a_time(number: int) -> Callable[[Trial, random.Random], Done]:
    def inject(trial: Trial, chance: random.Random) -> Done:
        moment = chance.uniform(0, 1.02 * trial.world.seconds[trial.target.name])
        process = trial.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(number)
        return trial.finish(process)

    return inject


def _injected(what: str, number: int, moments: int) -> Callable[[Trial, random.Random], Done]:
    def inject(trial: Trial, chance: random.Random) -> Done:
        moment = 1 + chance.randrange(moments)
        return trial.finish(trial.start(_wrapper(what, number, moment)))

    return inject


def _wrapper(what: str, number: int, moment: int) -> list[str]:
    root = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {root!r}); import runpy; " + (
        "runpy.run_module('reliability.injected', run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-c", code, what, str(number), str(moment)]


def _signal_at_a_write(number: int) -> Callable[[Trial, random.Random], Done]:
    return _injected("signal", number, _WRITE_MOMENTS)


def _full_disk(trial: Trial, chance: random.Random) -> Done:
    """Runs the command with little space, or none, in a folder that it writes to."""
    if not can_mount():
        limit = chance.randrange(6000)
        return trial.finish(
            trial.start(
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            )
        )
    folder = trial.path / chance.choice([trial.target.folder, "cache", trial.target.folder])
    free = 4096 * chance.randrange(3)
    with _small_disk(folder, free):
        return trial.finish(trial.start())


@contextlib.contextmanager
def _small_disk(folder: Path, free: int) -> Iterator[None]:
    """Moves the content of a folder to a file system that has only this many free bytes."""
    packed = subprocess.run(["tar", "-C", folder, "-cf", "-", "."], capture_output=True, check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        subprocess.run(["tar", "-C", folder, "-xf", "-"], input=packed.stdout, check=True)
        fill = os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize - free
        (folder / "big").write_bytes(bytes(fill))
        yield
        (folder / "big").unlink()
        packed = subprocess.run(
            ["tar", "-C", folder, "-cf", "-", "."], capture_output=True, check=True
        )
    finally:
        subprocess.run(["umount", folder], check=True)
    for path in folder.iterdir():
        subprocess.run(["rm", "-rf", path], check=True)
    subprocess.run(["tar", "-C", folder, "-xf", "-"], input=packed.stdout, check=True)


def can_mount() -> bool:
    """Tells whether this user may mount a file system."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True
        )
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


def _no_permission(folder_of: Callable[[Trial], Path]) -> Callable[[Trial, random.Random], Done]:
    def inject(trial: Trial, chance: random.Random) -> Done:
        with _read_only(folder_of(trial)):
            return trial.finish(trial.start(preexec_fn=obey_permissions))

    return inject


def obey_permissions() -> None:
    """Removes root's capabilities to ignore permissions, in a child process before it starts."""
    if os.geteuid() == 0:
        for capability in _CAPABILITIES_OVER_FILES:
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@contextlib.contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    paths = [folder, *folder.rglob("*")]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


def _locked_cache(trial: Trial, chance: random.Random) -> Done:
    """Locks the cache in another process, for a moment or until the end."""
    held = chance.choice([0.1, 0.5, 60])
    [path] = (trial.path / "cache").glob("*.sqlite3")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = trial.start(_wrapper("cache", 300, 0))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(held)
        other.execute("ROLLBACK")
        return trial.finish(process)


def _corrupted_cache(trial: Trial, chance: random.Random) -> Done:
    """Damages the cache before the command starts or while it runs."""
    [path] = (trial.path / "cache").glob("*.sqlite3")
    if chance.random() < 0.5:
        _damage(path, chance)
        return trial.finish(trial.start())
    process = trial.start()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, trial.world.seconds[trial.target.name]))
    _damage(path, chance)
    return trial.finish(process)


def _damage(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(chance.choice([1, 20, 200])):
            file.seek(chance.randrange(size))
            file.write(chance.randbytes(chance.choice([1, 4, 100])))
        if chance.random() < 0.3:
            file.truncate(chance.randrange(size))


def _little_memory(trial: Trial, chance: random.Random) -> Done:
    """Limits the address space to a part of what the command needs."""
    limit = chance.randrange(150, 1500) << 20
    return trial.finish(
        trial.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    )


def _few_files(trial: Trial, chance: random.Random) -> Done:
    """Limits the number of open files."""
    limit = chance.randrange(6, 24)
    return trial.finish(
        trial.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    )


_STOPPED = "coral-learn: stopped by "
_INT, _TERM, _HUP, _KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL

FAULTS = (
    Fault("kill -9", _signal_at_a_time(_KILL), (-_KILL, 0), killed=True),
    Fault(
        "kill -9 at a write", _signal_at_a_write(_KILL), (-_KILL, 0), killed=True, at_writes=True
    ),
    Fault("Ctrl-C", _signal_at_a_time(_INT), (130, -_INT, 0, 1), says=_STOPPED),
    Fault(
        "Ctrl-C at a write",
        _signal_at_a_write(_INT),
        (130, -_INT, 0),
        says=_STOPPED,
        at_writes=True,
    ),
    Fault("SIGTERM", _signal_at_a_time(_TERM), (143, -_TERM, 0), says=_STOPPED),
    Fault(
        "SIGTERM at a write",
        _signal_at_a_write(_TERM),
        (143, -_TERM, 0),
        says=_STOPPED,
        at_writes=True,
    ),
    Fault("SIGHUP", _signal_at_a_time(_HUP), (129, -_HUP, 0), says=_STOPPED),
    Fault("full disk", _full_disk, (1, 0), at_writes=True),
    Fault("disk full at a write", _injected("error", errno.ENOSPC, 8), (1, 0), at_writes=True),
    Fault("disk fails at a write", _injected("error", errno.EIO, 8), (1, 0), at_writes=True),
    Fault(
        "no permission",
        _no_permission(lambda trial: trial.path / trial.target.folder),
        (1, 0),
        at_writes=True,
    ),
    Fault("read-only cache", _no_permission(lambda trial: trial.path / "cache"), (0,)),
    Fault("locked cache", _locked_cache, (0,)),
    Fault("corrupted cache", _corrupted_cache, (0,)),
    Fault("little memory", _little_memory, (1, 0)),
    Fault("few open files", _few_files, (1, 0)),
    Fault("a worker without memory", _injected("worker", 0, 60), (1, 0)),
    Fault("no thread starts", _injected("thread", 0, 12), (1, 0)),
)


def run(world: World, numbers: Sequence[int], seed: int) -> Counter[str]:
    """Injects faults of all kinds in turn.

    Args:
        world: The world to inject faults into.
        numbers: The numbers of the runs. A number and the seed decide everything in a run.
        seed: The seed of the random choices.

    Returns:
        The number of runs by kind of fault and ending, and the number of ``findings``.
    """
    counts: Counter[str] = Counter()
    for number in numbers:
        chance = random.Random(f"{seed}/{number}")
        fault = FAULTS[number % len(FAULTS)]
        targets = [
            target
            for target in world.targets
            if not (fault.at_writes and target.name in _ONLY_PRINTING)
        ]
        trial = world.trial(chance.choice(targets))
        try:
            done = fault.inject(trial, chance)
            ending = check_ending(fault, trial, done)
            check_rerun(trial)
        except Finding as finding:
            ending = "finding"
            counts["findings"] += 1
            print(f"run {number}: {trial.target.name}, {fault.name}: {finding}", flush=True)
        counts[f"{fault.name}: {ending}"] += 1
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the attack, and returns 1 if there are findings."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.faults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="one run of each kind only")
    parser.add_argument("--runs", type=int, default=_ALL_RUNS)
    parser.add_argument("--first", type=int, default=0, help="the number of the first run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    runs = len(FAULTS) if options.quick else options.runs
    for number in (_INT, _HUP):  # a shell's background job ignores them, and so would its children
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        counts = run(World(Path(folder)), range(options.first, options.first + runs), options.seed)
    for name, count in sorted(counts.items()):
        print(f"  {name}: {count}")
    disk = "tmpfs" if can_mount() else "RLIMIT_FSIZE"
    print(
        f"faults: {runs} runs with seed {options.seed}, {len(FAULTS)} kinds, full disk by {disk}, "
        f"{counts['findings']} findings, {time.perf_counter() - start:.0f} s"
    )
    return 1 if counts["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
