#!/usr/bin/env bash
# make fuzz: builds the fuzz targets with clang and libFuzzer, runs each for a while, and says a line about it.
# What a target finds stays in BUILD: new inputs in corpus/TARGET, crashes in crashes/.
# usage: fuzz.sh BUILD JOBS [TARGET [SECONDS]]        TARGET "all" or empty: every one
set -u
build=$1 jobs=$2 target=${3:-all} seconds=${4:-30}
cd "$(dirname "$0")/.." || exit 1

missing() {
    echo "cannot fuzz: $1" >&2
    echo "libFuzzer comes with clang; everything else of Tarn does without it" >&2
    echo "Debian 12:    apt-get install clang libclang-rt-14-dev" >&2
    echo "Ubuntu 24.04: apt-get install clang libclang-rt-18-dev" >&2
    exit 1
}
command -v clang >/dev/null || missing "clang is not installed"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d == 0 && n == 1; }' |
    clang -x c - -fsanitize=fuzzer,address,undefined -o /dev/null 2>/dev/null ||
    missing "clang is installed without libFuzzer and the sanitizers"

targets=$(cd tests/fuzz/corpus && ls)
if [ "$target" != all ] && [ -n "$target" ]; then
    [ -d "tests/fuzz/corpus/$target" ] || {
        echo "there is no fuzz target '$target'; there are: $(echo $targets)" >&2
        exit 1
    }
    targets=$target
fi

scripts/deps.sh || exit 1
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" . -Dfuzz=true --buildtype=debugoptimized -Db_sanitize=address,undefined \
        -Db_lundef=false >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
fi
echo "building in $build/ (the first time takes a few minutes) ..."
# shellcheck disable=SC2046
ninja -C "$build" -j "$jobs" --quiet $(for t in $targets; do echo "tests/fuzz/fuzz_$t"; done) | grep -v "no work to do"
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1

export ASAN_OPTIONS=detect_stack_use_after_return=0:quarantine_size_mb=8:detect_leaks=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
mkdir -p "$build/crashes"
failed=0
printf '%-12s %9s %9s %9s  %s\n' target runs runs/s coverage result
for t in $targets; do
    mkdir -p "$build/corpus/$t"
    log="$build/$t.log"
    "$build/tests/fuzz/fuzz_$t" -max_total_time="$seconds" -max_len=1000 -len_control=0 -timeout=20 -rss_limit_mb=3000 \
        -print_final_stats=1 -artifact_prefix="$build/crashes/$t-" "$build/corpus/$t" "tests/fuzz/corpus/$t" >"$log" 2>&1
    rc=$?
    runs=$(awk '/^stat::number_of_executed_units/ {print $2}' "$log")
    rate=$(awk '/^stat::average_exec_per_sec/ {print $2}' "$log")
    cov=$(grep -oE 'cov: [0-9]+' "$log" | tail -1 | cut -d' ' -f2)
    result="no crash"
    if [ $rc -ne 0 ]; then
        failed=1
        result="CRASH, see $log; input: $(grep -oE 'Test unit written to .*' "$log" | tail -1 | cut -d' ' -f5)"
    fi
    printf '%-12s %9s %9s %9s  %s\n' "$t" "${runs:--}" "${rate:--}" "${cov:--}" "$result"
done
[ $failed -eq 0 ] || echo "a crash becomes a file of tests/fuzz/corpus/TARGET, named after what it is, and then a fix: docs/fuzzing.md"
exit $failed
