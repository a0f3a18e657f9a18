#!/usr/bin/env bash
# Log, metadata and data on devices of their own: files, block devices, memory. What belongs to the pool is used, and given
# back; what does not is left alone.
. "$(dirname "$0")/lib.sh" "$1"

# ---- in files elsewhere
mkdir dev
ok tarn pool create ./r --wal dev/wal --data dev/data --wal-size 8M
[ -f dev/wal ] && [ -f dev/data ] && [ -L r/target0.wal ] || bad "the devices are not where they should be"
ok tarn inspect ./r
says 'device target0: roles meta; '
says 'device target0.wal: roles wal; .*/dev/wal$'
json 'sorted((d["name"], d["roles"]) for d in r["devices"]) == [("target0", ["meta"]), ("target0.data", ["data"]), ("target0.wal", ["wal"])]' tarn inspect ./r
ok tarn cont create ./r c --type POSIX
ok tarn fs put "$TARN" ./r/c/program
mv r moved
ok tarn fs get daos://./moved/c/program program
same "$TARN" program
ok tarn check ./moved
fails 6 DER_BUSY 'holds 1 container' tarn pool destroy ./moved
ok tarn pool destroy ./moved --recursive
[ ! -e dev/wal ] && [ ! -e dev/data ] && [ ! -e moved ] || bad "what the pool had is still there"

# ---- of several targets: a device for each, or a directory with a file for each
mkdir logs
ok tarn pool create ./t --wal logs --data dev/d0,dev/d1,dev/d2 --wal-size 8M
json 'sorted(d["name"] for d in r["devices"]) == [f"target{t}{s}" for t in range(3) for s in ("", ".data", ".wal")]' tarn inspect ./t
[ "$(ls logs | sed 's/^tarn-.*-target/file /' | tr '\n' ,)" = "file 0,file 1,file 2," ] || bad "the logs are not where they should be"
[ -f dev/d0 ] && [ -f dev/d2 ] && [ "$(readlink t/target1.data)" = "$WORLD/dev/d1" ] || bad "the data is not where it should be"
ok tarn cont create ./t c --type POSIX
ok tarn fs put "$TARN" ./t/c/program
mv dev/d1 dev/away
ok tarn pool query ./t
says '1 disabled'
mv dev/away dev/d1
ok tarn fs get --force daos://./t/c/program program
same "$TARN" program
ok tarn check ./t
ok tarn pool destroy ./t --recursive
[ -z "$(find logs dev -type f)" ] && [ ! -e t ] || bad "what the pool had is still there: $(find logs dev -type f)"
fails 8 DER_INVAL 'that is 2 devices, and the pool has 3 targets' tarn pool create ./t --targets 3 --data dev/d0,dev/d1
fails 8 DER_INVAL 'that is 1 device, and the pool has 2 targets' tarn pool create ./t --wal dev/w --data dev/d0,dev/d1
fails 8 DER_INVAL 'targets 0 and 1 would share it' tarn pool create ./t --wal dev/w,dev/w
fails 8 DER_INVAL 'not a file.s name' tarn pool create ./t --wal dev/w,
[ ! -e t ] && [ -z "$(find dev -type f)" ] || bad "a refused pool left something behind"
touch dev/d0
fails 4 DER_EXIST 'd0' tarn pool create ./t --wal logs --data dev/d0,dev/d1
rm dev/d0
left=$(find logs dev t -name '*target*' -o -name 'd[0-9]')
[ -z "$left" ] || bad "a refused pool left something behind: $left"

# ---- all of them in one file, in memory (tmpfs)
shm=$(mktemp -u /dev/shm/tarn-test-XXXXXX)
if touch "$shm" 2>/dev/null; then
    rm "$shm"
    ok tarn pool create ./m --wal "$shm" --meta "$shm" --data "$shm" --wal-size 8M
    ok tarn cont create ./m c --type POSIX
    ok tarn fs put "$TARN" ./m/c/program
    ok tarn check ./m
    ok tarn pool destroy ./m --recursive
    [ ! -e "$shm" ] || bad "the pool's file is still there"
fi

# ---- in persistent memory, which this machine hardly has: libpmem's emulation takes any file for it
fails 16 DER_NOTSUPPORTED 'not persistent memory|without libpmem' tarn pool create ./pm --wal pmem:dev/pm
[ ! -e pm/target0 ] && [ ! -e dev/pm ] || bad "a refused pool left something behind"
export PMEM_IS_PMEM_FORCE=1
if tarn pool create ./pm --wal pmem:dev/pm --wal-size 8M >.out 2>.err; then
    json 'len(r["devices"]) == 2' tarn inspect ./pm
    ok tarn cont create ./pm c --type POSIX
    ok tarn fs put "$TARN" ./pm/c/program
    unset PMEM_IS_PMEM_FORCE
    # how it is reached is no part of what is stored
    ok tarn fs get --force daos://./pm/c/program program
    same "$TARN" program
    ok tarn check ./pm
    ok tarn pool destroy ./pm --recursive
    [ ! -e dev/pm ] || bad "the log in persistent memory is still there"
else
    grep -q 'without libpmem' .err || bad "no pool in persistent memory"
fi
unset PMEM_IS_PMEM_FORCE

# ---- missing, of another pool, not Tarn's to overwrite
echo mine >dev/mine
fails 4 DER_EXIST 'mine' tarn pool create ./x --data dev/mine
[ "$(cat dev/mine)" = mine ] && [ ! -e x/target0 ] && [ ! -L x/target0.data ] || bad "a refused pool changed something"
fails 3 DER_NONEXIST 'nowhere' tarn pool create ./x --wal dev/nowhere/wal
fails 8 DER_INVAL 'own directory' tarn pool create ./x --wal x/wal
ok tarn pool create ./x --wal dev/xw --wal-size 8M
ok tarn pool create ./y --wal dev/yw --wal-size 8M
mv dev/xw dev/xw2
fails 3 DER_NONEXIST 'dev/xw' tarn pool query ./x
fails 3 DER_NONEXIST 'dev/xw' tarn pool destroy ./x --recursive
ln -sfn "$WORLD/dev/yw" x/target0.wal
fails 9 DER_DF_INVAL 'belongs to pool' tarn pool query ./x
fails 9 DER_DF_INVAL 'another pool' tarn pool destroy ./x --recursive
ok tarn pool query ./y
ok tarn pool destroy ./x --force
[ -e dev/yw ] && [ ! -e x/target0 ] || bad "the wrong device went"
ok tarn pool query ./y
ok tarn pool destroy ./y

# ---- block devices: loop devices, if this machine has some for us
loop_of() { losetup -f --show --sector-size "$2" "$1" 2>/dev/null; }
truncate -s 200M disk1 disk2
LOOP1=$(loop_of disk1 512) LOOP2=$(loop_of disk2 4096)
end_loops() {
    [ -n "$LOOP1" ] && losetup -d "$LOOP1"
    [ -n "$LOOP2" ] && losetup -d "$LOOP2"
}
if [ -n "$LOOP1" ] && [ -n "$LOOP2" ]; then
    trap 'rc=$?; [ -n "${MOUNTED:-}" ] && umount "$MOUNTED" 2>/dev/null; end_loops; rm -rf "$WORLD"; exit $rc' EXIT
    if command -v mkfs.ext4 >/dev/null && mkfs.ext4 -q "$LOOP1"; then
        mkdir mnt
        if mount "$LOOP1" mnt 2>/dev/null; then
            MOUNTED=$WORLD/mnt
            fails 6 DER_BUSY "$LOOP1 is in use" tarn pool create ./b --data "$LOOP1" --force
            umount mnt && MOUNTED=
        fi
        fails 4 DER_EXIST 'foreign data: an ext2, ext3 or ext4' tarn pool create ./b --data "$LOOP1"
        [ ! -e b/target0 ] && [ ! -L b/target0.data ] || bad "a refused pool left something behind"
        [ "$(blkid -p -o value -s TYPE "$LOOP1")" = ext4 ] || bad "a refused device was changed"
    fi
    ok tarn pool create ./b --wal "$LOOP2" --meta "$LOOP2" --data "$LOOP1" --wal-size 16M --force
    json '[(d["name"], d["path"], d["block"], d["roles"]) for d in r["devices"]] == [("target0", "'"$LOOP2"'", True, ["wal", "meta"]), ("target0.data", "'"$LOOP1"'", True, ["data"])]' tarn inspect ./b
    ok tarn cont create ./b c --type POSIX
    ok tarn fs put "$TARN" ./b/c/program
    fails 4 DER_EXIST 'belongs to pool' tarn pool create ./other --data "$LOOP1" --force
    # it ends where its device ends, and nothing is lost by that
    head -c 250000000 /dev/urandom >heavy
    fails 7 DER_NOSPACE 'space|room' tarn fs put heavy ./b/c/heavy
    rm heavy
    ok tarn fs get --force daos://./b/c/program program
    same "$TARN" program
    ok tarn check ./b
    # a killed writer
    (tarn fs put - ./b/c/killed </dev/zero >/dev/null 2>&1 & pid=$!; sleep 0.3; kill -9 $pid) 2>/dev/null
    ok tarn check ./b
    ok tarn fs get --force daos://./b/c/program program
    same "$TARN" program
    ok tarn pool destroy ./b --recursive
    # given back: no force is needed
    ok tarn pool create ./b --wal "$LOOP1" --wal-size 16M
    ok tarn check ./b
    ok tarn pool destroy ./b
else
    echo "no loop devices on this machine: block devices are not tested here"
    end_loops
fi
finish
