#!/usr/bin/env bash
# make coverage: which lines unit tests and simulation run, a room a line. Details: BUILD/coverage.html.
# usage: coverage.sh BUILD JOBS     (BUILD: a folder made with -Db_coverage=true)
set -u
build=$1 jobs=$2
command -v gcovr >/dev/null || {
    echo "coverage needs gcovr, which is not installed: apt-get install gcovr" >&2
    exit 1
}
find "$build" -name '*.gcda' -delete
meson test -C "$build" --no-rebuild --num-processes "$jobs" --suite unit --suite sim --suite api -t 4 >"$build/coverage.log" 2>&1 ||
    { echo "some tests failed; what they ran still counts:"; sed -n '/Summary of Failures/,$p' "$build/coverage.log" | head -20; }
gcovr -r . --object-directory "$build" --filter 'src/' --exclude-unreachable-branches --html-details "$build/coverage.html" \
    --csv "$build/coverage.csv" >/dev/null 2>&1
awk -F, 'NR > 1 { split($1, p, "/"); total[p[2]] += $2; hit[p[2]] += $3 }
         END { for (r in total) printf "%-8s %6d of %6d lines  %5.1f %%\n", r, hit[r], total[r], 100 * hit[r] / total[r] }' \
    "$build/coverage.csv" | sort
