#!/usr/bin/env bash
# Makes WORK_DIR/compilers/ARCH with cc, c++, ar and ranlib for ARCH and glibc 2.28 and later, and
# WORK_DIR/tools, a virtual environment with the packages in requirements.txt.
#
#   tools/wheels/compilers.sh x86_64|aarch64 WORK_DIR
#
# The compiler is zig, whose package on PyPI contains a C++ library to link statically and the
# symbols of every glibc. Binaries of Debian 12's own compiler need glibc 2.34.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
arch=$1
work=$(realpath -m "$2")
compilers=$work/compilers/$arch

if ! cmp -s "$here/requirements.txt" "$work/tools/requirements.txt"; then
  python3 -c 'import sys; assert sys.version_info[:2] == (3, 11), "python3 must be Python 3.11"'
  python3 -m venv --clear "$work/tools"
  "$work/tools/bin/pip" install -q -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$work/tools"
fi

# CMake wants the path of a program, without arguments.
wrap() {
  cat >"$compilers/$1" <<WRAPPER
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR=$work/zig-cache ZIG_LOCAL_CACHE_DIR=$work/zig-cache
exec $work/tools/lib/python3.11/site-packages/ziglang/zig $2 "\$@"
WRAPPER
  chmod +x "$compilers/$1"
}
mkdir -p "$compilers"
wrap cc "cc -target $arch-linux-gnu.2.28"
# With the same flags in CMake's trial programs as in the module, zig builds its C++ library once.
wrap c++ "c++ -target $arch-linux-gnu.2.28 -O3 -fPIC -s"
wrap ar ar
wrap ranlib ranlib
