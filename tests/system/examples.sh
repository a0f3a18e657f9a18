#!/usr/bin/env bash
# The examples as a newcomer meets them: install to a prefix, compile with pkg-config alone, run against a pool.
# usage: examples.sh SOURCE BUILD
set -eu
src=$1 build=$2
work=$(mktemp -d)
trap '[ -x "${root:-}/bin/tarn" ] && "$root/bin/tarn" engine --end "$work/pool" >/dev/null 2>&1; rm -rf "$work"' EXIT
# the engine that the first of them starts is the installed one, and serves the others
export XDG_STATE_HOME=$work/state TARN_IDLE_EXIT=60s
unset TARN_BACKGROUND TARN_ENGINE

DESTDIR=$work/root meson install -C "$build" --no-rebuild --quiet >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
prefix=$(find "$work/root" -type d -name pkgconfig | head -1)
[ -f "$prefix/daos.pc" ] || { echo "no daos.pc was installed"; exit 1; }
libdir=$(dirname "$prefix")
root=${libdir%/lib*}
export PKG_CONFIG_PATH=$prefix PKG_CONFIG_SYSROOT_DIR=$work/root LD_LIBRARY_PATH=$libdir
for link in libdfs.so libdaos_common.so libgurt.so libdaos.so; do
    [ -e "$libdir/$link" ] || { echo "$link was not installed"; exit 1; }
done
"$root/bin/dmg" pool create "$work/pool" >/dev/null
for example in kv object array bank listdir; do
    # shellcheck disable=SC2046
    cc -Wall -Wextra -Werror "$src/examples/$example.c" $(pkg-config --cflags --libs daos) ${EXAMPLES_CFLAGS:-} -o "$work/$example"
    "$work/$example" "$work/pool" >"$work/$example.out"
    sed "s/^/$example: /" "$work/$example.out"
done
grep -q 'tarn is mountain lake' "$work/kv.out"
grep -q 'river: removed' "$work/kv.out"
grep -q 'attic: 20.5 20.7 21.0 21.2' "$work/object.out"
grep -q 'array of 1000000 cells, read as written' "$work/array.out"
grep -q 'ada has 10, bob has 90' "$work/bank.out"
grep -q '6  hello.txt' "$work/listdir.out"
# what a DAOS program names on its link line
cc -Wall -Werror "$src/examples/listdir.c" $(pkg-config --cflags daos) -L"$libdir" -luuid -ldaos -ldfs ${EXAMPLES_CFLAGS:-} -o "$work/listdir2"
"$work/listdir2" "$work/pool" listdir-example / | grep -q 'readme.txt'
# a pool that is not there is an error, not a crash
if "$work/kv" "$work/none/" >"$work/err" 2>&1; then exit 1; fi
grep -q connect "$work/err"
pid=$(cat "$work/pool/lock")
[ "$(readlink "/proc/$pid/exe")" = "$root/bin/tarn" ] || { echo "no engine of the installation runs: '$pid'"; exit 1; }
"$root/bin/tarn" engine --end "$work/pool" | grep -q "engine $pid of .* has ended"
if grep -qE '^State:[[:space:]]+[^ZX]' "/proc/$pid/status" 2>/dev/null; then echo "engine $pid goes on"; exit 1; fi
echo "examples work"
