#!/usr/bin/env bash
# Ctrl-C in the middle of a copy: it says how far it came, what was copied is whole, the pool is sound, and --update completes it.
. "$(dirname "$0")/lib.sh" "$1"

mkdir src
python3 - <<'PY'
import os
for d in range(30):
    os.makedirs(f"src/d{d}")
    for i in range(200):
        with open(f"src/d{d}/f{i}", "wb") as f:
            f.write(bytes([(d * 7 + i) % 256]) * (1 + (d * 131 + i * 17) % 5000))
with open("src/large", "wb") as f:
    f.write(os.urandom(16 << 20))
PY
ok tarn pool create ./p
caught=0
for delay in 0.05 0.1 0.03 0.2 0.02; do
    # a script's background jobs ignore SIGINT: SIGTERM is treated alike
    "$TARN" fs copy src "daos://./p/c$delay" >out 2>err &
    pid=$!
    sleep $delay
    kill -TERM $pid 2>/dev/null
    wait $pid
    rc=$?
    ok tarn check ./p
    [ $rc -eq 0 ] && continue # it was faster
    [ $rc -eq 143 ] && continue # before it began to listen
    caught=$((caught + 1))
    [ $rc -eq 130 ] || bad "exit $rc, not 130"
    grep -q 'interrupted after [0-9,]* files' err || { cp err "$WORLD/.err"; bad "does not say how far it came"; }
    grep -q -- '--update' err || bad "does not say how to go on"
    # everything that is there is whole: nothing differs but what is missing
    tarn fs diff src "daos://./p/c$delay" --no-times >diff.out 2>/dev/null
    ! grep -E ': (content|size|mode)' diff.out | grep -v '^d[0-9]*: mode' || bad "a file was left half-written"
    ok tarn fs copy --update src "daos://./p/c$delay"
    ok tarn fs diff src "daos://./p/c$delay"
    says 'all alike'
done
[ $caught -gt 0 ] || echo "note: the copies were too fast to be interrupted"

# ---- the same outwards
ok tarn fs copy src daos://./p/whole
"$TARN" fs copy daos://./p/whole back >out 2>err &
pid=$!
sleep 0.1
kill -TERM $pid 2>/dev/null
wait $pid
ok tarn fs copy --update daos://./p/whole back
same src back
ok tarn check ./p

# ---- a check of the names: stopped, it says so, and the next one is whole
for delay in 0.05 0.08 0.12; do
    "$TARN" fs check ./p whole --flags=print,verify >out 2>err &
    pid=$!
    sleep $delay
    kill -TERM $pid 2>/dev/null
    wait $pid
    rc=$?
    case $rc in
    0 | 143) ;; # it was faster, or did not listen yet
    130) grep -q 'it was interrupted; 0 were removed' err || { cp err "$WORLD/.err"; bad "does not say what was done"; } ;;
    *) bad "exit $rc, not 130" ;;
    esac
done
ok tarn fs check ./p whole --flags=print,verify
says '6,*001 files read, 0 of them damaged'
finish
