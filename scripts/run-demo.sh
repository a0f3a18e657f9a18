#!/usr/bin/env bash
# make run: a directory goes into a pool, is compared, kept in a snapshot, deleted in part, seen again, mounted. Every step is an
# ordinary command, shown before it runs.
# usage: run-demo.sh BUILD POOL DIR
set -eu
build=${1:-build} pool=${2:-./tarn-pool} dir=${3:-/usr/include}
tarn=$build/src/tools/tarn
dfuse=$build/src/posix/dfuse
cont=demo
place=daos://$pool/$cont
work=$(mktemp -d)
mount=""

cleanup() {
    [ -n "$mount" ] && { fusermount3 -u "$mount" 2>/dev/null || umount "$mount" 2>/dev/null || true; }
    rm -rf "$work"
}
trap cleanup EXIT

case $pool in */*) ;; *) pool=./$pool place=daos://./$pool/$cont ;; esac
[ -x "$tarn" ] || { echo "there is no $tarn; run: make build" >&2; exit 1; }
[ -d "$dir" ] || { echo "$dir is not a directory; run: make run DIR=/some/directory" >&2; exit 1; }
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold="" plain=""; fi

say() { printf '\n%s\n' "$*"; }
# words as one would type them: quotes around what needs them
typed() {
    local word sep=""
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=,@%+-]* | "") printf "%s'%s'" "$sep" "$word" ;;
            *) printf '%s%s' "$sep" "$word" ;;
        esac
        sep=" "
    done
}
run() {
    printf '%s$ %s%s\n' "$bold" "$(typed "$@")" "$plain"
    "$@"
}
# run, its output also into a file; ends the demonstration when the command fails
run_into() {
    local file=$1
    shift
    run "$@" | tee "$file"
    [ "${PIPESTATUS[0]}" -eq 0 ] && return
    echo "stopped: the command above failed, its message says why and what to do" >&2
    exit 1
}
# the response of a command, one value: field 'python expression over r' command...
field() {
    local expr=$1
    shift
    "$@" --json | python3 -c "import json, sys; r = json.load(sys.stdin)['response']; print($expr)"
}

say "A pool is a directory. No server, no configuration."
if [ -e "$pool/target0" ]; then
    echo "(the pool $pool is there already; its container '$cont' is replaced)"
    "$tarn" cont destroy "$pool" "$cont" --force >/dev/null 2>&1 || true
else
    run "$tarn" pool create "$pool"
fi
run "$tarn" cont create "$pool" "$cont" --type POSIX

say "Everything in $dir goes in ..."
run_into "$work/in" "$tarn" fs copy --ignore-unsupported --src "$dir" --dst "$place"

say "... and is read back and compared: content, modes, times, links."
run_into "$work/out" "$tarn" fs diff --ignore-unsupported --src "$dir" --dst "$place"

say "A snapshot keeps this moment."
run "$tarn" cont create-snap "$pool" "$cont"
epoch=$("$tarn" cont list-snaps "$pool" "$cont" --json | python3 -c "import json, sys; print(max(s['epoch'] for s in json.load(sys.stdin)['response']))")

part=$(field "next((e['name'] for e in r if e['type'] == 'directory'), r[0]['name'] if r else '')" "$tarn" fs ls "$place")
if [ -n "$part" ]; then
    say "A part is deleted ..."
    run "$tarn" fs rm -r "$place/$part"
    echo "(now it is gone: $("$tarn" fs ls "$place/$part" 2>&1 | head -1))"
    say "... and is still there in the snapshot."
    run "$tarn" fs ls --snap "$epoch" "$place/$part" | head -5
fi

say "The container as a file system, through the kernel:"
if [ ! -x "$dfuse" ]; then
    echo "(left out: dfuse is not built)"
elif [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
    why="there is no /dev/fuse"
    [ -e /dev/fuse ] && why="only $(stat -c %U /dev/fuse) may use /dev/fuse; to allow everybody, as on most systems: sudo chmod 666 /dev/fuse"
    echo "(left out: $why)"
    echo "(with it: $(typed "$dfuse") MOUNTPOINT $(typed "$pool" "$cont"))"
else
    mkdir "$work/mnt"
    if run "$dfuse" "$work/mnt" "$pool" "$cont"; then
        mount=$work/mnt
        printf '%s$ ls -l %s%s\n' "$bold" "$(typed "$mount")" "$plain"
        ls -l "$mount" | head -8
        echo "(df: $(df -h "$mount" | tail -1))"
        fusermount3 -u "$mount" 2>/dev/null || umount "$mount"
        mount=""
        # dfuse closes the pool after the mount has gone
        for _ in $(seq 1 100); do
            "$tarn" pool query "$pool" >/dev/null 2>&1 && break
            sleep 0.1
        done
    else
        echo "(left out: mounting did not work here)"
    fi
fi

"$tarn" inspect "$pool" --json >"$work/inspect"
say "Summary"
python3 - "$work" "$pool" <<'PY'
import json, re, sys
work, pool = sys.argv[1:]
copied = re.search(r"copied ([\d,]+) files, ([\d,]+) directories, ([\d,]+) links \((.*?)\) in ([\d.]+) s: (.*)", open(f"{work}/in").read())
compared = re.search(r"in ([\d.]+) s, (.*?): all alike", open(f"{work}/out").read())
st = json.load(open(f"{work}/inspect"))["response"]
files, dirs, links = (int(copied[i].replace(",", "")) for i in (1, 2, 3))
print(f"  stored      {files:,} files, {dirs:,} directories, {links:,} links, {copied[4]}")
print(f"  in          {copied[6]}")
print(f"  out         {int(files / max(float(compared[1]), 0.001)):,} files/s, {compared[2]} (read and compared)")
# the pool may hold more than this copy (earlier runs, what was deleted): what an object costs on average, directories counted in
meta = st["metadata_bytes"] / max(st["objects"], 1) * (files + dirs) / max(files, 1)
print(f"  metadata    {meta:.0f} bytes a file, directories included (all but the values themselves)")
PY
say "Try next:"
echo "  $(typed "$tarn" fs ls -l "$place")"
echo "  $(typed "$tarn" fs copy --src "$place" --dst ./back --verify)"
echo "  $tarn --help"
