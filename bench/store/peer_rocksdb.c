/*
 * RocksDB through its C API: no compression (the values do not compress), a cache that holds
 * everything, filters of ten bits a key and hashed data blocks for gets; before reads are timed
 * everything is flushed and compacted. Of its two ways to have 64 durable puts in flight, 64
 * threads with group commit and one writer with batches, the caller takes the faster.
 */
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct store {
    rocksdb_t *db;
    rocksdb_options_t *opt;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
};

static void check(char *err, const char *what)
{
    if (err != NULL)
        die(what, err, "look at the room in --dir and --disk");
}

static struct store *rocks_open(const char *dir, uint64_t pairs, bool waits)
{
    struct store *s = calloc(1, sizeof(*s));
    char *err = NULL;

    if (s == NULL)
        die("rocksdb", "out of memory", "ask for fewer --pairs");
    s->cache = rocksdb_cache_create_lru((size_t)(64u << 20) + pairs * 256);
    s->table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(s->table, s->cache);
    rocksdb_block_based_options_set_filter_policy(s->table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_data_block_index_type(
        s->table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
    s->opt = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(s->opt, 1);
    rocksdb_options_set_compression(s->opt, rocksdb_no_compression);
    rocksdb_options_set_block_based_table_factory(s->opt, s->table);
    if (waits)
        rocksdb_options_enable_statistics(s->opt);
    s->read = rocksdb_readoptions_create();
    s->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(s->write, waits);
    s->db = rocksdb_open(s->opt, dir, &err);
    check(err, dir);
    return s;
}

static void rocks_close(struct store *s)
{
    rocksdb_close(s->db);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_readoptions_destroy(s->read);
    rocksdb_options_destroy(s->opt);
    rocksdb_block_based_options_destroy(s->table);
    rocksdb_cache_destroy(s->cache);
    free(s);
}

static void put_lone(struct store *s, const struct keys *k, uint64_t i)
{
    uint8_t value[VALUE_BYTES];
    char *err = NULL;

    value_make(k->id[i], value);
    rocksdb_put(s->db, s->write, (const char *)k->key[i], KEY_BYTES, (const char *)value,
                VALUE_BYTES, &err);
    check(err, "rocksdb: put");
}

static double rocks_put(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                        uint32_t batch)
{
    rocksdb_writebatch_t *b = rocksdb_writebatch_create();
    uint8_t value[VALUE_BYTES];
    double t0 = cpu_s();
    char *err = NULL;

    for (uint64_t i = from; i < to;) {
        uint64_t end = i + batch < to ? i + batch : to;

        if (batch == 1) {
            put_lone(s, k, i++);
            continue;
        }
        for (; i < end; i++) {
            value_make(k->id[i], value);
            rocksdb_writebatch_put(b, (const char *)k->key[i], KEY_BYTES, (const char *)value,
                                   VALUE_BYTES);
        }
        rocksdb_write(s->db, s->write, b, &err);
        check(err, "rocksdb: write");
        rocksdb_writebatch_clear(b);
    }
    t0 = cpu_s() - t0;
    rocksdb_writebatch_destroy(b);
    return t0;
}

static void rocks_settle(struct store *s)
{
    rocksdb_flushoptions_t *f = rocksdb_flushoptions_create();
    char *err = NULL;

    rocksdb_flushoptions_set_wait(f, 1);
    rocksdb_flush(s->db, f, &err);
    check(err, "rocksdb: flush");
    rocksdb_flushoptions_destroy(f);
    rocksdb_compact_range(s->db, NULL, 0, NULL, 0);
}

static double rocks_get(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                        uint64_t *sum)
{
    double t0 = cpu_s();
    char *err = NULL;

    for (uint64_t i = from; i < to; i++) {
        rocksdb_pinnableslice_t *p =
            rocksdb_get_pinned(s->db, s->read, (const char *)k->key[i], KEY_BYTES, &err);
        size_t len = 0;
        const char *v;

        check(err, "rocksdb: get");
        v = rocksdb_pinnableslice_value(p, &len);
        if (v == NULL || len != VALUE_BYTES)
            die("rocksdb: get", "a pair is missing", "this is a defect of the benchmark");
        *sum += value_sum(v);
        rocksdb_pinnableslice_destroy(p);
    }
    return cpu_s() - t0;
}

static double rocks_scan(struct store *s, bool values, uint64_t *nr, uint64_t *keysum,
                         uint64_t *sum)
{
    uint8_t last[KEY_BYTES] = {0};
    double t0 = cpu_s();
    rocksdb_iterator_t *it = rocksdb_create_iterator(s->db, s->read);
    char *err = NULL;
    size_t len;

    for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        const char *key = rocksdb_iter_key(it, &len);

        if (memcmp(last, key, KEY_BYTES) > 0)
            die("rocksdb: scan", "the keys do not rise", "this is a defect of the benchmark");
        memcpy(last, key, KEY_BYTES);
        *keysum += key_sum(key);
        if (values)
            *sum += value_sum(rocksdb_iter_value(it, &len));
        ++*nr;
    }
    rocksdb_iter_get_error(it, &err);
    check(err, "rocksdb: scan");
    rocksdb_iter_destroy(it);
    return cpu_s() - t0;
}

/* ---- Durable puts ---- */

struct putter {
    struct store *s;
    const struct keys *k;
    uint64_t from, to;
    pthread_t thread;
};

static void *putter(void *arg)
{
    struct putter *p = arg;

    for (uint64_t i = p->from; i < p->to; i += BATCH)
        put_lone(p->s, p->k, i);
    return NULL;
}

static void put_threads(struct store *s, const struct keys *k, uint64_t from, uint64_t to)
{
    struct putter p[BATCH];

    for (uint32_t t = 0; t < BATCH; t++) {
        p[t] = (struct putter){.s = s, .k = k, .from = from + t, .to = to};
        if (pthread_create(&p[t].thread, NULL, putter, &p[t]) != 0)
            die("rocksdb: threads", "none could be started", "raise the limit (ulimit -u)");
    }
    for (uint32_t t = 0; t < BATCH; t++)
        pthread_join(p[t].thread, NULL);
}

/* "rocksdb.wal.synced COUNT : N" */
static uint64_t synced(struct store *s)
{
    char *text = rocksdb_options_statistics_get_string(s->opt);
    const char *at = text != NULL ? strstr(text, "rocksdb.wal.synced COUNT : ") : NULL;
    uint64_t n = at != NULL ? strtoull(strchr(at, ':') + 1, NULL, 10) : 0;

    rocksdb_free(text);
    return n;
}

static bool rocks_put_durable(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                              uint32_t form, struct durable_result *out)
{
    uint64_t before = synced(s);
    double t0 = now_s();

    if (form > 1)
        return false;
    out->form = form == 0 ? "64 threads, group commit" : "write batches of 64";
    if (form == 0)
        put_threads(s, k, from, to);
    else
        rocks_put(s, k, from, to, BATCH);
    out->seconds = now_s() - t0;
    out->flushes = synced(s) - before;
    return true;
}

static uint64_t rocks_overhead(struct store *s, uint64_t pairs)
{
    uint64_t bytes = 0;

    rocksdb_property_int(s->db, "rocksdb.live-sst-files-size", &bytes);
    return bytes > pairs * VALUE_BYTES ? bytes - pairs * VALUE_BYTES : 0;
}

const struct contender rocksdb_contender = {
    .name = "RocksDB",
    .open = rocks_open,
    .close = rocks_close,
    .put = rocks_put,
    .settle = rocks_settle,
    .get = rocks_get,
    .scan = rocks_scan,
    .put_durable = rocks_put_durable,
    .overhead = rocks_overhead,
};
