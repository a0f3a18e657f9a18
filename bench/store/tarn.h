/*
 * Tarn's shard as the benchmark runs it: heap and store of an engine's shard on a device file, or
 * on a device in memory, without the service and the messages around them. Requests go the way that
 * the engine sends them (engine/update.c, engine/fetch.c): under the heap's lock, with a txid whose
 * outcome is recorded, values in data extents by engine/data_io.c.
 */
#ifndef STORE_BENCH_TARN_H
#define STORE_BENCH_TARN_H

#include "bench.h"
#include "engine/engine_int.h"

struct store {
    struct engine eng;
    struct shard shard; /* its only one */
    struct io_dir *dir;
    struct vos_cont *c;
    struct vos_txid txid; /* of the newest change */
    uint64_t flying[BATCH];
};

/* dir NULL: in memory. A directory without a shard gets one. mem_limit: bytes of metadata kept in
 * memory, 0: all. */
struct store *tarn_open_at(const char *dir, uint64_t mem_limit);
void tarn_close(struct store *s);
/* Runs fn(s, arg) on a fiber of the shard's xstream and waits for it. */
void tarn_run(struct store *s, void (*fn)(struct store *s, void *arg), void *arg);

/* Dies with the text of the code. [F] all below */
void tarn_check(int rc, const char *what);
/* One compound; *lsn may be NULL. slot: which of the changes in flight it is. */
void tarn_apply(struct store *s, const struct vos_op *ops, uint32_t nr, uint32_t slot,
                uint64_t *lsn);
/* One fetch at the clock, values in data extents read as well. */
void tarn_fetch(struct store *s, daos_obj_id_t oid, const struct vos_key *dkey,
                struct vos_fetch_iod *iod);
void tarn_put_one(struct store *s, const struct keys *k, uint64_t i);
/* The pair's value, which must be there. */
void tarn_get_one(struct store *s, const uint8_t key[KEY_BYTES], uint8_t value[VALUE_BYTES]);
void tarn_stat(struct store *s, struct heap_stat *hs, struct vos_stat *vs);
/* Lets the log and whatever gives room back have their turns; after every BATCH changes. */
void tarn_turn(struct store *s);

#endif
