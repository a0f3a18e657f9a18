#!/usr/bin/env bash
# The tests in which real threads meet, in a build with ThreadSanitizer. usage: tsan.sh BUILD JOBS [meson test arguments]
set -u
build=$1 jobs=$2; shift 2

# rt, net and client whole; of what stands on them the tests with several threads or fibers at work
names=(rt/callq rt/cond rt/event rt/fiber rt/mutex rt/ring rt/sched rt/timer
       base/fail base/gate base/hlc base/log net/bag net/inproc net/wire net/tcp net/tcp_ends net/shm_hostile client/event client/gurt_htable client/handle client/session client/tse
       heap/background heap/checkpoint heap/page heap/wal engine/object engine/pool engine/targets engine/gather engine/bank embed/embed
       api/array api/async api/cont api/dfs_dir api/dfs_file api/dfs_mount api/dfs_race api/kv api/list api/obj api/pool api/random api/shared api/task api/tx
       targets/kv targets/obj targets/tx targets/tx_own targets/dfs_race
       contract/pool contract/cont contract/cont_acl contract/snap contract/obj contract/kv contract/array contract/tx
       contract/dfs_mount contract/dfs_dir contract/dfs_attr contract/dfs_file contract/dfs_sys contract/dfs_sys_mount)

export TSAN_OPTIONS="halt_on_error=1 history_size=4 ${TSAN_OPTIONS:-}"

# TSan keeps its shadow at fixed addresses; with more than 28 random bits the kernel may place programs there
bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
fixed=()
if [ "$bits" -gt 28 ] && setarch -R true 2>/dev/null; then
    fixed=(setarch -R)
fi
exec "${fixed[@]}" meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$jobs" -t 4 "$@" "${names[@]}"
