#!/usr/bin/env bash
# tarn bench: every workload, alone and beside a directory; what it says adds up, and whatever happens nothing of it is left.
. "$(dirname "$0")/lib.sh" "$1"

nothing_left() {
    ok tarn cont list "$1"
    never_says tarn-bench
    [ -z "$(ls -A dir)" ] || bad "left in the directory: $(ls -A dir)"
}

mkdir dir
ok tarn pool create ./p --wal-size 16M
OPS='[x["workload"] + " " + x["operation"] + " " + x["where"] for x in r["results"]]'

# ---- every workload
ok tarn bench --ops=200 ./p
for line in 'object +write +pool +200 ' 'object +read' 'kv +put' 'kv +get' 'array +write' 'array +read' 'file +write' 'file +read' \
    'metadata +create' 'metadata +stat' 'metadata +remove +pool +200 ' 'how long an operation took' '\|100 ns +\|1 us'; do
    says "$line"
done
never_says '^ *from '
json 'len(r["results"]) == 11 and all(x["ops"] == 200 and x["where"] == "pool" and x["ops_per_second"] > 0 for x in r["results"])' tarn bench --ops=200 ./p
json 'all(sum(b["count"] for b in x["histogram"]) == x["ops"] for x in r["results"])' tarn bench --ops=200 ./p
json 'all(x["latency_ns"]["min"] <= x["latency_ns"]["p50"] <= x["latency_ns"]["p99"] <= x["latency_ns"]["max"] for x in r["results"])' tarn bench --ops=200 ./p
json 'r["results"][0]["bytes"] == 4096 and r["results"][2]["bytes"] == 64 and r["results"][8]["bytes"] == 0' tarn bench --ops=20 ./p
nothing_left ./p

# ---- what options say
json "$OPS"' == ["kv put pool", "kv get pool"]' tarn bench -w kv --ops=20 ./p
json "$OPS"' == ["array write pool", "array read pool", "metadata create pool", "metadata stat pool", "metadata remove pool"]' \
    tarn bench --workload=metadata,array --ops=20 ./p
json 'all(x["bytes"] == 100000 for x in r["results"])' tarn bench -w object,kv,array,file --size=100000 --ops=20 ./p
json 'all(x["bytes"] == 1 for x in r["results"])' tarn bench -w object,kv,array,file --size=1 --ops=20 ./p
json 'r["threads"] == 3 and all(x["ops"] == 100 for x in r["results"])' tarn bench --threads=3 --ops=100 ./p
json 'r["threads"] == 4 and all(x["ops"] == 2 for x in r["results"])' tarn bench --threads=4 --ops=2 ./p # fewer than threads
json 'all(x["seconds"] < 30 for x in r["results"])' tarn bench -w kv --ops=100000000 --seconds=1 ./p
ok tarn bench -w kv --ops=200 --histogram ./p
says '^  from .* =+$'
json 'len(r["results"]) == 11' tarn bench --ops=20 inproc:./p
nothing_left ./p

# ---- beside a directory
json "$OPS"' == ["file write pool", "file write directory", "file read pool", "file read directory"]' tarn bench -w file --ops=50 --vs dir ./p
json 'all(x["vs"]["p50_ratio"] > 0 and x["vs"]["rate_ratio"] > 0 for x in r["results"] if x["where"] == "pool")' tarn bench -w file,metadata --ops=50 --vs dir ./p
json 'r["directory"] == "dir" and r["directory_cached"] and len(r["results"]) == 16' tarn bench --ops=50 --threads=2 --vs dir --vs-cached ./p
ok tarn bench -w file,metadata --ops=50 --vs dir ./p
says '^metadata +remove +DIR +50 '
says '^metadata +remove +[0-9.]+ x the time, +[0-9.]+ x the rate$'
nothing_left ./p

# ---- several targets
ok tarn pool create ./four --targets 4 --wal-size 16M
json 'len(r["results"]) == 11' tarn bench --ops=50 --threads=2 ./four
nothing_left ./four

# ---- mistakes change nothing
fails 8 DER_INVAL "no such workload.*did you mean 'file'" tarn bench -w kv,fil ./p
fails 8 DER_INVAL 'no such workload' tarn bench -w kv, ./p
fails 8 DER_INVAL 'cannot use --ops=0' tarn bench --ops=0 ./p
fails 8 DER_INVAL 'cannot use --seconds=3601' tarn bench --seconds=3601 ./p
fails 8 DER_INVAL 'from 1 to 16' tarn bench --threads=17 ./p
fails 8 DER_INVAL 'cannot use --size=0' tarn bench --size=0 ./p
fails 8 DER_INVAL 'cannot use --size=17M' tarn bench --size=17M ./p
fails 8 DER_INVAL 'not a size' tarn bench --size=big ./p
fails 8 DER_INVAL 'only be measured with the workloads' tarn bench -w kv --vs dir ./p
fails 8 DER_INVAL 'no directory to compare with' tarn bench --vs-cached ./p
fails 8 DER_INVAL 'only --breakdown counts reads' tarn bench --reads=5 ./p
fails 8 DER_INVAL 'runs no workload' tarn bench --breakdown --vs dir ./p
fails 3 DER_NONEXIST "in 'nodir' to compare with" tarn bench --vs nodir ./p
fails 3 DER_NONEXIST "in '' to compare with" tarn bench --vs= ./p
: >plain
fails 8 DER_NOTDIR "in 'plain' to compare with" tarn bench --vs plain ./p
fails 3 DER_NONEXIST './nopool' tarn bench --vs dir ./nopool
nothing_left ./p

# ---- no room
fails 7 DER_NOSPACE 'at least 65 MiB a target, or a smaller log' tarn pool create ./small --size 64M --wal-size 16M
[ ! -e small ] || bad "a refused pool left a directory"
ok tarn pool create ./small --size 65M --wal-size 16M
fails 7 DER_NOSPACE 'workload object cannot write.*fewer --ops' tarn bench -w object,file --size=1M --ops=200 --vs dir ./small
nothing_left ./small
json 'len(r["results"]) == 11' tarn bench --ops=20 ./small

# ---- no right: only root may write what nobody may
if [ "$(id -u)" != 0 ]; then
    mkdir closed && chmod 555 closed
    fails 5 DER_NO_PERM "in 'closed' to compare with" tarn bench --vs closed ./p
fi

# ---- Ctrl-C, and what timeout(1) does: a signal for the program and one for its group
for delay in 0.05 0.2 0.6; do
    "$TARN" bench --ops=100000000 --seconds=100 --vs dir ./p >out 2>err &
    pid=$!
    sleep $delay
    kill -TERM $pid 2>/dev/null && kill -TERM $pid 2>/dev/null
    wait $pid
    rc=$?
    [ $rc -eq 143 ] && continue # before it began to listen
    [ $rc -eq 130 ] || bad "exit $rc, not 130"
    grep -q 'what it had made is removed' err || { cp err "$WORLD/.err"; bad "does not say that nothing is left"; }
    nothing_left ./p
done
ok tarn check ./p
finish
