/*
 * Workload "kv": flat key-value objects (daos_kv.h), with the model of spec_kv.h: single calls,
 * many at once, transactions that read and put several keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "spec_kv.h"
#include "value.h"
#include "work_burst.h"
#include "workload.h"

#define ROOM      73000u /* any value fits */
#define ROOM_MOST 13000u /* most values do */
#define GUARD     32u
#define FLIGHTS   WORK_FLIGHTS

#define ALL_OBJS (2 * KV_OBJS)

struct kv_work {
    struct hist *h, *one[KV_OBJS][KV_KEYS];
    daos_obj_id_t oid[ALL_OBJS];
    char key[ALL_OBJS][KV_KEYS][80];
    struct value_ids ids;
};

/* One call of the API, and what the library uses until it ends. */
struct kv_call {
    struct work_flight fl;
    struct kv_op op;
    uint32_t id; /* the oracle's */
    daos_size_t size;
    daos_key_desc_t kds[2 * KV_KEYS];
    d_iov_t iov;
    d_sg_list_t sgl;
    daos_anchor_t anchor;
    uint32_t nr;
    unsigned char buf[ROOM + GUARD];
};

struct kv_client {
    daos_handle_t oh[ALL_OBJS];
    struct kv_call call, flight[FLIGHTS];
};

static bool coin(struct work_client *c, uint32_t one_in)
{
    return sim_rng_below(&c->rng, one_in) == 0;
}

static uint32_t below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

/* ---- One call ---- */

static uint32_t obj_of(const struct kv_op *op)
{
    return op->obj + (op->many ? KV_OBJS : 0);
}

static struct hist *domain(struct work_client *c, const struct kv_op *op)
{
    struct kv_work *w = c->work->priv;

    return op->many ? w->one[op->obj][op->key] : w->h;
}

static int put(struct work_client *c, struct kv_call *k, daos_handle_t th, daos_event_t *ev)
{
    static const uint64_t flags[] = {0, DAOS_COND_KEY_INSERT, DAOS_COND_KEY_UPDATE};
    const struct kv_op *op = &k->op;
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;
    uint32_t len = op->id ? value_len(op->id) : 0;

    value_fill(k->buf, len, op->id, 0);
    return daos_kv_put(kc->oh[obj_of(op)], th, flags[op->cond], w->key[obj_of(op)][op->key], len,
                       k->buf, ev);
}

static int get(struct work_client *c, struct kv_call *k, daos_handle_t th, daos_event_t *ev)
{
    const struct kv_op *op = &k->op;
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;

    k->size = op->room;
    memset(k->buf, 0xfe, op->room + GUARD);
    return daos_kv_get(kc->oh[obj_of(op)], th, op->cond == IF_THERE ? DAOS_COND_KEY_GET : 0,
                       w->key[obj_of(op)][op->key], &k->size, op->size_only ? NULL : k->buf, ev);
}

static void got(struct kv_call *k, int rc)
{
    struct kv_op *op = &k->op;
    uint32_t len;

    op->size = (uint32_t)k->size;
    if (rc != 0 || op->size_only)
        return;
    len = MIN(op->size, op->room);
    if (len > 0)
        op->got = value_read(k->buf, len, 0);
    if (!value_is(k->buf + len, op->room + GUARD - len, 0xfe))
        op->got = VALUE_TORN;
}

static int list(struct work_client *c, struct kv_call *k, daos_event_t *ev)
{
    struct kv_client *kc = c->priv;

    k->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &k->iov};
    k->anchor = (daos_anchor_t){0};
    k->nr = 2 * KV_KEYS;
    d_iov_set(&k->iov, k->buf, 4000);
    return daos_kv_list(kc->oh[obj_of(&k->op)], DAOS_TX_NONE, &k->nr, k->kds, &k->sgl, &k->anchor,
                        ev);
}

/* 1: in more than one call, which is no answer at one instant. */
static int listed(struct work_client *c, struct kv_call *k)
{
    struct kv_work *w = c->work->priv;
    struct kv_op *op = &k->op;
    unsigned char *p = k->buf;
    uint32_t at;

    for (uint32_t i = 0; i < k->nr; i++) {
        for (at = 0; at < KV_KEYS; at++)
            if (strlen(w->key[obj_of(op)][at]) == k->kds[i].kd_key_len &&
                memcmp(w->key[obj_of(op)][at], p, k->kds[i].kd_key_len) == 0)
                break;
        p += k->kds[i].kd_key_len;
        op->found |= op->found >> at & 1 ? UINT32_MAX : 1u << at;
    }
    return daos_anchor_is_eof(&k->anchor) ? 0 : 1;
}

static int start(struct work_client *c, struct kv_call *k, daos_event_t *ev)
{
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;
    const struct kv_op *op = &k->op;

    switch (op->what) {
    case KV_PUT:
        return put(c, k, DAOS_TX_NONE, ev);
    case KV_REMOVE:
        return daos_kv_remove(kc->oh[obj_of(op)], DAOS_TX_NONE,
                              op->cond == IF_THERE ? DAOS_COND_KEY_REMOVE : 0,
                              w->key[obj_of(op)][op->key], ev);
    case KV_DESTROY:
        return daos_kv_destroy(kc->oh[obj_of(op)], DAOS_TX_NONE, ev);
    case KV_GET:
        return get(c, k, DAOS_TX_NONE, ev);
    default:
        return list(c, k, ev);
    }
}

/* ---- Told to the oracle ---- */

static void begin(struct work_client *c, struct kv_call *k)
{
    k->id = hist_call(domain(c, &k->op), c->index, &k->op);
}

static void end(struct work_client *c, struct kv_call *k, int rc, enum work_verdict v)
{
    char line[900];

    k->op.rc = rc;
    if (c->work->telling) {
        kv_spec.print_op(&k->op, true, line, sizeof(line));
        work_tell(c, "%s", line);
    }
    work_end(c, domain(c, &k->op), k->id, &k->op, rc, v);
}

static void finish(struct work_client *c, struct kv_call *k, int rc)
{
    bool changes = k->op.what < KV_GET;

    if (k->op.what == KV_GET)
        got(k, rc);
    if (k->op.what == KV_LIST && rc == 0)
        rc = listed(c, k);
    end(c, k, rc, rc == 1 ? WORK_FAILED : work_verdict(c->work, rc, changes));
}

static int run(struct work_client *c, struct kv_call *k)
{
    begin(c, k);
    finish(c, k, start(c, k, NULL));
    return k->op.rc;
}

static bool crowded(struct work_client *c, const struct kv_op *op)
{
    return work_crowded(domain(c, op), op);
}

/* ---- Drawing ---- */

static void draw(struct work_client *c, struct kv_op *op, bool one_key)
{
    struct kv_work *w = c->work->priv;
    uint32_t r = below(c, 92);

    memset(op, 0, sizeof(*op));
    op->obj = (uint8_t)below(c, KV_OBJS);
    op->key = (uint8_t)below(c, KV_KEYS);
    if (one_key && r >= 48 && r < 60)
        r = 0;
    op->what = r < 33   ? KV_PUT
               : r < 48 ? KV_REMOVE
               : r < 50 ? KV_DESTROY
               : r < 60 ? KV_LIST
                        : KV_GET;
    op->cond = op->what == KV_LIST || op->what == KV_DESTROY || coin(c, 2) ? IF_NONE : IF_THERE;
    if (op->what == KV_PUT && op->cond != IF_NONE && coin(c, 2))
        op->cond = IF_NEW;
    if (op->what == KV_PUT && !coin(c, 12))
        op->id = value_id(&w->ids, &c->rng);
    op->size_only = op->what == KV_GET && coin(c, 6);
    op->room = coin(c, 6) ? 1 + below(c, 100) : coin(c, 2) ? ROOM : ROOM_MOST;
}

/* ---- Many at once ---- */

/* Mostly what cannot be done twice: what is done again by mistake is then seen at once. */
static void draw_once(struct work_client *c, struct kv_op *op)
{
    draw(c, op, true);
    op->many = !coin(c, 8);
    if (coin(c, 3) || op->what == KV_GET)
        return;
    op->cond = op->what == KV_PUT ? IF_NEW : IF_THERE;
}

static int launch(struct work_client *c, struct work_flight *f)
{
    struct kv_call *k = CONTAINER_OF(f, struct kv_call, fl);

    draw_once(c, &k->op);
    if (k->op.what < KV_GET && crowded(c, &k->op))
        return 1;
    begin(c, k);
    return start(c, k, &f->ev);
}

static void ended(struct work_client *c, struct work_flight *f, int rc)
{
    finish(c, CONTAINER_OF(f, struct kv_call, fl), rc);
}

static int burst(struct work_client *c)
{
    static const struct work_burst_ops ops = {launch, ended};
    struct kv_client *kc = c->priv;
    struct work_flight *f[FLIGHTS];

    for (uint32_t i = 0; i < FLIGHTS; i++)
        f[i] = &kc->flight[i].fl;
    return work_burst(c, &ops, f, coin(c, 2) ? FLIGHTS : 2 + below(c, FLIGHTS - 1),
                      2 + below(c, 3 * FLIGHTS));
}

/* ---- Transactions ---- */

static void draw_items(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    uint32_t gets_in = below(c, 4); /* of four */

    op->nr = (uint8_t)(1 + below(c, coin(c, 3) ? KV_ITEMS : 4));
    for (uint32_t i = 0; i < op->nr; i++) {
        op->item[i] = (struct kv_item){.get = below(c, 4) < gets_in,
                                       .obj = (uint8_t)below(c, KV_OBJS),
                                       .key = (uint8_t)below(c, KV_KEYS)};
        if (!op->item[i].get && !coin(c, 8))
            op->item[i].id = value_id(&w->ids, &c->rng);
    }
}

/* Reads what is to be read and puts what is to be put, which is only kept. */
static int tx_items(struct work_client *c, struct kv_op *tx, struct kv_call *k, daos_handle_t th)
{
    int rc = 0;

    for (uint32_t i = 0; i < tx->nr && rc == 0; i++) {
        struct kv_item *it = &tx->item[i];

        k->op = (struct kv_op){.obj = it->obj, .key = it->key, .id = it->id, .room = ROOM};
        if (!it->get) {
            rc = put(c, k, th, NULL);
            continue;
        }
        if (coin(c, 3))
            work_pause(c);
        rc = get(c, k, th, NULL);
        got(k, rc);
        it->id = k->op.got;
    }
    return rc;
}

static enum work_verdict tx_verdict(struct work_client *c, int rc, bool changes)
{
    bool alone = c->work->clients == 1 && c->work->faults == 0;

    if (rc == -DER_TX_RESTART)
        return alone ? WORK_WRONG : WORK_FAILED;
    return work_verdict(c->work, rc, changes);
}

static bool any_put(const struct kv_op *op)
{
    for (uint32_t i = 0; i < op->nr; i++)
        if (!op->item[i].get)
            return true;
    return false;
}

/* What it read was there at one instant before it is committed, and still is at that of the commit,
 * if anything is put. The first is promised where there is one clock. */
static int try_tx(struct work_client *c, struct kv_call *tx, daos_handle_t th)
{
    struct kv_client *kc = c->priv;
    int rc;

    tx->op.what = KV_READS;
    begin(c, tx);
    rc = tx_items(c, &tx->op, &kc->call, th);
    end(c, tx, rc, rc == 0 && c->work->clocks_apart ? WORK_FAILED : tx_verdict(c, rc, false));
    if (rc != 0)
        return rc;
    if (!any_put(&tx->op))
        return daos_tx_commit(th, NULL);
    if (coin(c, 3))
        work_pause(c);
    tx->op.what = KV_TX;
    begin(c, tx);
    rc = daos_tx_commit(th, NULL);
    end(c, tx, rc, tx_verdict(c, rc, true));
    return rc;
}

static int transaction(struct work_client *c)
{
    struct kv_call *tx = &((struct kv_client *)c->priv)->flight[0];
    daos_handle_t th;
    int rc;

    tx->op = (struct kv_op){.what = KV_TX};
    draw_items(c, &tx->op);
    if (crowded(c, &tx->op))
        return 0;
    rc = daos_tx_open(c->coh, &th, 0, NULL);
    if (rc != 0)
        return rc;
    do {
        rc = try_tx(c, tx, th);
    } while (rc == -DER_TX_RESTART && !coin(c, 4) && daos_tx_restart(th, NULL) == 0);
    daos_tx_close(th, NULL);
    return rc;
}

/* ---- The workload ---- */

#define MANY 16u /* possible states */

/* A key in which two of many possible states differ is read. */
static bool undecided(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    uint32_t nr = hist_states(w->h, NULL), from = below(c, KV_OBJS * KV_KEYS);
    const struct kv_state *a = hist_state_at(w->h, 0), *b;

    if (nr < MANY)
        return false;
    b = hist_state_at(w->h, 1 + below(c, nr - 1));
    for (uint32_t i = 0; i < KV_OBJS * KV_KEYS; i++) {
        uint32_t at = (from + i) % (KV_OBJS * KV_KEYS);

        *op = (struct kv_op){.what = KV_GET,
                             .obj = (uint8_t)(at / KV_KEYS),
                             .key = (uint8_t)(at % KV_KEYS),
                             .room = ROOM};
        if (a->id[op->obj][op->key] != b->id[op->obj][op->key])
            return true;
    }
    return false;
}

static int step(struct work_client *c)
{
    struct kv_call *k = &((struct kv_client *)c->priv)->call;
    uint32_t r = below(c, 100);

    if (undecided(c, &k->op))
        return work_over(run(c, k));
    if (r < 10)
        return work_over(transaction(c));
    if (r < 22)
        return work_over(burst(c));
    draw(c, &k->op, false);
    if (k->op.what < KV_GET && crowded(c, &k->op))
        k->op.what = KV_GET;
    if (k->op.what == KV_GET && k->op.cond == IF_NEW)
        k->op.cond = IF_NONE;
    return work_over(run(c, k));
}

static int get_all(struct work_client *c, uint8_t obj, bool many)
{
    struct kv_call *k = &((struct kv_client *)c->priv)->call;
    int rc = 0;

    for (uint8_t i = 0; i < KV_KEYS && rc == 0; i++) {
        k->op = (struct kv_op){.what = KV_GET, .obj = obj, .key = i, .many = many, .room = ROOM};
        rc = run(c, k);
    }
    return rc;
}

static int verify(struct work_client *c)
{
    struct kv_call *k = &((struct kv_client *)c->priv)->call;
    int rc = 0;

    for (uint8_t o = 0; o < KV_OBJS && rc == 0; o++) {
        k->op = (struct kv_op){.what = KV_LIST, .obj = o};
        rc = run(c, k);
        if (rc == 0 || rc == 1)
            rc = get_all(c, o, false);
        if (rc == 0)
            rc = get_all(c, o, true);
    }
    return rc;
}

static int setup(struct work_client *c)
{
    static const enum daos_otype_t types[] = {DAOS_OT_KV_HASHED, DAOS_OT_KV_LEXICAL,
                                              DAOS_OT_KV_UINT64};
    static const struct kv_state nothing;
    struct kv_work *w = work_priv(c->work, sizeof(*w));
    uint64_t first = sim_rng_below(&c->rng, ARRAY_LEN(types));
    int rc = 0;

    w->ids.large_pct = c->work->large_pct;
    w->h = work_hist(c, &kv_spec, &nothing);
    for (uint32_t i = 0; i < KV_OBJS * KV_KEYS; i++)
        w->one[i / KV_KEYS][i % KV_KEYS] = work_hist(c, &kv_spec, &nothing);
    for (uint32_t o = 0; o < ALL_OBJS && rc == 0; o++) {
        enum daos_otype_t type = types[(first + o) % ARRAY_LEN(types)];

        w->oid[o].lo = o + 1;
        rc = daos_obj_generate_oid(c->coh, &w->oid[o], type, OC_UNKNOWN, 0, 0);
        for (uint32_t k = 0; k < KV_KEYS; k++) /* 8 bytes are an integer where one is wanted */
            snprintf(w->key[o][k], sizeof(w->key[o][k]),
                     type == DAOS_OT_KV_UINT64 || k < KV_KEYS / 2
                         ? "key-%04u"
                         : "a longer key, which no anchor holds as "
                           "a whole: number %u",
                     k);
    }
    return rc;
}

static void detach(struct work_client *c)
{
    struct kv_client *kc = c->priv;

    if (kc != NULL)
        work_client_end(c, kc->oh, ALL_OBJS, daos_kv_close);
}

static int attach(struct work_client *c)
{
    struct kv_client *kc = work_client_priv(c, sizeof(*kc));
    struct kv_work *w = c->work->priv;
    int rc = 0;

    for (uint32_t o = 0; o < ALL_OBJS && rc == 0; o++)
        rc = daos_kv_open(c->coh, w->oid[o], DAOS_OO_RW, &kc->oh[o], NULL);
    if (rc != 0)
        detach(c);
    return rc;
}

WORKLOAD(kv);
