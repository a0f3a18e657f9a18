/*
 * Workload "kv": flat key-value objects (daos_kv.h), with the model they are judged by.
 *
 * The model: for each of a few keys of two objects the id of its value (value.h), 0 for none. Put
 * sets it, or, with size 0, removes it; the condition is judged first. A transaction puts several
 * keys of both objects at once.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "value.h"
#include "workload.h"

#define OBJS  2u
#define KEYS  6u
#define PUTS  3u /* of a transaction */
#define ROOM  73000u
#define GUARD 32u

/* ---- Model ---- */

struct kv_state {
    uint16_t id[OBJS][KEYS];
};

enum kv_what { KV_PUT, KV_REMOVE, KV_DESTROY, KV_TX, KV_GET, KV_LIST };
enum kv_cond { IF_NONE, IF_NEW, IF_THERE };

struct kv_op {
    uint8_t what, obj, key, cond;
    uint8_t size_only, nr;
    uint8_t zero[2];
    uint16_t id; /* KV_PUT: 0: of size 0 */
    uint16_t got;
    uint32_t room, size, found;
    int32_t rc;
    struct {
        uint8_t obj, key;
        uint16_t id;
    } put[PUTS];
};

static int condition(uint16_t id, uint8_t cond)
{
    if (cond == IF_NEW && id != 0)
        return -DER_EXIST;
    return cond == IF_THERE && id == 0 ? -DER_NONEXIST : 0;
}

static bool get_fits(uint16_t id, const struct kv_op *op)
{
    uint32_t size = id ? value_len(id) : 0;
    int rc = condition(id, op->cond);

    if (rc == 0 && !op->size_only && size > op->room)
        rc = -DER_REC2BIG;
    if (op->rc != rc)
        return false;
    if (rc == -DER_NONEXIST)
        return true;
    return op->size == size && (rc != 0 || op->size_only || op->got == id);
}

static bool list_fits(const struct kv_state *st, const struct kv_op *op)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < KEYS; i++)
        found |= (uint32_t)(st->id[op->obj][i] != 0) << i;
    return op->rc == 0 && op->found == found;
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct kv_op *op = arg;
    struct kv_state *st = state;
    uint16_t *id = &st->id[op->obj][op->key];
    int rc = 0;

    switch (op->what) {
    case KV_GET:
        return !known || get_fits(*id, op);
    case KV_LIST:
        return !known || list_fits(st, op);
    case KV_DESTROY:
        memset(st->id[op->obj], 0, sizeof(st->id[op->obj]));
        break;
    case KV_TX:
        for (uint32_t i = 0; i < op->nr; i++)
            st->id[op->put[i].obj][op->put[i].key] = op->put[i].id;
        break;
    default:
        rc = condition(*id, op->cond);
        if (rc == 0)
            *id = op->what == KV_PUT ? op->id : 0;
    }
    return !known || op->rc == rc;
}

static uint64_t key_bit(uint32_t obj, uint32_t key)
{
    return UINT64_C(1) << (obj * KEYS + key);
}

static uint64_t touches(const void *arg)
{
    const struct kv_op *op = arg;
    uint64_t bits = 0;

    if (op->what == KV_DESTROY || op->what == KV_LIST)
        return ((UINT64_C(1) << KEYS) - 1) << (op->obj * KEYS);
    if (op->what != KV_TX)
        return key_bit(op->obj, op->key);
    for (uint32_t i = 0; i < op->nr; i++)
        bits |= key_bit(op->put[i].obj, op->put[i].key);
    return bits;
}

static bool only_reads(const void *arg)
{
    return ((const struct kv_op *)arg)->what >= KV_GET;
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const names[] = {"put", "remove", "destroy", "put together", "get", "list"};
    static const char *const conds[] = {"", " if new", " if there"};
    const struct kv_op *op = arg;
    int n = snprintf(buf, len, "%s o%u k%u%s", names[op->what], op->obj, op->key, conds[op->cond]);

    if (op->what == KV_PUT)
        n += snprintf(buf + n, len - (size_t)n, " = v%u", op->id);
    for (uint32_t i = 0; op->what == KV_TX && i < op->nr; i++)
        n += snprintf(buf + n, len - (size_t)n, " o%u k%u = v%u", op->put[i].obj, op->put[i].key,
                      op->put[i].id);
    if (op->what == KV_GET)
        n += snprintf(buf + n, len - (size_t)n, op->size_only ? " size" : " room %u", op->room);
    if (!known)
        return;
    if (op->what == KV_GET)
        n += snprintf(buf + n, len - (size_t)n, " -> v%u (%u bytes)", op->got, op->size);
    if (op->what == KV_LIST)
        n += snprintf(buf + n, len - (size_t)n, " -> %x", op->found);
    if (op->rc != 0)
        snprintf(buf + n, len - (size_t)n, " %s", d_errstr(op->rc));
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct kv_state *st = state;
    int n = 0;

    for (uint32_t o = 0; o < OBJS; o++)
        for (uint32_t k = 0; k < KEYS; k++)
            if (st->id[o][k] != 0)
                n += snprintf(buf + n, len - (size_t)n, "o%u k%u = v%u  ", o, k, st->id[o][k]);
}

static const struct hist_spec spec = {.name = "kv",
                                      .state_bytes = sizeof(struct kv_state),
                                      .op_bytes = sizeof(struct kv_op),
                                      .apply = apply,
                                      .touches = touches,
                                      .only_reads = only_reads,
                                      .print_op = print_op,
                                      .print_state = print_state};

/* ---- Doing ---- */

struct kv_work {
    struct hist *h;
    daos_obj_id_t oid[OBJS];
    char key[OBJS][KEYS][80];
    struct value_ids ids;
};

struct kv_client {
    daos_handle_t oh[OBJS];
    unsigned char buf[ROOM + GUARD];
};

static bool coin(struct work_client *c, uint32_t one_in)
{
    return sim_rng_below(&c->rng, one_in) == 0;
}

static int put(struct work_client *c, daos_handle_t th, const struct kv_op *op, uint32_t obj,
               uint32_t key, uint16_t id)
{
    static const uint64_t flags[] = {0, DAOS_COND_KEY_INSERT, DAOS_COND_KEY_UPDATE};
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;
    uint32_t len = id ? value_len(id) : 0;

    value_fill(kc->buf, len, id, 0);
    return daos_kv_put(kc->oh[obj], th, flags[op->cond], w->key[obj][key], len, kc->buf, NULL);
}

static int get(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;
    daos_size_t size = op->room;
    uint64_t flags = op->cond == IF_THERE ? DAOS_COND_KEY_GET : 0;
    uint32_t len;
    int rc;

    memset(kc->buf, 0xfe, op->room + GUARD);
    rc = daos_kv_get(kc->oh[op->obj], DAOS_TX_NONE, flags, w->key[op->obj][op->key], &size,
                     op->size_only ? NULL : kc->buf, NULL);
    op->size = (uint32_t)size;
    if (rc != 0 || op->size_only)
        return rc;
    len = MIN(op->size, op->room);
    if (len > 0)
        op->got = value_read(kc->buf, len, 0);
    if (!value_is(kc->buf + len, op->room + GUARD - len, 0xfe))
        op->got = VALUE_TORN;
    return rc;
}

/* 1: in more than one call, which is no answer at one instant. */
static int list(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;
    daos_key_desc_t kds[2 * KEYS];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_anchor_t anchor = {0};
    uint32_t nr = 2 * KEYS, k;
    unsigned char *p = kc->buf;
    int rc;

    d_iov_set(&iov, p, 2000);
    rc = daos_kv_list(kc->oh[op->obj], DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL);
    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        for (k = 0; k < KEYS; k++)
            if (strlen(w->key[op->obj][k]) == kds[i].kd_key_len &&
                memcmp(w->key[op->obj][k], p, kds[i].kd_key_len) == 0)
                break;
        p += kds[i].kd_key_len;
        op->found |= op->found >> k & 1 ? UINT32_MAX : 1u << k;
    }
    return rc == 0 && !daos_anchor_is_eof(&anchor) ? 1 : rc;
}

/* Conflicts are not possible: it reads nothing. */
static int put_together(struct work_client *c, struct kv_op *op)
{
    daos_handle_t th;
    int rc = daos_tx_open(c->coh, &th, 0, NULL);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < op->nr && rc == 0; i++)
        rc = put(c, th, op, op->put[i].obj, op->put[i].key, op->put[i].id);
    if (rc == 0)
        rc = daos_tx_commit(th, NULL);
    daos_tx_close(th, NULL);
    return rc;
}

static int carry_out(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = c->priv;

    switch (op->what) {
    case KV_PUT:
        return put(c, DAOS_TX_NONE, op, op->obj, op->key, op->id);
    case KV_REMOVE:
        return daos_kv_remove(kc->oh[op->obj], DAOS_TX_NONE,
                              op->cond == IF_THERE ? DAOS_COND_KEY_REMOVE : 0,
                              w->key[op->obj][op->key], NULL);
    case KV_DESTROY:
        return daos_kv_destroy(kc->oh[op->obj], DAOS_TX_NONE, NULL);
    case KV_TX:
        return put_together(c, op);
    case KV_GET:
        return get(c, op);
    default:
        return list(c, op);
    }
}

static int run(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    uint32_t id = hist_call(w->h, c->index, op);
    char line[400];

    op->rc = carry_out(c, op);
    if (c->work->telling) {
        print_op(op, true, line, sizeof(line));
        work_tell(c, "%s", line);
    }
    work_end(c, w->h, id, op, op->rc,
             op->rc == 1 ? WORK_FAILED : work_verdict(c->work, op->rc, !only_reads(op)));
    return op->rc;
}

static void draw(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    uint64_t r = sim_rng_below(&c->rng, 100);

    memset(op, 0, sizeof(*op));
    op->obj = (uint8_t)sim_rng_below(&c->rng, OBJS);
    op->key = (uint8_t)sim_rng_below(&c->rng, KEYS);
    op->what = r < 35   ? KV_PUT
               : r < 50 ? KV_REMOVE
               : r < 52 ? KV_DESTROY
               : r < 60 ? KV_TX
               : r < 90 ? KV_GET
                        : KV_LIST;
    op->cond = op->what == KV_TX || op->what >= KV_DESTROY || coin(c, 2) ? IF_NONE : IF_THERE;
    if (op->what == KV_GET && coin(c, 3))
        op->cond = IF_THERE;
    if (op->what == KV_PUT && op->cond != IF_NONE && coin(c, 2))
        op->cond = IF_NEW;
    if (op->what == KV_PUT && !coin(c, 12))
        op->id = value_id(&w->ids, &c->rng);
    op->size_only = coin(c, 6);
    op->room = coin(c, 6) ? 1 + (uint32_t)sim_rng_below(&c->rng, 100) : ROOM;
    if (op->what != KV_TX)
        return;
    op->nr = (uint8_t)(1 + sim_rng_below(&c->rng, PUTS));
    for (uint32_t i = 0; i < op->nr; i++) {
        op->put[i].obj = (uint8_t)((op->obj + i) % OBJS);
        op->put[i].key = (uint8_t)((op->key + i) % KEYS);
        op->put[i].id = value_id(&w->ids, &c->rng);
    }
}

#define MANY 16u /* possible states */

/* A key in which two of many possible states differ is read. */
static bool undecided(struct work_client *c, struct kv_op *op)
{
    struct kv_work *w = c->work->priv;
    uint32_t nr = hist_states(w->h, NULL), from = (uint32_t)sim_rng_below(&c->rng, OBJS * KEYS);
    const struct kv_state *a = hist_state_at(w->h, 0), *b;

    if (nr < MANY)
        return false;
    b = hist_state_at(w->h, 1 + (uint32_t)sim_rng_below(&c->rng, nr - 1));
    for (uint32_t i = 0; i < OBJS * KEYS; i++) {
        uint32_t at = (from + i) % (OBJS * KEYS);

        *op = (struct kv_op){
            .what = KV_GET, .obj = (uint8_t)(at / KEYS), .key = (uint8_t)(at % KEYS), .room = ROOM};
        if (a->id[op->obj][op->key] != b->id[op->obj][op->key])
            return true;
    }
    return false;
}

static int step(struct work_client *c)
{
    struct kv_op op;

    if (!undecided(c, &op))
        draw(c, &op);
    return run(c, &op) == -DER_NO_HDL ? -DER_NO_HDL : 0;
}

static int verify(struct work_client *c)
{
    int rc = 0;

    for (uint8_t o = 0; o < OBJS && rc == 0; o++) {
        struct kv_op op = {.what = KV_LIST, .obj = o};

        rc = run(c, &op);
        for (uint8_t k = 0; k < KEYS && (rc == 0 || rc == 1); k++) {
            op = (struct kv_op){.what = KV_GET, .obj = o, .key = k, .room = ROOM};
            rc = run(c, &op);
        }
    }
    return rc;
}

static int setup(struct work_client *c)
{
    static const enum daos_otype_t types[] = {DAOS_OT_KV_HASHED, DAOS_OT_KV_LEXICAL,
                                              DAOS_OT_KV_UINT64};
    static const struct kv_state nothing;
    struct kv_work *w = calloc(1, sizeof(*w));
    uint64_t first = sim_rng_below(&c->rng, ARRAY_LEN(types));
    int rc = w ? 0 : -DER_NOMEM;

    if (rc != 0)
        return rc;
    c->work->priv = w;
    w->h = hist_create(&spec, &nothing);
    if (c->work->now != NULL)
        hist_clock(w->h, c->work->now, c->work->arg);
    for (uint32_t o = 0; o < OBJS && rc == 0; o++) {
        enum daos_otype_t type = types[(first + o) % ARRAY_LEN(types)];

        w->oid[o].lo = o + 1;
        rc = daos_obj_generate_oid(c->coh, &w->oid[o], type, OC_UNKNOWN, 0, 0);
        for (uint32_t k = 0; k < KEYS; k++) /* 8 bytes are an integer where one is wanted */
            snprintf(w->key[o][k], sizeof(w->key[o][k]),
                     type == DAOS_OT_KV_UINT64 || k < 3 ? "key-%04u"
                                                        : "a longer key, which no anchor holds as "
                                                          "a whole: number %u",
                     k);
    }
    return rc;
}

static void detach(struct work_client *c)
{
    struct kv_client *kc = c->priv;

    for (uint32_t o = 0; kc != NULL && o < OBJS; o++)
        if (kc->oh[o].cookie != 0)
            daos_kv_close(kc->oh[o], NULL);
    free(kc);
    c->priv = NULL;
}

static int attach(struct work_client *c)
{
    struct kv_work *w = c->work->priv;
    struct kv_client *kc = calloc(1, sizeof(*kc));
    int rc = kc ? 0 : -DER_NOMEM;

    if (rc != 0)
        return rc;
    c->priv = kc;
    for (uint32_t o = 0; o < OBJS && rc == 0; o++)
        rc = daos_kv_open(c->coh, w->oid[o], DAOS_OO_RW, &kc->oh[o], NULL);
    if (rc != 0)
        detach(c);
    return rc;
}

static void settle(struct work *w)
{
    hist_settle(((struct kv_work *)w->priv)->h);
}

static void fini(struct work *w)
{
    struct kv_work *kw = w->priv;

    if (kw != NULL)
        hist_destroy(kw->h);
    free(kw);
    w->priv = NULL;
}

extern const struct workload work_kv;
const struct workload work_kv = {.name = "kv",
                                 .setup = setup,
                                 .attach = attach,
                                 .step = step,
                                 .detach = detach,
                                 .settle = settle,
                                 .verify = verify,
                                 .fini = fini};
