#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages Tarn needs and does not find. Says what it does; asks for nothing but apt.
# usage: deps.sh [bench]     (bench: what the benchmarks measure beside Tarn; nothing else needs it)
set -eu

packages="build-essential meson ninja-build pkg-config python3 liburing-dev libfuse3-dev fuse3 libisal-dev libxxhash-dev
libjansson-dev libyaml-dev libsodium-dev libsystemd-dev uuid-dev libcmocka-dev procps"
for_whom="Tarn needs"
if [ "${1:-}" = bench ]; then
    packages="liblmdb-dev librocksdb-dev fio"
    for_whom="The benchmarks measure Tarn beside what is in"
fi

missing=""
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

echo "$for_whom these packages, which are not installed:$missing"
if ! command -v apt-get >/dev/null; then
    echo "cannot install them: there is no apt-get on this machine; install their equivalents and run again" >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "cannot install them: not root, and sudo is not installed; run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi
echo "installing with: ${as_root:+sudo }apt-get install -y$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! $as_root apt-get install -y -qq --no-install-recommends $missing >/tmp/tarn-deps.$$ 2>&1; then
    # a fresh machine has no package lists yet
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root apt-get install -y -qq --no-install-recommends $missing >/tmp/tarn-deps.$$ 2>&1 || {
        cat /tmp/tarn-deps.$$
        echo "installing the packages failed: see above; fix apt, or install them by hand and run again" >&2
        exit 1
    }
fi
rm -f /tmp/tarn-deps.$$
