#!/usr/bin/env bash
# Every mistake and mishap a user meets: a message in three parts, a code, an exit status, and nothing changed.
. "$(dirname "$0")/lib.sh" "$1"
PATCH="$HERE/super_patch.py"

fresh() { # a small pool with a tree in it
    chmod -R u+rwx "$1" 2>/dev/null
    rm -rf "$1"
    ok tarn pool create "./$1" --wal-size 16M --label "label-$1"
    ok tarn fs copy tree "daos://./$1/c"
}

# command that must not change anything below a directory
unchanged() {
    local dir=$1 before after
    shift
    before=$(cd "$dir" && find . -type f ! -name lock -exec sha256sum {} + | sort)
    "$@"
    after=$(cd "$dir" && find . -type f ! -name lock -exec sha256sum {} + | sort)
    [ "$before" = "$after" ] || bad "changed $dir: $*"
}

mkdir -p tree/sub
for i in $(seq 1 50); do printf 'content %s' "$i" >"tree/f$i"; head -c 9000 /dev/urandom >"tree/sub/g$i"; done
fresh p

# ---- names that name nothing
fails 3 DER_NONEXIST 'nowhere' tarn pool query ./nowhere
[ ! -e nowhere ] || bad "asking for a pool made a directory"
mkdir plain && : >plain/file
unchanged plain fails 9 DER_DF_INVAL 'plain' tarn pool query ./plain
unchanged plain fails 9 DER_DF_INVAL 'plain' tarn pool destroy ./plain
fails 3 DER_NONEXIST 'daos://./plain/c' tarn fs ls daos://./plain/c
fails 3 DER_NONEXIST 'nobody' tarn pool query nobody
fails 3 DER_NONEXIST '00000000-1111' tarn pool query 00000000-1111-2222-3333-444444444444
fails 3 DER_NONEXIST './p: name it with' tarn pool query p
fails 3 DER_NONEXIST 'cont list' tarn cont query ./p nothing
fails 3 DER_NONEXIST 'f99' tarn fs cat ./p/c/f99
fails 3 DER_NONEXIST 'no-such-file' tarn fs copy no-such-file daos://./p/new
ok tarn cont list ./p
never_says '^new$'
fails 3 DER_NONEXIST 'no such snapshot' tarn fs ls --snap 12345 ./p/c
fails 3 DER_NONEXIST 'list-snaps' tarn cont destroy-snap ./p c --epc 12345
fails 3 DER_NONEXIST 'list-snaps' tarn cont rollback ./p c --epc 12345
fails 8 DER_INVAL 'no snapshot was named' tarn cont rollback ./p c
fails 3 DER_NONEXIST 'kv list' tarn kv get ./p c 1 none

# ---- names that cannot be
long=$(printf 'n%.0s' $(seq 1 256))
fails 8 DER_OVERFLOW 'longer than 255 bytes' tarn fs mkdir "./p/c/$long"
fails 8 DER_OVERFLOW '1 to 127' tarn cont create ./p "$long"
fails 8 DER_OVERFLOW '1 to 127' tarn pool create ./z --label "$long"
[ ! -e z ] || bad "a refused pool left a directory"
fails 8 DER_INVAL 'letters' tarn cont create ./p 'not*good'
fails 8 DER_OVERFLOW '511' tarn cont set-attr ./p c "$long$long$long:x"
fails 8 DER_INVAL 'not an object id' tarn object dump ./p c 12

# ---- options and words
fails 2 DER_INVAL "did you mean '--label'" tarn pool create --lable x ./z
fails 2 DER_INVAL "did you mean 'create'" tarn pool crate ./z
fails 2 DER_INVAL 'arguments are missing' tarn cont create
fails 2 DER_INVAL 'one argument too many' tarn pool query ./p ./q
fails 8 DER_INVAL 'not a size' tarn pool create ./z --size lots
fails 8 DER_INVAL 'neither place is in a pool' tarn fs copy tree tree2
fails 8 DER_INVAL 'crc32' tarn cont create ./p x --properties cksum:md5
[ ! -e z ] && [ ! -e tree2 ] || bad "a refused command left something behind"
tarn pool query ./nowhere --json >.out 2>.err
[ $? -eq 3 ] || bad "exit status with --json"
python3 -c 'import json; e = json.load(open(".out")); assert e["response"] is None and e["status"] == -1005 and "nowhere" in e["error"]' || bad "the error is not in the envelope"

# ---- what is there already
fails 4 DER_EXIST 'p' tarn pool create ./p
fails 4 DER_EXIST 'plain|empty' tarn pool create ./plain
fails 4 DER_EXIST 'c' tarn cont create ./p c --type POSIX
fails 4 DER_EXIST 'force' tarn fs put tree/f1 ./p/c/f1

# ---- the wrong kind of thing
ok tarn cont create ./p objects
fails 8 DER_NOTAPPLICABLE 'POSIX' tarn fs ls ./p/objects
fails 8 DER_NOTAPPLICABLE 'POSIX' tarn fs copy tree daos://./p/objects
fails 8 DER_NOTDIR 'directory' tarn fs copy tree daos://./p/c/f1
fails 8 DER_NOTDIR 'directory' tarn fs ls ./p/c/f1/x
fails 6 DER_BUSY 'recursive' tarn pool destroy ./p
ok tarn pool query ./p

# ---- in use by another process: it says which
mkfifo gate
before=$(cat p/lock)
(exec 3<>gate; exec "$TARN" fs put - ./p/c/held <&3) &
pid=$!
for _ in $(seq 1 200); do
    [ "$(cat p/lock)" != "$before" ] && break
    sleep 0.05
done
fails 6 DER_BUSY "in use by process $pid" tarn pool query ./p
fails 6 DER_BUSY "in use by process $pid" tarn pool destroy ./p --recursive
fails 6 DER_BUSY "in use by process $pid" tarn check ./p
kill -9 "$pid"
wait "$pid" 2>/dev/null
for _ in $(seq 1 100); do
    tarn pool query ./p >/dev/null 2>&1 && break
    sleep 0.05
done
# it was killed while writing: that is no damage
ok tarn check ./p

# ---- a pool of a newer format, of unknown features, with a damaged superblock
fresh n
ok tarn pool query ./n
python3 "$PATCH" n/target0 version 2
unchanged n fails 10 DER_DF_INCOMPT 'format|version' tarn pool query ./n
unchanged n fails 10 DER_DF_INCOMPT 'format|version' tarn check ./n
python3 "$PATCH" n/target0 version 1
ok tarn pool query ./n
python3 "$PATCH" n/target0 incompat 4
unchanged n fails 10 DER_DF_INCOMPT 'feature' tarn fs ls ./n/c
python3 "$PATCH" n/target0 incompat 0
ok tarn fs ls ./n/c
# one bad copy of four is no harm; four are
python3 "$PATCH" n/target0 flip 1 && ok tarn fs diff tree daos://./n/c
python3 "$PATCH" n/target0 flip 4
unchanged n fails 11 DER_CSUM 'superblock' tarn pool query ./n
truncate -s 40K n/target0
tarn pool query ./n >.out 2>.err && bad "a pool without its extents was opened"
grep -q '^  next: .' .err || bad "does not say what to do about a truncated pool"
: >n/target0
unchanged n fails 9 DER_DF_INVAL 'n' tarn pool query ./n

# ---- a truncated device
fresh t
truncate -s 10M t/target0
unchanged t fails 12 DER_IO 'truncated|shorter' tarn pool query ./t

# ---- flipped bits in the log, in pages, in data: found, named, never returned as content
fresh d
python3 "$PATCH" d/target0 data
tarn check ./d >.out 2>.err
[ $? -eq 11 ] || bad "check did not find the flipped bits in data"
grep -q '^problem: ' .out || bad "check names no problem"
tarn fs copy daos://./d/c back-d >.out 2>.err && bad "damaged data was copied without an error"
for f in back-d/sub/*; do
    [ -e "$f" ] && ! cmp -s "$f" "tree/sub/$(basename "$f")" && bad "wrong bytes came back: $f"
done
fresh m
python3 "$PATCH" m/target0 meta
tarn fs copy daos://./m/c back-m >.out 2>.err && { diff -r tree back-m >/dev/null || bad "flipped bits in metadata went unnoticed"; }
tarn check ./m >.out 2>.err
rc=$?
[ $rc -eq 11 ] || bad "check of flipped metadata pages: exit $rc"

# ---- no room
head -c 150000000 /dev/urandom >tree/heavy
fails 7 DER_NOSPACE 'take more' tarn pool create ./s --wal-size 16M --size 4M
[ ! -e s/target0 ] || bad "a refused pool left its device behind"
ok tarn pool create ./s --wal-size 16M --size 128M
fails 7 DER_NOSPACE 'space' tarn fs copy tree daos://./s/c
ok tarn check ./s
ok tarn cont list ./s
rm tree/heavy
if [ "$(id -u)" -eq 0 ] && mkdir small && mount -t tmpfs -o size=150m tmpfs small 2>/dev/null; then
    MOUNTED=$WORLD/small
    fails 7 DER_NOSPACE 'space|room' tarn pool create ./small/p --wal-size 1G
    [ ! -e small/p/target0 ] || bad "a pool that did not fit left files behind"
    ok tarn pool create ./small/q --wal-size 16M
    head -c 150000000 /dev/urandom >tree/heavy
    fails 7 DER_NOSPACE 'space|room' tarn fs copy tree daos://./small/q/c
    rm tree/heavy
    ok tarn check ./small/q
    umount small && MOUNTED=
fi

# ---- a limit that is no size
fails 8 DER_INVAL 'TARN_MEM_LIMIT' env TARN_MEM_LIMIT=lots "$TARN" cont list ./p
ok env TARN_MEM_LIMIT=1M "$TARN" check ./p
ok env TARN_MEM_LIMIT=1M "$TARN" fs ls daos://./p/c

# ---- no rights
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$WORLD" && chmod -R a+rX p
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$TARN" "$@"; }
    mkdir -m 555 readonly
    fails 5 DER_NO_PERM 'readonly' as_nobody pool create ./readonly/p
    unchanged p fails 5 DER_NO_PERM 'p' as_nobody fs put tree/f1 ./p/c/f1
elif [ "$(id -u)" -ne 0 ]; then
    mkdir -m 555 readonly
    fails 5 DER_NO_PERM 'readonly' tarn pool create ./readonly/p
fi
finish
