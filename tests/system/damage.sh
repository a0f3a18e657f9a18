#!/usr/bin/env bash
# Bytes of a pool go bad on the device: the checker says whose they were, by path, container and key, and what survives;
# everything else can be used.
# usage: damage.sh TARN
. "$(dirname "$0")/lib.sh"

# hurt FILE NTH: flips a byte of the NTH block of 4 KiB of a file's content, wherever the device holds it
hurt() {
    python3 - "$1" "$2" p/target0 <<'PY'
import sys
piece = open(sys.argv[1], "rb").read()[int(sys.argv[2]) * 4096:][:4096]
device = open(sys.argv[3], "rb").read()
at = device.find(piece)
assert at >= 0 and len(piece) > 60, "the content is not on the device"
with open(sys.argv[3], "r+b") as f:
    f.seek(at + 50)
    f.write(bytes([piece[50] ^ 0x40]))
PY
}

ok tarn pool create ./p
ok tarn cont create ./p home --type POSIX
ok tarn cont create ./p raw
ok tarn fs mkdir -p ./p/home/docs/deep
head -c 3000000 /dev/urandom >large
head -c 500000 /dev/urandom >other
ok tarn fs put large ./p/home/docs/deep/large.bin
ok tarn fs put other ./p/home/docs/other.bin
ok tarn kv put ./p raw 1 colour blue
ok tarn check ./p
says sound

# ---- a value in data space
hurt large 300
fails 11 DER_CSUM 'is damaged' tarn check ./p
says 'container home, /docs/deep/large.bin .object .* dkey 2, akey 0: data block .* its bytes .* to .* cannot be read'
never_says other.bin
ok tarn fs check ./p home
says 'no name leads to 0 files and 0 directories'
fails 11 DER_CSUM '1 files of container .home. are damaged' tarn fs check ./p home --flags=print,verify
says '2 files read, 1 of them damaged'
fails 8 DER_INVAL 'name one or more of print, remove' tarn fs check ./p home --flags=find
fails 8 DER_INVAL 'choose one of them' tarn fs check ./p home --flags=remove,relink
tarn fs check ./p home --json >json.txt
python3 -c 'import json; r = json.load(open("json.txt"))["response"]; assert r["objects"] > 3 and r["lost_files"] == 0, r' ||
    bad "the finds in JSON are not right"
tarn check ./p --json >json.txt
python3 -c 'import json; r = json.load(open("json.txt"))["response"]; assert r["problems"] == 1 and "/docs/deep/large.bin" in r["list"][0]' ||
    bad "the list in JSON does not name the file"
ok tarn check ./p --quick
never_says large
fails 12 DER_IO '.' tarn fs get ./p/home/docs/deep/large.bin got
ok tarn fs get ./p/home/docs/other.bin got
same other got
ok tarn fs put other ./p/home/docs/new.bin
ok tarn kv get ./p raw 1 colour
says '^blue$'
ok tarn fs rm ./p/home/docs/deep/large.bin
ok tarn check ./p
says sound
ok tarn check ./p --repair # nothing to do
says 'is sound'
never_says 'gives up'

# ---- repair: a value
head -c 400000 /dev/urandom >third
ok tarn fs put third ./p/home/docs/third.bin
hurt third 20
before=$(sha256sum <p/target0)
ok tarn check ./p --dry-run
says 'gives up: container home, /docs/third.bin .object .*the bytes of a version in data space are lost'
says '1 thing would be given up'
[ "$(sha256sum <p/target0)" = "$before" ] || bad "a dry run has written"
ok tarn check ./p --repair
says 'gives up: container home, /docs/third.bin'
says '1 thing given up'
says 'pool .* is sound'
ok tarn check ./p
says sound
fails 12 DER_IO '.' tarn fs get --force ./p/home/docs/third.bin got
ok tarn fs get --force ./p/home/docs/other.bin got
same other got
ok tarn fs put third ./p/home/docs/fourth.bin
ok tarn fs rm ./p/home/docs/third.bin
ok tarn fs put third ./p/home/docs/third.bin
ok tarn fs get --force ./p/home/docs/third.bin got
same third got
json 'r["problems"] == 0 and r["given_up"] == [] and r["problems_left"] == 0' tarn check ./p --repair
ok tarn check ./p
says sound
finish
