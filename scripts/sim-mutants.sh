#!/usr/bin/env bash
# Does the simulation bite? Activates the planted defects (src/base/mutants.def) one after the other and runs seeds until
# one shows it. A defect whose cause the simulated world does not contain is looked for with the unit test its table names.
# Prints a table: mutant, room, found by which seed. Exit status 1 if one survived.
# usage: sim-mutants.sh BUILD [SEEDS] [NAME...]
#   BUILD  a build folder made with -Dmutants=true
#   SEEDS  at most so many for each (500)
#   NAME   only these mutants
# TARN_SIM: the simulator, instead of BUILD/tests/sim/tarn-sim.  TARN_SIM_JOBS: how many at a time (all processors).
# TARN_SIM_TIMEOUT_S: when a mutant's run counts as hanging, which finds it too (ten times what a run without a mutant
# would take).
set -u
cd "$(dirname "$0")/.." || exit 2
[ $# -ge 1 ] || { sed -n '2,13p' "$0"; exit 2; }
build=$1 seeds=${2:-500}
shift $(($# > 1 ? 2 : 1))
sim=${TARN_SIM:-$build/tests/sim/tarn-sim}
jobs=${TARN_SIM_JOBS:-$(nproc)} limit=${TARN_SIM_TIMEOUT_S:-0}
[ -x "$sim" ] || { echo "cannot run $sim: it is not there; build it first: make sim-mutants"; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# One mutant: a line "verdict<tab>how" in $tmp/NAME.
one() { # name by
    local name=$1 by=$2 rc out="$tmp/$1.out" seed more="--targets 1"
    if [ "$by" != "-" ]; then
        TARN_MUTANT=$name timeout "$limit" "$build/tests/unit/unit_${by//\//_}" >"$out" 2>&1
        rc=$? # the number of cases that failed
        case $rc in
        0) printf 'SURVIVED\tunit test %s passes\n' "$by" ;;
        12[67]) printf 'ERROR\tunit test %s cannot be run\n' "$by" ;;
        *) printf 'found\tunit test %s\n' "$by" ;;
        esac >"$tmp/$name"
        return
    fi
    case $name in # what a pool of one target does not have
    ENGINE_QUERY_AHEAD) more="--targets 4 --workload admin" ;;
    CLIENT_WALK_ONCE) more="--targets 4 --workload many" ;;
    ENGINE_TX_* | ENGINE_SNAP_NO_BARRIER | CLIENT_WALK_* | CLIENT_FOLLOW_ANYWHERE | WITHDRAW_ANY_ATTEMPT | ENGINE_HANDLE_STALE | ENGINE_HANDLE_SURVIVES | HEAP_REHEARSAL_COUNTS | DECIDE_UNLOOKED) more="--targets 3" ;;
    esac
    # shellcheck disable=SC2086
    timeout "$limit" "$sim" --mutant "$name" $more --seeds "$seeds" --quiet >"$out" 2>&1
    rc=$?
    seed=$(grep -oE '^seed [0-9]+:.*' "$out" | tail -1)
    case $rc in
    0) printf 'SURVIVED\t%s seeds\n' "$seeds" ;;
    1) printf 'found\t%s\n' "${seed:-says not by which seed}" ;;
    124) printf 'found\t%s\n' "hangs: no end after $limit s${seed:+, $seed}" ;;
    2 | 12[67]) printf 'ERROR\t%s\n' "$(tail -1 "$out")" ;;
    *) printf 'found\tdied with status %s%s\n' "$rc" "${seed:+, $seed}" ;;
    esac >"$tmp/$name"
}

chosen() {
    if [ $# -eq 0 ]; then
        scripts/mutants.sh
    else
        scripts/mutants.sh | awk -F'\t' -v want=" $* " 'index(want, " " $1 " ")'
    fi
}

scripts/mutants.sh check || exit 2
chosen "$@" >"$tmp/.table"
if [ $# -gt 0 ] && [ "$(wc -l <"$tmp/.table")" -ne $# ]; then
    echo "one of these is no mutant: $*; scripts/mutants.sh lists them"
    exit 2
fi
# Without one that is active nothing may be found: else everything below proves nothing.
few=$((seeds < 20 ? seeds : 20)) began=$(date +%s%N)
if ! "$sim" --seeds "$few" --quiet >"$tmp/.none" 2>&1; then
    echo "the simulation fails without a mutant:"
    tail -20 "$tmp/.none"
    exit 2
fi
[ "$limit" -gt 0 ] || limit=$((60 + 10 * jobs * seeds * ($(date +%s%N) - began) / 1000000000 / few))

survived=0 errors=0 found=0
printf '%-26s %-7s %-9s %s\n' mutant room result how
while IFS=$'\t' read -r name room by text; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one "$name" "$by" 2>/dev/null &
done <"$tmp/.table"
wait
while IFS=$'\t' read -r name room by text; do
    IFS=$'\t' read -r verdict how <"$tmp/$name"
    printf '%-26s %-7s %-9s %.100s\n' "$name" "$room" "$verdict" "$how"
    case $verdict in
    found) found=$((found + 1)) ;;
    SURVIVED) survived=$((survived + 1)); echo "    $text" ;;
    *) errors=$((errors + 1)) ;;
    esac
done <"$tmp/.table"
echo "$found found, $survived survived$([ "$errors" -gt 0 ] && echo ", $errors could not be tried")"
[ "$survived" -eq 0 ] && [ "$errors" -eq 0 ]
