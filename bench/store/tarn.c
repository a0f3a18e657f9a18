/*
 * Tarn as a contender: a pair is a dkey of a lexical KV object with one akey that holds a single
 * value, as libdaos puts it (client/kv.c). A batch is one compound. The scan lists dkeys, with
 * values when they are asked for.
 */
#include <string.h>

#include "tarn.h"

#define LISTED_MAX 256u

static const struct vos_key AKEY = {"0", 1};

static daos_obj_id_t kv_oid(void)
{
    return (daos_obj_id_t){.hi = (uint64_t)DAOS_OT_KV_LEXICAL << OID_FMT_TYPE_SHIFT, .lo = 1};
}

static struct store *tarn_open(const char *dir, uint64_t pairs, bool waits)
{
    (void)pairs;
    (void)waits;
    return tarn_open_at(dir, 0);
}

/* ---- Puts ---- */

struct pair {
    struct iovec iov;
    struct vos_iod iod;
    uint8_t value[VALUE_BYTES];
};

struct puts {
    const struct keys *k;
    uint64_t from, to;
    uint32_t batch;
    double seconds;
    struct pair pair[BATCH]; /* here, because a fiber's stack is small */
    struct vos_op op[BATCH];
};

static void put_op(struct vos_op *op, struct pair *p, const struct keys *k, uint64_t i)
{
    value_make(k->id[i], p->value);
    p->iov = (struct iovec){p->value, VALUE_BYTES};
    p->iod = (struct vos_iod){.akey = AKEY,
                              .type = DAOS_IOD_SINGLE,
                              .rec_size = VALUE_BYTES,
                              .iov = &p->iov,
                              .iov_nr = 1};
    *op = (struct vos_op){.kind = VOS_OP_UPDATE,
                          .oid = kv_oid(),
                          .dkey = {k->key[i], KEY_BYTES},
                          .akey_nr = 1,
                          .iods = &p->iod};
}

void tarn_put_one(struct store *s, const struct keys *k, uint64_t i)
{
    struct pair pair;
    struct vos_op op;

    put_op(&op, &pair, k, i);
    tarn_apply(s, &op, 1, 0, NULL);
}

static void put_fiber(struct store *s, void *arg)
{
    struct puts *p = arg;
    double t0 = cpu_s();

    for (uint64_t i = p->from; i < p->to;) {
        uint32_t nr = 0;

        while (nr < p->batch && i < p->to) {
            put_op(&p->op[nr], &p->pair[nr], p->k, i++);
            nr++;
        }
        tarn_apply(s, p->op, nr, 0, NULL);
        if (i % BATCH == 0)
            tarn_turn(s);
    }
    p->seconds = cpu_s() - t0;
}

static double tarn_put(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                       uint32_t batch)
{
    struct puts p = {.k = k, .from = from, .to = to, .batch = batch};

    tarn_run(s, put_fiber, &p);
    return p.seconds;
}

static void settle_fiber(struct store *s, void *arg)
{
    struct heap *h = s->eng.shard->heap;

    (void)arg;
    tarn_check(heap_checkpoint(h), "tarn: checkpoint");
    tarn_check(heap_wait_durable(h, heap_lsn(h)), "tarn: log");
}

static void tarn_settle(struct store *s)
{
    tarn_run(s, settle_fiber, NULL);
}

/* ---- Gets ---- */

struct gets {
    const struct keys *k;
    uint64_t from, to, sum;
    double seconds;
};

void tarn_get_one(struct store *s, const uint8_t key[KEY_BYTES], uint8_t value[VALUE_BYTES])
{
    struct iovec iov = {value, VALUE_BYTES};
    struct vos_key dkey = {key, KEY_BYTES};
    struct vos_fetch_iod iod = {
        .akey = AKEY, .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY, .dst = &iov, .dst_nr = 1};

    tarn_fetch(s, kv_oid(), &dkey, &iod);
    if (iod.rec_size != VALUE_BYTES)
        die("tarn: get", "a pair is missing", "this is a defect of Tarn's: report it");
}

static void get_fiber(struct store *s, void *arg)
{
    struct gets *g = arg;
    uint8_t value[VALUE_BYTES];
    double t0 = cpu_s();

    for (uint64_t i = g->from; i < g->to; i++) {
        tarn_get_one(s, g->k->key[i], value);
        g->sum += value_sum(value);
    }
    g->seconds = cpu_s() - t0;
}

static double tarn_get(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                       uint64_t *sum)
{
    struct gets g = {k, from, to, 0, 0};

    tarn_run(s, get_fiber, &g);
    *sum += g.sum;
    return g.seconds;
}

/* ---- Scan ---- */

struct scan {
    struct store *s;
    bool values;
    struct vos_anchor at;
    uint8_t key[LISTED_MAX][KEY_BYTES];
    uint32_t nr;
    uint64_t step_sum; /* of the values of this step: it may be repeated */
    uint64_t seen, keysum, sum;
    double seconds;
};

static int scan_emit(void *arg, const struct vos_entry *e)
{
    struct scan *sc = arg;

    if (sc->nr == LISTED_MAX)
        return 1;
    if (e->key.len != KEY_BYTES || (sc->values && e->value_len != VALUE_BYTES))
        return -DER_INVAL;
    memcpy(sc->key[sc->nr++], e->key.buf, KEY_BYTES);
    if (sc->values)
        sc->step_sum += value_sum(e->value);
    return 0;
}

static int list_run(struct shard *sh, void *arg)
{
    struct scan *sc = arg;
    uint64_t lsn;

    sc->nr = 0;
    sc->step_sum = 0;
    return vos_list(sc->s->c, shard_read_at(sh, 0), VOS_DKEY, kv_oid(), NULL,
                    sc->values ? &AKEY : NULL, false, &sc->at, scan_emit, sc, &lsn);
}

static void scan_fiber(struct store *s, void *arg)
{
    struct scan *sc = arg;
    uint8_t last[KEY_BYTES] = {0};
    double t0 = cpu_s();

    while (!sc->at.eof) {
        tarn_check(shard_run(s->eng.shard, list_run, sc), "tarn: list");
        sc->sum += sc->step_sum;
        for (uint32_t i = 0; i < sc->nr; i++) {
            if (memcmp(last, sc->key[i], KEY_BYTES) > 0)
                die("tarn: scan", "the keys do not rise", "this is a defect of Tarn's: report it");
            memcpy(last, sc->key[i], KEY_BYTES);
            sc->keysum += key_sum(sc->key[i]);
        }
        sc->seen += sc->nr;
    }
    sc->seconds = cpu_s() - t0;
}

static double tarn_scan(struct store *s, bool values, uint64_t *nr, uint64_t *keysum, uint64_t *sum)
{
    struct scan sc = {.s = s, .values = values};

    tarn_run(s, scan_fiber, &sc);
    *nr += sc.seen;
    *keysum += sc.keysum;
    *sum += sc.sum;
    return sc.seconds;
}

/* ---- Durable puts ---- */

struct crowd {
    struct store *s;
    const struct keys *k;
    uint64_t next, to;
    uint32_t slots, left;
    struct rt_event done;
    double seconds;
    uint64_t flushes;
};

/* One of those in flight: puts, waits until that is durable, puts the next. */
static void putter(void *arg)
{
    struct crowd *c = arg;
    uint32_t slot = c->slots++;
    struct pair pair;
    struct vos_op op;
    uint64_t lsn;

    while (c->next < c->to) {
        put_op(&op, &pair, c->k, c->next++);
        tarn_apply(c->s, &op, 1, slot, &lsn);
    }
    if (--c->left == 0)
        rt_event_set(&c->done);
}

/* Log groups, each one durable write, and whatever else was flushed. */
static uint64_t flushes(struct store *s)
{
    struct heap_stat hs;
    struct vos_stat vs;

    tarn_stat(s, &hs, &vs);
    return hs.wal_writes + s->eng.shard->devs.d[0].dev->stat.flushes;
}

static void crowd_fiber(struct store *s, void *arg)
{
    struct crowd *c = arg;
    uint64_t before = flushes(s);
    double t0 = now_s();

    c->left = BATCH;
    for (uint32_t i = 0; i < BATCH; i++)
        tarn_check(rt_spawn(putter, c), "tarn: fiber");
    rt_event_wait(&c->done);
    c->seconds = now_s() - t0;
    c->flushes = flushes(s) - before;
}

static bool tarn_put_durable(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                             uint32_t form, struct durable_result *out)
{
    struct crowd c = {.s = s, .k = k, .next = from, .to = to, .done = RT_EVENT_INIT};

    if (form > 0)
        return false;
    tarn_run(s, crowd_fiber, &c);
    *out = (struct durable_result){c.seconds, c.flushes, "64 fibers, group commit"};
    return true;
}

static void overhead_fiber(struct store *s, void *arg)
{
    struct heap_stat hs;
    struct vos_stat vs;

    tarn_stat(s, &hs, &vs);
    *(uint64_t *)arg = hs.alloc_bytes - vs.value_heap_bytes;
}

static uint64_t tarn_overhead(struct store *s, uint64_t pairs)
{
    uint64_t bytes = 0;

    (void)pairs;
    tarn_run(s, overhead_fiber, &bytes);
    return bytes;
}

const struct contender tarn_contender = {
    .name = "Tarn",
    .open = tarn_open,
    .close = tarn_close,
    .put = tarn_put,
    .settle = tarn_settle,
    .get = tarn_get,
    .scan = tarn_scan,
    .put_durable = tarn_put_durable,
    .overhead = tarn_overhead,
};
