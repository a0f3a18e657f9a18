#!/usr/bin/env bash
# Pools of several targets, as an administrator sees them.
# usage: targets.sh TARN
. "$(dirname "$0")/lib.sh" "$1"

# ---- made, or refused
fails 8 DER_INVAL 'at most 64' tarn pool create ./p --targets 65
fails 8 DER_INVAL 'hold nothing' tarn pool create ./p --targets 0
fails 8 DER_INVAL 'not a number' tarn pool create ./p --targets many
fails 8 DER_INVAL 'that is 1 device, and the pool has 2 targets' tarn pool create ./p --targets 2 --data "$WORLD/data"
[ ! -e p/target0 ] && [ ! -e p/target1 ] || bad "a refused pool left something behind"
ok tarn pool create ./p --targets 3 --wal-size 8M
[ -f p/target0 ] && [ -f p/target1 ] && [ -f p/target2 ] || bad "there are not three targets"
ok tarn cont create ./p home --type POSIX

# ---- shown
ok tarn pool query ./p
says 'targets   3, 0 disabled'
says '^  target 0  up_in; metadata .*; data '
says '^  target 2  up_in; '
never_says 'cannot be used'
json 'r["total_targets"] == 3 and r["disabled_targets"] == 0 and [t["target_state"] for t in r["targets"]] == ["up_in"] * 3' tarn pool query ./p
json 'sum(t["space"][0]["total"] for t in r["targets"]) == r["tier_stats"][0]["total"]' tarn pool query ./p
json '[i["target_state"] for i in r["infos"]] == ["up_in"] * 2' tarn pool query-targets ./p --target-idx 0,2
fails 3 DER_NONEXIST 'no target of that number' tarn pool query-targets ./p --target-idx 3
fails 8 DER_INVAL 'not a number' tarn pool query-targets ./p --target-idx 0,x
fails 3 DER_NONEXIST 'one engine' tarn pool query-targets ./p --rank 1
ok tarn inspect ./p
says '3 targets, 0 down'
says 'device target2: roles wal, meta, data'
ok tarn inspect ./p --super --target 2
says '^target number 2'
says 'device name target2'
never_says 'device name target0'
fails 8 DER_INVAL 'no target of that number' tarn inspect ./p --super --target 3
fails 8 DER_INVAL 'of all targets' tarn inspect ./p --target 1
ok tarn inspect ./p --tree home
says '^target number '
ok tarn check ./p
says sound

# ---- one is missing
ok tarn cont create-snap ./p home
snap=$(grep -o '^0x[0-9a-f]*' "$WORLD/.out")
mv p/target1 kept
ok tarn pool query ./p
says 'targets   3, 1 disabled'
says '^  target 1  down'
says '1 target cannot be used: .*check ./p. says why'
json 'r["state"] == "Degraded" and [t["target_state"] for t in r["targets"]] == ["up_in", "down", "up_in"]' tarn pool query ./p
fails 12 DER_IO '1 of its targets cannot be opened' tarn check ./p
says 'problem: target 1: it is not checked, and its data cannot be reached: '
fails 12 DER_IO '1 of its targets cannot be opened' tarn check ./p --repair
never_says 'gives up'
ok tarn inspect ./p
says '3 targets, 1 down'
says 'target 1 is down: .*; '
json '[d["target"] for d in r["targets_down"]] == [1]' tarn inspect ./p
fails 12 DER_IO 'takes all targets' tarn cont create-snap ./p home
fails 12 DER_IO 'takes all targets' tarn cont rollback ./p home --epc "$snap"
mv kept p/target1
ok tarn check ./p
says sound

# ---- making one was cut short: the first target comes last
ok tarn pool destroy ./p --recursive
[ ! -e p ] || bad "something of it is still there"
ok tarn pool create ./q --targets 3 --wal-size 8M
rm q/target0
fails 9 DER_DF_INVAL 'target0' tarn pool query ./q
fails 4 DER_EXIST 'a pool in this directory' tarn pool create ./q
ok tarn pool destroy ./q --force
ok tarn pool create ./q --targets 2 --size 1G
ok tarn check ./q
ok tarn pool destroy ./q
finish
