#!/usr/bin/env bash
# What `tarn inspect` shows of a pool's parts, and that it does so when the pool does not open any more.
# usage: inspect.sh TARN
. "$(dirname "$0")/lib.sh"

ok tarn pool create ./p
ok tarn cont create ./p home --type POSIX
ok tarn cont create ./p raw
ok tarn fs mkdir -p ./p/home/docs
head -c 300000 /dev/urandom >big
echo hello >small
ok tarn fs put big ./p/home/docs/big.bin
ok tarn fs put small ./p/home/docs/small.txt
ok tarn kv put ./p raw 1 colour blue

# ---- superblocks
ok tarn inspect ./p --super
says 'device name target0'
says 'superblock copy 0, is whole, version 1'
says 'superblock copy 3, is whole'
says 'extent role wal, offset 65536'
printf '\x55' | dd of=p/target0 bs=1 seek=16500 conv=notrunc status=none
ok tarn inspect ./p --super
says 'superblock copy 1, is damaged'
says 'superblock copy 2, is whole'

# ---- log
ok tarn inspect ./p --wal
says 'checkpoint_record block 0, is whole'
says '^group number 1, lsn 4096, length [0-9]+, records [0-9]+, durable 4096'
says '  transaction lsn [0-9]+, length [0-9]+'
says '    change page [0-9]+, what bytes, offset [0-9]+, length [0-9]+, first '
says '^end lsn [0-9]+, next_group [0-9]+, because '
ok tarn inspect ./p --wal --from 8192
never_says '^group number 1, '
tarn inspect ./p --wal --json >json.txt
python3 -c '
import json
rows = json.load(open("json.txt"))["response"]
kinds = {r["kind"] for r in rows}
assert {"checkpoint_record", "group", "transaction", "change", "end"} <= kinds, kinds
lsns = [r["lsn"] for r in rows if r["kind"] == "group"]
assert lsns == sorted(lsns) and lsns[0] == 4096
' || bad "the log in JSON"

# ---- pages, trees, values
ok tarn inspect ./p --page 1
says 'page number 1, holds descriptors'
ok tarn inspect ./p --page 2
says 'page number 2, holds slots, class [0-9]+, slot_size [0-9]+'
says 'slot number 0, heap_offset 32'
fails 3 DER_NONEXIST 'has no page' tarn inspect ./p --page 99999999
ok tarn inspect ./p --tree home
says 'tree root_at [0-9]+, root nodes, levels 1, entries 5'
says 'object 281479271677953.0'
ok tarn inspect ./p --tree home/docs
says 'dkey small.txt'
ok tarn inspect ./p --tree home/docs --limit 1
says 'entries are not shown'
ok tarn inspect ./p --object home/docs/small.txt
says 'records 0\+6 of 1 bytes at [0-9a-f]+\.0.*begins 68656c6c6f0a \|hello\.\|'
ok tarn inspect ./p --object home/docs/big.bin
says 'in data space, the first at blocks'
says "begins $(head -c 4 big | od -An -tx1 | tr -d ' ')"
fails 3 DER_NONEXIST 'no such container or object' tarn inspect ./p --object home/docs/none
fails 8 DER_INVAL 'exclude each other' tarn inspect ./p --wal --super

# ---- the pool does not open: what can be had is shown
python3 - <<'PY'
device = open("p/target0", "rb").read()
at = device.find(b"THWG")
with open("p/target0", "r+b") as f:
    f.seek(at + 200)
    f.write(b"\xff\xff\xff\xff")
PY
fails 11 DER_CSUM '.' tarn check ./p
fails 11 DER_CSUM '.' tarn inspect ./p
ok tarn inspect ./p --super
says 'superblock copy 0, is whole'
ok tarn inspect ./p --wal
says 'because the checksum of its records does not match'
says 'damage the checkpoint record says that the log was durable up to'
fails 11 DER_CSUM 'look at the superblocks' tarn inspect ./p --tree home
finish
