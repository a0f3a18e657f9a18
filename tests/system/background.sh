#!/usr/bin/env bash
# Engines that programs start: one for all who need it, none when nobody does, and nothing of its starter's in it.
# usage: background.sh TARN FORK_CLIENT [CLIENTS-AT-ONCE ENGINES-THAT-END]
many=${3:-50} ends=${4:-12}
FORK_CLIENT=$(realpath "$2")
unset TARN_BACKGROUND
. "$(dirname "$0")/lib.sh" "$1"
unset TARN_BACKGROUND TARN_ENGINE
export TARN_IDLE_EXIT=120s
pools="" # whose engines are to be ended, whatever happens

end_all() {
    local p pid
    for p in $pools; do
        pid=$(cat "$p/lock" 2>/dev/null) && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'tarn engine --as-needed' && kill -9 "$pid"
    done 2>/dev/null
}
trap 'rc=$?; end_all; chmod -R u+rwx "$WORLD" 2>/dev/null; [ -n "${MOUNTED:-}" ] && umount "$MOUNTED"; rm -rf "$WORLD"; exit $rc' EXIT

wait_until() { # command...: at most 20 s
    for _ in $(seq 1 400); do
        "$@" 2>/dev/null && return 0
        sleep 0.05
    done
    bad "never: $*"
    return 1
}
gone() { ! grep -qE '^State:[[:space:]]+[^ZX]' "/proc/$1/status" 2>/dev/null; } # or nobody has looked yet that it is
pid_of() { cat "$1/lock" 2>/dev/null; }
serves() { # DIR: an engine that was started as needed has it
    local pid
    pid=$(pid_of "$1") && [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'tarn engine --as-needed'
}
alone() { ! serves "$1" && [ ! -e "$1/engine.sock" ]; }
new_pool() { # NAME
    pools="$pools $WORLD/$1"
    ok tarn pool create "./$1" --wal-size=8M
    alone "./$1" || bad "making a pool left an engine"
}
end_it() { ok tarn engine --end "$1"; }
count_of() { pgrep -fc -- "engine --as-needed .*$1\$"; } # DIR: engines that name it

# ---- the first command starts one, the next ones use it
new_pool p
ok tarn cont create ./p c1
serves ./p || bad "no engine was started"
pid=$(pid_of ./p)
ok tarn cont list ./p
says '^c1$'
[ "$(pid_of ./p)" = "$pid" ] || bad "another engine for the next command"
[ "$(stat -c %a p/engine.sock)" = 600 ] || bad "anybody may connect"

# ---- who needs the pool alone gets it from an idle engine
ok tarn check ./p
gone "$pid" || bad "check did not end the idle engine"
ok tarn cont list ./p
pid=$(pid_of ./p)
ok tarn inspect ./p
gone "$pid" || bad "inspect did not end the idle engine"
ok tarn cont list ./p
ok tarn cont list inproc:./p
says '^c1$'
alone ./p || bad "an engine beside a pool that was used in-process"
ok tarn cont list ./p
pid=$(pid_of ./p)
ok tarn engine ./p --background --idle-exit=120s
fails 6 DER_BUSY "in use by process $(pid_of ./p) .*is to stay" tarn check ./p # it was wanted
fails 6 DER_BUSY "in use by process $(pid_of ./p)" tarn engine ./p
gone "$pid" || bad "an engine that was wanted did not get the place of an idle one"
end_it ./p
ok tarn cont list ./p
ok env TARN_BACKGROUND=0 "$TARN" cont list ./p # uses what is there
serves ./p || bad "TARN_BACKGROUND=0 ended it"

# ---- not from one that has clients, whoever they are
mkdir -p big && head -c 40000000 /dev/zero >big/zeros
for i in $(seq 1 400); do head -c 3000 /dev/urandom >"big/f$i"; done
client_stays() { # a command that is stopped while it is connected; its pid is in $client
    "$TARN" fs copy big "daos://./p/copy$1" >copy.out 2>&1 &
    client=$!
    wait_until test -n "$(ls /proc/$client/map_files 2>/dev/null)"
    for _ in $(seq 1 200); do
        grep -q 'memfd:' "/proc/$client/maps" 2>/dev/null && break
        sleep 0.01
    done
    kill -STOP "$client"
}
client_stays 1
if grep -q 'memfd:' "/proc/$client/maps"; then
    pid=$(pid_of ./p)
    fails 6 DER_BUSY "in use by process $pid .*has clients.*engine --end" tarn check ./p
    fails 6 DER_BUSY "in use by process $pid .*has clients.*engine --end" tarn pool destroy ./p --recursive
    fails 6 DER_BUSY "in use by process $pid" tarn cont list inproc:./p
    serves ./p || bad "it made way although it has a client"
else
    bad "the client was never seen to be connected"
fi
# told to end, it ends; its client goes on with the next one, which he starts
end_it ./p
says "engine $pid of .*/p has ended"
kill -CONT "$client"
wait "$client" || { cp copy.out .err; bad "a client whose engine was told to end failed"; }
serves ./p && [ "$(pid_of ./p)" != "$pid" ] || bad "nobody started the next engine"
# killed: the same
client_stays 2
kill -9 "$(pid_of ./p)"
kill -CONT "$client"
wait "$client" || { cp copy.out .err; bad "a client whose engine was killed failed"; }
ok tarn fs diff big daos://./p/copy1
ok tarn fs diff big daos://./p/copy2
end_it ./p
alone ./p || bad "there is one after --end"
ok tarn engine --end ./p
says '^no engine serves'
json 'r == {}' tarn engine --end ./p
fails 3 DER_NONEXIST 'nowhere' tarn engine --end ./nowhere
ok tarn check ./p

# ---- fifty at once (fewer under sanitizers) start one
new_pool many
for i in $(seq 1 "$many"); do
    "$TARN" cont create ./many "c$i" >"many.$i" 2>&1 &
    client_at[i]=$!
done
for i in $(seq 1 "$many"); do wait "${client_at[i]}" || bad "client $i of $many: $(cat "many.$i")"; done
[ "$(count_of "$WORLD/many")" -eq 1 ] || bad "$(count_of "$WORLD/many") engines for $many clients"
ok tarn cont list ./many
[ "$(wc -l <.out)" -eq "$many" ] || bad "not every container is there"

# ---- who connects while it is ending gets the next one
end_it ./many
export TARN_IDLE_EXIT=0.05s
race() { # NAME: until it fails, or has done enough
    until [ -e race.stop ]; do
        "$TARN" cont list ./many >"$1" 2>&1 || { cat "$1"; exit 1; }
        sleep "0.0$((RANDOM % 9 + 1))"
    done
}
race race.1 &
race[1]=$!
race race.2 &
race[2]=$!
ended=0
for _ in $(seq 1 200); do # some by themselves, some because they are told to
    "$TARN" engine --end ./many >end.out 2>&1
    grep -q 'has ended' end.out && ended=$((ended + 1))
    [ $ended -ge "$ends" ] && break
    sleep "0.0$((RANDOM % 9 + 1))"
done
: >race.stop
[ $ended -ge "$ends" ] || bad "only $ended engines ended under clients, so little was tested"
wait "${race[1]}" || bad "a client that raced with the end failed"
wait "${race[2]}" || bad "a client that raced with the end failed"
wait_until alone ./many
ok tarn check ./many

# ---- children go on with it, and with the next one
new_pool kin
ok env TARN_ENGINE="$TARN" "$FORK_CLIENT" ./kin 6
ok tarn cont list ./kin
[ "$(wc -l <.out)" -eq 20 ] || bad "not all that parent and children made is there"
end_it ./kin

# ---- idle, it ends; and when its directory is gone, before that
ok tarn cont list ./p
wait_until alone ./p
export TARN_IDLE_EXIT=8s
new_pool away
ok tarn cont list ./away
pid=$(pid_of ./away)
rm -rf away
wait_until gone "$pid"
export TARN_IDLE_EXIT=120s
new_pool again
ok tarn cont list ./again
pid=$(pid_of ./again)
ok tarn pool destroy ./again --recursive
gone "$pid" || bad "a destroyed pool has an engine"
[ ! -e again ] || bad "something is left of a destroyed pool: $(ls again)"

# ---- nothing of the starter's is in it
new_pool clean
exec 7>held
(
    umask 0
    ulimit -S -t 600
    trap '' TERM HUP INT
    cd "$WORLD" || exit 1
    SECRET=word D_LOG_FILE=$WORLD/starters.log LD_PRELOAD="" setsid taskset -c 0 nice -n 0 "$TARN" cont list ./clean >starter.out 2>&1
) | cat # a pipe that ends when whoever holds it has ended
exec 7>&-
pid=$(pid_of ./clean)
serves ./clean || bad "the starter started none"
for fd in 0 1 2; do [ "$(readlink "/proc/$pid/fd/$fd")" = /dev/null ] || bad "its file $fd is $(readlink "/proc/$pid/fd/$fd")"; done
ls -l "/proc/$pid/fd" | grep -q "$WORLD/held" && bad "it holds a file of its starter's"
[ "$(readlink "/proc/$pid/cwd")" = / ] || bad "it holds its starter's directory"
[ "$(awk '/^Umask/ {print $2}' "/proc/$pid/status")" = 0077 ] || bad "its umask is its starter's"
[ "$(awk '/^Cpus_allowed_list/ {print $2}' "/proc/$pid/status")" = "$(awk '/^Cpus_allowed_list/ {print $2}' /proc/$$/status)" ] || bad "it is pinned as its starter was"
grep -q '^Max cpu time *unlimited' "/proc/$pid/limits" || bad "it ends when its starter's CPU time is over"
tr '\0' '\n' <"/proc/$pid/environ" | grep -qE '^(SECRET|D_LOG_FILE|LD_PRELOAD)=' && bad "it knows its starter's environment"
# (32 and 33 are the C library's)
[ $((0x$(awk '/^SigIgn/ {print $2}' "/proc/$pid/status") & 0x7fffffff)) -eq $((0x1000)) ] || bad "it ignores more than SIGPIPE: $(grep SigIgn "/proc/$pid/status")"
[ "$(ps -o sid= -p "$pid" | tr -d ' ')" != "$(ps -o sid= -p $$ | tr -d ' ')" ] || bad "it is in our session"
[ "$(ps -o tty= -p "$pid" | tr -d ' ')" = '?' ] || bad "it has a terminal"
kill -TERM "$pid"
wait_until gone "$pid"

# ---- where none can be started the pool is used in the process itself
used_alone() { # command...: works, without an engine
    ok "$@"
    alone ./lone || { bad "an engine was started by: $*"; end_it ./lone; }
}
new_pool lone
used_alone env TARN_BACKGROUND=0 "$TARN" cont list ./lone
used_alone bash -c "ulimit -t 600; exec '$TARN' cont list ./lone" # a hard limit
used_alone bash -c "ulimit -f 4000000; exec '$TARN' cont list ./lone"
fails 3 DER_NONEXIST 'its program /none.*inproc' env TARN_ENGINE=/none "$TARN" cont list ./lone
fails 6 DER_BUSY 'ended without a word' env TARN_ENGINE=/bin/false "$TARN" cont list ./lone

# ---- only from where nobody else can put a program
mkdir bin && cp "$TARN" bin/other-name # no 'tarn' beside it: PATH is what is left
mkdir loose && cp "$TARN" loose/tarn && chmod 777 loose
ok env PATH="$WORLD/loose:/usr/bin:/bin" bin/other-name cont list ./lone
alone ./lone || { bad "a program was started from a directory that anybody can write to"; end_it ./lone; }
chmod 755 loose && chmod 777 loose/tarn
ok env PATH="$WORLD/loose:/usr/bin:/bin" bin/other-name cont list ./lone
alone ./lone || { bad "a program that anybody can write to was started"; end_it ./lone; }
ok env PATH=":.:relative:/usr/bin:/bin" bin/other-name cont list ./lone
alone ./lone || { bad "a program was started from the working directory"; end_it ./lone; }
chmod 755 loose/tarn
ok env PATH="$WORLD/loose:/usr/bin:/bin" bin/other-name cont list ./lone
serves ./lone || bad "a program in PATH that can be trusted was not started"
end_it ./lone

# ---- a path longer than a socket's name may be
deep=$WORLD
for _ in 1 2 3 4 5 6; do deep=$deep/a-directory-with-a-rather-long-name; done
mkdir -p "$deep"
pools="$pools $deep/p"
ok tarn pool create "$deep/p" --wal-size=8M
ok tarn cont create "$deep/p" c
serves "$deep/p" || bad "no engine at the end of a long path"
ok tarn cont list "$deep/p"
says '^c$'
end_it "$deep/p"

# ---- no room, no rights to write, no more processes
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=80M none full 2>/dev/null; then
    MOUNTED=$WORLD/full
    ok tarn pool create ./full/p --wal-size=8M
    ok tarn cont create inproc:./full/p c
    dd if=/dev/zero of=full/rest bs=4k status=none 2>/dev/null
    ok tarn cont list ./full/p
    says '^c$'
    if [ -S full/p/engine.sock ]; then end_it ./full/p; fi
    mount -o remount,ro "$WORLD/full" 2>/dev/null && {
        ok tarn cont list ./full/p
        says '^c$'
        [ ! -e full/p/engine.sock ] || bad "a socket on a medium that cannot be written"
    }
    umount full && MOUNTED=
fi

# ---- an engine that does not speak our language: one that waits for clients is replaced, another one is named
cat >foreign.py <<'PY'
import os, signal, socket, sys, threading
path, polite = sys.argv[1], sys.argv[2] == "polite"
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(path); os.chmod(path, 0o600); s.listen(64)
def end(*_): os.unlink(path); os._exit(0)
if polite: signal.signal(signal.SIGURG, end)
signal.signal(signal.SIGTERM, end)
while True:
    c, _ = s.accept()
    try: c.send(b"tarn 99" + bytes(33))
    except OSError: pass
    c.close()
PY
new_pool old
python3 foreign.py "$WORLD/old/engine.sock" polite &
old=$!
wait_until test -S old/engine.sock
ok tarn cont create ./old c
serves ./old || bad "the engine of another version was not replaced"
wait "$old"
end_it ./old
python3 foreign.py "$WORLD/old/engine.sock" rude &
old=$!
wait_until test -S old/engine.sock
fails 14 DER_TIMEDOUT "does not answer.*engine --end" tarn cont list ./old
end_it ./old
wait "$old"
ok tarn cont list ./old
says '^c$'

# ---- two that cannot share say why
mkfifo hold
new_pool held2
python3 - "$WORLD/held2/lock" hold <<'PY' &
import fcntl, os, sys
f = open(sys.argv[1], "a+")
fcntl.flock(f, fcntl.LOCK_EX)
f.truncate(0); f.write(f"{os.getpid()}\n"); f.flush()
open(sys.argv[2], "w").close()
import time; time.sleep(60)
PY
holder=$!
cat hold >/dev/null
begun=$(date +%s)
fails 6 DER_BUSY "in use by process $holder \(python3\)" tarn cont list ./held2
[ $(($(date +%s) - begun)) -lt 8 ] || bad "it took $(($(date +%s) - begun)) s to say that another program has the pool"
kill "$holder"
wait "$holder" 2>/dev/null

# ---- other users
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    as() { local u=$1; shift; setpriv --reuid "$u" --regid "$u" --clear-groups env XDG_STATE_HOME="$WORLD/open/state$u" "$@"; }
    chmod 755 "$WORLD" && mkdir -m 1777 open
    pools="$pools $WORLD/open/u"
    cp "$TARN" open/tarn # where the other user may run it
    ok as 65534 open/tarn pool create open/u --wal-size=8M
    chmod 711 open/u
    # root does not stand in for the owner: he starts none in a directory that is not his
    fails 5 DER_NO_PERM 'access control list' tarn cont list ./open/u
    alone open/u || { bad "root started an engine in a user's directory"; end_it ./open/u; }
    ok as 65534 open/tarn cont create ./open/u c
    serves open/u || bad "an ordinary user's engine was not started"
    pid=$(pid_of open/u)
    [ "$(stat -c %u "/proc/$pid")" = 65534 ] || bad "it runs as another user"
    fails 5 DER_NO_PERM 'access control list' tarn cont list ./open/u # root may connect: what he may do there is the pool's
    fails 5 DER_NO_PERM 'u' as 65533 open/tarn cont list ./open/u
    fails 5 DER_NO_PERM 'u' as 65533 open/tarn engine --end ./open/u
    kill -0 "$pid" || bad "a stranger ended it"
    ok as 65534 open/tarn engine --end ./open/u
    # what the owner lets his group do with the pool's file it may do through the engine
    chgrp 65533 open/u open/u/target0 && chmod 2770 open/u && chmod 660 open/u/target0
    ok as 65534 open/tarn cont list ./open/u
    if serves open/u; then
        [ "$(stat -c %a open/u/engine.sock)" = 660 ] || bad "the group may not connect: $(stat -c %a open/u/engine.sock)"
        ok as 65534 open/tarn engine --end ./open/u
    fi
    # a program that stands in for the engine is seen through, and not trusted
    chmod 777 open/u
    as 65533 python3 - "$WORLD/open/u/engine.sock" hold <<'PY' &
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666); s.listen(8)
time.sleep(30)
PY
    impostor=$!
    wait_until test -S open/u/engine.sock
    sleep 0.2
    fails 5 DER_NO_PERM "neither the directory's owner nor root" as 65534 open/tarn cont list ./open/u
    kill "$impostor"
    wait "$impostor" 2>/dev/null
fi
end_all
finish
