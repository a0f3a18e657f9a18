#!/usr/bin/env bash
# dfuse as its users meet it: whole mounts, killed, full, read-only, and what programs do in them.
# usage: dfuse_test.sh TARN DFUSE
# Exit status 77: cannot be tried here (no FUSE). Everything lives below one temporary directory, and no mount stays behind.
set -u

tarn=$(realpath "$1")
dfuse=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
python=$(command -v python3)
failures=0

skip() { echo "SKIP: $*"; exit 77; }

[ -n "$python" ] || skip "python3 is not installed"
[ -e /dev/fuse ] || skip "/dev/fuse does not exist (in a container: --device /dev/fuse --cap-add SYS_ADMIN)"
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse may not be opened by this user"

# in memory where there is room: what is tried here is dfuse, not the disk
base=${TMPDIR:-/tmp}
if [ -w /dev/shm ] && [ "$(df -k --output=avail /dev/shm | tail -1)" -gt 2000000 ]; then base=/dev/shm; fi
top=$(mktemp -d "$base/dfuse-test.XXXXXX")
mnt=$top/mnt
pool=$top/pool
export XDG_STATE_HOME=$top/state TARN_BACKGROUND=0
export HOME=$top
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t

# The processes behind the mount: all mount points here are unique.
server() { pgrep -f "^[^ ]*dfuse .*$mnt( |\$)"; }

unmount_any() {
    if [ "$(id -u)" = 0 ]; then umount -l "$mnt" 2>/dev/null; else fusermount3 -uz "$mnt" 2>/dev/null; fi
}

cleanup() {
    local pid
    exec 5>&- 6>&-
    [ -n "$watchdog" ] && kill "$watchdog" 2>/dev/null
    for pid in $(server); do kill -9 "$pid" 2>/dev/null; done
    unmount_any
    rm -rf "$top"
}
watchdog=
trap cleanup EXIT
trap 'exit 1' INT TERM

# A watchdog: whatever hangs in the mount ends when its server does.
(
    sleep 280
    for pid in $(server); do kill -9 "$pid"; done
) </dev/null >/dev/null 2>&1 &
watchdog=$!
disown
# what a sanitizer build has to say of a process in the background
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$top/asan" UBSAN_OPTIONS="print_stacktrace=1:log_path=$top/ubsan"

mkdir -p "$mnt" "$XDG_STATE_HOME"

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# check TEXT COMMAND...: the command succeeds, in time
check() {
    local text=$1
    shift
    timeout 60 "$@" >"$top/out" 2>&1 || { fail "$text: $* (status $?)"; tail -5 "$top/out"; }
}

# refused TEXT PATTERN COMMAND...: it fails, and says so
refused() {
    local text=$1 pattern=$2
    shift 2
    if timeout 60 "$@" >"$top/out" 2>&1; then fail "$text: succeeded"; return; fi
    [ -z "$pattern" ] || grep -Eqi -- "$pattern" "$top/out" || { fail "$text: no '$pattern' in:"; cat "$top/out"; }
}

mount_it() {
    timeout 60 "$dfuse" "$@" >"$top/mount.out" 2>&1 || return 1
    mountpoint -q "$mnt" || { echo "not mounted after dfuse returned"; return 1; }
}

# need OPTIONS...: mounts or gives up
need() {
    mount_it "$@" "$mnt" "$pool" home || { fail "mount $*: $(cat "$top/mount.out")"; exit 1; }
}

gone() { # waits until the server has ended
    local pid task
    for _ in $(seq 400); do
        [ -z "$(server)" ] && return 0
        sleep 0.05
    done
    fail "dfuse still runs 20 s after $1; where its threads are:"
    for pid in $(server); do
        for task in /proc/"$pid"/task/*; do
            echo "  $(cat "$task/comm") $(cat "$task/wchan") $(cat "$task/syscall")"
        done
    done
    return 1
}

unmount() {
    if [ "$(id -u)" = 0 ]; then umount "$mnt"; else fusermount3 -u "$mnt"; fi || fail "unmount"
    gone "an unmount"
}

cases() {
    mkdir -p "$mnt/cases"
    timeout 100 "$python" "$here/posix_cases.py" "$mnt/cases" "$@" || fail "a case (mount: $mounted)"
    rmdir "$mnt/cases" || fail "leftovers: $(ls "$mnt/cases")"
}

say() { echo "== $* ($SECONDS s)"; }

# ---------------------------------------------------------------- what is refused

check "create pool" "$tarn" pool create --size 4G "$pool"
check "create container" "$tarn" container create --type POSIX "$pool" home
check "create container of no type" "$tarn" container create "$pool" objects

say "mistakes are named"
refused "mount point missing" "no such file.*mkdir" "$dfuse" "$top/nowhere" "$pool" home
touch "$top/file"
refused "mount point is a file" "not a directory" "$dfuse" "$top/file" "$pool" home
refused "pool missing" "cannot open pool.*nopool" "$dfuse" "$mnt" "$top/nopool" home
refused "container missing" "no container" "$dfuse" "$mnt" "$pool" nothere
refused "container of another type" "POSIX" "$dfuse" "$mnt" "$pool" objects
refused "no arguments" "mount point" "$dfuse"
refused "one argument too many" "too many" "$dfuse" "$mnt" "$pool" home more
refused "bad thread count" "thread-count" "$dfuse" -t 0 "$mnt" "$pool" home
refused "unknown option" "help" "$dfuse" --frobnicate "$mnt" "$pool" home
refused "unknown mount option" "refused them" "$dfuse" -o frobnicate "$mnt" "$pool" home
refused "snapshot names" "snap-epoch" "$dfuse" --snap=monday "$mnt" "$pool" home
check "help" "$dfuse" --help
check "version" "$dfuse" --version
mountpoint -q "$mnt" && fail "a failed mount stayed"

# ---------------------------------------------------------------- the default mount

say "default mount"
mounted=default
if ! mount_it "$mnt" "$pool" home; then
    grep -q "refused it" "$top/mount.out" && skip "this system does not let us mount: $(head -1 "$top/mount.out")"
    fail "mount: $(cat "$top/mount.out")"
    exit 1
fi
[ "$(stat -f -c %l "$mnt")" = 255 ] || fail "name length of statfs"
df -k "$mnt" | tail -1 | grep -q "^dfuse " || fail "df: $(df -k "$mnt")"
[ "$(stat -c %i "$mnt")" = 1 ] || fail "the root's inode number"
[ "$(readlink "/proc/$(server | head -1)/cwd")" = / ] || fail "the background process keeps a directory busy"
touch "$mnt/one"
refused "hard link" "not supported" ln "$mnt/one" "$mnt/two"
refused "fifo" "not supported" mkfifo "$mnt/fifo"
refused "flock without --enable-local-flock" "." flock -n "$mnt/one" true
cases names links attributes xattrs sizes holes append mapped mapped_private unlinked listing racing_removal \
    writers renamers removers database random_io

say "a tree in and out"
tree=$top/tree
mkdir -p "$tree/a/b/c" "$tree/empty"
"$python" - "$tree" <<'PY'
import os, random, sys
r = random.Random(3)
for n in range(120):
    with open(f"{sys.argv[1]}/a/{'b/' * (n % 2)}f{n}", "wb") as f:
        f.write(r.randbytes(r.choice([0, 10, 5000, 200_000, 1_500_000 if n % 20 == 0 else 1])))
PY
ln -s ../f1 "$tree/a/b/link"
ln -s /nowhere "$tree/dangling"
chmod 750 "$tree/a/b"
chmod 400 "$tree/a/f2"
touch -d "2001-02-03 04:05:06.789" "$tree/a/f4" "$tree/a/b"
check "cp in" cp -a "$tree" "$mnt/tree"
check "same inside" diff -r --no-dereference "$tree" "$mnt/tree"
check "cp out" cp -a "$mnt/tree" "$top/tree2"
check "same outside" diff -r --no-dereference "$tree" "$top/tree2"
list() { (cd "$1" && find . -printf '%p %y %m %s %T@ %l\n' | sed 's/ d \([0-9]*\) [0-9]* / d \1 - /' | sort); }
diff <(list "$tree") <(list "$mnt/tree") >"$top/out" || { fail "attributes of the copy"; head -5 "$top/out"; }
check "ls -lR" ls -lR "$mnt/tree"
[ "$(find "$mnt/tree" -newermt 2002-01-01 -name f4 | wc -l)" = 0 ] || fail "find -newermt finds an old file"
touch -d "2001-02-03 04:05:07" "$top/stamp"
[ "$(find "$mnt/tree/a/f4" "$mnt/tree/a/f6" -newer "$top/stamp" | wc -l)" = 1 ] || fail "find -newer"
check "tar in the mount" tar -C "$mnt" -cf "$mnt/tree.tar" tree
mkdir "$mnt/untar"
check "untar" tar -C "$mnt/untar" -xpf "$mnt/tree.tar"
check "same after tar" diff -r --no-dereference "$tree" "$mnt/untar/tree"
check "sparse copy" cp --sparse=always "$tree/a/f0" "$mnt/sparse"
check "same sparse" cmp "$tree/a/f0" "$mnt/sparse"

if command -v git >/dev/null; then
    say "git"
    cp -a "$tree" "$mnt/repo"
    check "git init" git -C "$mnt/repo" init -q
    check "git add" git -C "$mnt/repo" add -A
    check "git commit" git -C "$mnt/repo" commit -q -m one
    check "git fsck" git -C "$mnt/repo" fsck --strict
    check "git gc" git -C "$mnt/repo" gc -q
    check "git clone" git clone -q "$mnt/repo" "$mnt/clone"
    [ -z "$(git -C "$mnt/clone" status --porcelain)" ] || fail "git status after a clone"
fi
if command -v cc >/dev/null; then
    say "a compiler"
    printf '#include <stdio.h>\nint main(void) { puts("built here"); return 0; }\n' >"$mnt/hello.c"
    check "compile" cc -g -o "$mnt/hello" "$mnt/hello.c"
    [ "$("$mnt/hello")" = "built here" ] || fail "the program built in the mount"
fi
if command -v sqlite3 >/dev/null; then
    check "sqlite" sqlite3 "$mnt/db.sqlite" "create table t(a integer primary key, b text); begin; \
        with recursive n(x) as (select 1 union all select x + 1 from n where x < 500) insert into t select x, 'row ' || x from n; commit; pragma integrity_check;"
    [ "$(sqlite3 "$mnt/db.sqlite" "select count(*) from t where b = 'row ' || a")" = 500 ] || fail "sqlite rows"
fi

# ---------------------------------------------------------------- ends

say "unmount and mount again"
find "$mnt" | sort >"$top/names1"
unmount
need
find "$mnt" | sort >"$top/names2"
check "names survive" cmp "$top/names1" "$top/names2"
check "data survives" diff -r --no-dereference "$tree" "$mnt/tree"
[ -x "$mnt/hello" ] && { [ "$("$mnt/hello")" = "built here" ] || fail "the program after a remount"; }

say "SIGTERM with files open"
exec 5>"$mnt/open"
echo "not synced" >&5
kill "$(server)"
gone "SIGTERM"
exec 5>&- 2>/dev/null
mountpoint -q "$mnt" && fail "still mounted after SIGTERM"
need
[ "$(cat "$mnt/open" 2>/dev/null)" = "not synced" ] || fail "written before SIGTERM, and gone"

say "kill -9"
echo closed >"$mnt/closed"
"$python" - "$mnt" <<'PY' &
import os, sys, time
fd = os.open(sys.argv[1] + "/synced", os.O_CREAT | os.O_WRONLY)
os.write(fd, b"synced" * 10000)
os.fsync(fd)
open(sys.argv[1] + "/ready", "w").close()
time.sleep(60)
PY
holder=$!
for _ in $(seq 100); do [ -e "$mnt/ready" ] && break; sleep 0.05; done
kill -9 "$(server)"
gone "kill -9"
kill "$holder" 2>/dev/null
wait "$holder" 2>/dev/null
refused "a dead mount" "fusermount3 -u" "$dfuse" "$mnt" "$pool" home
unmount_any
need --disable-wb-cache
mounted="--disable-wb-cache"
[ "$(cat "$mnt/closed")" = closed ] || fail "closed before kill -9, and gone"
[ "$(stat -c %s "$mnt/synced")" = 60000 ] || fail "synced before kill -9, and gone"
check "data survives kill -9" diff -r --no-dereference "$tree" "$mnt/tree"

say "write-through"
cases sizes append mapped unlinked writers renamers removers database random_io
exec 6>"$mnt/through"
echo "written" >&6
kill -9 "$(server)"
gone "kill -9"
exec 6>&- 2>/dev/null
unmount_any

say "no caching"
mounted="--disable-caching"
need --disable-caching
[ "$(cat "$mnt/through")" = written ] || fail "written through before kill -9, and gone"
cases names links attributes xattrs sizes holes append mapped_private unlinked racing_removal writers renamers removers \
    database random_io
check "git without caches" git -C "$mnt/repo" status --porcelain
echo before >"$mnt/story"
unmount

# ---------------------------------------------------------------- other mounts

say "a snapshot"
epoch=$("$tarn" container create-snap --json "$pool" home | "$python" -c '
import json, sys
def find(v):
    if isinstance(v, dict):
        return next((x for k, w in v.items() if (x := w if "epoch" in k else find(w))), None)
print(find(json.load(sys.stdin)))')
need
echo after >"$mnt/story"
rm "$mnt/closed"
unmount
need -N "$epoch"
[ "$(cat "$mnt/story")" = before ] || fail "the snapshot shows '$(cat "$mnt/story")'"
[ -e "$mnt/closed" ] || fail "the snapshot lacks what was removed later"
refused "write to a snapshot" "read-only" touch "$mnt/x"
check "data in the snapshot" diff -r --no-dereference "$tree" "$mnt/tree"
unmount

say "read-only"
need --read-only
[ "$(cat "$mnt/story")" = after ] || fail "read-only content"
refused "touch" "read-only" touch "$mnt/x"
refused "overwrite" "read-only" bash -c "echo x >>'$mnt/story'"
refused "chmod" "read-only" chmod 600 "$mnt/story"
refused "rm" "read-only" rm -f "$mnt/story"
refused "mkdir" "read-only" mkdir "$mnt/newdir"
refused "mv" "read-only" mv "$mnt/story" "$mnt/tale"
unmount

say "caching as the container says"
mounted="container attributes"
check "set attributes" "$tarn" container set-attr "$pool" home dfuse-attr-time:1m,dfuse-dentry-time:2s,dfuse-data-cache:off
need
cases sizes append mapped_private unlinked
refused "shared mappings without a data cache" "no such device" "$python" -c "
import mmap
f = open('$mnt/story', 'r+b')
mmap.mmap(f.fileno(), 0)"
unmount
check "set attributes" "$tarn" container set-attr "$pool" home dfuse-attr-time:often,dfuse-data-cache:otoc
need
grep -q "ignoring attribute dfuse-attr-time.*often" "$top/mount.out" || fail "a bad attribute is not reported"
cases sizes append mapped unlinked
unmount
check "remove attributes" bash -c "for a in attr-time dentry-time data-cache; do '$tarn' container del-attr '$pool' home dfuse-\$a || exit 1; done"

say "nothing stays behind"
check "create container" "$tarn" container create --type POSIX "$pool" churn
objects() { "$tarn" object list "$pool" churn | wc -l; }
before=$(objects)
(cd "$top" && mount_it "$mnt" ./pool churn) || fail "mount a pool by a relative path: $(cat "$top/mount.out")"
mounted=churn
cases unlinked renamers removers
mkdir "$mnt/cases"
exec 5>"$mnt/cases/held"
echo "held" >&5
rm -r "$mnt/cases"
kill "$(server)"
gone "SIGTERM with a removed file open"
exec 5>&- 2>/dev/null
[ "$(objects)" = "$before" ] || fail "objects left behind: $("$tarn" object list "$pool" churn)"

say "local locks"
need --enable-local-flock
exec 5>"$mnt/lock"
check "flock" flock -n 5
refused "a second flock" "" flock -n "$mnt/lock" true
exec 5>&-
check "flock after the first is gone" flock -n "$mnt/lock" true
unmount

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    say "several users"
    chmod 755 "$top"
    need --multi-user
    as=(setpriv --reuid=1234 --regid=1234 --clear-groups)
    other=(setpriv --reuid=4321 --regid=4321 --clear-groups)
    mkdir -m 777 "$mnt/public"
    echo secret >"$mnt/secret"
    chmod 600 "$mnt/secret"
    refused "read what is not theirs" "permission denied" "${as[@]}" cat "$mnt/secret"
    refused "write where they may not" "permission denied" "${as[@]}" touch "$mnt/public/../mine"
    check "write where they may" "${as[@]}" bash -c "umask 027; echo mine >'$mnt/public/mine'"
    [ "$(stat -c '%u %g %a' "$mnt/public/mine")" = "1234 1234 640" ] || fail "owner: $(stat -c '%u %g %a' "$mnt/public/mine")"
    refused "read another's" "permission denied" "${other[@]}" cat "$mnt/public/mine"
    refused "chown by a user" "not permitted" "${as[@]}" chown 4321 "$mnt/public/mine"
    touch "$mnt/suid"
    chmod 4777 "$mnt/suid"
    "${as[@]}" bash -c "echo x >>'$mnt/suid'"
    [ "$(stat -c %a "$mnt/suid")" = 777 ] || fail "setuid survives another's write: $(stat -c %a "$mnt/suid")"
    unmount
fi

say "a full pool"
pool=$top/small
check "create small pool" "$tarn" pool create --size 192M --wal-size 32M "$pool"
check "create container" "$tarn" container create --type POSIX "$pool" home
for options in "" --disable-wb-cache; do
    need $options
    echo kept >"$mnt/kept"
    "$python" - "$mnt" >"$top/out" 2>&1 <<'PY' || { fail "a full pool ($options)"; cat "$top/out"; }
import errno, os, sys
told = None
for n in range(400):
    fd = os.open(f"{sys.argv[1]}/big{n % 4}", os.O_CREAT | os.O_WRONLY)
    try:
        os.pwrite(fd, os.urandom(1 << 20), (n // 4) << 20)
        os.fsync(fd)
    except OSError as e:
        told = e.errno
    try:
        os.close(fd)
    except OSError as e:
        told = told or e.errno
    if told:
        break
assert told == errno.ENOSPC, told and errno.errorcode.get(told, told)
PY
    [ "$(cat "$mnt/kept")" = kept ] || fail "a full pool loses what it had"
    check "remove in a full pool" bash -c "rm '$mnt'/big*"
    unmount
    need $options
    check "write after removing" timeout 30 "$python" -c "
import os, sys, time
for n in range(100):  # space comes back in the background
    try:
        fd = os.open('$mnt/again', os.O_CREAT | os.O_WRONLY)
        os.write(fd, b'x' * (8 << 20))
        os.fsync(fd)
        os.close(fd)
        break
    except OSError as e:
        last = e
        time.sleep(0.1)
else:
    raise last"
    rm -f "$mnt/again"
    unmount
done

say "the pool afterwards"
check "the checker finds nothing" "$tarn" check "$top/pool"

for log in "$top"/asan.* "$top"/ubsan.*; do
    [ -s "$log" ] && { fail "a sanitizer found"; head -40 "$log"; }
done
say "done, $failures failures"
[ "$failures" = 0 ]
