/*
 * Workload "many": so many keys that trees have several leaves, and grow and shrink.
 *
 * One flat key-value object (daos_kv.h). The model: of each key the id of its value, 0 for none. In
 * waves, which all clients are in together, runs of neighbouring keys are put or removed, several
 * at once in a transaction; in between single keys are put, removed, read, and all of them
 * enumerated in several calls.
 *
 * Such an enumeration happens at no single instant. What is promised: a key that nobody changes
 * meanwhile comes once if it is there, and not if it is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "value.h"
#include "workload.h"

#define KEYS 192u
#define RUN  12u /* keys of a transaction */
#define ROOM 73000u
#define WAVE 60u /* steps in one direction */

/* ---- Model ---- */

struct many_state {
    uint16_t id[KEYS];
};

enum many_what { MANY_PUT, MANY_REMOVE, MANY_RUN, MANY_DESTROY, MANY_GET };
enum many_cond { IF_NONE, IF_NEW, IF_THERE };

struct many_op {
    uint8_t what, cond, key, nr; /* MANY_RUN: nr keys from key on */
    uint16_t id[RUN];            /* 0: removed */
    uint16_t got;
    uint16_t zero;
    int32_t rc;
};

static int condition(uint16_t id, uint8_t cond)
{
    if (cond == IF_NEW && id != 0)
        return -DER_EXIST;
    return cond == IF_THERE && id == 0 ? -DER_NONEXIST : 0;
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct many_op *op = arg;
    struct many_state *st = state;
    int rc =
        op->what == MANY_RUN || op->what == MANY_DESTROY ? 0 : condition(st->id[op->key], op->cond);

    if (op->what == MANY_GET)
        return !known || (op->rc == rc && (rc != 0 || op->got == st->id[op->key]));
    if (op->what == MANY_DESTROY)
        memset(st, 0, sizeof(*st));
    for (uint32_t i = 0; rc == 0 && op->what != MANY_DESTROY && i < op->nr; i++)
        st->id[op->key + i] = op->id[i];
    return !known || op->rc == rc;
}

static uint64_t touches(const void *arg)
{
    const struct many_op *op = arg;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < MIN(op->nr, 64u); i++)
        bits |= UINT64_C(1) << (op->key + i) % 64;
    return bits;
}

static bool only_reads(const void *arg)
{
    return ((const struct many_op *)arg)->what == MANY_GET;
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const names[] = {"put", "remove", "run", "destroy", "get"};
    static const char *const conds[] = {"", " if new", " if there"};
    const struct many_op *op = arg;
    int n = snprintf(buf, len, "%s k%u%s", names[op->what], op->key, conds[op->cond]);

    for (uint32_t i = 0; op->what < MANY_DESTROY && i < op->nr; i++)
        n += snprintf(buf + n, len - (size_t)n, " v%u", op->id[i]);
    if (known && op->what == MANY_GET)
        n += snprintf(buf + n, len - (size_t)n, " -> v%u", op->got);
    if (known && op->rc != 0)
        snprintf(buf + n, len - (size_t)n, " %s", d_errstr(op->rc));
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct many_state *st = state;
    size_t n = 0;

    for (uint32_t k = 0; k < KEYS && n + 20 < len; k++)
        if (st->id[k] != 0)
            n += (size_t)snprintf(buf + n, len - n, "k%u=v%u ", k, st->id[k]);
}

static const struct hist_spec spec = {.name = "many",
                                      .state_bytes = sizeof(struct many_state),
                                      .op_bytes = sizeof(struct many_op),
                                      .apply = apply,
                                      .touches = touches,
                                      .only_reads = only_reads,
                                      .print_op = print_op,
                                      .print_state = print_state};

/* ---- Doing ---- */

struct many_work {
    struct hist *h;
    daos_obj_id_t oid;
    char key[KEYS][48];
    struct value_ids ids;
    uint64_t steps;            /* of all clients: the wave */
    uint8_t recent, recent_nr; /* the keys of the last run that somebody began */
    bool destroys;             /* at the height of a wave, instead of shrinking */
    uint32_t changes[KEYS];    /* called so far */
    uint32_t open[KEYS];       /* of those, under way or of unknown outcome */
};

struct many_client {
    daos_handle_t oh;
    unsigned char buf[ROOM];
};

static uint32_t below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

static int put(struct work_client *c, daos_handle_t th, const struct many_op *op, uint32_t i)
{
    static const uint64_t put_if[] = {0, DAOS_COND_KEY_INSERT, DAOS_COND_KEY_UPDATE};
    struct many_work *w = c->work->priv;
    struct many_client *mc = c->priv;
    const char *key = w->key[op->key + i];
    uint32_t len;

    if (op->id[i] == 0)
        return daos_kv_remove(mc->oh, th, op->cond == IF_THERE ? DAOS_COND_KEY_REMOVE : 0, key,
                              NULL);
    len = value_len(op->id[i]);
    value_fill(mc->buf, len, op->id[i], 0);
    return daos_kv_put(mc->oh, th, put_if[op->cond], key, len, mc->buf, NULL);
}

/* Where there are several targets a transaction that nobody is in the way of may have to be run
 * once more: its first copy was given up while its engine was away. */
static int together(struct work_client *c, const struct many_op *op)
{
    daos_handle_t th;
    int rc = daos_tx_open(c->coh, &th, 0, NULL), again = 0;

    if (rc != 0)
        return rc;
    do {
        for (uint32_t i = 0; i < op->nr && rc == 0; i++)
            rc = put(c, th, op, i);
        if (rc == 0)
            rc = daos_tx_commit(th, NULL);
    } while (rc == -DER_TX_RESTART && again++ < 100 && (rc = daos_tx_restart(th, NULL)) == 0);
    daos_tx_close(th, NULL);
    return rc;
}

static int get(struct work_client *c, struct many_op *op)
{
    struct many_work *w = c->work->priv;
    struct many_client *mc = c->priv;
    daos_size_t size = ROOM;
    int rc = daos_kv_get(mc->oh, DAOS_TX_NONE, op->cond == IF_THERE ? DAOS_COND_KEY_GET : 0,
                         w->key[op->key], &size, mc->buf, NULL);

    if (rc == 0 && size > 0)
        op->got = value_read(mc->buf, MIN(size, ROOM), 0);
    if (rc == 0 && op->got != 0 && op->got != VALUE_TORN && size != value_len(op->got))
        op->got = VALUE_TORN;
    return rc;
}

static int carry_out(struct work_client *c, struct many_op *op)
{
    struct many_client *mc = c->priv;

    if (c->work->hot != NULL &&
        (op->what == MANY_DESTROY || (op->what == MANY_RUN && below(c, 8) == 0)))
        c->work->hot(c->work->arg);
    switch (op->what) {
    case MANY_GET:
        return get(c, op);
    case MANY_RUN:
        return together(c, op);
    case MANY_DESTROY:
        return daos_kv_destroy(mc->oh, DAOS_TX_NONE, NULL);
    default:
        return put(c, DAOS_TX_NONE, op, 0);
    }
}

static void count(struct many_work *w, const struct many_op *op, int begun)
{
    for (uint32_t i = 0; !only_reads(op) && i < op->nr; i++) {
        w->changes[op->key + i] += begun > 0;
        w->open[op->key + i] += (uint32_t)begun;
    }
}

static int run(struct work_client *c, struct many_op *op)
{
    struct many_work *w = c->work->priv;
    uint32_t id = hist_call(w->h, c->index, op);
    enum work_verdict v;
    char line[400];

    count(w, op, 1);
    op->rc = carry_out(c, op);
    v = work_verdict(c->work, op->rc, !only_reads(op));
    count(w, op, v == WORK_UNKNOWN ? 0 : -1);
    if (c->work->telling) {
        print_op(op, true, line, sizeof(line));
        work_tell(c, "%s", line);
    }
    work_end(c, w->h, id, op, op->rc, v);
    return op->rc;
}

/* ---- Enumerations ---- */

/* One call, of a few keys; marks what it found. */
static int list_some(struct work_client *c, daos_anchor_t *anchor, uint32_t *found)
{
    struct many_work *w = c->work->priv;
    struct many_client *mc = c->priv;
    daos_key_desc_t kds[40];
    uint32_t nr = 2 + below(c, ARRAY_LEN(kds) - 2), k;
    unsigned char *p = mc->buf;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    d_iov_set(&iov, p, ROOM);
    rc = daos_kv_list(mc->oh, DAOS_TX_NONE, &nr, kds, &sgl, anchor, NULL);
    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        for (k = 0; k < KEYS; k++)
            if (strlen(w->key[k]) == kds[i].kd_key_len &&
                memcmp(w->key[k], p, kds[i].kd_key_len) == 0)
                break;
        p += kds[i].kd_key_len;
        if (k == KEYS)
            work_wrong(c->work, "client %u: an enumeration found a key nobody made", c->index);
        else
            found[k]++;
    }
    return rc;
}

/* In how many of the possible states the key is there. */
static uint32_t present(const struct many_work *w, uint32_t key, uint32_t *states)
{
    uint32_t there = 0;

    *states = hist_states(w->h, NULL);
    for (uint32_t i = 0; i < *states; i++)
        there += ((const struct many_state *)hist_state_at(w->h, i))->id[key] != 0;
    return there;
}

static int enumerate(struct work_client *c)
{
    struct many_work *w = c->work->priv;
    uint32_t *found = calloc(3 * KEYS, sizeof(*found)), *before = found + KEYS;
    uint32_t *there = before + KEYS, states;
    daos_anchor_t anchor = {0};
    int rc = 0;

    ASSERT(found != NULL);
    memcpy(before, w->changes, sizeof(w->changes));
    for (uint32_t k = 0; k < KEYS; k++) /* 0 no, 1 yes, 2: it cannot be said */
        there[k] = present(w, k, &states) == 0 ? 0 : present(w, k, &states) == states ? 1 : 2;
    for (uint32_t k = 0; k < KEYS; k++)
        there[k] = w->open[k] > 0 ? 2 : there[k];
    while (rc == 0 && !c->work->failed && !daos_anchor_is_eof(&anchor))
        rc = list_some(c, &anchor, found);
    work_tell(c, "enumerates: %d", rc);
    for (uint32_t k = 0; rc == 0 && k < KEYS; k++)
        if (there[k] != 2 && w->changes[k] == before[k] && found[k] != there[k])
            work_wrong(c->work,
                       "client %u: an enumeration found k%u %u times; nobody has touched it, and "
                       "it is%s there",
                       c->index, k, found[k], there[k] ? "" : " not");
    if (rc != 0 && work_verdict(c->work, rc, false) != WORK_FAILED)
        work_wrong(c->work, "client %u: an enumeration was answered %s (%d)", c->index,
                   d_errstr(rc), rc);
    free(found);
    return rc;
}

/* ---- Drawing ---- */

static uint16_t draw_id(struct work_client *c)
{
    struct many_work *w = c->work->priv;
    uint16_t id = value_id(&w->ids, &c->rng);

    /* what is large is not the matter here, and there are many */
    while (c->work->large_pct == 0 && value_len(id) > 512)
        id = value_id(&w->ids, &c->rng);
    return id;
}

static void draw(struct work_client *c, struct many_op *op)
{
    struct many_work *w = c->work->priv;
    bool shrinks = w->steps++ / WAVE % 2 && !w->destroys;
    uint32_t r = below(c, 100);

    if (w->destroys && w->steps % WAVE == 0) {
        *op = (struct many_op){.what = MANY_DESTROY, .nr = KEYS};
        return;
    }
    *op = (struct many_op){.nr = 1, .key = (uint8_t)below(c, KEYS)};
    if (w->recent_nr > 0 && below(c, 2)) /* what others are changing */
        op->key = (uint8_t)(w->recent + below(c, w->recent_nr));
    op->what = r < 25 ? MANY_RUN : r < 45 ? (shrinks ? MANY_REMOVE : MANY_PUT) : MANY_GET;
    if (op->what != MANY_RUN && below(c, 2))
        op->cond = op->what == MANY_PUT && below(c, 2) ? IF_NEW : IF_THERE;
    if (op->what == MANY_PUT)
        op->id[0] = draw_id(c);
    if (op->what != MANY_RUN)
        return;
    op->key = (uint8_t)below(c, KEYS);
    op->nr = (uint8_t)(1 + below(c, MIN(RUN, KEYS - op->key)));
    w->recent = op->key;
    w->recent_nr = op->nr;
    for (uint32_t i = 0; i < op->nr; i++)
        op->id[i] = shrinks ? 0 : draw_id(c);
}

#define UNDECIDED 16u /* possible states */

/* A key in which two of many possible states differ is read. */
static bool undecided(struct work_client *c, struct many_op *op)
{
    struct many_work *w = c->work->priv;
    uint32_t nr = hist_states(w->h, NULL), from = below(c, KEYS);
    const struct many_state *a = hist_state_at(w->h, 0), *b;

    if (nr < UNDECIDED)
        return false;
    b = hist_state_at(w->h, 1 + below(c, nr - 1));
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t k = (from + i) % KEYS;

        *op = (struct many_op){.what = MANY_GET, .nr = 1, .key = (uint8_t)k};
        if (a->id[k] != b->id[k])
            return true;
    }
    return false;
}

static int step(struct work_client *c)
{
    struct many_op op;
    int rc;

    if (undecided(c, &op)) {
        rc = run(c, &op);
    } else if (below(c, 25) == 0) {
        rc = enumerate(c);
        c->work->ops++;
    } else {
        draw(c, &op);
        rc = run(c, &op);
    }
    return rc == -DER_NO_HDL ? rc : 0;
}

static int verify(struct work_client *c)
{
    int rc = 0;

    for (uint8_t k = 0; k < KEYS && rc == 0; k++) {
        struct many_op op = {.what = MANY_GET, .nr = 1, .key = k};

        rc = run(c, &op);
    }
    return rc == 0 ? enumerate(c) : rc;
}

/* ---- Setup ---- */

static int setup(struct work_client *c)
{
    static const enum daos_otype_t types[] = {DAOS_OT_KV_HASHED, DAOS_OT_KV_LEXICAL,
                                              DAOS_OT_KV_UINT64};
    static const struct many_state nothing;
    enum daos_otype_t type = types[below(c, ARRAY_LEN(types))];
    bool alike = type != DAOS_OT_KV_UINT64 && below(c, 2);
    struct many_work *w = calloc(1, sizeof(*w));

    ASSERT(w != NULL);
    c->work->priv = w;
    w->ids.large_pct = c->work->large_pct / 8;
    w->h = work_hist(c, &spec, &nothing);
    w->destroys = below(c, 2);
    w->oid.lo = 1;
    for (uint32_t k = 0; k < KEYS; k++) /* 8 bytes are an integer where one is wanted */
        snprintf(w->key[k], sizeof(w->key[k]), alike ? "keys that begin alike: %u" : "key-%04u", k);
    return daos_obj_generate_oid(c->coh, &w->oid, type, OC_UNKNOWN, 0, 0);
}

static int attach(struct work_client *c)
{
    struct many_work *w = c->work->priv;
    struct many_client *mc = calloc(1, sizeof(*mc));
    int rc;

    ASSERT(mc != NULL);
    rc = daos_kv_open(c->coh, w->oid, DAOS_OO_RW, &mc->oh, NULL);
    if (rc == 0)
        c->priv = mc;
    else
        free(mc);
    return rc;
}

static void detach(struct work_client *c)
{
    struct many_client *mc = c->priv;

    if (mc != NULL)
        daos_kv_close(mc->oh, NULL);
    free(mc);
    c->priv = NULL;
}

static void settle(struct work *work)
{
    struct many_work *w = work->priv;

    memset(w->open, 0, sizeof(w->open));
}

WORKLOAD(many, .settle = settle);
