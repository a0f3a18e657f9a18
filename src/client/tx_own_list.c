/*
 * Lists of dkeys and akeys.
 *
 * The engine's keys come in batches; those that an operation names are taken out, and those of them
 * that exist put in: where they belong if keys have an order, else behind the engine's. If not all
 * of a batch fits the program's buffers, it is asked for once more, up to where it went, to have
 * the engine's place there.
 *
 * Group after group, as routes go (route.h). The anchor holds besides the engine's place: in
 * da_flags the seq of the newest operation when the enumeration began, plus 1; in da_buf[1] whether
 * the engine has no more in this group; in da_sub_anchors how the last named key is numbered that
 * was listed in it, plus 1 (by first use, which later operations do not change).
 */
#include <daos_errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "client/list.h"
#include "client/route.h"
#include "client/tx_own_int.h"

#define SEQ_MASK (ANCHOR_ALONE - 1)
#define ENDED    1u     /* da_buf[1] */
#define KEY_ROOM 65536u /* every key fits */

enum order { BY_USE, BY_NUMBER, BY_BYTES };

struct list_keys {
    struct own *o;
    const daos_key_t *dkey; /* NULL: dkeys are listed */
    enum order order;
    struct own_keys named; /* by first use */
    uint32_t *turn;        /* indices into it, in the order they are listed */
    uint32_t turns;        /* those of this group */
    uint32_t next;         /* in turn */
    daos_anchor_t *anchor;
    /* the program's room */
    uint32_t max, nr;
    uint64_t room, used;
    daos_key_desc_t *kds;
    char *bytes;
    bool full;
    uint64_t need; /* of the key that did not fit */
    /* a batch */
    uint32_t base_nr;
    daos_key_desc_t *base_kds;
    char *base_bytes;
    uint64_t base_room;
};

/* ---- Order ---- */

static int compare(enum order order, const daos_key_t *a, const daos_key_t *b)
{
    uint64_t x, y;
    int d;

    if (order == BY_NUMBER) {
        memcpy(&x, a->iov_buf, sizeof(x));
        memcpy(&y, b->iov_buf, sizeof(y));
        return x < y ? -1 : x > y;
    }
    d = memcmp(a->iov_buf, b->iov_buf, MIN(a->iov_len, b->iov_len));
    return d != 0 ? d : a->iov_len < b->iov_len ? -1 : a->iov_len > b->iov_len;
}

static enum order order_of(daos_obj_id_t oid, bool dkeys)
{
    if (dkeys ? daos_is_dkey_uint64(oid) : daos_is_akey_uint64(oid))
        return BY_NUMBER;
    return (dkeys ? daos_is_dkey_lexical(oid) : daos_is_akey_lexical(oid)) ? BY_BYTES : BY_USE;
}

static const daos_key_t *named(const struct list_keys *l, uint32_t turn)
{
    return l->named.key[l->turn[turn]];
}

/* The named keys of a group in their order, from behind the one that was listed last. */
static void turns_of(struct list_keys *l, uint32_t group)
{
    uint64_t last = l->anchor->da_sub_anchors;

    l->turns = l->next = 0;
    for (uint32_t i = 0; i < l->named.nr; i++) {
        const daos_key_t *key = l->named.key[i];
        uint32_t at = l->turns;

        if (l->dkey == NULL &&
            route_dkey_group(l->o->r.co, l->o->r.oid, key->iov_buf, key->iov_len) != group)
            continue;
        while (l->order != BY_USE && at > 0 &&
               compare(l->order, key, l->named.key[l->turn[at - 1]]) < 0) {
            l->turn[at] = l->turn[at - 1];
            at--;
        }
        l->turn[at] = i;
        l->turns++;
    }
    for (uint32_t i = 0; i < l->turns && last > 0; i++)
        if (l->turn[i] == last - 1)
            l->next = i + 1;
}

/* ---- What goes out ---- */

/* False: no room. */
static bool put(struct list_keys *l, const daos_key_t *key)
{
    if (l->nr == l->max || key->iov_len > l->room - l->used) {
        l->full = true;
        l->need = key->iov_len;
        return false;
    }
    memcpy(l->bytes + l->used, key->iov_buf, key->iov_len);
    l->kds[l->nr++] = (daos_key_desc_t){.kd_key_len = key->iov_len};
    l->used += key->iov_len;
    return true;
}

/* The named keys in front of `before` (NULL: all) that exist. */
static int put_named(struct list_keys *l, const daos_key_t *before)
{
    while (l->next < l->turns && !l->full) {
        const daos_key_t *key = named(l, l->next);
        int rc;

        if (before != NULL && (l->order == BY_USE || compare(l->order, key, before) > 0))
            return 0;
        rc = l->dkey == NULL ? own_dkey_exists(l->o, key) : own_akey_exists(l->o, l->dkey, key);
        if (rc != 0 && rc != -DER_NONEXIST)
            return rc;
        if (rc == 0 && !put(l, key))
            return 0;
        l->anchor->da_sub_anchors = (uint64_t)l->turn[l->next++] + 1;
    }
    return 0;
}

/* ---- The engine's ---- */

/* A batch of at most `max` keys; *at moves on. */
static int ask(struct list_keys *l, uint32_t max, daos_anchor_t *at)
{
    d_sg_list_t sgl;
    d_iov_t iov;
    int rc;

    l->base_nr = max;
    d_iov_set(&iov, l->base_bytes, l->base_room);
    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    rc = own_base_keys(l->o, l->dkey, &l->base_nr, l->base_kds, &sgl, at);
    return rc;
}

/* Puts a batch out; *done: how many keys of it. */
static int put_batch(struct list_keys *l, uint32_t *done)
{
    char *p = l->base_bytes;
    int rc = 0;

    for (*done = 0; *done < l->base_nr; ++*done) {
        daos_key_t key;

        d_iov_set(&key, p, l->base_kds[*done].kd_key_len);
        p += key.iov_len;
        rc = put_named(l, &key);
        if (rc != 0 || l->full)
            return rc;
        if (!own_in(&l->named, key.iov_buf, key.iov_len) && !put(l, &key))
            return 0;
    }
    return 0;
}

/* Only `done` keys of the batch went out: the place behind those. */
static int go_back(struct list_keys *l, uint32_t done, daos_anchor_t *at)
{
    int rc = 0;

    while (rc == 0 && done > 0 && !daos_anchor_is_eof(at)) {
        rc = ask(l, done, at);
        done -= MIN(done, l->base_nr);
    }
    return rc;
}

/* The engine's place of an anchor, alone in its group; and back. */
static daos_anchor_t place_of(const daos_anchor_t *a)
{
    daos_anchor_t at = *a;

    at.da_flags = ANCHOR_ALONE;
    at.da_sub_anchors = 0;
    return at;
}

static void moved_to(daos_anchor_t *a, daos_anchor_t *at)
{
    a->da_type = DAOS_ANCHOR_TYPE_HKEY;
    if (daos_anchor_is_eof(at)) {
        a->da_buf[1] |= ENDED;
        return;
    }
    a->da_buf[0] = at->da_buf[0];
    memcpy(a->da_buf + 4, at->da_buf + 4, sizeof(a->da_buf) - 4);
}

static int step(struct list_keys *l)
{
    daos_anchor_t at = place_of(l->anchor), before = at;
    uint32_t done;
    int rc = ask(l, l->max - l->nr, &at);

    if (rc == 0)
        rc = put_batch(l, &done);
    if (rc == 0 && done < l->base_nr) {
        rc = go_back(l, done, &before);
        at = before;
    }
    if (rc == 0)
        moved_to(l->anchor, &at);
    return rc;
}

/* ---- A call ---- */

static bool no_more(const struct list_keys *l)
{
    return (l->anchor->da_buf[1] & ENDED) != 0;
}

/* The group is through: the next, or the end. */
static void next_group(struct list_keys *l)
{
    daos_anchor_t *a = l->anchor;
    uint32_t groups = l->dkey == NULL ? route_groups(l->o->r.co, l->o->r.oid) : 1;

    if ((a->da_flags & ANCHOR_ALONE) || a->da_shard + 1u >= groups) {
        a->da_type = DAOS_ANCHOR_TYPE_EOF;
        return;
    }
    a->da_shard++;
    a->da_buf[0] = a->da_buf[1] = 0;
    a->da_sub_anchors = 0;
}

static int run(struct list_keys *l)
{
    int rc = 0;

    while (rc == 0 && l->nr < l->max && !l->full && !daos_anchor_is_eof(l->anchor)) {
        turns_of(l, l->dkey == NULL ? l->anchor->da_shard : 0);
        if (own_hides(l->o, l->dkey))
            l->anchor->da_buf[1] |= ENDED;
        while (rc == 0 && !l->full && l->nr < l->max && !no_more(l))
            rc = step(l);
        if (rc == 0 && no_more(l) && !l->full)
            rc = put_named(l, NULL);
        if (rc == 0 && no_more(l) && l->next == l->turns)
            next_group(l);
    }
    return rc;
}

static uint32_t begun_at(const daos_anchor_t *a)
{
    uint32_t seq = a->da_flags & SEQ_MASK;

    return a->da_type == DAOS_ANCHOR_TYPE_ZERO || seq == 0 ? UINT32_MAX : seq - 1;
}

static void begin(struct list_keys *l)
{
    daos_anchor_t *a = l->anchor;

    if (begun_at(a) != UINT32_MAX)
        return;
    if (a->da_type == DAOS_ANCHOR_TYPE_ZERO)
        a->da_buf[0] = 0;
    a->da_type = DAOS_ANCHOR_TYPE_HKEY;
    a->da_buf[1] = 0;
    a->da_sub_anchors = 0;
    a->da_flags = (a->da_flags & ANCHOR_ALONE) | (l->o->seq + 1);
}

static int prepare(struct list_keys *l, uint64_t room)
{
    struct arena *mem = &l->o->mem;
    int rc = own_touched(l->o, l->dkey, &l->named);

    l->room = MIN(room, (uint64_t)LIST_BYTES_MAX);
    l->base_room = MAX(l->room, (uint64_t)KEY_ROOM);
    l->kds = arena_alloc(mem, l->max * sizeof(*l->kds));
    l->bytes = arena_alloc(mem, l->room);
    l->base_kds = arena_alloc(mem, l->max * sizeof(*l->base_kds));
    l->base_bytes = arena_alloc(mem, l->base_room);
    l->turn = arena_alloc(mem, l->named.nr * sizeof(*l->turn));
    if (rc == 0 && (l->kds == NULL || l->bytes == NULL || l->base_kds == NULL ||
                    l->base_bytes == NULL || l->turn == NULL))
        rc = -DER_NOMEM;
    return rc;
}

static int list_merged(struct own *o, const daos_key_t *dkey, uint32_t *nr, daos_key_desc_t *kds,
                       d_sg_list_t *sgl, daos_anchor_t *anchor)
{
    daos_anchor_t at = *anchor;
    struct list_keys l = {.o = o,
                          .dkey = dkey,
                          .order = order_of(o->r.oid, dkey == NULL),
                          .max = MIN(*nr, 65536u),
                          .anchor = &at};
    int rc = prepare(&l, list_room(sgl));

    if (rc != 0)
        return rc;
    begin(&l);
    rc = run(&l);
    if (rc != 0)
        return rc;
    if (l.full && l.nr == 0) {
        kds[0].kd_key_len = l.need;
        *nr = 0;
        return -DER_KEY2BIG;
    }
    memcpy(kds, l.kds, l.nr * sizeof(*kds));
    list_copy(sgl, l.bytes, l.used);
    *nr = l.nr;
    *anchor = at;
    return 0;
}

static int list_now(const struct own_read *r, const daos_key_t *dkey, uint32_t *nr,
                    daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor)
{
    struct own o;
    int rc;

    if (daos_anchor_is_eof(anchor)) {
        *nr = 0;
        return 0;
    }
    rc = own_begin(&o, r, begun_at(anchor));
    if (rc != 0)
        return rc;
    rc = list_merged(&o, dkey, nr, kds, sgl, anchor);
    own_end(&o);
    return rc;
}

struct list_args {
    struct own_read r;
    bool akeys;
    daos_key_t dkey;
    uint32_t *nr;
    daos_key_desc_t *kds;
    d_sg_list_t *sgl;
    daos_anchor_t *anchor;
};

static int list_body(struct client *c, void *args)
{
    struct list_args *a = args;
    int rc = list_now(&a->r, a->akeys ? &a->dkey : NULL, a->nr, a->kds, a->sgl, a->anchor);

    (void)c;
    tx_put(a->r.tx);
    handle_put(a->r.held);
    return rc;
}

int own_list_keys(const struct own_read *r, const daos_key_t *dkey, uint32_t *nr,
                  daos_key_desc_t *kds, d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev)
{
    struct list_args a = {
        .r = *r, .akeys = dkey != NULL, .nr = nr, .kds = kds, .sgl = sgl, .anchor = anchor};
    int rc;

    if (dkey != NULL)
        a.dkey = *dkey;
    rc = client_run(ev, list_body, &a, sizeof(a));
    if (rc != 0 && ev != NULL) { /* it did not start */
        tx_put(r->tx);
        handle_put(r->held);
    }
    return rc;
}
