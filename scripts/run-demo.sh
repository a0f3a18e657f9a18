#!/usr/bin/env bash
# make run: the main job on real input, made of ordinary commands that anybody can repeat.
# usage: run-demo.sh BUILD POOL DIR
set -u
build=$(cd "$1" && pwd) pool=$2 dir=$3
case $pool in */*) ;; *) pool=./$pool ;; esac
PATH=$build/src/tools:$build/src/posix:$PATH
cont=demo
mnt=
state=$(mktemp -d)

cleanup() {
    [ -n "$mnt" ] && fusermount3 -u "$mnt" >/dev/null 2>&1
    [ -n "$mnt" ] && rmdir "$mnt" 2>/dev/null
    rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 130' INT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
run() { # shows a command as a user would type it, then runs it
    echo "\$ $*"
    "$@" || { rc=$?; [ $rc -eq 130 ] || echo "the step above failed (exit status $rc): see its message" >&2; exit $rc; }
}
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{t = $2 - $1; print (t < 0.001) ? 0.001 : t}'; }
figure() { tarn inspect "$pool" --json | python3 -c "import json,sys; print(json.load(sys.stdin)['response']['$1'])"; }

if [ ! -d "$dir" ]; then
    echo "cannot copy $dir: it is not a directory; name one: make run DIR=/some/tree" >&2
    exit 2
fi

say "1. A pool: a directory, nothing else"
if [ -e "$pool/target0" ]; then
    echo "using the pool that is in $pool already"
    tarn cont destroy "$pool" $cont --force >/dev/null 2>&1
else
    run tarn pool create "$pool"
fi
run tarn cont create "$pool" $cont --type POSIX >/dev/null

say "2. A directory goes in"
t=$(now)
run tarn fs copy --src "$dir" --dst "daos://$pool/$cont/data"
in=$(since "$t")

say "3. Everything is read back and compared: content, modes, times, links"
t=$(now)
run tarn fs diff "$dir" "daos://$pool/$cont/data"
out=$(since "$t")

say "4. A snapshot, a deletion, and the snapshot still has it"
run tarn cont create-snap "$pool" $cont
epoch=$(tarn cont list-snaps "$pool" $cont --json | python3 -c "import json,sys; print(max(s['epoch'] for s in json.load(sys.stdin)['response']))")
victim=$(tarn fs ls "daos://$pool/$cont/data" | grep -m1 '/$' || tarn fs ls "daos://$pool/$cont/data" | head -1)
victim=${victim%/}
run tarn fs rm -r "daos://$pool/$cont/data/$victim"
if tarn fs stat "daos://$pool/$cont/data/$victim" >/dev/null 2>&1; then
    echo "$victim is still there after its removal" >&2
    exit 1
fi
echo "$victim is gone from the container; in the snapshot:"
echo "\$ tarn fs ls --snap $epoch daos://$pool/$cont/data/$victim"
tarn fs ls --snap "$epoch" "daos://$pool/$cont/data/$victim" >"$state/ls" || exit 1
head -5 "$state/ls"
[ "$(wc -l <"$state/ls")" -gt 5 ] && echo "... $(wc -l <"$state/ls") entries"

say "5. The same container through the kernel"
if [ ! -e /dev/fuse ] || [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
    echo "skipped: /dev/fuse cannot be used here (missing, or no permission); the container is complete without it"
else
    mnt=$(mktemp -d)
    echo "\$ dfuse $mnt $pool $cont"
    if dfuse "$mnt" "$pool" $cont; then
        run ls "$mnt/data" | head -8
        echo "... $(find "$mnt" -type f | wc -l) files seen by the kernel"
        run fusermount3 -u "$mnt"
        # the pool is this process's until dfuse has closed it
        for _ in $(seq 100); do
            tarn pool query "$pool" >/dev/null 2>&1 && break
            sleep 0.1
        done
        rmdir "$mnt"
    else
        echo "skipped: dfuse could not mount (see above); the container is complete without it"
    fi
    mnt=
fi

say "6. What was stored"
files=$(find "$dir" -type f | wc -l)
bytes=$(find "$dir" -type f -printf '%s\n' | awk '{n += $1} END {print n + 0}')
objects=$(figure objects)
meta=$(figure metadata_bytes)
awk -v f="$files" -v b="$bytes" -v i="$in" -v o="$out" -v m="$meta" -v n="$objects" 'BEGIN {
    printf "%d files, %.1f MiB; in: %.2f s (%d files/s, %.1f MiB/s), read back and compared: %.2f s (%.1f MiB/s)\n", f, b / 1048576, i, f / i, b / 1048576 / i, o, b / 1048576 / o
    printf "metadata: %.1f MiB, %d bytes a file (%d objects, directories and snapshots included)\n", m / 1048576, (f > 0) ? m / f : 0, n
}'

say "Try next"
echo "  export PATH=$build/src/tools:$build/src/posix:\$PATH"
echo "  tarn fs ls -l daos://$pool/$cont/data"
echo "  tarn check $pool"
echo "  tarn --help"
