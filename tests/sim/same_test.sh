#!/usr/bin/env bash
# The same seed gives the same run: traces of two runs of the same program, which the kernel loads at different addresses,
# are compared; one of the two runs beside a busy loop, so that time passes differently as well.
# usage: same_test.sh TARN_SIM SEED COUNT
set -u
sim=$1 seed=$2 count=$3
tmp=$(mktemp -d)
trap 'kill "$busy" 2>/dev/null; rm -rf "$tmp"' EXIT
busy=
"$sim" --seed "$seed" --seeds "$count" --hash --keep-going >"$tmp/one" || { cat "$tmp/one"; exit 1; }
while :; do :; done &
busy=$!
"$sim" --seed "$seed" --seeds "$count" --hash --keep-going >"$tmp/two" || { cat "$tmp/two"; exit 1; }
grep '^seed ' "$tmp/one" >"$tmp/a"
grep '^seed ' "$tmp/two" >"$tmp/b"
[ "$(wc -l <"$tmp/a")" -eq "$count" ] || { echo "not every seed told its trace"; cat "$tmp/one"; exit 1; }
diff "$tmp/a" "$tmp/b" || { echo "two runs of one seed differ"; exit 1; }
echo "$count seeds, each with the same trace twice"
