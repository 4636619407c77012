#!/usr/bin/env bash
# Compiles the C++ tests for Windows, and runs them with Wine (Debian's package wine64).
#
#   tools/windows/cpp_tests.sh WORK_DIR [ARGUMENTS OF THE TESTS...]
#
# Needs the Python packages ziglang, cmake, ninja and cmeel-eigen, and doctest.h where CPATH or
# /usr/include has it. The first time, zig builds its C++ library for some minutes.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
work=$(realpath -m "$1")
shift
mkdir -p "$work/include"
export ZIG_GLOBAL_CACHE_DIR=$work/zig-cache ZIG_LOCAL_CACHE_DIR=$work/zig-cache

# CMake wants the path of a program, without arguments.
wrap() {
  printf '#!/bin/sh\nexec "%s" -m ziglang %s "$@"\n' "$(command -v python)" "$2" >"$work/$1"
  chmod +x "$work/$1"
}
# With the same -O in CMake's trial programs as in the tests, zig builds its C++ library once.
wrap c++ "c++ -target x86_64-windows-gnu -O2"
wrap ar ar
wrap ranlib ranlib

# Alone in a folder: the other headers beside it are not for Windows.
for folder in ${CPATH:+${CPATH//:/ }} /usr/include; do
  if [ -f "$folder/doctest/doctest.h" ]; then
    cp -r "$folder/doctest" "$work/include"
    break
  fi
done
packages=$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
env -u CPATH cmake -S "$here/../.." -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 \
  -DCMAKE_CXX_COMPILER="$work/c++" -DCMAKE_AR="$work/ar" -DCMAKE_RANLIB="$work/ranlib" \
  -DCMAKE_PREFIX_PATH="$packages" -DCORAL_LEARN_BUILD_TESTS=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_doctest=ON -DDOCTEST_INCLUDE_DIR="$work/include"
env -u CPATH cmake --build "$work/build"

wine=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
WINEDEBUG=-all WINEPREFIX=$work/wine "$wine" "$work/build/core_tests.exe" "$@"
