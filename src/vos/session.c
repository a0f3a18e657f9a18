/*
 * At most once: sessions and the outcomes of their requests.
 *
 * A client has a session (start time and random) and numbers its modifying requests. The outcome of
 * each (only success: a failure may be tried again) is stored in the transaction of the change
 * itself, in the slot seq % cap of its session's record, 16 logged bytes; `acked` says up to where
 * the client has its answers. The record starts with 8 slots and grows to 256 when a slot is still
 * needed. A session idle for an hour is forgotten, and forgotten_start remembers the newest such
 * start: a session unknown and not younger may be one of them, so what it asks is uncertain.
 *
 * A prepared transaction has its slot from the beginning, so that its commit needs no room; such a
 * slot is never free, and such a session never forgotten. One that was aborted keeps it as any
 * other outcome does.
 */
#include "vos/priv.h"

#define CAP_FIRST 8u
#define IDLE_HLC  (UINT64_C(3600) * 1000000000 * 16)

struct session { /* cache */
    struct hlink link;
    uint64_t hlc, rand;
    uint64_t off;
};

static int session_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    int rc = 0;
    const struct session_rec *r = REC(h, value, session_rec, REC_SESSION, &rc);
    const uint64_t *id = key->key;

    if (r == NULL)
        return rc;
    if (r->hlc != id[0])
        *order = r->hlc < id[0] ? -1 : 1;
    else
        *order = r->rand < id[1] ? -1 : r->rand > id[1];
    return 0;
}

static int session_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    int rc = 0;
    const struct session_rec *r = REC(h, b, session_rec, REC_SESSION, &rc);
    struct tree_key k;
    uint64_t id[2];

    if (r == NULL)
        return rc;
    id[0] = r->hlc;
    id[1] = r->rand;
    k = (struct tree_key){.key = id, .len = sizeof id};
    return session_cmp(h, a, &k, order);
}
_Static_assert(sizeof(struct session) == SESSION_KEPT_SIZE, "what is counted");
const struct tree_class session_class = {.cmp = session_cmp, .cmp_rec = session_cmp_rec};

static struct session *cached(struct vos *v, uint64_t hash, uint64_t hlc, uint64_t rnd)
{
    for (struct hlink *l = htable_first(&v->sessions, hash); l; l = htable_next(l)) {
        struct session *s = CONTAINER_OF(l, struct session, link);

        if (s->hlc == hlc && s->rand == rnd)
            return s;
    }
    return NULL;
}

static void uncache(struct vos *v, uint64_t hlc, uint64_t rnd)
{
    struct session *s = cached(v, mix128(hlc, rnd), hlc, rnd);

    if (s) {
        htable_remove(&v->sessions, &s->link);
        base_free(s);
    }
}

void session_forget_cache(struct vos *v)
{
    struct hlink *l;

    while ((l = htable_pop(&v->sessions)))
        base_free(CONTAINER_OF(l, struct session, link));
}

#define ROOT(v) ((v)->super + offsetof(struct super_rec, sessions))

static int session_find(struct vos *v, const struct vos_txid *id, uint64_t *off)
{
    uint64_t key[2] = {id->session_hlc, id->session_rand}, hash = mix128(key[0], key[1]);
    struct tree_key k = {.order = hash, .key = key, .len = sizeof key};
    struct session *s = cached(v, hash, key[0], key[1]);
    int rc;

    if (s) {
        *off = s->off;
        return 0;
    }
    rc = tree_find(v->h, &session_class, ROOT(v), &k, off);
    if (rc)
        return rc;
    if (v->sessions.count >= SESSIONS_KEPT)
        session_forget_cache(v);
    s = base_alloc(sizeof *s);
    if (s) { /* without memory for the cache it is found in the tree */
        s->hlc = key[0];
        s->rand = key[1];
        s->off = *off;
        htable_insert(&v->sessions, &s->link, hash);
    }
    return 0;
}

bool txid_is_none(const struct vos_txid *id)
{
    return id == NULL || (id->session_hlc == 0 && id->session_rand == 0);
}

bool txid_is_sane(const struct vos_txid *id)
{
    return id->seq != 0 && id->acked < id->seq && OUTCOME_SEQ(id->seq) == id->seq;
}

static const struct session_rec *session_get(struct heap *h, uint64_t off, const struct outcome **o,
                                             int *rc)
{
    const struct session_rec *r = REC(h, off, session_rec, REC_SESSION, rc);

    if (r == NULL)
        return NULL;
    if (r->cap == 0 || r->cap > VOS_SESSION_OUTCOMES) {
        *rc = rec_bad("session of impossible size", off);
        return NULL;
    }
    r = heap_ptr(h, off, sizeof *r + r->cap * sizeof **o);
    if (r == NULL)
        *rc = heap_rc(h);
    else
        *o = (const struct outcome *)(r + 1);
    return r;
}

/* Is the slot not free for another? */
static bool busy(const struct outcome *o, uint64_t acked)
{
    return (o->seq & OUTCOME_PREPARED) || OUTCOME_SEQ(o->seq) > acked;
}

int session_look(struct vos *v, const struct vos_txid *id, struct txid_look *out)
{
    const struct session_rec *r;
    const struct super_rec *s;
    const struct outcome *o;
    uint64_t off;
    int rc = session_find(v, id, &off);

    *out = (struct txid_look){.state = TXID_NEW};
    if (rc == -DER_NONEXIST) {
        rc = 0;
        s = REC(v->h, v->super, super_rec, REC_SUPER, &rc);
        if (s == NULL)
            return rc;
        if (id->session_hlc <= s->forgotten_start)
            out->state = TXID_STALE;
        return 0;
    }
    if (rc)
        return rc;
    r = session_get(v->h, off, &o, &rc);
    if (r == NULL)
        return rc;
    out->acked = id->seq <= r->acked;
    o = &o[id->seq % r->cap];
    if (OUTCOME_SEQ(o->seq) == id->seq) {
        out->state = o->seq & OUTCOME_PREPARED  ? TXID_PREPARED
                     : o->seq & OUTCOME_ABORTED ? TXID_ABORTED
                                                : TXID_APPLIED;
        out->epoch = o->epoch;
        if (MUTANT(SESSION_UNCHECKED) && out->state == TXID_APPLIED)
            out->state = TXID_NEW;
    } else if (OUTCOME_SEQ(o->seq) % VOS_SESSION_OUTCOMES == id->seq % VOS_SESSION_OUTCOMES &&
               busy(o, MAX(r->acked, id->acked))) {
        /* however the record grows, they share a slot */
        out->held = OUTCOME_SEQ(o->seq);
        out->state = o->seq & OUTCOME_PREPARED ? TXID_WAITS : TXID_FULL;
    }
    return 0;
}

/* Who has its slot is in the way, and has an outcome before long, whatever the client does. */
static int slot_taken(struct vos *v, const struct vos_txid *id, uint64_t held)
{
    const struct vos_txid his = {id->session_hlc, id->session_rand, held, 0};
    struct vos_cont *c = NULL;

    while ((c = vos_doubtful_next(v, c)) != NULL) {
        v->met = doubt_find(c, &his);
        if (v->met != NULL)
            return -DER_INPROGRESS;
    }
    return -DER_AGAIN;
}

int vos_txid_check(struct vos *v, const struct vos_txid *id, bool *replayed, daos_epoch_t *epoch)
{
    struct txid_look look;
    int rc;

    if (txid_is_none(id))
        return 0;
    if (!txid_is_sane(id))
        return -DER_INVAL;
    rc = session_look(v, id, &look);
    if (rc)
        return rc;
    if (look.acked)
        return -DER_TX_ID_REUSED;
    switch (look.state) {
    case TXID_APPLIED:
        *replayed = true;
        *epoch = look.epoch;
        return 0;
    case TXID_PREPARED:
        v->met = NULL; /* it is the asker himself */
        return -DER_INPROGRESS;
    case TXID_ABORTED:
        return -DER_TX_RESTART;
    case TXID_STALE:
        return -DER_STALE;
    case TXID_FULL:
        return -DER_AGAIN; /* the client must acknowledge first */
    case TXID_WAITS:
        return slot_taken(v, id, look.held);
    default:
        return 0;
    }
}

/* A record with cap slots for session id, holding the outcomes of the old one (0: none) that are
 * not acknowledged. */
static int session_make(struct vos_tx *t, const struct vos_txid *id, uint32_t cap, uint64_t old_off,
                        uint64_t *off)
{
    uint64_t key[2] = {id->session_hlc, id->session_rand};
    struct tree_key k = {.order = mix128(key[0], key[1]), .key = key, .len = sizeof key};
    struct heap *h = t->v->h;
    struct session_rec *n;
    struct outcome *to;
    int rc;

    rc = heap_tx_alloc(h, sizeof *n + cap * sizeof *to, 0, off, (void **)&n);
    if (rc)
        return rc;
    n->kind = REC_SESSION;
    n->cap = cap;
    n->hlc = key[0];
    n->rand = key[1];
    n->acked = id->acked;
    n->last_epoch = t->w.epoch;
    to = (struct outcome *)(n + 1);
    if (old_off == 0)
        return tree_insert(h, &session_class, ROOT(t->v), &k, *off);
    {
        const struct outcome *o;
        const struct session_rec *r = session_get(h, old_off, &o, &rc);

        if (r == NULL)
            return rc;
        n->acked = MAX(r->acked, id->acked);
        for (uint32_t i = 0; i < r->cap; i++)
            if (busy(&o[i], n->acked) && !MUTANT(SESSION_GROW_LOSES))
                to[OUTCOME_SEQ(o[i].seq) % cap] = o[i];
    }
    rc = tree_replace(h, &session_class, ROOT(t->v), &k, *off);
    return rc ? rc : heap_tx_free(h, old_off);
}

int session_record(struct vos_tx *t, const struct vos_txid *id, uint64_t flag)
{
    struct heap *h = t->v->h;
    const struct session_rec *r;
    const struct outcome *o;
    struct outcome *w;
    uint64_t off, acked;
    int rc;

    if (txid_is_none(id))
        return 0;
    rc = session_find(t->v, id, &off);
    if (rc == -DER_NONEXIST)
        rc = session_make(t, id, CAP_FIRST, 0, &off);
    if (rc)
        return rc;
    r = session_get(h, off, &o, &rc);
    if (r == NULL)
        return rc;
    acked = MAX(r->acked, id->acked);
    o = &o[id->seq % r->cap];
    if (OUTCOME_SEQ(o->seq) != id->seq && busy(o, acked)) {
        uint64_t held = OUTCOME_SEQ(o->seq);
        uint32_t cap = r->cap;

        /* Large enough for all that may be open, and so that the two no longer share a slot: the
         * holder may be far ahead, because requests of a session arrive in any order. No other
         * outcome can come into their way, since slots only split when the record grows. */
        while (cap < VOS_SESSION_OUTCOMES &&
               (cap == r->cap || (id->seq > acked && id->seq - acked > cap) ||
                held % cap == id->seq % cap))
            cap = MIN(cap * 4, VOS_SESSION_OUTCOMES);
        if (cap == r->cap)
            return -DER_AGAIN;
        uncache(t->v, id->session_hlc, id->session_rand); /* the record moves */
        rc = session_make(t, id, cap, off, &off);
        if (rc)
            return rc;
        r = session_get(h, off, &o, &rc);
        if (r == NULL)
            return rc;
        if (busy(&o[id->seq % r->cap], acked))
            return -DER_AGAIN;
    } else if (id->acked > r->acked) {
        rc = tx_put64(h, off + offsetof(struct session_rec, acked), id->acked);
        if (rc)
            return rc;
    }
    w = heap_tx_write(h, off + sizeof *r + id->seq % r->cap * sizeof *w, sizeof *w);
    if (w == NULL)
        return heap_rc(h);
    w->seq = id->seq | flag;
    w->epoch = t->w.epoch;
    return 0;
}

int session_clear(struct vos_tx *t, const struct vos_txid *id)
{
    const struct session_rec *r;
    const struct outcome *o;
    struct outcome *w;
    uint64_t off;
    int rc = session_find(t->v, id, &off);

    if (rc)
        return rc == -DER_NONEXIST ? 0 : rc;
    r = session_get(t->v->h, off, &o, &rc);
    if (r == NULL)
        return rc;
    if (OUTCOME_SEQ(o[id->seq % r->cap].seq) != id->seq)
        return 0;
    w = heap_tx_write(t->v->h, off + sizeof *r + id->seq % r->cap * sizeof *w, sizeof *w);
    if (w == NULL)
        return heap_rc(t->v->h);
    *w = (struct outcome){0};
    return 0;
}

/* Forgets one idle session. */
int session_reclaim(struct vos *v, bool *more)
{
    struct heap *h = v->h;
    uint64_t now = hlc_peek(v->clock), order = 0, off;
    struct tree_key k;
    bool first = true;
    int rc;

    *more = false;
    for (;;) {
        const struct session_rec *r;
        const struct outcome *o;
        const struct super_rec *s;
        uint64_t last, id[2];
        bool prepared = false;

        rc = tree_seek(h, &session_class, ROOT(v), first ? TREE_FIRST : TREE_GT, first ? NULL : &k,
                       &order, &off);
        if (rc)
            return rc == -DER_NONEXIST ? 0 : rc;
        first = false;
        r = session_get(h, off, &o, &rc);
        if (r == NULL)
            return rc;
        last = r->last_epoch;
        for (uint32_t i = 0; i < r->cap; i++) {
            last = MAX(last, o[i].epoch);
            prepared |= (o[i].seq & OUTCOME_PREPARED) != 0;
        }
        id[0] = r->hlc;
        id[1] = r->rand;
        k = (struct tree_key){.order = order, .key = id, .len = sizeof id};
        /* one that began ahead of our clock waits for it: a new one is younger than all that were
         * forgotten */
        last = MAX(last, r->hlc);
        if (last >= now || now - last <= IDLE_HLC || prepared)
            continue;
        rc = heap_tx_begin(h, TREE_REDO_MAX + 4 * REDO_REC);
        if (rc)
            return rc;
        heap_tx_use_reserve(h, HEAP_RESERVE_LAST);
        s = REC(h, v->super, super_rec, REC_SUPER, &rc);
        if (rc == 0 && s->forgotten_start < id[0])
            rc = tx_put64(h, v->super + offsetof(struct super_rec, forgotten_start), id[0]);
        if (rc == 0)
            rc = tree_remove(h, &session_class, ROOT(v), &k);
        if (rc == 0)
            rc = heap_tx_free(h, off);
        if (rc) {
            heap_tx_abort(h);
            return rc;
        }
        heap_tx_commit(h, NULL);
        uncache(v, id[0], id[1]);
        *more = true;
        return 0;
    }
}
