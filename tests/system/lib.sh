# What every script of this folder begins with: a world of its own, and words for what is expected.
# usage: . lib.sh TARN   (the program under test)
set -u
TARN=$(realpath "$1") && [ -x "$TARN" ] || { echo "no program to test: '$1'"; exit 1; }
HERE=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
WORLD=$(mktemp -d "${TARN_TEST_DIR:-${TMPDIR:-/tmp}}/tarn-system-XXXXXX")
export XDG_STATE_HOME="$WORLD/state" TARN_BACKGROUND=${TARN_BACKGROUND-0}
cd "$WORLD" || exit 1
failures=0
trap 'rc=$?; chmod -R u+rwx "$WORLD" 2>/dev/null; [ -n "${MOUNTED:-}" ] && umount "$MOUNTED" 2>/dev/null; rm -rf "$WORLD"; exit $rc' EXIT

tarn() { "$TARN" "$@"; }

bad() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    [ -s "$WORLD/.out" ] && sed 's/^/  out: /' "$WORLD/.out" | head -20
    [ -s "$WORLD/.err" ] && sed 's/^/  err: /' "$WORLD/.err" | head -20
    return 0
}

# A command that has to succeed; its output is in $WORLD/.out.
ok() {
    "$@" >"$WORLD/.out" 2>"$WORLD/.err"
    local rc=$?
    [ $rc -eq 0 ] || bad "exit $rc from: $*"
    return $rc
}

# The output of the last ok or fails holds this text (grep -E).
says() { grep -qE -- "$1" "$WORLD/.out" || bad "does not say '$1'"; }
never_says() { ! grep -qE -- "$1" "$WORLD/.out" || bad "says '$1'"; }

# fails STATUS CODE WHAT-AND-WHY command...: exits so, names the code, says why (grep -E over all three parts), and says what next.
fails() {
    local status=$1 code=$2 text=$3
    shift 3
    "$@" >"$WORLD/.out" 2>"$WORLD/.err"
    local rc=$?
    [ $rc -eq "$status" ] || bad "exit $rc, not $status, from: $*"
    grep -q "\[$code -[0-9]*\]" "$WORLD/.err" || bad "not $code from: $*"
    tr '\n' ' ' <"$WORLD/.err" | grep -qE -- "$text" || bad "does not say '$text': $*"
    grep -q '^error: .' "$WORLD/.err" || bad "does not say what failed: $*"
    grep -q '^  why:  .' "$WORLD/.err" || bad "does not say why: $*"
    grep -q '^  next: .' "$WORLD/.err" || bad "does not say what to do next: $*"
    return 0
}

# json KEYS command...: succeeds with the envelope; the python expression over r (the response) is true.
json() {
    local expr=$1
    shift
    "$@" --json >"$WORLD/.out" 2>"$WORLD/.err" || { bad "exit $? from: $*"; return; }
    python3 - "$expr" "$WORLD/.out" 2>"$WORLD/.err" <<'PY' || bad "not what was expected in JSON ($expr) of: $*"
import json, sys
env = json.load(open(sys.argv[2]))
assert list(env) == ["response", "error", "status"], env
r = env["response"]
assert env["error"] is None and env["status"] == 0, env
assert eval(sys.argv[1]), r
PY
}

same() { diff -r --no-dereference "$1" "$2" >"$WORLD/.out" 2>&1 || bad "$1 and $2 differ"; }

finish() {
    [ $failures -eq 0 ] && echo "all as expected" && exit 0
    echo "$failures not as expected"
    exit 1
}
