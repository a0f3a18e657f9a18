#!/usr/bin/env bash
# make bench: each figure a ratio against a named peer, in one run, in one directory of the local disk, contenders alternating.
# usage: bench.sh BUILD [DIRECTORY]   (default: a temporary directory beside the build)
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d "${2:-$build}/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
tarn=$build/src/tools/tarn
rounds=${BENCH_ROUNDS:-5}

now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{printf "%.3f", $2 - $1}'; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

echo "== puts and gets"
mkdir "$work/put"
"$build/bench/put_bench" "$work/put"
rm -rf "$work/put"

echo "== one shard beside LMDB and RocksDB"
"$build/bench/store/store_bench" --pairs "${BENCH_PAIRS:-1000000}" --reps "$rounds" --disk "$work" \
    --json "$build/store_bench.json" --plot "$build/store_bench.svg"
echo "for programs: $build/store_bench.json; as a picture: $build/store_bench.svg"

echo "== copies: 20,000 files of 1 to 8 KiB in 200 directories"
python3 - "$work/tree" <<'PY'
import os, random, sys
random.seed(7)
for d in range(200):
    p = os.path.join(sys.argv[1], "d%03d" % d)
    os.makedirs(p)
    for f in range(100):
        with open(os.path.join(p, "file%03d" % f), "wb") as out:
            out.write(random.randbytes(random.randrange(1024, 8193)))
PY
sync -f "$work"
cat "$work"/tree/*/* >/dev/null # both contenders read it from memory
"$tarn" pool create "$work/pool" >/dev/null
# nothing is deleted between the rounds: ext4 searches long for inodes that were not deleted within the last seconds
for r in $(seq "$rounds"); do
    sync -f "$work"
    t=$(now); cp -r "$work/tree" "$work/cp.$r"; sync -f "$work/cp.$r"; since "$t" >>"$work/cp.in"; echo >>"$work/cp.in"
    "$tarn" cont create "$work/pool" "bench$r" --type POSIX >/dev/null
    sync -f "$work"
    t=$(now); "$tarn" fs copy --src "$work/tree" --dst "daos://$work/pool/bench$r" >/dev/null 2>&1; since "$t" >>"$work/tarn.in"; echo >>"$work/tarn.in"

    sync -f "$work"
    t=$(now); cp -r "$work/cp.$r" "$work/cp.out.$r"; since "$t" >>"$work/cp.out"; echo >>"$work/cp.out"
    sync -f "$work"
    t=$(now); "$tarn" fs copy --src "daos://$work/pool/bench$r" --dst "$work/out.$r" >/dev/null 2>&1; since "$t" >>"$work/tarn.out"; echo >>"$work/tarn.out"
done
diff -r "$work/tree" "$work/out.1" || { echo "the copy differs from its source" >&2; exit 1; }
ratio() { # label peer-file tarn-file peer-name
    p=$(median <"$work/$2"); t=$(median <"$work/$3")
    echo "$1: tarn $t s, $4 $p s, ratio $(echo "$t $p" | awk '{printf "%.2f", $1 / $2}') (goal: at most 1)"
}
ratio "copy in " cp.in tarn.in "cp -r and sync -f"
ratio "copy out" cp.out tarn.out "cp -r"

echo "== what things cost in metadata"
mkdir "$work/shape"
"$build/bench/shape_bench" "$work/shape"
rm -rf "$work/shape"

echo "== a pool of a million files"
mkdir "$work/million"
"$build/bench/million_bench" "$work/million" "${BENCH_FILES:-1000000}"
rm -rf "$work/million"

echo "== transactions over shards of one engine"
# TX_BARE: tx_bench of a build with -Dbare_updates=true, for the cost of what tells updates apart
"$build/bench/tx/tx_bench" --reps "$rounds" --json "$build/tx_bench.json" ${TX_BARE:+--bare "$TX_BARE"}
echo "for programs: $build/tx_bench.json"

for b in "$build"/bench/*_bench; do
    case $b in */put_bench | */million_bench) continue ;; esac
    echo "== $(basename "$b")"
    "$b" || true
done
