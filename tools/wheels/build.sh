#!/usr/bin/env bash
# Builds the sdist, and from the sdist a wheel for CPython 3.11 that runs on glibc 2.28 and later.
#
#   tools/wheels/build.sh x86_64|aarch64 WORK_DIR
#
# Puts the sdist into WORK_DIR/dist-ARCH and the wheel into WORK_DIR/wheel-ARCH, and prints the path
# of the wheel. Keep WORK_DIR to save the downloads and the build of the C++ library the next time.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
arch=$1
work=$(realpath -m "$2")
log=$work/build-$arch.log
mkdir -p "$work"
exec 3>&1 4>&2 >"$log" 2>&1
trap '[ $? -eq 0 ] || tail -n 40 "$log" >&4' EXIT

"$here/compilers.sh" "$arch" "$work"
if [ "$arch" = "$(uname -m)" ]; then
  include=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
else
  "$here/../aarch64/sysroot.sh" "$work"
  include=$work/sysroot/usr/include/python3.11
fi

# Installed here, because an isolated build would install them for the processor of the wheel, and
# the build runs NumPy to convert the built-in extractor.
"$work/tools/bin/python" -c '
import sys, tomllib
print(*tomllib.load(sys.stdin.buffer)["build-system"]["requires"], sep="\n")
' <"$here/../../pyproject.toml" >"$work/build-requires-$arch.txt"
"$work/tools/bin/pip" install -q -r "$work/build-requires-$arch.txt"

rm -rf "$work/dist-$arch" "$work/wheel-$arch"
CMAKE_TOOLCHAIN_FILE=$here/toolchain.cmake \
  WHEEL_ARCH=$arch WHEEL_COMPILERS=$work/compilers/$arch WHEEL_PYTHON_INCLUDE=$include \
  _PYTHON_HOST_PLATFORM=linux-$arch SETUPTOOLS_EXT_SUFFIX=.cpython-311-$arch-linux-gnu.so \
  "$work/tools/bin/python" -m build --no-isolation --outdir "$work/dist-$arch" "$here/../.."
# Renames the wheel for the oldest glibc that has all symbols it needs.
PATH=$work/tools/bin:$PATH auditwheel repair -w "$work/wheel-$arch" "$work/dist-$arch"/*.whl
echo "$work/wheel-$arch"/*.whl >&3
