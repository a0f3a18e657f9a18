#!/usr/bin/env bash
# Pools that earlier programs made: they are read, changed, and are sound afterwards. golden/pool-N.tar.xz was made by a program
# whose object store had version N (docs/formats.md): a POSIX container and one of pairs, each with a snapshot and changes after it,
# and a log that was not checkpointed. That of version 4 has two targets and transactions between them. None is ever made again: a later format gets a file of its own.
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

pool_1
pool_4
finish
