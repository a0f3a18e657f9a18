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
# the models of threads count every access to memory, and those of the counters would be among them
mapfile -t tests < <(meson test -C "$build" --no-rebuild --list --suite unit --suite sim --suite api 2>/dev/null |
    sed 's|.* / ||' | grep -v '^model/')
meson test -C "$build" --no-rebuild --num-processes "$jobs" -t 4 "${tests[@]}" >"$build/coverage.log" 2>&1 ||
    { echo "some tests failed; what they ran still counts:"; sed -n '/Summary of Failures/,$p' "$build/coverage.log" | head -20; }
# threads that count at the same time may leave a count below zero, which gcovr would stop at
gcovr -r . --object-directory "$build" --filter 'src/' --exclude-unreachable-branches --gcov-ignore-parse-errors --html-details "$build/coverage.html" \
    --csv "$build/coverage.csv" >/dev/null 2>&1
awk -F, 'NR > 1 { split($1, p, "/"); total[p[2]] += $2; hit[p[2]] += $3 }
         END { for (r in total) printf "%-8s %6d of %6d lines  %5.1f %%\n", r, hit[r], total[r], 100 * hit[r] / total[r] }' \
    "$build/coverage.csv" | sort
