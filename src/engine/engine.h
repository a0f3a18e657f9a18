/*
 * engine: the server. Targets with their shards, the object service, the pool service's host,
 * background work.
 *
 * An engine owns a set of targets; each target is one device set with one shard (heap + vos) a
 * pool, on one xstream. One target now; nothing here assumes it. It answers the messages of
 * net/msg.h as a net_service. Requests that can run at once do so on the caller's thread under the
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
#include "io/io.h"
#include "net/net.h"

struct engine;
struct rt_world;
struct msg_prop;

struct engine_conf {
    struct rt_world *world; /* NULL: real */
    uint32_t node;
    struct io_dir *dir;      /* the pool's directory; stays the caller's */
    bool locked;             /* the caller holds the directory's lock (io_dir_lock) already */
    bool readonly;           /* replay in memory, write nothing: check, inspect */
    bool keep_handles;       /* clients are elsewhere and outlive the engine: their handles, and the
                                outcomes of their requests, stay over a restart */
    int cpu;                 /* pin, -1: no */
    uint32_t spin_us;        /* see rt_xs_conf */
    uint32_t checkpoint_pct; /* see heap_conf; 0 default */
    uint64_t mem_limit;      /* bytes of metadata kept in memory; 0: all that was touched */
    /* Tests: passed to the heap. */
    bool refuse_damaged;
    bool (*spurious_fault)(void *arg, uint64_t page);
    void (*on_step)(void *arg, uint32_t step);
    void *arg;
};

#define ENGINE_WAL_LEAST (1u << 20) /* a change may take up to a quarter of it */

struct engine_format {
    uuid_t pool;
    uint64_t wal_bytes;              /* 0: 128 MiB, less in a pool with a small limit */
    uint64_t meta_bytes, data_bytes; /* of metadata and data extents at first, 0: 32 and 16 MiB */
    uint64_t limit_bytes;            /* 0: none */
    const struct msg_prop
        *props; /* pool properties that differ from the defaults, label among them */
    uint32_t props_nr;
    const char *owner, *group; /* principals, "name@" */
};

/* Formats a one-target pool in an empty directory: device file "target0", superblock, heap, vos,
 * pool service with the first command. Durable when it returns. Blocking, from a foreign thread or
 * (simulation) a fiber. */
int engine_pool_format(const struct engine_conf *conf, const struct engine_format *fmt,
                       struct err *e);
/* Locks the directory, opens and recovers the pool in it, starts serving. Blocking. */
int engine_open(const struct engine_conf *conf, struct engine **eng, struct err *e);
/* Stops taking requests (-DER_SHUTDOWN), waits for those under way, closes cleanly (clean) or as a
 * crash would. Blocking. */
void engine_close(struct engine *eng, bool clean);

struct net_service *engine_service(struct engine *eng);
void engine_pool_uuid(const struct engine *eng, uuid_t pool);

/* The shard checker over everything the engine holds, data extents included when verify_data.
 * report: one line a problem, in words for an administrator. progress(arg, done, total) now and
 * then, may be NULL. Works on readonly engines. Blocking. */
int engine_check(struct engine *eng, bool verify_data, void (*report)(void *arg, const char *text),
                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                 uint64_t *problems);

struct engine_stat {
    uint64_t objects, dkeys, akeys, values;
    uint64_t value_bytes_heap, value_bytes_data;
    uint64_t heap_bytes; /* bytes in live heap allocations */
    uint64_t meta_pages_bytes;
    uint64_t wal_writes, wal_bytes, commits, checkpoints, faults;
    uint64_t data_writes, data_reads, flushes;
    uint64_t data_total, data_used;
    uint64_t requests, inline_requests;
};
void engine_stat(struct engine *eng, struct engine_stat *st); /* blocking, any thread */

#endif
