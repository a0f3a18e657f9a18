#!/usr/bin/env bash
# The table of planted defects (src/base/mutants.def), a line each: name, room, unit test that finds it or "-", text.
# usage: mutants.sh          the table, separated by tabs
#        mutants.sh check    is each one planted in its room, and is nothing planted that the table lacks?
set -u
cd "$(dirname "$0")/.." || exit 2

table() {
    printf '#define M(name, room, by, text) @name|room|by|text\n#include "base/mutants.def"\n' |
        ${CC:-cc} -E -P -Isrc -x c - | tr -d '\n' | tr '@' '\n' | sed -n 's/|""|/|"-"|/; s/|"/|/g; s/"|/|/g; s/"$//; s/|/\t/gp'
}

case "${1:-table}" in
table)
    table
    ;;
check)
    bad=0
    while IFS=$'\t' read -r name room _; do
        if ! grep -rqE "MUTANT\($name\)" "src/$room" --include='*.c' --include='*.h'; then
            echo "src/base/mutants.def: $name is planted nowhere in src/$room"
            bad=1
        fi
    done < <(table)
    while read -r name; do
        table | cut -f1 | grep -qx "$name" || { echo "MUTANT($name) is not in src/base/mutants.def"; bad=1; }
    done < <(grep -rhoE 'MUTANT\([A-Z][A-Z0-9_]+\)' src --include='*.c' --include='*.h' | sed 's/MUTANT(//; s/)//' | sort -u |
        grep -vx WAL_SKIP_FLUSH) # the header's example
    exit $bad
    ;;
*)
    sed -n '2,4p' "$0"
    exit 2
    ;;
esac
