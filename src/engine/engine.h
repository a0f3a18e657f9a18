/*
 * engine: the server. Targets with their shards, the object service, the pool service's host,
 * background work.
 *
 * An engine owns the targets of a pool; each target is one device set with one shard (heap + vos),
 * on one xstream, which may have several. The first target has the pool service too. Requests say
 * which target they are for (net_hdr.target); a target that cannot be opened, or whose device
 * failed, makes only its own data unavailable. The engine answers the messages of net/msg.h as a
 * net_service. Requests that can run at once do so on the caller's thread under the
 * shard's lock (inline_handle); what must wait (a page, durability, device I/O) goes on in a fiber
 * of the shard's xstream.
 *
 * Every answer, negative ones included, waits until what it observed is durable. A failed request
 * changed nothing. One that could not be made durable, because the device failed, may have happened
 * all the same: -DER_TX_UNCERTAIN. No request waits for ever.
 */
#ifndef TARN_ENGINE_H
#define TARN_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>
#include "base/err.h"
#include "io/super.h"
#include "net/net.h"

struct engine;
struct gate;
struct rt_world;
struct rt_xs;
struct msg_prop;

struct engine_conf {
    struct rt_world *world; /* NULL: real */
    uint32_t node;
    struct io_dir *dir;      /* the pool's directory; stays the caller's */
    bool locked;             /* the caller holds the directory's lock (io_dir_lock) already */
    bool readonly;           /* replay in memory, write nothing: check, inspect */
    bool repair;             /* opened for engine_repair() alone: nothing is tidied up */
    bool lenient;            /* with readonly: what cannot be opened is left out (engine_inspect) */
    bool keep_handles;       /* clients are elsewhere and outlive the engine: their handles, and the
                                outcomes of their requests, stay over a restart */
    int cpu;                 /* pin the first xstream; -1: no */
    const uint64_t *cpus;    /* instead: CPUs to pin all to, in turn. Not used after the opening */
    uint32_t cpus_nr;        /* 0: as cpu says */
    uint32_t xstreams;       /* 0: one a target, at most one a CPU (of cpus, if there are some) */
    uint32_t spin_us;        /* see rt_xs_conf */
    uint32_t checkpoint_pct; /* see heap_conf; 0 default */
    uint64_t mem_limit;      /* bytes of metadata kept in memory; 0: all that was touched */
    bool own_clocks; /* simulations: each shard has a clock of its own, as in several engines */
    /* Simulations: stands before the service where shards send messages to each other, and takes
     * direct over. What it passes on after the sender was answered has to enter the gate. NULL:
     * nothing does. */
    struct net_peer *(*between)(void *arg, struct net_service *s, struct gate *gate,
                                struct net_peer *direct);
    /* Tests: passed to the heap. */
    bool refuse_damaged;
    bool (*spurious_fault)(void *arg, uint64_t page);
    void (*on_step)(void *arg, uint32_t step);
    void *arg;
};

#define ENGINE_TARGETS_MAX 64u
#define ENGINE_DEVICES_MAX (ENGINE_TARGETS_MAX * SUPER_ROLE_NR)
#define ENGINE_WAL_LEAST   (1u << 20) /* a change may take up to a quarter of it */

/* Where a role of a target lies. */
struct engine_place {
    uint8_t device;   /* roles of a target with the same number share a device: one has the same
                         path for all */
    const char *path; /* of a device elsewhere, see io_dir_link(), which no other target may have;
                         NULL: in the directory */
    bool pmem;        /* it must be persistent memory: -DER_NOTSUPPORTED if it is not */
};

struct engine_places {
    struct engine_place role[SUPER_ROLE_NR];
};

struct engine_format {
    uuid_t pool;
    uint32_t targets;                  /* 0: one */
    const struct engine_places *place; /* of each target; NULL: one device each, in the directory */
    bool force;                        /* devices elsewhere may hold foreign data */
    uint64_t wal_bytes; /* 0: 128 MiB, less in a pool with a small limit; this and the next two: a
                           target */
    uint64_t meta_bytes, data_bytes; /* of metadata and data extents at first, 0: 32 and 16 MiB */
    uint64_t limit_bytes;            /* of all targets, each has an equal part; 0: none */
    const struct msg_prop
        *props; /* pool properties that differ from the defaults, label among them */
    uint32_t props_nr;
    const char *owner, *group; /* principals, "name@" */
};

/* Formats a pool in an empty directory: devices (docs/formats.md, "Devices of a pool"),
 * superblocks, heap, vos, pool service with the first command. Durable when it returns; on failure
 * nothing stays that it made. Blocking, from a foreign thread or (simulation) a fiber. */
int engine_pool_format(const struct engine_conf *conf, const struct engine_format *fmt,
                       struct err *e);
/* Removes a pool's devices from its directory, whose lock the caller holds: files that Tarn made
 * go, block devices are wiped and can be formatted again. Refuses, before anything is changed, if a
 * device that lies elsewhere is not there (-DER_NONEXIST), is in use (-DER_BUSY), or does not say
 * that it is this pool's (-DER_DF_INVAL, -DER_CSUM); with force such a device is left as it is,
 * except that a damaged superblock counts as the pool's. Blocking. */
int engine_pool_destroy(const struct engine_conf *conf, bool force, struct err *e);
/* Does a directory entry belong to a pool? To which of its targets? */
bool engine_is_device(const char *name);
bool engine_device_target(const char *name, uint32_t *target);
#define ENGINE_DEVICE "target0" /* every pool has it: the device with the metadata */
/* Locks the directory, opens and recovers the pool in it, starts serving. Blocking. */
int engine_open(const struct engine_conf *conf, struct engine **eng, struct err *e);
/* Stops taking requests (-DER_SHUTDOWN), waits for those under way, closes cleanly (clean) or as a
 * crash would. Blocking. */
void engine_close(struct engine *eng, bool clean);

/* Stops taking requests (-DER_SHUTDOWN) and waits for those under way: they are answered before
 * anything runs that is posted to engine_xs() afterwards. engine_close() follows. Blocking. */
void engine_drain(struct engine *eng);

struct net_service *engine_service(struct engine *eng);
/* The xstream that serves requests of the first target: wires that belong to it save them a way.
 * Until the engine is closed; whoever uses it has ended all he began there by then. */
struct rt_xs *engine_xs(struct engine *eng);
void engine_pool_uuid(const struct engine *eng, uuid_t pool);

/* The shard checker over everything the engine holds, data extents included when verify_data.
 * report: one line a problem, in words for an administrator. progress(arg, done, total) now and
 * then, in pages and keys, may be NULL; what it answers, if not 0, ends the check with that code.
 * Works on readonly engines. Blocking. */
int engine_check(struct engine *eng, bool verify_data, void (*report)(void *arg, const char *text),
                 int (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                 uint64_t *problems);

/* Repair, after a check that found something. Dry, of a readonly engine: reports, a line each, what
 * would be given up. Otherwise, of an engine that was opened with conf.repair: does it; afterwards
 * the engine is closed and the pool opened anew. A repair that does not come to its end (a crash;
 * rc) has to be done again before the pool opens for anything but reading. -DER_NOTSUPPORTED: it is
 * not possible (done->impossible).
 * Blocking. */
struct engine_repaired {
    uint64_t given_up;           /* lines */
    uint64_t freed, freed_bytes; /* allocations that nothing refers to, given back (would be) */
    uint64_t pages;              /* pages that could not be read, free again */
    uint64_t groups;             /* parts of data space whose bitmap was set right */
    uint64_t found;    /* objects that had lost their place in a tree, and have it again */
    uint64_t adopted;  /* containers and snapshots that the service had lost */
    uint64_t down;     /* targets that cannot be opened: they stay as they are */
    uint64_t nameless; /* objects of POSIX containers that no name leads to; reported too */
    bool impossible;   /* the pool's map or properties are lost */
};
int engine_repair(struct engine *eng, bool dry, void (*report)(void *arg, const char *text),
                  int (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                  struct engine_repaired *done);

/* Shows a part of a pool, a row at a time; in a pool of several targets a row before says whose it
 * is. -DER_INVAL: there is no such target. Also of an engine that was opened leniently and lacks
 * some of it; then e says what. Blocking. */
struct row_sink;
enum engine_show {
    ENGINE_SHOW_SUPER, /* every superblock copy of every device; this and the next two: of one
                          target */
    ENGINE_SHOW_LOG,   /* checkpoint records; groups that begin in [from, to), with their records */
    ENGINE_SHOW_PAGE,  /* page */
    ENGINE_SHOW_TREE,  /* name: CONTAINER its tree of objects, CONTAINER/OBJECT that of dkeys */
    ENGINE_SHOW_OBJECT, /* name: CONTAINER/OBJECT, every version of it; OBJECT is HIGH.LOW or a path
                         */
};
struct engine_inspect {
    enum engine_show part;
    uint32_t target;                /* whose superblocks, log, pages */
    bool only;                      /* trees and objects too; else those of all that have them */
    uint64_t from, to, page, limit; /* limit: entries of a tree */
    const char *name;
    const struct row_sink *out;
};
int engine_inspect(struct engine *eng, const struct engine_inspect *what, struct err *e);
/* Was everything opened? Else why not. */
bool engine_is_whole(const struct engine *eng, struct err *e);
/* Does the target serve? Else why not, and what to do. */
bool engine_target_serves(const struct engine *eng, uint32_t target, struct err *e);

/* Sums over the targets that serve. */
struct engine_stat {
    uint64_t targets, targets_down; /* that cannot be used */
    uint64_t objects, dkeys, akeys, values;
    uint64_t value_bytes_heap, value_bytes_data;
    uint64_t prepared, prepared_bytes; /* transactions in doubt, and what they bring */
    /* in memory, of transactions: decisions that somebody may still ask about, those that are still
     * to be told, sessions; the bytes of all that with the marks, and what they may be */
    uint64_t tx_decided, tx_untold, tx_sessions, tx_memory, tx_memory_max;
    uint64_t heap_bytes; /* bytes in live heap allocations */
    uint64_t meta_pages_bytes;
    uint64_t wal_writes, wal_bytes, commits, checkpoints, faults;
    uint64_t data_writes, data_reads, flushes;
    uint64_t mem_bytes, mem_limit, evicted; /* metadata in memory; pages that left */
    uint64_t data_total, data_used;
    uint64_t data_free_runs, data_longest_run; /* heap_stat */
    /* giving room back, in the background: rounds begun and steps done since the opening, and
     * whether one is under way */
    uint64_t reclaim_rounds, reclaim_steps, reclaim_running;
    uint64_t requests, inline_requests;
};
void engine_stat(struct engine *eng, struct engine_stat *st); /* blocking, any thread */

struct engine_device {
    uint32_t target;
    const char *name; /* in the directory; as long as the engine is open, as path */
    const char *path; /* where it lies */
    uint32_t roles;   /* bit (1 << enum super_role) */
    uint64_t bytes;   /* of superblock and extents */
    bool fixed;       /* a block device */
    bool pmem;        /* persistent memory, written by stores */
};
/* The pool's devices, at most ENGINE_DEVICES_MAX; how many. */
uint32_t engine_devices(const struct engine *eng, struct engine_device *d);

#endif
