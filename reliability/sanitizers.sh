#!/usr/bin/env bash
# Runs the C++ tests and the Python tests of the core under sanitizers: all of them with the
# sanitizers for addresses and undefined behaviour, and the tests of threads with the one for data
# races.
#
#   reliability/sanitizers.sh [--quick]
#
# Needs g++, cmake, doctest, and a Python with .[test], pybind11 and cmeel-eigen: the one in the
# environment variable PYTHON, or else `python`. The package must not be installed in editable mode,
# because processes that tests start would import that copy.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$(command -v "${PYTHON:-python}")")
quick=${1:-}
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
# Up to GCC 13, the sanitizers take a block of thread-local memory that happens to lie 16 bytes after
# the start of a page for one of glibc 2.19, and believe the size before it: once in some hundred
# runs, "failed to allocate 0x1ec1000016000 bytes" (google/sanitizers#1322).
options=halt_on_error=1:intercept_tls_get_addr=0

# Builds the tests and the module with sanitizers, and makes a package with this module.
build() { # sanitizers, folder
  # In a unity build GCC treats the files as headers and warns of types in unnamed namespaces.
  cmake -S . -B "$2" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS='-O1 -g1 -Wno-subobject-linkage' \
    -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 \
    -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF \
    -DCORAL_LEARN_SANITIZERS="$1" -DCORAL_LEARN_BUILD_TESTS=ON -DSKBUILD=ON \
    -DCMAKE_PREFIX_PATH="$packages" -DPython_EXECUTABLE="$python" \
    -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" >"$2.log"
  cmake --build "$2" --parallel $((($(nproc) + 1) / 2)) >>"$2.log" || { cat "$2.log"; return 1; }
  rm -rf "$2/package" "$2/found"*
  mkdir "$2/package"
  cp -r python/coral_learn "$2/package"
  cp "$2"/_core*.so "$2/package/coral_learn"
  mkdir -p "$2/package/coral_learn/extraction/data"
  cp "$2"/efficientnet_lite0_extractor.tflite "$2/package/coral_learn/extraction/data"
}

# Runs pytest with the runtime library of a sanitizer loaded first. What the sanitizer finds ends the
# process, and is written to files because pytest captures standard error. Tests that measure time or
# limit memory are left out: sanitizers need much of both.
test_python() { # folder, library, arguments of pytest
  local folder=$1 library=$2 options="$options:log_path=$1/found:detect_leaks=0"
  shift 2
  # The runtime looks for the function that throws exceptions when it starts, so libstdc++ is loaded,
  # too. Without site (-S), no editable install comes before the package.
  if ! LD_PRELOAD="$(g++ -print-file-name="$library") $(g++ -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=$options UBSAN_OPTIONS=$options:print_stacktrace=1 \
    TSAN_OPTIONS=$options \
    PYTHONPATH="$folder/package:$packages" PYTHONDONTWRITEBYTECODE=1 \
    "$python" -S -m pytest -q -n 0 -p no:cacheprovider \
    -k "not ctrl_c and not memory_limit and not (${skipped:-nothing})" "$@"; then
    cat "$folder"/found* || true
    return 1
  fi
  if compgen -G "$folder/found*" >/dev/null; then
    cat "$folder"/found*
    return 1
  fi
}

if [ "$quick" = --quick ]; then
  address_tests=(tests/heads/test_core.py tests/heads/test_threads.py)
  thread_tests=(tests/heads/test_threads.py)
  thread_sources='*thread_pool*,*sgd*'
else
  address_tests=(tests/heads/test_core.py tests/heads/test_softmax_regression.py tests/heads/test_fit.py
    tests/heads/test_imprinting.py tests/test_hostile_data.py tests/heads/test_threads.py)
  thread_tests=("${address_tests[@]}")
  thread_sources='*thread_pool*,*batch_gradient*,*sgd*,*fit*,*inference*'
fi

check_memory_and_arithmetic() {
  local folder=$PWD/build/sanitizers/address
  build address,undefined "$folder"
  ASAN_OPTIONS=$options UBSAN_OPTIONS=$options:print_stacktrace=1 "$folder/core_tests"
  test_python "$folder" libasan.so "${address_tests[@]}"
}

# ThreadSanitizer does not support threads that a forked process starts. Tests in which another
# thread changes an array have data races on purpose.
check_data_races() {
  local folder=$PWD/build/sanitizers/thread
  build thread "$folder"
  TSAN_OPTIONS=$options "$folder/core_tests" --source-file="$thread_sources"
  skipped="fork or changed or taken" test_python "$folder" libtsan.so "${thread_tests[@]}"
}

# Side by side, since a build ends with one large file and the tests keep one core busy. In the
# background, because `set -e` ends only them at their first failure.
mkdir -p build/sanitizers
check_memory_and_arithmetic >build/sanitizers/address.out 2>&1 &
address=$!
check_data_races >build/sanitizers/thread.out 2>&1 &
thread=$!
status=0
wait $address || status=1
wait $thread || status=1
cat build/sanitizers/address.out build/sanitizers/thread.out
exit $status
