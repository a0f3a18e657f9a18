#!/usr/bin/env bash
# An engine that serves the network: addresses that do not lead to it, strangers that come, and keys, as users see them.
# usage: tcp.sh TARN
. "$(dirname "$0")/lib.sh" "$1"
export TARN_KEY= # none, whatever this user has
engine=""
trap 'rc=$?; [ -n "$engine" ] && kill -9 $engine 2>/dev/null; rm -rf "$WORLD"; exit $rc' EXIT

up() { # [options]: of ./p, at two addresses; $port and $port6 are where. The log is engine.log
    : >engine.log
    rm -f ready.pid
    "$TARN" engine ./p --create-wal-size=16M --create-targets=1 --pidfile=ready.pid --listen=127.0.0.1:0,"$six":0 "$@" >>engine.log 2>&1 &
    engine=$!
    for _ in $(seq 1 200); do
        [ -s ready.pid ] && break
        sleep 0.05
    done
    port=$(sed -n 's/.*serves at 127.0.0.1:\([0-9]*\)$/\1/p' engine.log)
    port6=$(sed -n 's/.*serves at \[::1\]:\([0-9]*\)$/\1/p' engine.log)
    [ -n "$port" ] || { bad "no engine"; cat engine.log; finish; }
}
down() { kill "$engine" && wait "$engine" || bad "the engine exits with $?"; engine=""; }
told() { # TIMES TEXT: the log
    [ "$(grep -cE -- "$2" engine.log)" -eq "$1" ] || { bad "the log says '$2' $(grep -cE -- "$2" engine.log) times, not $1"; tail -5 engine.log; }
}
six='[::1]'
[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || six=127.0.0.1

# ---- addresses
up
ok tarn cont create "tcp://127.0.0.1:$port" c1
[ -z "$port6" ] || ok tarn cont list "tcp://[::1]:$port6"
ok tarn cont list "tcp://127.0.0.1:1,localhost:$port" # the first one leads nowhere
says '^c1$'
fails 6 DER_BUSY "127.0.0.1:$port.*listens there" tarn engine ./q --create-wal-size=16M --listen="127.0.0.1:$port"
fails 3 DER_NONEXIST "192.0.2.7:$port.*no interface" tarn engine ./q --create-wal-size=16M --listen="192.0.2.7:$port"
no_host="3 DER_NONEXIST" # or nobody answers that could know
tarn cont list "tcp://no-such-host.invalid:$port" >/dev/null 2>&1
[ $? -eq 14 ] && no_host="14 DER_AGAIN"
fails $no_host 'no-such-host.invalid' tarn engine ./r --create-wal-size=16M --listen="no-such-host.invalid:$port"
fails $no_host 'no-such-host.invalid' tarn cont list "tcp://no-such-host.invalid:$port"
[ ! -e r ] || bad "an engine whose address cannot be left a directory"
fails 8 DER_INVAL 'nowhere' tarn cont list tcp://nowhere
fails 15 DER_UNREACH 'tcp://127.0.0.1:1|127.0.0.1:1.*no engine answers' tarn cont list tcp://127.0.0.1:1
told 1 'may say that he is anybody'

# ---- strangers: each is told of once, and nobody else notices
python3 - "$port" <<'PY' || bad "strangers"
import socket, sys
head = lambda kind, proto, n: b"TARN" + kind.to_bytes(2, "little") + proto.to_bytes(2, "little") + n.to_bytes(4, "little") + bytes(12)
for said in [b"GET / HTTP/1.1\r\n\r\n", head(1, 99, 24), head(1, 1, 1 << 30), head(3, 1, 40) + bytes(16), head(1, 1, 30) + bytes(6)]:
    for i in range(50):
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        s.sendall(said)
        s.settimeout(20)
        try:
            while s.recv(1000):
                pass
        except ConnectionResetError:
            pass
        s.close()
PY
told 1 'no frame of Tarn; see what connects'
told 1 'it speaks protocol 99'
told 1 'claims a length'
told 1 'does not begin with HELLO'
told 1 'a client, 127.0.0.1.*no frame of Tarn, or was damaged'
ok tarn cont list "tcp://127.0.0.1:$port"

# ---- a port of somebody else's
python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b"220 mail.example.org ready to be of service, whatever it may be that is wanted\r\n")
    c.close()
' >other.port &
other=$!
for _ in $(seq 1 100); do
    [ -s other.port ] && break
    sleep 0.05
done
fails 10 DER_PROTO "$(cat other.port).*not of Tarn" tarn cont list "tcp://127.0.0.1:$(cat other.port)"
kill $other
wait $other 2>/dev/null
down

# ---- keys
if ! "$TARN" key x >.out 2>&1; then
    echo "built without libsodium: keys are not tested"
    finish
fi
umask 077
ok tarn key any && cp .out any
ok tarn key mine "$(id -un)" && cp .out mine
ok tarn key daemon daemon && cp .out daemon
ok tarn key other && sed 's/^other/any/' .out >false
fails 8 DER_INVAL 'two words' tarn key 'two words'
cat any mine daemon >keys
chmod 644 keys
fails 5 DER_NO_PERM 'keys.*others than its owner' tarn engine ./p --keys=keys
chmod 600 keys
echo 'x' >bad.keys
fails 8 DER_INVAL 'line 1 of key file .*bad.keys.*NAME SECRET' tarn engine ./p --keys=bad.keys
fails 3 DER_NONEXIST 'none.keys' tarn engine ./p --keys=none.keys
up --keys=keys
told 0 'may say that he is anybody'
for i in 1 2 3; do
    fails 5 DER_NO_PERM "127.0.0.1:$port turns this program away: it wants to see a key.*TARN_KEY" tarn cont list "tcp://127.0.0.1:$port"
    fails 5 DER_NO_PERM 'it has no key of that name, or another one' env TARN_KEY=false "$TARN" cont list "tcp://127.0.0.1:$port"
done
told 1 'has no key, and is turned away'
told 1 'has another secret'
ok env TARN_KEY=any "$TARN" cont list "tcp://127.0.0.1:$port"
says '^c1$'
ok env TARN_KEY=mine "$TARN" cont create "tcp://127.0.0.1:$port" c2
mkdir -p home/tarn && cp mine home/tarn/key
ok env -u TARN_KEY XDG_CONFIG_HOME="$WORLD/home" "$TARN" cont list "tcp://127.0.0.1:$port"
says '^c2$'
# who has the key of daemon is nobody else
for i in 1 2 3; do
    fails 5 DER_NO_PERM 'tcp' env TARN_KEY=daemon "$TARN" cont list "tcp://127.0.0.1:$port"
done
told 1 'who has a key of user .* asks for a pool as'
fails 3 DER_NONEXIST 'key file none: No such file' env TARN_KEY=none "$TARN" cont list "tcp://127.0.0.1:$port"
ok tarn cont list ./p # the kernel says who we are
down
up
fails 5 DER_NO_PERM "127.0.0.1:$port is not trusted: it does not show that it has this program's key" env TARN_KEY=any "$TARN" cont list "tcp://127.0.0.1:$port"
ok tarn cont list "tcp://127.0.0.1:$port"
down
ok tarn check ./p
finish
