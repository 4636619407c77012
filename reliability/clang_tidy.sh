#!/usr/bin/env bash
# Runs clang-tidy with the checks in .clang-tidy on cpp/: the core, its bindings and its tests.
#
#   reliability/clang_tidy.sh [--quick]      # everything except the tests, in a tenth of the time
#
# Needs what sanitizers.sh needs, and the wheel clang-tidy==22.1.8 in the same Python.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$(command -v "${PYTHON:-python}")")
build=build/clang-tidy
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
scripts=$("$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))')
tests=ON
if [ "${1:-}" = --quick ]; then tests=OFF; fi

# As a unity build, because reading the headers of libraries takes most of the time.
mkdir -p build
cmake -S . -B "$build" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_UNITY_BUILD=ON \
  -DCORAL_LEARN_BUILD_TESTS=$tests -DSKBUILD=ON -DCMAKE_PREFIX_PATH="$packages" \
  -DPython_EXECUTABLE="$python" \
  -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" >"$build.log"
"$python" -c 'import json, sys; print(*{each["file"] for each in json.load(sys.stdin)}, sep="\0", end="")' \
  <"$build/compile_commands.json" | xargs -0 -n 1 -P 2 "$scripts/clang-tidy" -p "$build" --quiet
