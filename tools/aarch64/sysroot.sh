#!/usr/bin/env bash
# Unpacks Debian 12's Python 3.11 for arm64, and QEMU for this machine, into WORK_DIR.
#
#   tools/aarch64/sysroot.sh WORK_DIR
#
# Makes WORK_DIR/sysroot and WORK_DIR/qemu-aarch64, unless they are there already. Runs on Debian on
# x86-64. It needs no root and leaves the system as it is: apt's state is private, and no package's
# scripts run.
set -euo pipefail
work=$(realpath -m "$1")
sysroot=$work/sysroot
[ -e "$sysroot/complete" ] && exit
mkdir -p "$work/apt/lists/partial" "$work/debs/partial"

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
  awk '$2 == "bookworm" { print $1; exit }')
key=/usr/share/keyrings/debian-archive-keyring.gpg
# QEMU comes from the backports: under Debian 12's own, 7.2, ai-edge-litert 2.2 and later crash,
# since its /proc/cpuinfo describes this machine's processor.
cat >"$work/apt/sources.list" <<LIST
deb [arch=arm64 signed-by=$key] $mirror bookworm main
deb [arch=amd64 signed-by=$key] $mirror bookworm-backports main
LIST
touch "$work/apt/status"
cat >"$work/apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; "amd64"; };
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Dir::Cache "$work/apt";
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
CONF
export APT_CONFIG=$work/apt/apt.conf
apt-get -qq update
cd "$work/debs"
apt-get -qq download qemu-user:amd64/bookworm-backports \
  python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev \
  libbz2-1.0 libc6 libcrypt1 libexpat1 libffi8 libgcc-s1 libgomp1 liblzma5 libncursesw6 \
  libreadline8 libsqlite3-0 libssl3 libstdc++6 libtinfo6 libuuid1 zlib1g

unpack() {
  local package=$1 folder=$2
  shift 2
  dpkg-deb --fsys-tarfile "$work/debs/$package"_*.deb | tar -x -C "$folder" "$@"
}
mkdir -p "$sysroot"
unpack qemu-user "$work" --strip-components=3 ./usr/bin/qemu-aarch64
unpack libpython3.11-dev "$sysroot" ./usr/include
for deb in *_arm64.deb; do
  package=${deb%%_*}
  [ "$package" = libpython3.11-dev ] || unpack "$package" "$sysroot" --exclude=./usr/share
done
touch "$sysroot/complete"
