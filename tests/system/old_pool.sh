#!/usr/bin/env bash
# Pools that earlier programs made: they are read, changed, and are sound afterwards. golden/pool-N.tar.xz was made by a program
# whose object store had version N (docs/formats.md): a POSIX container and one of pairs, each with a snapshot and changes after it,
# and a log that was not checkpointed. Those of versions 2 and 3 have a container that was rolled back as well. No engine of version 3
# prepared anything: in its pool the object store itself, called by a program of that version, has prepared, committed and aborted, and
# ended as one that is killed does. That of version 4 has two targets and transactions between them. None is ever made again: a later
# format gets a file of its own.
# usage: old_pool.sh TARN
. "$(dirname "$0")/lib.sh" "$1"

pool_1() {
    tar xJf "$HERE/golden/pool-1.tar.xz" || { bad "cannot unpack pool-1.tar.xz"; return; }
    mv old one
    ok tarn check ./one
    json 'len(r["keys"] if isinstance(r, dict) else r) == 58' tarn kv list ./one pairs 1
    ok tarn kv get ./one pairs 1 key-1 && says '^value of key 1$'
    ok tarn kv get ./one pairs 1 key-7 && says '^changed$'
    ok tarn kv get ./one pairs 1 key-11 && says '^changed later$'
    ok tarn kv get ./one pairs 1 big --raw
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | head -c 100000 | sha256sum)" ] || bad "key 'big' has another value"
    fails 3 DER_NONEXIST 'key-8' tarn kv get ./one pairs 1 key-8
    ok tarn fs cat daos://./one/home/sub/deep/numbers
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | sha256sum)" ] || bad "another file came back"
    ok tarn fs ls -l daos://./one/home/sub && never_says hello
    ok tarn fs cat --snap 0x295ae769d6297813 daos://./one/home/sub/hello && says '^hello from version 1$'
    # what is changed now is stored as this program does, beside what was there
    for i in 1 2 3; do
        ok tarn kv put ./one pairs 1 key-$i "another $i"
        ok tarn kv put ./one pairs 1 fresh-$i "new $i"
    done
    ok tarn kv del ./one pairs 1 key-4
    ok tarn fs mv daos://./one/home/new daos://./one/home/sub/newer
    ok tarn fs rm daos://./one/home/sub/deep/numbers
    ok tarn check ./one
    ok tarn kv get ./one pairs 1 key-2 && says '^another 2$'
    ok tarn kv get ./one pairs 1 fresh-3 && says '^new 3$'
    ok tarn kv get ./one pairs 1 key-5 && says '^value of key 5$'
    ok tarn fs cat daos://./one/home/sub/newer && says '^new$'
    ok tarn fs cat --snap 0x295ae769d6297813 daos://./one/home/sub/deep/numbers
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | sha256sum)" ] || bad "the snapshot has another file"
    ok tarn cont destroy-snap ./one home --epc 0x295ae769d6297813
    ok tarn check ./one
}

pool_4() {
    local i snap=0x2960a5ae78cf5119

    tar xJf "$HERE/golden/pool-4.tar.xz" || { bad "cannot unpack pool-4.tar.xz"; return; }
    mv old four
    ok tarn check ./four
    json 'len(r["keys"] if isinstance(r, dict) else r) == 29' tarn kv list ./four pairs 1
    ok tarn kv get ./four pairs 1 key-1 && says '^value of key 1$'
    ok tarn kv get ./four pairs 1 key-11 && says '^changed$'
    fails 3 DER_NONEXIST 'key-8' tarn kv get ./four pairs 1 key-8
    ok tarn fs cat daos://./four/home/sub/deep/numbers
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | sha256sum)" ] || bad "another file came back"
    for i in 1 2 3 4 5 6 7 8; do # moved from one directory to another, and some from target to target
        ok tarn fs cat daos://./four/home/sub/moved$i && says "^file $i$"
        fails 3 DER_NONEXIST "f$i" tarn fs cat daos://./four/home/f$i
    done
    ok tarn fs cat --snap $snap daos://./four/home/sub/hello && says '^hello from version 4$'
    ok tarn fs mv daos://./four/home/sub/moved1 daos://./four/home/back
    ok tarn kv put ./four pairs 1 key-8 'again'
    ok tarn fs rm daos://./four/home/sub/deep/numbers
    ok tarn check ./four
    ok tarn fs cat daos://./four/home/back && says '^file 1$'
    ok tarn kv get ./four pairs 1 key-8 && says '^again$'
    ok tarn fs cat --snap $snap daos://./four/home/sub/deep/numbers
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | sha256sum)" ] || bad "the snapshot has another file"
    ok tarn cont rollback ./four home --epc $snap
    ok tarn fs cat daos://./four/home/sub/hello && says '^hello from version 4$'
    ok tarn check ./four
}

numbers_are_there() { # command...
    ok tarn "$@"
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | sha256sum)" ] || bad "another file came back from: $*"
}

# A byte of a file goes bad in a copy of the pool: that is said, given up, and all else stays. NAME
repaired() {
    cp -r "$1" hurt
    python3 - hurt/target0 <<'PY' || bad "the file's bytes are not on the device"
import sys
text = "".join("%d\n" % i for i in range(1, 40001)).encode()
device = open(sys.argv[1], "rb").read()
at = device.find(text[40 * 4096:41 * 4096])
assert at >= 0
with open(sys.argv[1], "r+b") as f:
    f.seek(at + 50)
    f.write(bytes([device[at + 50] ^ 0x40]))
PY
    fails 11 DER_CSUM 'is damaged' tarn check ./hurt
    says '/sub/deep/numbers'
    ok tarn check ./hurt --repair
    ok tarn check ./hurt && says sound
    fails 12 DER_IO '.' tarn fs get daos://./hurt/home/sub/deep/numbers got
    ok tarn kv get ./hurt pairs 1 key-11 && says '^changed later$'
    ok tarn fs cat daos://./hurt/home/sub/hello && says '^hello again$'
    rm -rf hurt got
}

# What versions 2 and 3 have in common: NAME VERSION SNAP-OF-HOME SNAP-OF-PAIRS KEYS
rolled_back() {
    local p=./$1 version=$2 home=$3 pairs=$4 keys=$5 i

    tar xJf "$HERE/golden/pool-$version.tar.xz" || { bad "cannot unpack pool-$version.tar.xz"; return; }
    mv old "$1"
    ok tarn check $p --dry-run # says nothing is to be given up
    ok tarn check $p
    json "len(r['keys'] if isinstance(r, dict) else r) == $keys" tarn kv list $p pairs 1
    ok tarn kv get $p pairs 1 key-1 && says '^value of key 1$'
    ok tarn kv get $p pairs 1 key-11 && says '^changed later$'
    ok tarn kv get $p pairs 1 key-14 && says '^changed$'
    ok tarn kv get $p pairs 2 only && says '^one pair$'
    for i in 8 20; do fails 3 DER_NONEXIST "key-$i" tarn kv get $p pairs 1 key-$i; done
    ok tarn kv get $p pairs 1 big --raw
    [ "$(sha256sum <.out)" = "$(seq 1 40000 | head -c 100000 | sha256sum)" ] || bad "key 'big' has another value"
    ok tarn cont list-snaps $p pairs && says "^$pairs "
    # what the rollback took back, and what came after it
    json "len(r['keys'] if isinstance(r, dict) else r) == 10" tarn kv list $p undone 1
    ok tarn kv get $p undone 1 key-1 && says '^third$'
    ok tarn kv get $p undone 1 key-2 && says '^first 2$'
    ok tarn kv get $p undone 1 key-9 && says '^first 9$'
    fails 3 DER_NONEXIST 'key-new' tarn kv get $p undone 1 key-new
    numbers_are_there fs cat daos://$p/home/sub/deep/numbers
    ok tarn fs cat daos://$p/home/sub/link && says '^hello again$'
    ok tarn fs cat daos://$p/home/sub/moved1 && says '^file 1$'
    fails 3 DER_NONEXIST 'f2' tarn fs cat daos://$p/home/f2
    ok tarn fs cat --snap $home daos://$p/home/sub/hello && says "^hello from version $version\$"
    ok tarn fs cat --snap $home daos://$p/home/f2 && says '^file 2$'
    ok tarn fs check $p home --flags=print,verify && says 'no name leads to 0 files and 0 directories'
    repaired "$1"
    # changes, beside and over what was there
    for i in 1 2 3; do
        ok tarn kv put $p pairs 1 key-$i "another $i"
        ok tarn kv put $p pairs 1 fresh-$i "new $i"
    done
    ok tarn kv put $p undone 1 key-2 'fourth'
    ok tarn kv del $p pairs 1 key-4
    ok tarn fs mv daos://$p/home/sub/moved1 daos://$p/home/back
    ok tarn fs rm daos://$p/home/sub/deep/numbers
    ok tarn check $p
    # a repair finds nothing to do
    ok tarn check $p --repair && says sound
    ok tarn kv get $p pairs 1 key-2 && says '^another 2$'
    ok tarn kv get $p pairs 1 fresh-3 && says '^new 3$'
    ok tarn kv get $p pairs 1 key-5 && says '^value of key 5$'
    ok tarn kv get $p undone 1 key-2 && says '^fourth$'
    ok tarn fs cat daos://$p/home/back && says '^file 1$'
    numbers_are_there fs cat --snap $home daos://$p/home/sub/deep/numbers
    ok tarn cont rollback $p home --epc $home
    numbers_are_there fs cat daos://$p/home/sub/deep/numbers
    ok tarn fs cat daos://$p/home/f1 && says '^file 1$'
    ok tarn cont destroy-snap $p pairs --epc $pairs
    ok tarn check $p
}

pool_2() { rolled_back two 2 0x2961297176c8c12e 0x296129726533e934 39; }

pool_3() {
    rolled_back three 3 0x29612c80ba80c13c 0x29612c81a8ebe943 40
    ok tarn kv get ./three pairs 1 committed && says '^by a prepared transaction$'
    ok tarn kv get ./three pairs 1 key-21 && says '^prepared and committed$'
    ok tarn kv get ./three pairs 1 key-22 && says '^value of key 22$'
    ok tarn kv get ./three pairs 1 committed-big --raw
    [ "$(sha256sum <.out)" = "$(for i in $(seq 770); do printf abcdefghijklmnopqrstuvwxyz; done | head -c 20000 | sha256sum)" ] ||
        bad "what was prepared and committed has another value"
    fails 3 DER_NONEXIST 'aborted' tarn kv get ./three pairs 1 aborted
    fails 3 DER_NONEXIST 'key-23' tarn kv get ./three pairs 1 key-23
}

pool_1
pool_2
pool_3
pool_4
finish
