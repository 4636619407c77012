# Builds with the compiler for WHEEL_ARCH whose wrappers build.sh makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{WHEEL_ARCH})
set(CMAKE_CXX_COMPILER $ENV{WHEEL_COMPILERS}/c++)
set(CMAKE_AR $ENV{WHEEL_COMPILERS}/ar)
set(CMAKE_RANLIB $ENV{WHEEL_COMPILERS}/ranlib)
# zig strips the binary, because the system's strip only supports its own processor.
set(CMAKE_STRIP "")
# pybind11 would turn it on, and zig would build its C++ library again.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)

# The Python that runs the build is not the one that the wheel is for.
set(PYBIND11_USE_CROSSCOMPILING ON)
set(Python_INCLUDE_DIR $ENV{WHEEL_PYTHON_INCLUDE})
# Debian's pyconfig.h includes <aarch64-linux-gnu/python3.11/pyconfig.h>.
set(CMAKE_CXX_FLAGS_INIT "-isystem $ENV{WHEEL_PYTHON_INCLUDE}/..")
