#!/usr/bin/env bash
# A tour of the commands: each does what its help says, as text and as JSON.
. "$(dirname "$0")/lib.sh" "$1"

# ---- pools
ok tarn pool create ./p --label lab --properties rd_fac:0
says 'created pool [0-9a-f-]{36}'
ok tarn pool list
says 'lab .*Ready.*/p$'
json 'len(r["pools"]) == 1 and r["pools"][0]["label"] == "lab" and r["status"] == 0' tarn pool list
uuid=$(tarn pool list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["response"]["pools"][0]["uuid"])')
for name in ./p "$WORLD/p" lab "$uuid" inproc:./p; do
    json 'r["label"] == "lab" and r["total_targets"] == 1 and r["tier_stats"]' tarn pool query "$name"
done
ok tarn pool get-prop ./p label,rd_fac
says 'label +lab'
json '[p["value"] for p in r if p["name"] == "rd_fac"] == [0]' tarn pool get-prop ./p
ok tarn pool set-prop ./p reclaim:disabled,space_rb:7
json '{p["name"]: p["value"] for p in r} == {"reclaim": "disabled", "space_rb": 7}' tarn pool get-prop ./p reclaim,space_rb
ok tarn pool set-attr ./p project:apollo,note:a
json '{"name": "project", "value": "YXBvbGxv"} == r' tarn pool get-attr ./p project
ok tarn pool list-attr ./p
says '^note$'
ok tarn pool del-attr ./p note
ok tarn pool list-attr ./p
never_says '^note$'

# ---- containers
ok tarn cont create ./p home --type POSIX --properties cksum:crc32 --attrs owner:me --chunk-size 2M
says 'type +POSIX'
json 'r["container_label"] == "home" and r["container_type"] == "POSIX" and r["chunk_size"] == 2097152 and r["health"] == "HEALTHY"' tarn cont query ./p home
json '[p["value"] for p in r if p["name"] == "cksum"] == ["crc32"]' tarn cont get-prop ./p home
ok tarn cont get-attr ./p home owner
says '^owner +me$'
ok tarn cont create ./p raw
json 'sorted(c["label"] for c in r) == ["home", "raw"]' tarn cont list ./p
json 'len(r) == 2' tarn pool list-containers ./p
ok tarn cont set-prop ./p raw label:values
ok tarn cont list ./p
says '^values$'
ok tarn cont get-acl ./p home
says '^A::OWNER@:'
ok tarn cont update-acl ./p home --entry A::EVERYONE@:r
says '^A::EVERYONE@:r$'
json '"A::EVERYONE@:r" in r["entries"]' tarn cont get-acl ./p home
ok tarn cont delete-acl ./p home --principal EVERYONE@
never_says EVERYONE

# ---- files
printf 'hello\n' >hello.txt
ok tarn fs mkdir ./p/home/docs
ok tarn fs mkdir -p ./p/home/a/b/c
ok tarn fs put hello.txt daos://./p/home/docs/
ok tarn fs cat daos://lab/home/docs/hello.txt
says '^hello$'
printf 'from a pipe' | tarn fs put - ./p/home/pipe.txt
ok tarn fs get ./p/home/pipe.txt -
says '^from a pipe$'
ok tarn fs get ./p/home/docs/hello.txt copy.txt
same hello.txt copy.txt
ok tarn fs ln hello.txt ./p/home/docs/latest
ok tarn fs ls -l ./p/home/docs
says '^-rw.* 6 .* hello.txt$'
says '^lrwx.* latest -> hello.txt$'
json '[e["name"] for e in r] == ["hello.txt", "latest"] and r[0]["size"] == 6' tarn fs ls ./p/home/docs
json 'r["type"] == "file" and r["size"] == 6' tarn fs stat ./p/home/docs/hello.txt
oid=$(tarn fs stat ./p/home/docs/hello.txt --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["response"]["oid"])')
ok tarn object dump ./p home "$oid"
says 'akey 0: array of records of 1 bytes'
says 'hello'
json 'r["dkeys"][0]["akeys"][0]["extents"][0]["records"] == 6' tarn object dump ./p home "$oid"
ok tarn array dump ./p home "$oid" --raw
says '^hello$'
ok tarn fs mv ./p/home/docs/hello.txt ./p/home/a
ok tarn fs cat ./p/home/a/hello.txt
says hello

# ---- snapshots
ok tarn cont create-snap ./p home
epoch=$(tarn cont list-snaps ./p home --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["response"][0]["epoch"])')
ok tarn fs rm -r ./p/home/a
ok tarn fs ls ./p/home
never_says '^a/$'
ok tarn fs ls --snap "$epoch" ./p/home
says '^a/$'
ok tarn fs cat --snap "$epoch" ./p/home/a/hello.txt
says '^hello$'
ok tarn cont destroy-snap ./p home --epc "$epoch"
ok tarn cont create-snap ./p home --json
epoch=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["response"]["epoch"])' .out)
ok tarn fs mkdir daos://./p/home/made-later
ok tarn cont rollback ./p home --epc "$epoch" && says "^rolled back$"
ok tarn fs ls daos://./p/home && never_says made-later
ok tarn cont destroy-snap ./p home --epc "$epoch"
ok tarn cont list-snaps ./p home
says 'no snapshots'

# ---- keys and values
ok tarn kv put ./p values 1 colour blue
printf '\0\1\2' | tarn kv put ./p values 1 bytes
ok tarn kv get ./p values 1 colour
says '^blue$'
json 'r["value"] == "AAEC"' tarn kv get ./p values 1 bytes
json 'sorted(r) == ["bytes", "colour"]' tarn kv list ./p values 1
ok tarn kv del ./p values 1 bytes
json 'r == ["colour"]' tarn kv list ./p values 1
json 'len(r) == 1 and r[0]["type"] == "kv hashed"' tarn cont list-objects ./p values

# ---- looking at the pool
ok tarn check ./p
says sound
json 'r["problems"] == 0' tarn check ./p
ok tarn inspect ./p
says 'metadata bytes'
json 'r["objects"] > 0 and r["metadata_bytes"] > 0' tarn inspect ./p
json 'r["api_version"]' tarn version

# ---- the end
ok tarn cont destroy ./p values
ok tarn cont list ./p
never_says values
ok tarn pool destroy ./p --recursive
[ ! -e p/target0 ] || bad "the pool's files are still there"
json 'r["pools"] == []' tarn pool list

# ---- the names it is called by
ln -s "$TARN" daos
ln -s "$TARN" dmg
ok ./dmg pool create ./q
ok ./daos cont create ./q c --type POSIX
ok ./daos --help
says '^daos:'
ok ./dmg pool destroy ./q -r
finish
