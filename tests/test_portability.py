"""What only POSIX has is used where Windows does not come.

mypy finds more (`nox -s types` checks the package as it is on Windows and on macOS), but no names
of modules, and nothing behind ``getattr``.
"""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

PACKAGE = Path(__file__).parents[1] / "python" / "coral_learn"
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    *("os.fork", "os.forkpty", "os.register_at_fork", "os.killpg", "os.setsid", "os.getpgid"),
    *("os.getuid", "os.geteuid", "os.getgid", "os.chown", "os.fchmod", "os.mkfifo", "os.nice"),
    *("os.sched_getaffinity", "os.sysconf", "os.uname", "os.statvfs", "os.pread", "os.pwrite"),
    *("os.O_NOFOLLOW", "os.O_DIRECTORY", "os.O_NONBLOCK", "os.set_blocking", "os.WIFSIGNALED"),
    *("signal.SIGHUP", "signal.SIGKILL", "signal.SIGUSR1", "signal.SIGUSR2", "signal.SIGALRM"),
    *("signal.SIGPIPE", "signal.alarm", "signal.setitimer", "signal.pthread_sigmask"),
    *("signal.pthread_kill", "signal.sigwait", "time.tzset", "asyncio.add_signal_handler"),
}
POSIX_ARGUMENTS = {"preexec_fn", "start_new_session", "process_group", "pass_fds", "dir_fd"}


def posix_uses(tree: ast.AST) -> Iterator[str]:
    """Yields what only POSIX has, except in statements that ask for the platform first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "sys.platform" in ast.unparse(node.test):
            continue
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name in POSIX_MODULES)
            case ast.ImportFrom(module=module, names=names, level=0):
                if module in POSIX_MODULES:
                    yield str(module)
                full = (f"{module}.{each.name}" for each in names)
                yield from (name for name in full if name in POSIX_NAMES)
            case ast.Attribute() if ast.unparse(node) in POSIX_NAMES:
                yield ast.unparse(node)
            case ast.keyword(arg=argument) if argument in POSIX_ARGUMENTS:
                yield str(argument)
        yield from posix_uses(node)


def test_the_package_asks_for_the_platform_before_it_uses_what_only_posix_has() -> None:
    found = {
        str(path.relative_to(PACKAGE)): uses
        for path in sorted(PACKAGE.rglob("*.py"))
        if (uses := list(posix_uses(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from resource import getrlimit",
        "def f():\n    import pwd",
        "from signal import SIGHUP",
        "signals = [signal.SIGKILL]",
        "subprocess.Popen([], start_new_session=True)",
        "if os.fork(): pass",
    ],
)
def test_such_a_use_is_found(code: str) -> None:
    assert len(list(posix_uses(ast.parse(code)))) == 1
    guarded = f"if sys.platform != 'win32':\n{textwrap.indent(code, '    ')}"
    assert not list(posix_uses(ast.parse(guarded)))
