/*
 * Intents in memory: who meets one.
 *
 * The durable ones (intent.c) are read when a container is loaded; after that this is where all who
 * read or change ask. An intent is entered under each dkey that it changes, and under their
 * objects: by hash, so that two keys with one hash take each other for themselves, which costs a
 * question to the leader and nothing else. Without intents nobody pays more than a look at
 * doubt_nr.
 */
#include <stdlib.h>
#include "vos/priv.h"

#define LOAD_STEP 64u /* intents that are loaded in one operation */

enum touched { TOUCH_DKEY = 1, TOUCH_BELOW = 2, TOUCH_OBJ = 4 };

struct touch {
    struct hlink link;
    struct doubt *d;
    uint64_t oid_hi, oid_lo;
    uint8_t what;
};

/* Of the hash of an object: where its punches are, apart from the many changes below it, so that
 * who looks at a dkey need not pass those by. */
static uint64_t whole_obj(uint64_t hash)
{
    return mix64(hash ^ UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- Making and forgetting ---- */

struct doubt *doubt_new(const struct intent_rec *head, const void *info,
                        const struct intent_op *ops, const struct vos_cont *c)
{
    struct doubt *d = base_calloc(1, sizeof *d + head->info_len);

    if (d == NULL)
        return NULL;
    d->touches = base_calloc(2u * head->op_nr, sizeof *d->touches);
    if (d->touches == NULL) {
        base_free(d);
        return NULL;
    }
    d->hlc = head->hlc;
    d->rand = head->rand;
    d->seq = head->seq;
    d->epoch = head->epoch;
    d->pages = head->pages;
    d->bytes = head->heap_bytes + head->data_bytes;
    d->info_len = head->info_len;
    if (d->info_len)
        memcpy(d->info, info, d->info_len);
    for (uint32_t i = 0; i < head->op_nr; i++) {
        daos_obj_id_t oid = {.hi = ops[i].oid_hi, .lo = ops[i].oid_lo};
        struct touch t = {.d = d, .oid_hi = oid.hi, .oid_lo = oid.lo};

        t.what = ops[i].level == VOS_OBJ ? TOUCH_OBJ : TOUCH_BELOW;
        t.link.hash = pend_hash_obj(c, oid);
        if (ops[i].level == VOS_OBJ)
            t.link.hash = whole_obj(t.link.hash);
        d->touches[d->touch_nr++] = t;
        if (ops[i].level == VOS_OBJ)
            continue;
        t.what = TOUCH_DKEY;
        t.link.hash = pend_hash_dkey(pend_hash_obj(c, oid), ops[i].dkey_hash);
        d->touches[d->touch_nr++] = t;
    }
    return d;
}

void doubt_free(struct doubt *d)
{
    base_free(d->touches);
    base_free(d);
}

static uint64_t id_hash(uint64_t hlc, uint64_t rnd, uint64_t seq)
{
    return mix128(mix128(hlc, rnd), seq);
}

/* The order of the list. */
static int doubt_cmp(const struct doubt *a, const struct doubt *b)
{
    const uint64_t x[] = {a->epoch, a->hlc, a->rand, a->seq},
                   y[] = {b->epoch, b->hlc, b->rand, b->seq};

    for (uint32_t i = 0; i < ARRAY_LEN(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static uint64_t doubt_memory(const struct doubt *d)
{
    return sizeof *d + d->info_len + d->touch_nr * (sizeof *d->touches + HASH_SLOT_BYTES) +
           HASH_SLOT_BYTES;
}

/* An operation on a dkey has two touches, of which the second is that of the dkey. */
static void count(struct vos_cont *c, const struct doubt *d, int32_t more)
{
    for (uint32_t i = 0; i < d->touch_nr; i++) {
        const struct touch *t = &d->touches[i];
        daos_obj_id_t oid = {.hi = t->oid_hi, .lo = t->oid_lo};
        struct site at = {.level = t->what == TOUCH_OBJ ? VOS_OBJ : VOS_DKEY,
                          .obj = pend_hash_obj(c, oid),
                          .dkey = t->link.hash};

        if (t->what != TOUCH_BELOW)
            doubts_add(c, &at, more);
    }
}

/* Everything but its place in the list. */
static void enter(struct vos_cont *c, struct doubt *d)
{
    d->c = c;
    htable_insert(&c->doubt_ids, &d->by_id, id_hash(d->hlc, d->rand, d->seq));
    for (uint32_t i = 0; i < d->touch_nr; i++)
        htable_insert(&c->doubtful, &d->touches[i].link, d->touches[i].link.hash);
    count(c, d, 1);
    c->doubt_nr++;
    c->v->doubt_nr++;
    c->v->prepared_newest = MAX(c->v->prepared_newest, d->epoch);
    c->v->doubt_pages += d->pages;
    c->v->tx_bytes += doubt_memory(d);
}

void doubt_add(struct vos_cont *c, struct doubt *d)
{
    struct list *l = c->doubts.prev;

    while (l != &c->doubts && doubt_cmp(LIST_ENTRY(l, struct doubt, link), d) > 0)
        l = l->prev;
    list_link(l, &d->link, l->next);
    enter(c, d);
}

void doubt_take(struct vos_cont *c, struct doubt *d)
{
    list_del(&d->link);
    htable_remove(&c->doubt_ids, &d->by_id);
    for (uint32_t i = 0; i < d->touch_nr; i++)
        htable_remove(&c->doubtful, &d->touches[i].link);
    count(c, d, -1);
    c->doubt_nr--;
    c->v->doubt_nr--;
    c->v->doubt_pages -= d->pages;
    c->v->tx_bytes -= doubt_memory(d);
    heap_promise_drop(c->v->h, d->pages);
    if (c->v->met == d)
        c->v->met = NULL;
    doubt_free(d);
}

/* ---- Decisions ---- */

static uint64_t decided_memory(const struct decided *d)
{
    return sizeof *d + d->info_len + HASH_SLOT_BYTES;
}

struct decided *decided_new(uint64_t hlc, uint64_t rnd, uint64_t seq, uint64_t epoch,
                            const void *info, uint32_t info_len)
{
    struct decided *d = base_calloc(1, sizeof *d + info_len);

    if (d == NULL)
        return NULL;
    d->hlc = hlc;
    d->rand = rnd;
    d->seq = seq;
    d->epoch = epoch;
    d->info_len = info_len;
    if (info_len)
        memcpy(d->info, info, info_len);
    return d;
}

void decided_add(struct vos_cont *c, struct decided *d)
{
    list_add_tail(&c->decided, &d->link);
    htable_insert(&c->decided_ids, &d->by_id, id_hash(d->hlc, d->rand, d->seq));
    c->v->decided_nr++;
    c->v->tx_bytes += decided_memory(d);
}

void decided_take(struct vos_cont *c, struct decided *d)
{
    list_del(&d->link);
    htable_remove(&c->decided_ids, &d->by_id);
    c->v->decided_nr--;
    c->v->tx_bytes -= decided_memory(d);
    base_free(d);
}

struct decided *decided_find(const struct vos_cont *c, const struct vos_txid *id)
{
    uint64_t hash = id_hash(id->session_hlc, id->session_rand, id->seq);

    for (struct hlink *l = htable_first(&c->decided_ids, hash); l; l = htable_next(l)) {
        struct decided *d = CONTAINER_OF(l, struct decided, by_id);

        if (d->hlc == id->session_hlc && d->rand == id->session_rand && d->seq == id->seq)
            return d;
    }
    return NULL;
}

void doubts_forget(struct vos_cont *c)
{
    struct list *l;

    while ((l = list_first(&c->doubts)))
        doubt_take(c, LIST_ENTRY(l, struct doubt, link));
    while ((l = list_first(&c->decided)))
        decided_take(c, LIST_ENTRY(l, struct decided, link));
    memset(c->doubts_upto, 0, sizeof c->doubts_upto);
}

static int load_decided(struct vos_cont *c, const struct intent *i, uint64_t off)
{
    const struct intent_rec *h = &i->head;
    struct decided *d = decided_new(h->hlc, h->rand, h->seq, h->epoch, i->info, h->info_len);

    if (d == NULL)
        return -DER_NOMEM;
    d->off = off;
    decided_add(c, d);
    return 0;
}

static int load_doubt(struct vos_cont *c, const struct intent *i, uint64_t off)
{
    struct doubt *d = doubt_new(&i->head, i->info, i->ops, c);

    if (d == NULL)
        return -DER_NOMEM;
    d->off = off;
    heap_promise_again(c->v->h, d->pages);
    list_add_tail(&c->doubts, &d->link); /* sorted at the end */
    enter(c, d);
    return 0;
}

static int load_one(struct vos_cont *c, uint64_t off)
{
    struct intent i;
    int rc;

    arena_reset(&c->v->scratch);
    rc = intent_head(c->v->h, off, &c->v->scratch, &i);
    if (rc == 0)
        rc = i.head.flags & INTENT_DECIDED ? load_decided(c, &i, off) : load_doubt(c, &i, off);
    if (rc)
        return rc;
    c->doubts_upto[0] = i.head.hlc;
    c->doubts_upto[1] = i.head.rand;
    c->doubts_upto[2] = i.head.seq;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    return doubt_cmp(*(struct doubt *const *)a, *(struct doubt *const *)b);
}

static int sort(struct vos_cont *c)
{
    struct doubt **all = base_alloc(MAX(c->doubt_nr, 1u) * sizeof(struct doubt *));
    struct list *l;
    uint32_t nr = 0;

    if (all == NULL)
        return -DER_NOMEM;
    while ((l = list_pop(&c->doubts)))
        all[nr++] = LIST_ENTRY(l, struct doubt, link);
    qsort(all, nr, sizeof(struct doubt *), by_place);
    for (uint32_t i = 0; i < nr; i++)
        list_add_tail(&c->doubts, &all[i]->link);
    base_free(all);
    return 0;
}

/* At most so many, each on a page of its own at worst. */
static int load_some(struct vos_cont *c, uint32_t most)
{
    struct tree_key k;
    uint64_t *upto = c->doubts_upto, id[3], order, off;
    int rc = 0;

    for (uint32_t nr = 0; nr < most && rc == 0; nr++) {
        k = intent_key(upto[0], upto[1], upto[2], id);
        rc = tree_seek(c->v->h, &intent_class, INTENTS_OFF(c), upto[2] ? TREE_GT : TREE_FIRST,
                       upto[2] ? &k : NULL, &order, &off);
        if (rc == 0)
            rc = load_one(c, off);
    }
    if (rc != -DER_NONEXIST)
        return rc;
    rc = sort(c);
    c->doubts_todo = rc != 0;
    return rc;
}

int doubts_load_step(struct vos_cont *c)
{
    return load_some(c, LOAD_STEP);
}

int doubts_load(struct vos_cont *c)
{
    return load_some(c, UINT32_MAX);
}

/* ---- Asking ---- */

struct doubt *doubt_find(const struct vos_cont *c, const struct vos_txid *id)
{
    uint64_t hash = id_hash(id->session_hlc, id->session_rand, id->seq);

    for (struct hlink *l = htable_first(&c->doubt_ids, hash); l; l = htable_next(l)) {
        struct doubt *d = CONTAINER_OF(l, struct doubt, by_id);

        if (d->hlc == id->session_hlc && d->rand == id->session_rand && d->seq == id->seq)
            return d;
    }
    return NULL;
}

/* One that does one of these things there, at this epoch or before. */
static const struct doubt *touching(const struct vos_cont *c, uint64_t hash, daos_obj_id_t oid,
                                    uint32_t what, uint64_t epoch)
{
    for (struct hlink *l = htable_first(&c->doubtful, hash); l; l = htable_next(l)) {
        const struct touch *t = CONTAINER_OF(l, struct touch, link);

        if ((t->what & what) && t->oid_hi == oid.hi && t->oid_lo == oid.lo && t->d->epoch <= epoch)
            return t->d;
    }
    return NULL;
}

static const struct doubt *met_at(const struct vos_cont *c, uint64_t epoch, const struct site *at)
{
    const struct list *first = list_first(&c->doubts);
    const struct doubt *d;

    if (at->level < 0) {
        d = first ? LIST_ENTRY(first, struct doubt, link) : NULL;
        return d && d->epoch <= epoch ? d : NULL;
    }
    if (!doubts_at(c, at))
        return NULL;
    d = at->level == VOS_OBJ ? touching(c, at->obj, at->oid, TOUCH_BELOW, epoch)
                             : touching(c, at->dkey, at->oid, TOUCH_DKEY, epoch);
    return d ? d : touching(c, whole_obj(at->obj), at->oid, TOUCH_OBJ, epoch);
}

/* What a read of the latest counts as: see marks.c. */
static uint64_t latest_mark(const struct vos *v)
{
    uint64_t newest = hlc_peek(v->clock);

    return newest > 0 ? newest - 1 : 0;
}

int vos_read_begin(struct vos_cont *c, uint64_t epoch, const struct site *at, uint64_t *lsn)
{
    int rc;

    if (c->doubt_nr && !MUTANT(DOUBT_UNSEEN)) {
        const struct doubt *d = met_at(c, epoch, at);

        if (d) {
            c->v->met = d;
            *lsn = d->lsn;
            return -DER_INPROGRESS;
        }
    }
    if (epoch == DAOS_EPOCH_MAX) {
        if (c->v->marks && !MUTANT(LATEST_UNMARKED))
            mark_note(c, at, latest_mark(c->v));
        return 0;
    }
    rc = vos_read_mark(c->v, epoch);
    if (rc == 0)
        mark_note(c, at, epoch);
    return rc;
}

int doubt_meets(const struct vos_update *u)
{
    for (uint32_t i = 0; u->c->doubt_nr && i < u->nr; i++) {
        struct site at = op_site(u->c, &u->ops[i]);
        const struct doubt *d = met_at(u->c, DAOS_EPOCH_MAX, &at);

        if (d) {
            u->c->v->met = d;
            return -DER_INPROGRESS;
        }
    }
    return 0;
}

const struct doubt *doubt_of_obj(const struct vos_cont *c, daos_obj_id_t oid,
                                 const struct doubt *after)
{
    struct list *l;

    LIST_FOREACH(l, &c->doubts)
    {
        const struct doubt *d = LIST_ENTRY(l, struct doubt, link);

        for (uint32_t i = 0; after == NULL && i < d->touch_nr; i++)
            if (d->touches[i].oid_hi == oid.hi && d->touches[i].oid_lo == oid.lo)
                return d;
        if (d == after)
            after = NULL;
    }
    return NULL;
}

uint64_t doubt_newest(const struct vos_cont *c, daos_obj_id_t oid)
{
    const uint64_t hash[] = {pend_hash_obj(c, oid), whole_obj(pend_hash_obj(c, oid))};
    uint64_t newest = 0;

    for (uint32_t i = 0; c->doubt_nr && i < ARRAY_LEN(hash); i++)
        for (struct hlink *l = htable_first(&c->doubtful, hash[i]); l; l = htable_next(l)) {
            const struct touch *t = CONTAINER_OF(l, struct touch, link);

            if (t->oid_hi == oid.hi && t->oid_lo == oid.lo)
                newest = MAX(newest, t->d->epoch);
        }
    return newest;
}

int doubt_between(const struct vos_cont *c, uint64_t first, uint64_t last)
{
    struct list *l;

    LIST_FOREACH(l, &c->doubts)
    {
        const struct doubt *d = LIST_ENTRY(l, struct doubt, link);

        if (d->epoch >= first && d->epoch <= last) {
            c->v->met = d;
            return -DER_INPROGRESS;
        }
    }
    return 0;
}

uint64_t doubt_floor(const struct vos_cont *c, const struct doubt *but)
{
    struct list *l;

    LIST_FOREACH(l, &c->doubts)
    {
        const struct doubt *d = LIST_ENTRY(l, struct doubt, link);

        if (d != but && !MUTANT(FLOOR_OVER_DOUBT))
            return d->epoch - 1;
    }
    return DAOS_EPOCH_MAX;
}

daos_epoch_t vos_prepared_newest(const struct vos *v)
{
    return v->prepared_newest;
}

static void say(const struct doubt *d, struct vos_doubt *out)
{
    *out = (struct vos_doubt){.session_hlc = d->hlc,
                              .session_rand = d->rand,
                              .seq = d->seq,
                              .epoch = d->epoch,
                              .info = d->info,
                              .info_len = d->info_len,
                              .bytes = d->bytes};
}

bool vos_met(const struct vos *v, struct vos_doubt *d)
{
    if (v->met)
        say(v->met, d);
    return v->met != NULL;
}

void vos_met_cont(const struct vos *v, uuid_t uuid)
{
    memcpy(uuid, v->met->c->uuid, sizeof v->met->c->uuid);
}

daos_epoch_t vos_prepared(const struct vos_cont *c, const struct vos_txid *txid)
{
    const struct doubt *d = doubt_find(c, txid);

    return d ? d->epoch : 0;
}

struct vos_cont *vos_doubtful_next(const struct vos *v, const struct vos_cont *c)
{
    const struct list *l = c ? c->link.next : v->conts.next;

    for (; l != &v->conts; l = l->next) {
        struct vos_cont *next = LIST_ENTRY(l, struct vos_cont, link);

        if (next->doubt_nr || next->decided.next != &next->decided)
            return next;
    }
    return NULL;
}

/* In an anchor: the one that was reported last. */
struct doubt_place {
    uint64_t started, epoch, id[3];
};

static bool behind(const struct doubt *d, const struct doubt_place *p)
{
    const uint64_t is[] = {d->epoch, d->hlc, d->rand, d->seq},
                   was[] = {p->epoch, p->id[0], p->id[1], p->id[2]};

    for (uint32_t i = 0; p->started && i < ARRAY_LEN(is); i++)
        if (is[i] != was[i])
            return is[i] > was[i];
    return !p->started;
}

int vos_doubt_list(struct vos_cont *c, struct vos_anchor *anchor,
                   int (*fn)(void *arg, const struct vos_doubt *d), void *arg)
{
    struct doubt_place p;
    struct list *l;

    if (c->gone)
        return -DER_NO_HDL;
    memcpy(&p, anchor->bytes, sizeof p);
    if (anchor->eof)
        return 0;
    LIST_FOREACH(l, &c->doubts)
    {
        const struct doubt *d = LIST_ENTRY(l, struct doubt, link);
        struct vos_doubt out;
        int rc;

        if (!behind(d, &p))
            continue;
        say(d, &out);
        rc = fn(arg, &out);
        if (rc)
            return rc == 1 ? 0 : rc;
        p = (struct doubt_place){1, d->epoch, {d->hlc, d->rand, d->seq}};
        memcpy(anchor->bytes, &p, sizeof p);
    }
    anchor->eof = true;
    return 0;
}
