#!/usr/bin/env bash
# Makes WORK_DIR/python, a virtual environment whose Python runs on an emulated Cortex-A53.
#
#   tools/aarch64/python.sh WORK_DIR
#
# Its bin/python is a script for this machine that starts the emulator. The emulated Python takes
# this script for its own executable, so pip, scripts and subprocesses of sys.executable work as on
# a board.
set -euo pipefail
work=$(realpath "$1")
environment=$work/python
rm -rf "$environment"
mkdir -p "$environment/bin" "$environment/lib/python3.11/site-packages"
printf 'home = %s/usr/bin\ninclude-system-site-packages = false\n' "$work/sysroot" \
  >"$environment/pyvenv.cfg"
cat >"$environment/bin/python" <<WRAPPER
#!/bin/sh
exec $work/qemu-aarch64 -cpu cortex-a53 -L $work/sysroot \\
  -0 $environment/bin/python $work/sysroot/usr/bin/python3.11 "\$@"
WRAPPER
chmod +x "$environment/bin/python"
