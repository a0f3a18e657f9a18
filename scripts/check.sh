#!/usr/bin/env bash
# make check: house rules, then every test in the plain and in the sanitizer build. Ends with one line
# "N passed, N failed"; a house rule that is broken counts as a failed test.
# usage: check.sh BUILD ASAN JOBS [TSAN]; with TARN_CHECK_LONG set also the threads under TSan, in TSAN
set -u
build=$1 asan=$2 jobs=$3 tsan=${4:-build-tsan}
passed=0 failed=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

one() { # name command...
    local name=$1; shift
    if "$@" >"$log/out" 2>&1; then
        passed=$((passed + 1)); echo "ok      $name"
    else
        failed=$((failed + 1)); echo "FAILED  $name"; sed 's/^/    /' "$log/out" | tail -60
    fi
}

# Engines of the programs under test that are still there: whoever starts one sees to its end.
engines_left() {
    local pid exe left=0
    for pid in $(pgrep -f 'tarn engine|daos_engine'); do
        exe=$(readlink "/proc/$pid/exe") || continue
        case $exe in "$(realpath "$build")"/* | "$(realpath "$asan")"/*) ;; *) continue ;; esac
        echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
        left=1
    done
    return $left
}

tests() { # title build-folder extra meson-test arguments
    local title=$1 dir=$2; shift 2
    run_tests "$title" "$dir" meson test -C "$dir" --no-rebuild --print-errorlogs --num-processes "$jobs" "$@"
}

run_tests() { # title build-folder command that runs meson test
    local title=$1 dir=$2; shift 2
    [ -f "$dir/build.ninja" ] || { failed=$((failed + 1)); echo "FAILED  $title: no build"; return; }
    echo "== $title"
    "$@" >"$log/tests" 2>&1
    local rc=$?
    grep -E '^ *[0-9]+/[0-9]+ ' "$log/tests"
    local ok fail
    ok=$(awk '/^Ok:/ {print $2}' "$log/tests")
    fail=$(awk '/^(Fail|Timeout|Unexpected Pass):/ {n += $NF} END {print n + 0}' "$log/tests")
    if [ -z "$ok" ] || { [ $rc -ne 0 ] && [ "$fail" -eq 0 ]; }; then
        failed=$((failed + 1)); cat "$log/tests"; return
    fi
    [ "$fail" -ne 0 ] && sed -n '/Summary of Failures/,$!p' "$log/tests" | tail -150
    passed=$((passed + ok)); failed=$((failed + fail))
}

scripts/deps.sh || { echo "0 passed, 1 failed"; exit 1; }
suites="--suite unit --suite sim --suite api --suite posix --suite system"
[ -n "${TARN_CHECK_LONG:-}" ] && suites="$suites --suite long"

one "rule: rooms include only what they may" python3 scripts/check_layers.py
one "rule: every public header stands alone" scripts/check_headers.sh
one "rule: every mutant is planted" scripts/mutants.sh check
one "build" make --no-print-directory build BUILD="$build"
one "rule: no mutable globals" python3 scripts/check_globals.py "$build"
one "build with sanitizers" make --no-print-directory asan ASAN="$asan"
# shellcheck disable=SC2086
tests "tests" "$build" $suites
export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# on the disk once; the second time programs work in memory, if there is room: what is looked for now is not the disk's
if [ -w /dev/shm ] && [ "$(df -k --output=avail /dev/shm | tail -1)" -gt 4000000 ]; then export TARN_TEST_DIR=/dev/shm; fi
# shellcheck disable=SC2086
tests "tests under ASan and UBSan" "$asan" $suites -t 4
if [ -n "${TARN_CHECK_LONG:-}" ]; then
    one "build with TSan" make --no-print-directory tsan-build TSAN="$tsan"
    run_tests "threads under TSan" "$tsan" scripts/tsan.sh "$tsan" "$jobs"
fi
one "rule: no test leaves an engine behind" engines_left

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
