/*
 * LMDB, each time in the form that suits it best: reads in one read transaction, puts through a
 * writable map where nobody waits for durability, its default (pwrite and fdatasync) where somebody
 * does. It has one writer and no group commit: 64 durable puts in flight are one transaction.
 */
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct store {
    MDB_env *env;
    MDB_dbi dbi;
};

static void check(int rc, const char *what)
{
    if (rc != 0)
        die(what, mdb_strerror(rc), "look at the room in --dir and --disk");
}

static struct store *lmdb_open(const char *dir, uint64_t pairs, bool waits)
{
    struct store *s = calloc(1, sizeof(*s));
    MDB_txn *txn;

    if (s == NULL)
        die("lmdb", "out of memory", "ask for fewer --pairs");
    check(mdb_env_create(&s->env), "lmdb");
    check(mdb_env_set_mapsize(s->env, (size_t)(64u << 20) + pairs * 512), "lmdb: size of the map");
    check(mdb_env_open(s->env, dir, waits ? 0 : MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC, 0600),
          dir);
    check(mdb_txn_begin(s->env, NULL, 0, &txn), "lmdb: begin");
    check(mdb_dbi_open(txn, NULL, MDB_CREATE, &s->dbi), "lmdb: database");
    check(mdb_txn_commit(txn), "lmdb: commit");
    return s;
}

static void lmdb_close(struct store *s)
{
    mdb_env_close(s->env);
    free(s);
}

static double lmdb_put(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                       uint32_t batch)
{
    uint8_t value[VALUE_BYTES];
    double t0 = cpu_s();

    for (uint64_t i = from; i < to;) {
        uint64_t end = i + batch < to ? i + batch : to;
        MDB_txn *txn;

        check(mdb_txn_begin(s->env, NULL, 0, &txn), "lmdb: begin");
        for (; i < end; i++) {
            MDB_val key = {KEY_BYTES, k->key[i]}, val = {VALUE_BYTES, value};

            value_make(k->id[i], value);
            check(mdb_put(txn, s->dbi, &key, &val, 0), "lmdb: put");
        }
        check(mdb_txn_commit(txn), "lmdb: commit");
    }
    return cpu_s() - t0;
}

static void lmdb_settle(struct store *s)
{
    (void)s;
}

static double lmdb_get(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                       uint64_t *sum)
{
    double t0 = cpu_s();
    MDB_txn *txn;

    check(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn), "lmdb: begin");
    for (uint64_t i = from; i < to; i++) {
        MDB_val key = {KEY_BYTES, k->key[i]}, val;

        check(mdb_get(txn, s->dbi, &key, &val), "lmdb: get");
        *sum += value_sum(val.mv_data);
    }
    mdb_txn_abort(txn);
    return cpu_s() - t0;
}

static double lmdb_scan(struct store *s, bool values, uint64_t *nr, uint64_t *keysum, uint64_t *sum)
{
    uint8_t last[KEY_BYTES] = {0};
    double t0 = cpu_s();
    MDB_cursor *cur;
    MDB_val key, val;
    MDB_txn *txn;
    int rc;

    check(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn), "lmdb: begin");
    check(mdb_cursor_open(txn, s->dbi, &cur), "lmdb: cursor");
    while ((rc = mdb_cursor_get(cur, &key, values ? &val : NULL, MDB_NEXT)) == 0) {
        if (memcmp(last, key.mv_data, KEY_BYTES) > 0)
            die("lmdb: scan", "the keys do not rise", "this is a defect of the benchmark");
        memcpy(last, key.mv_data, KEY_BYTES);
        *keysum += key_sum(key.mv_data);
        if (values)
            *sum += value_sum(val.mv_data);
        ++*nr;
    }
    check(rc == MDB_NOTFOUND ? 0 : rc, "lmdb: scan");
    mdb_cursor_close(cur);
    mdb_txn_abort(txn);
    return cpu_s() - t0;
}

static bool lmdb_put_durable(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                             uint32_t form, struct durable_result *out)
{
    double t0 = now_s();

    if (form > 0)
        return false;
    lmdb_put(s, k, from, to, BATCH);
    out->seconds = now_s() - t0;
    /* a commit is two: the pages, then the meta page that names them */
    out->flushes = 2 * ((to - from + BATCH - 1) / BATCH);
    out->form = "a transaction of 64";
    return true;
}

static uint64_t lmdb_overhead(struct store *s, uint64_t pairs)
{
    MDB_txn *txn;
    MDB_stat st;

    check(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn), "lmdb: begin");
    check(mdb_stat(txn, s->dbi, &st), "lmdb: figures");
    mdb_txn_abort(txn);
    return (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) * st.ms_psize -
           pairs * VALUE_BYTES;
}

const struct contender lmdb_contender = {
    .name = "LMDB",
    .open = lmdb_open,
    .close = lmdb_close,
    .put = lmdb_put,
    .settle = lmdb_settle,
    .get = lmdb_get,
    .scan = lmdb_scan,
    .put_durable = lmdb_put_durable,
    .overhead = lmdb_overhead,
};
