"""The project's checks, one session for each.

``nox`` runs lint, docs, types, cpp and tests; ``nox -l`` lists all sessions. None needs root. What
follows ``--`` goes to the program that the session runs: ``nox -s tests -- -k imprinting``.
"""

import os
import platform
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "docs", "types", "cpp", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
BUILD_REQUIRES = PROJECT["build-system"]["requires"]

# CORAL_LEARN_WHEEL names a wheel to check in place of one built from this checkout.
GIVEN_WHEEL = os.environ.get("CORAL_LEARN_WHEEL")

# The session `package` installs the package here, for all sessions that need it.
PACKAGE_BIN = Path(".nox", "package", "Scripts" if os.name == "nt" else "bin").absolute()
# Sessions with an environment of their own need it only for its wheel, and with a given wheel can
# therefore run beside others.
FOR_ITS_WHEEL = [] if GIVEN_WHEEL else ["package"]
WHEEL_DIR = Path("build", "nox", "cp{}{}".format(*sys.version_info))


def dependency_group(name: str) -> tuple[str, ...]:
    """Returns what a dependency group of pyproject.toml names: pip before 25.1 cannot."""
    return nox.project.dependency_groups(PROJECT, name)


def platlib(session: nox.Session) -> str:
    """Returns the folder of installed packages, in which CMake finds Eigen."""
    script = "import sysconfig; print(sysconfig.get_path('platlib'))"
    return str(session.run("python", "-c", script, silent=True)).strip()


def run_with_package(session: nox.Session, program: str, *arguments: str) -> None:
    """Runs a program, or a script of this repository, where the package is installed."""
    path = f"{PACKAGE_BIN}{os.pathsep}{os.environ['PATH']}"
    found = program if "/" in program else str(PACKAGE_BIN / program)
    session.run(found, *arguments, external=True, env={"PATH": path})


@nox.session
def package(session: nox.Session) -> None:
    """Builds the package and installs it for other sessions; compiles only what has changed."""
    wheel = GIVEN_WHEEL
    if not wheel:
        session.install(*BUILD_REQUIRES)
        session.run(
            *("python", "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"),
            *(f"--config-settings=build-dir={WHEEL_DIR}/build", f"--wheel-dir={WHEEL_DIR}", "."),
        )
        wheel = str(max(WHEEL_DIR.glob("*.whl"), key=os.path.getmtime))
    session.install(f"{wheel}[test]")
    session.install("--force-reinstall", "--no-deps", wheel)  # a new build has the same version


@nox.session(requires=["package"], venv_backend="none")
def tests(session: nox.Session) -> None:
    """Runs the Python tests; arguments go to pytest."""
    run_with_package(session, "pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Checks the style of Python and C++; with --fix, corrects what can be corrected."""
    session.install(*dependency_group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
    listed = session.run("git", "ls-files", "*.cc", "*.h", "*.c", external=True, silent=True)
    session.run(
        "clang-format",
        *(["-i"] if fix else ["--dry-run", "--Werror"]),
        *str(listed).split(),
        log=False,
    )


@nox.session(requires=["package"], venv_backend="none")
def types(session: nox.Session) -> None:
    """Checks the types of all Python code, and the stub of the compiled core."""
    run_with_package(session, "pip", "install", "-q", *dependency_group("types"))
    run_with_package(session, "mypy", *session.posargs)
    for system in ("win32", "darwin"):  # what only Linux has is used where these do not come
        run_with_package(session, "mypy", f"--platform={system}", "python")
    run_with_package(session, "stubtest", "coral_learn._core")


@nox.session
def cpp(session: nox.Session) -> None:
    """Builds and runs the C++ tests; arguments go to the program: -- -tc='lbfgs*'."""
    session.install(*dependency_group("cpp"), "cmeel-eigen")
    session.run(
        *("cmake", "-S", ".", "-B", "build/cpp", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"),
        *("-DCORAL_LEARN_BUILD_TESTS=ON", f"-DCMAKE_PREFIX_PATH={platlib(session)}"),
    )
    session.run("cmake", "--build", "build/cpp")
    session.run("build/cpp/core_tests", *session.posargs, external=True)


@nox.session
def windows(session: nox.Session) -> None:
    """Compiles the C++ tests for Windows with zig, and runs them with Wine (Linux)."""
    session.install(*dependency_group("cpp"), "cmeel-eigen", "ziglang==0.17.1")
    session.run("tools/windows/cpp_tests.sh", "build/windows", *session.posargs, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Builds the site into build/site; a link or a name that leads nowhere is an error."""
    session.run(sys.executable, "tools/check_docs.py", external=True)
    session.install(*dependency_group("docs"))
    environment = {"PYTHONPATH": "python", "NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", "build", "--quiet", *session.posargs, env=environment)
    session.run("python", "tools/site/check_site.py", "build/site")


@nox.session
def dist(session: nox.Session) -> None:
    """Checks the wheel and the sdist: their contents, and how a package index will show them.

    It checks the given wheel and the sdist that it was made of, which tools/wheels/build.sh puts
    beside each other; without CORAL_LEARN_WHEEL, it has them built.
    """
    session.install(*dependency_group("dist"))
    wheel = Path(GIVEN_WHEEL or "")
    if not GIVEN_WHEEL:
        work = Path("build", "nox", "dist")
        build = ("tools/wheels/build.sh", platform.machine(), str(work))
        wheel = Path(str(session.run(*build, external=True, silent=True)).split()[-1])
    folder = wheel.parents[1] / wheel.parent.name.replace("wheel", "dist")
    sdists = [str(path) for path in folder.glob("*.tar.gz")]
    if not sdists:
        session.error(f"there is no sdist in {folder}, which belongs to {wheel}")
    session.run("twine", "check", "--strict", str(wheel), *sdists)
    session.run("check-wheel-contents", str(wheel))


@nox.session
def tidy(session: nox.Session) -> None:
    """Runs clang-tidy over the C++ code; --quick leaves out its tests."""
    session.install(*dependency_group("cpp"), *dependency_group("tidy"), *BUILD_REQUIRES)
    session.run("reliability/clang_tidy.sh", *session.posargs, external=True)


@nox.session(requires=["package"], venv_backend="none")
def sanitizers(session: nox.Session) -> None:
    """Runs the tests of the compiled core under sanitizers (Linux, GCC); --quick runs fewer."""
    requirements = (*dependency_group("cpp"), *BUILD_REQUIRES)
    run_with_package(session, "pip", "install", "-q", *requirements)
    run_with_package(session, "reliability/sanitizers.sh", *session.posargs)


@nox.session(requires=["package"], venv_backend="none")
def attacks(session: nox.Session) -> None:
    """Attacks the package with hostile models, faults and a soak (Linux); --quick takes minutes."""
    run_with_package(session, "pip", "install", "-q", *dependency_group("attacks"))
    for attack in ("models", "fuzz_surgery", "faults", "soak"):
        run_with_package(session, "python", "-m", f"reliability.{attack}", *session.posargs)


def install_with(session: nox.Session, group: str = "", extras: str = "test") -> None:
    """Installs the package and a dependency group into the session's own environment."""
    wheel = GIVEN_WHEEL or str(max(WHEEL_DIR.glob("*.whl"), key=os.path.getmtime))
    session.install(f"{wheel}[{extras}]", *(dependency_group(group) if group else ()))
    session.install("--force-reinstall", "--no-deps", wheel)  # a new build has the same version


@nox.session(requires=FOR_ITS_WHEEL)
def mediapipe(session: nox.Session) -> None:
    """Checks that MediaPipe Tasks run the retrained models; its packages stay in this session."""
    install_with(session, "mediapipe")
    files = ("tests/jobs/test_mediapipe.py", "tests/jobs/export/test_mediapipe.py")
    session.run("pytest", "-q", *files, *session.posargs)


@nox.session(requires=FOR_ITS_WHEEL)
def pages(session: nox.Session) -> None:
    """Uses the studio and the site in Chromium, which must be there, and runs the notebook.

    axe-core looks for barriers. The session docs builds the site.
    """
    install_with(session, "pages")
    modules = Path("build/nox/pages")
    session.run("npm", "install", "--silent", "--prefix", str(modules), "axe-core@4", external=True)
    axe = modules / "node_modules" / "axe-core" / "axe.min.js"
    environment = {"CORAL_LEARN_AXE": str(axe.resolve())}
    tests = ("tests/studio", "tests/docs/test_site.py", "tests/test_notebook.py")
    session.run("pytest", "-q", *tests, *session.posargs, env=environment)


@nox.session(requires=FOR_ITS_WHEEL)
def engines(session: nox.Session) -> None:
    """Checks Parquet, Ray and Flower, and the pages about them; their packages stay here."""
    install_with(session, extras="test,fleet,parquet,ray")
    about = "distributed or embed or fleet or Project"  # all of tests/distributed, and such pages
    session.run("pytest", "-q", "tests/distributed", "tests/docs", "-k", about, *session.posargs)


@nox.session(requires=["package"], venv_backend="none")
def bench(session: nox.Session) -> None:
    """Runs the benchmarks; arguments go to benchmarks, such as --quick."""
    run_with_package(session, "pip", "install", "-q", "cmeel-eigen")
    run_with_package(session, "python", "-m", "benchmarks", *session.posargs)
