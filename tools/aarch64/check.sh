#!/usr/bin/env bash
# Installs the aarch64 wheel into Debian 12's Python on an emulated Cortex-A53 and runs the tests.
#
#   tools/aarch64/check.sh WORK_DIR [WHEEL]
#
# Builds the wheel where none is given; a given one must be for CPython 3.11. The tests see no real
# models and photos: MobileNet takes too long there. QEMU raises SIGILL on any instruction that the
# processor, the Dev Board's, does not have.
# A WORK_DIR that is kept saves the downloads and the build of the compiler's C++ library.
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

"$here/python.sh" "$work"
python=$work/python/bin/python
pip=("$work/tools/bin/pip" --python "$python")
"${pip[@]}" install -q --no-compile "$wheel[report]" hypothesis pytest pytest-xdist
"$work/tools/bin/python" -m compileall -q "$work/sysroot/usr/lib/python3.11" "$work/python/lib" || true
say "installed: $("${pip[@]}" list --format freeze | tr '\n' ' ')"

cd "$root"
# The compiler builds the stand-in for libedgetpu.
CC=$work/compilers/aarch64/cc CORAL_LEARN_DATA=/nonexistent PYTHONDONTWRITEBYTECODE=1 \
  "$python" -m pytest -p no:cacheprovider --hypothesis-profile emulation
say "tested"
"$python" "$here/timings.py"
say "done"
