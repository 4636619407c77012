#!/usr/bin/env bash
# Checks the aarch64 wheel, and runs the tests with it on an emulated Cortex-A53, in Debian 12's
# Python.
#
#   tools/aarch64/check.sh WORK_DIR [WHEEL]
#
# Builds the wheel if none is given; a given wheel must be for CPython 3.11. All tests run, except
# those marked slow_when_emulated and those of real models. The Cortex-A53 is the Dev Board's
# processor: QEMU raises SIGILL on any instruction that it does not have.
# Keep WORK_DIR to save the downloads and the build of the compiler's C++ library the next time.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
work=$(realpath -m "$1")
say() { echo "[$SECONDS s] $*"; }

"$here/sysroot.sh" "$work"
"$root/tools/wheels/compilers.sh" aarch64 "$work"
say "Python, QEMU and the compiler are in place"
wheel=${2:-$("$root/tools/wheels/build.sh" aarch64 "$work")}
say "the wheel: $(basename "$wheel")"
"$work/tools/bin/python" "$root/tools/wheels/check.py" "$wheel"

"$here/python.sh" "$work"
python=$work/python/bin/python
site=$work/python/lib/python3.11/site-packages
# This machine's pip unpacks the dependencies, which takes a minute in the emulator.
"$work/tools/bin/pip" install -q --no-compile --only-binary :all: --target "$site" \
  --platform=manylinux2014_aarch64 --platform=manylinux_2_{17..28}_aarch64 \
  "$wheel" hypothesis pytest pytest-xdist
pip=("$work/tools/bin/pip" --python "$python")
"${pip[@]}" install -q --no-compile --no-deps --force-reinstall "$wheel"
"${pip[@]}" check
"$work/tools/bin/python" -m compileall -q "$work/sysroot/usr/lib/python3.11" "$site" \
  "$root/tests" "$root/reliability" || true
say "installed: $("$work/tools/bin/pip" list --path "$site" --format freeze | tr '\n' ' ')"

cd "$root"
# CC builds the stand-in for libedgetpu. The tests of a file share a process, since its fixtures are
# slow to make. Assertions stay plain, since rewriting them takes half a minute.
CC=$work/compilers/aarch64/cc CORAL_LEARN_DATA=/nonexistent "$python" -m pytest -q \
  -p no:cacheprovider --assert plain -n auto --hypothesis-profile emulation --dist loadfile --durations 10
say "tested"
"$python" "$here/timings.py"
say "done"
