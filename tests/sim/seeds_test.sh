#!/usr/bin/env bash
# Runs the seeds of a list (seeds.txt). usage: seeds_test.sh TARN_SIM LIST
set -u
sim=$1 list=$2 n=0 bad=0
while read -r line; do
    options=${line%%#*}
    [ -z "${options// /}" ] && continue
    n=$((n + 1))
    # shellcheck disable=SC2086
    out=$("$sim" $options) || { bad=$((bad + 1)); echo "$line"; echo "$out"; }
done <"$list"
echo "$n seeds, $bad failed"
[ "$n" -gt 0 ] && [ "$bad" -eq 0 ]
