#!/usr/bin/env bash
# The engine as a program of its own: started, configured, shared, ended, killed, and started again under its clients.
# usage: engine.sh TARN ENGINE_CLIENT
CLIENT=$(realpath "$2")
. "$(dirname "$0")/lib.sh" "$1"
engines=""
end_all() { # what a failed test left running, and nobody else's process that has such a number now
    local p
    for p in $engines; do
        tr '\0' ' ' 2>/dev/null <"/proc/$p/cmdline" | grep -qE '(tarn engine|daos_engine) ' && kill -9 "$p" 2>/dev/null
    done
}
trap 'rc=$?; end_all; rm -rf "$WORLD"; exit $rc' EXIT
small="--create-wal-size=16M --create-targets=1"

wait_until() { # command...: at most 5 s
    for _ in $(seq 1 100); do
        "$@" 2>/dev/null && return 0
        sleep 0.05
    done
    bad "never: $*"
    return 1
}
gone() { ! kill -0 "$1" 2>/dev/null; }

up() { # [options] [DIR]: in the foreground, as a job; its pid is in $engine. Clients can connect when it returns.
    rm -f ready.pid
    "$TARN" engine $small --pidfile=ready.pid "$@" >>"$WORLD/engine.log" 2>&1 &
    engine=$!
    engines="$engines $engine"
    wait_until test -s ready.pid || { tail -20 "$WORLD/engine.log"; finish; } # nothing of the rest can be
    [ "$(cat ready.pid)" = "$engine" ] || bad "the pid file holds '$(cat ready.pid)', not $engine"
}

down() { # [STATUS]: the end of $engine
    wait "$engine"
    local rc=$?
    [ $rc -eq "${1:-0}" ] || bad "the engine exits with $rc, not ${1:-0}"
}

client() { "$CLIENT" "$@"; }

# ---- a missing directory becomes a pool; other processes use it
up ./p
[ -S p/engine.sock ] && [ "$(stat -c %a p/engine.sock)" = 600 ] || bad "no socket, or anybody's"
ok client p/engine.sock echo
first=$(cat .out)
ok client p/engine.sock echo
[ "$(cat .out)" = "$first" ] || bad "the engine changed: $first, then $(cat .out)"
touch stop
ok client p/engine.sock load stop c1
rm stop
says '^puts 0 '
fails 6 DER_BUSY "in use by process $engine" tarn engine ./p
ok tarn pool query ./p
fails 6 DER_BUSY "in use by process $engine" tarn engine ./p --background
fails 6 DER_BUSY "in use by process $engine" tarn pool destroy ./p
kill -TERM "$engine"
down
[ ! -e p/engine.sock ] && [ ! -e ready.pid ] || bad "it left its socket or its pid file behind"
grep -q 'made pool' engine.log || bad "the log does not say that a pool was made"
ok tarn check ./p
ok tarn cont list ./p
says '^c1$'

# ---- the other name; Ctrl-C
ln -s "$TARN" daos_engine
ok ./daos_engine --help
says '^tarn engine:'
ok ./daos_engine --example-config
./daos_engine ./p --pidfile=ready.pid 2>>engine.log &
engine=$!
engines="$engines $engine"
wait_until test -s ready.pid
ok client p/engine.sock echo
[ "$(cat .out)" != "$first" ] || bad "two engines say that they are the same"
kill -INT "$engine"
down

# ---- configuration
ok tarn engine --example-config
cp .out example.yaml
ok tarn engine --check-config example.yaml
says 'in order'
sed -E 's/^( *)#([a-z_]+:)/\1\2/; s/group: users/group: 0/' example.yaml >every.yaml
ok tarn engine --check-config every.yaml
json '"checkpoint_pct: 50" in r' tarn engine --example-config
printf 'path: ./p\nsocket:\n  mode: 0640\nlog:\n  level: DEBUG\n' >p.yaml
up --config p.yaml
[ "$(stat -c %a p/engine.sock)" = 640 ] || bad "the mode of the socket is not what its file says"
ok client p/engine.sock echo
# what it is asked, and where the time of a read goes
ok tarn metrics ./p
says '^  requests_ever '
json 'r["messages"]["ECHO"]["requests"] >= 1 and r["figures"]["connections"] >= 1' tarn metrics ./p
ok tarn bench --breakdown --reads=200 ./p
says ' ns  the store finds the value'
json 'len(r["stages"]) == 7 and all(s["ns"] > 0 for s in r["stages"]) and r["reads"] == 200' tarn bench --breakdown --reads=200 ./p
json 'r["messages"]["OBJ_FETCH"]["requests"] == 800 and r["messages"]["OBJ_FETCH"]["errors"] == 0' tarn metrics ./p
json 'len(r["results"]) == 11' tarn bench --ops=50 ./p
fails 8 DER_INVAL 'cannot use --reads=0' tarn bench --breakdown --reads=0 ./p
ok tarn cont list ./p
never_says tarn-bench
kill "$engine"
down
fails 16 DER_NOSYS 'no engine serves it' tarn metrics inproc:./p
json 'len(r["stages"]) == 7' tarn bench --breakdown --reads=200 inproc:./p
grep -q 'DEBUG.*connected' engine.log || bad "the level of the log is not what its file says"
up --config=p.yaml --socket-mode=0600
[ "$(stat -c %a p/engine.sock)" = 600 ] || bad "the command line counts less than the file"
kill "$engine"
down
fails 3 DER_NONEXIST 'cannot read the configuration none.yaml' tarn engine --config=none.yaml
bad_config() { # CODE TEXT LINE...
    local code=$1 text=$2 status=8
    [ "$code" = DER_NOTSUPPORTED ] && status=16
    shift 2
    printf '%s\n' "$@" >bad.yaml
    fails $status "$code" "bad.yaml, line [0-9]+.*$text" tarn engine --check-config bad.yaml
    fails $status "$code" "bad.yaml, line [0-9]+.*$text" tarn engine ./new --config bad.yaml
    fails $status "$code" "bad.yaml, line [0-9]+.*$text" tarn engine ./new --config bad.yaml --background
    [ ! -e new ] || bad "a refused configuration made a pool"
}
bad_config DER_INVAL "key 'labl'.*did you mean 'create.label'" 'path: ./new' 'labl: x'
bad_config DER_INVAL 'not YAML' 'path: [' 'a: b'
bad_config DER_INVAL "'socket.group': 'no-such-group'.*getent" 'socket:' '  group: no-such-group'
bad_config DER_INVAL "'create.targets': '65'.*too large" 'create: {targets: 65}'
bad_config DER_INVAL "'idle_exit': 'late'" 'idle_exit: late'
fails 8 DER_INVAL "port" tarn engine ./new --listen=127.0.0.1:port
[ ! -e new ] || bad "a refused address made a pool"
fails 8 DER_INVAL "option --socket-mode: '999'" tarn engine ./new --socket-mode=999
fails 2 DER_INVAL "did you mean '--idle-exit'" tarn engine ./new --idel-exit=3
fails 8 DER_INVAL 'CPU 1000' tarn engine ./p --cpus=1000
fails 8 DER_INVAL 'not a size' env TARN_MEM_LIMIT=lots "$TARN" engine ./p

# ---- directories it does not touch
mkdir foreign && : >foreign/file
fails 9 DER_DF_INVAL "not Tarn's" tarn engine ./foreign
[ "$(ls foreign)" = file ] || bad "it left something in a directory that is not its own"
fails 8 DER_NOTDIR 'not a directory' tarn engine ./foreign/file
fails 3 DER_NONEXIST 'nowhere' tarn engine ./nowhere/at/all
fails 2 DER_INVAL 'no pool was named' tarn engine

# ---- the end under load: what was acknowledged is there, and the clients go on with the next engine
load_begin() { # NAME
    "$CLIENT" p/engine.sock load stop "$1" >"out.$1" 2>&1 &
    loads="$loads $1:$!"
    wait_until grep -q here "out.$1"
}
load_end() { # LEAST-DIALS MOST-UNCERTAIN: nothing is lost, and it went on
    local l
    touch stop
    for l in $loads; do
        wait "${l#*:}" || bad "client ${l%%:*}: $(tail -1 "out.${l%%:*}")"
        awk -v dials="$1" -v most="$2" '/^puts/ {ok = $2 >= dials && $4 <= most && $6 == 0 && $8 >= dials} END {exit !ok}' "out.${l%%:*}" ||
            bad "client ${l%%:*}: $(tail -1 "out.${l%%:*}")"
        echo "client ${l%%:*}: $(tail -1 "out.${l%%:*}")"
    done
    loads=""
    rm stop
}
loads=""
up ./p
for n in a b c; do load_begin "$n"; done
for _ in 1 2 3; do
    sleep 0.3
    kill -TERM "$engine"
    down
    up ./p
done
sleep 0.3
load_end 4 0
kill -TERM "$engine"
down
ok tarn check ./p

# ---- killed under load: the same, and nothing of the dead engine is in the way
up ./p
for n in d e f; do load_begin "$n"; done
for _ in 1 2 3 4 5; do
    sleep 0.2
    kill -9 "$engine"
    down 137
    [ -S p/engine.sock ] || bad "who could have removed the socket of a killed engine?"
    up ./p
done
sleep 0.2
load_end 6 0
# a second signal ends it at once: both are there when it looks, it begins with the interrupt
kill -STOP "$engine" && kill -INT "$engine" && kill -TERM "$engine" && kill -CONT "$engine"
down 143
[ -S p/engine.sock ] || bad "a second signal was waited for until the end"
ok tarn check ./p

# ---- the log file, and a new one under its name
up ./p --log-file=e.log --log-level=info
grep -q 'serves at' e.log || bad "nothing in the log file"
mv e.log e.log.1
kill -HUP "$engine"
wait_until test -s e.log
kill -TERM "$engine"
down
grep -q 'SIGTERM' e.log || bad "the new log file lacks the end"
grep -q 'SIGTERM' e.log.1 && bad "the old log file has the end"
fails 12 DER_IO "option --log-file: '.*/no/such/dir/log'" tarn engine ./p --log-file=no/such/dir/log
fails 12 DER_IO 'process id' tarn engine ./p --pidfile=no/such/dir/pid
ok tarn check ./p

# ---- the background: ready when it returns, its errors are ours
ok tarn engine ./b $small --background
says '^engine [0-9]+ serves .*/b$'
awk '/^Max open files/ {exit !($4 >= 4096 || $4 == $5)}' "/proc/$(cat b/lock)/limits" || bad "it cannot have as many clients as it is to"
pid=$(cat b/lock)
engines="$engines $pid"
ok client b/engine.sock echo
[ "$(ps -o ppid= -p "$pid" | tr -d ' ')" != $$ ] || bad "it is still our child"
[ "$(readlink "/proc/$pid/fd/1")" = /dev/null ] && [ "$(readlink "/proc/$pid/cwd")" = / ] || bad "it holds on to our files"
fails 6 DER_BUSY "in use by process $pid" tarn engine ./b --background
fails 9 DER_DF_INVAL "not Tarn's" tarn engine ./foreign --background
fails 8 DER_INVAL 'foreground' tarn engine ./b --background --foreground
kill "$pid"
wait_until gone "$pid"
json 'r["pid"] > 1 and r["created"] is False and r["socket"].endswith("/b/engine.sock")' tarn engine ./b --background --idle-exit=1
pid=$(cat b/lock)
engines="$engines $pid"
# somebody who reads a pipe that we got does not wait for the engine
[ "$(timeout 20 "$TARN" engine ./b2 $small --background --idle-exit=1 | wc -l)" = 1 ] || bad "the engine keeps its beginner's pipe open"
wait_until gone "$pid"
[ ! -e b/engine.sock ] || bad "it ended and left its socket"
ok tarn check ./b

# ---- nobody there: it ends; somebody there: it stays
up ./p --idle-exit=1
"$CLIENT" p/engine.sock hold stop >out.hold &
holder=$!
wait_until grep -q here out.hold
sleep 2
kill -0 "$engine" 2>/dev/null || bad "it left a client that is connected"
touch stop
wait "$holder" || bad "the client that only held on failed"
down
grep -q 'nobody was connected for 1.0 s' engine.log || bad "the log does not say why it ended"

# ---- clients that come as it is about to go find the next one
(until [ -e stop-engines ]; do "$TARN" engine ./p --idle-exit=0.1 2>>engine.log || exit 1; done) &
again=$!
for i in $(seq 1 25); do
    ok client p/engine.sock echo
    cat .out >>incarnations
    sleep "0.$((RANDOM % 10 + 10))"
done
touch stop-engines
wait "$again" || bad "an engine that was to end when idle ended otherwise"
[ "$(sort -u incarnations | wc -l)" -gt 3 ] || bad "it did not end in between, so nothing was tested"
ok tarn check ./p

# ---- a start of many at once: one makes the pool and serves
rm -f out.many.*
for i in $(seq 1 12); do
    "$TARN" engine ./many $small --background --idle-exit=5 >"out.many.$i" 2>&1 &
    many[i]=$!
done
won=0
for i in $(seq 1 12); do
    wait "${many[i]}"
    rc=$?
    [ $rc -eq 0 ] && won=$((won + 1))
    [ $rc -eq 0 ] || [ $rc -eq 6 ] || bad "start $i of many: exit $rc: $(cat "out.many.$i")"
done
[ $won -eq 1 ] || bad "$won of 12 engines serve one directory"
engines="$engines $(cat many/lock)"
ok client many/engine.sock echo
kill "$(cat many/lock)"

# ---- who may connect
up ./p --socket-path=s.sock --socket-mode=0666
[ "$(stat -c %a s.sock)" = 666 ] || bad "mode of the socket"
[ ! -e p/engine.sock ] || bad "two sockets"
ok client s.sock echo
fails 6 DER_BUSY 'listens there' tarn engine ./b --socket-path=s.sock
kill "$engine"
down
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    chmod 755 "$WORLD" && mkdir -m 777 open
    XDG_STATE_HOME=$WORLD/open/state as_nobody "$TARN" engine open/p $small --background --socket-mode=0660 >.out 2>.err || bad "an ordinary user cannot run it"
    pid=$(cat open/p/lock)
    engines="$engines $pid"
    chmod 711 open/p
    ok client open/p/engine.sock echo # root may
    as_nobody "$CLIENT" open/p/engine.sock echo >.out 2>&1 || bad "he cannot connect to his own engine"
    setpriv --reuid 65533 --regid 65533 --clear-groups "$CLIENT" open/p/engine.sock echo 300 >.out 2>&1 && bad "anybody may connect"
    fails 5 DER_NO_PERM 'group' as_nobody "$TARN" engine open/q $small --socket-group=0
    fails 5 DER_NO_PERM 'p' as_nobody "$TARN" engine ./p
    kill "$pid"
fi

# ---- what it costs when nothing happens, with a client that is connected and idle
up ./idle
"$CLIENT" idle/engine.sock hold stop2 >out.hold &
holder=$!
wait_until grep -q here out.hold
sleep 1
ticks() { awk '{print $14 + $15}' "/proc/$engine/stat"; }
wakeups() { cat /proc/"$engine"/task/*/status | awk '/^voluntary_ctxt/ {n += $2} END {print n}'; }
ticks=$(ticks) wakeups=$(wakeups)
sleep 3
[ $(($(ticks) - ticks)) -le 3 ] || bad "an idle engine takes more than 1 % of a CPU: $(($(ticks) - ticks)) ticks in 3 s"
[ $(($(wakeups) - wakeups)) -le 10 ] || bad "an idle engine wakes up: $(($(wakeups) - wakeups)) times in 3 s"
if ! ldd "$TARN" | grep -q libasan; then
    rss=$(awk '/^VmRSS/ {print $2}' "/proc/$engine/status")
    [ "$rss" -le 65536 ] || bad "an engine of an empty pool has $rss KiB resident"
fi
touch stop2
wait "$holder"
kill "$engine"
down

# ---- what its manager is told
if ldd "$TARN" | grep -q libsystemd; then
    python3 - notify.sock >notified <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(60)
while True:
    m = s.recv(4096).decode()
    print(m.replace("\n", " "), flush=True)
    if "STOPPING=1" in m:
        break
PY
    listener=$!
    wait_until test -S notify.sock
    export NOTIFY_SOCKET=$WORLD/notify.sock
    up ./idle
    unset NOTIFY_SOCKET
    wait_until grep -q READY=1 notified
    kill "$engine"
    down
    wait "$listener" || bad "its manager was not told that it ends"
    grep -q 'STOPPING=1' notified || bad "its manager was told: $(cat notified)"
fi
finish
