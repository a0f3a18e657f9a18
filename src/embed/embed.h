/*
 * embed: the one place that joins client and engine in a process. A pool is a directory, whose
 * devices may lie elsewhere. Opening it finds the engine that listens there (serve.h), in whatever
 * process; if none does, starts one as a program in the background, which ends when nobody has used
 * it for a while; and where that cannot be, or is not wanted ("inproc:", TARN_BACKGROUND=0), runs
 * one here (docs/engine.md, docs/decisions/0012).
 *
 * The registry ($XDG_STATE_HOME/tarn/pools, default ~/.local/state/tarn/pools) maps label and UUID
 * to the path of every pool this user made: one line "uuid label path" each, replaced atomically.
 * It is a convenience: a pool opened by path needs no entry, and a stale entry is reported, never
 * trusted (the uuid is compared).
 */
#ifndef TARN_EMBED_H
#define TARN_EMBED_H

#include <stdbool.h>
#include <stdint.h>
#include <daos_types.h>
#include <daos_prop.h>
#include "base/err.h"

struct embed_pool_conf {
    uint32_t targets;     /* 0: as many as devices are named, else as TARN_TARGETS in the
                             environment says, else one; at most 64 */
    const char *label;    /* NULL: the directory's name if it is a valid label, else none */
    uint64_t wal_bytes;   /* 0: default 128 MiB */
    uint64_t limit_bytes; /* the pool grows no further than this, log and metadata included; 0: as
                             far as the file system has room */
    daos_prop_t *prop;    /* pool properties or NULL */
    /* Where log, metadata and data lie: a block device, or a file that is not there yet. NULL: with
     * what else has no path, in the pool's directory. Roles of a target may share one. For several
     * targets: a path for each with commas between, or a directory, in which each has a file.
     * "pmem:" before a path: it must be persistent memory (which is used as such anyway). */
    const char *wal, *meta, *data;
    bool force; /* block devices may hold foreign data, which is overwritten */
};

/* How many targets a pool gets that is made for a whole machine, when nobody says how many: what
 * conf or TARN_TARGETS says; else one for every two CPUs, for clients need the others, at most 16
 * and one for each GiB that it may have. -DER_INVAL: TARN_TARGETS is no such number. */
int embed_pool_targets(const struct embed_pool_conf *conf, uint32_t cpus, uint32_t *nr,
                       struct err *e);
/* Creates a pool in the directory (made if missing; must be empty): formats its targets, the pool
 * service with defaults and properties, registers it. -DER_EXIST if a pool is there already,
 * -DER_NO_PERM, -DER_NOSPACE, -DER_INVAL; -DER_EXIST too if a file is where one is to be made, or a
 * device is in use or holds foreign data. A crash in between leaves a directory that create refuses
 * with a clear message and `pool destroy --force` removes. */
int embed_pool_create(const char *path, const struct embed_pool_conf *conf, uuid_t pool,
                      struct err *e);
/* Removes a pool's files and registry entry; refuses (-DER_BUSY) while any process has it open,
 * (-DER_DF_INVAL) a directory that is not a pool; removes only files that Tarn made, wipes its
 * block devices. force: see engine_pool_destroy(). */
int embed_pool_destroy(const char *path, bool force, struct err *e);
/* Tells the engine that serves the directory to end, and waits until it has; 0 too if there is none
 * (*pid is 0 then; may be NULL). at_once: whatever it is doing, which it finishes; else only if it
 * is idle and was started by a program, -DER_BUSY. -DER_NO_PERM: it is another user's. */
int embed_end(const char *path, bool at_once, long *pid, struct err *e);
/* Calls each(uuid, label, path, arg) for every registered pool. */
int embed_pool_list(int (*each)(const uuid_t pool, const char *label, const char *path, void *arg),
                    void *arg, struct err *e);
/* A line with a new key, for an engine's file of keys and a client's (docs/engine.md). user: NULL,
 * or whose it is. -DER_INVAL: no such name can be; -DER_NOSYS: built without keys. */
#define EMBED_KEY_LINE 256
int embed_key_new(const char *name, const char *user, char line[EMBED_KEY_LINE], struct err *e);
/* The socket of an engine that runs as a program of its own, in the pool's directory. */
#define EMBED_SOCKET "engine.sock"

/* A path as users write pools: contains a '/', or starts with "inproc:". Returns the path part,
 * NULL if name is a label or UUID. */
const char *embed_path_of(const char *name);

#endif
