/*
 * Container handles in the shards that do not have the pool service. The service knows all; each
 * other shard keeps those that it has met, and asks for the ones it has not.
 *
 * A handle that was closed is not used any more when its closing is answered: the service's host
 * takes it from every shard first (handles_spread()). An answer that was under way meanwhile is
 * thrown away: `closed` says that some were taken since it was asked for.
 *
 * A pool of one target needs none of this.
 */
#include "engine/engine_int.h"

#define TAKE 64u /* closed handles that are told of at a time */

struct known {
    struct hlink link;
    struct svc_chdl h;
};

/* Handles are random: their first bytes are their hash. */
static uint64_t hash(const uint8_t hdl[16])
{
    uint64_t h;

    memcpy(&h, hdl, sizeof(h));
    return h;
}

static struct known *find(struct shard *s, const uint8_t hdl[16])
{
    for (struct hlink *l = htable_first(&s->handles.known, hash(hdl)); l != NULL;
         l = htable_next(l)) {
        struct known *k = CONTAINER_OF(l, struct known, link);

        if (memcmp(k->h.hdl, hdl, 16) == 0)
            return k;
    }
    return NULL;
}

void handles_init(struct shard *s)
{
    htable_init(&s->handles.known);
}

static void forget_all(struct shard *s)
{
    struct hlink *l;

    while ((l = htable_pop(&s->handles.known)) != NULL)
        base_free(CONTAINER_OF(l, struct known, link));
}

void handles_fini(struct shard *s)
{
    forget_all(s);
    htable_fini(&s->handles.known);
}

struct svc_chdl *handles_find(struct shard *s, const uint8_t hdl[16])
{
    struct known *k = find(s, hdl);

    if (k == NULL)
        memcpy(s->handles.missed, hdl, 16);
    return k != NULL ? &k->h : NULL;
}

/* ---- Asking ---- */

struct ask {
    const uint8_t *hdl;
    struct svc_chdl h;
    uint64_t lsn;
};

static int look(struct shard *s, void *arg)
{
    struct ask *a = arg;
    struct svc_chdl *h = svc_cont_handle(s->svc, a->hdl);
    int rc = h == NULL ? svc_cont_handle_stored(s->svc, a->hdl, &h) : 0;

    a->lsn = heap_lsn(s->heap);
    if (rc == 0)
        a->h = *h;
    return rc;
}

/* On the first shard's xstream. What it saw is durable before it is believed. */
static int ask(struct shard *s, void *arg)
{
    struct ask *a = arg;
    int rc = shard_serves(s) ? shard_run(s, look, a) : -DER_IO;
    int late = rc == 0 || rc == -DER_NO_HDL ? heap_wait_durable(s->heap, a->lsn) : 0;

    return late != 0 ? late : rc;
}

static int keep(struct shard *s, const struct svc_chdl *h)
{
    struct known *k = find(s, h->hdl);

    if (k != NULL)
        return 0;
    k = base_calloc(1, sizeof(*k));
    if (k == NULL)
        return -DER_NOMEM;
    k->h = *h;
    k->h.priv = NULL;
    htable_insert(&s->handles.known, &k->link, hash(h->hdl));
    return 0;
}

int handles_learn(struct shard *s, const uint8_t hdl[16])
{
    struct ask a = {.hdl = hdl};
    uint64_t closed;
    bool stale;
    int rc;

    do {
        heap_lock(s->heap);
        closed = s->handles.closed;
        heap_unlock(s->heap);
        rc = shards_one(s->eng->shard, ask, &a);
        heap_lock(s->heap);
        stale = closed != s->handles.closed && !MUTANT(ENGINE_HANDLE_STALE);
        if (rc == 0 && !stale)
            rc = keep(s, &a.h);
        heap_unlock(s->heap);
    } while (rc == 0 && stale);
    return rc;
}

/* ---- Forgetting ---- */

static void forget(struct shard *s, uint8_t (*hdl)[16], uint32_t nr, bool all)
{
    heap_lock(s->heap);
    s->handles.closed++;
    if (all)
        forget_all(s);
    for (uint32_t i = 0; i < nr; i++) {
        struct known *k = find(s, hdl[i]);

        if (k != NULL) {
            htable_remove(&s->handles.known, &k->link);
            base_free(k);
        }
    }
    heap_unlock(s->heap);
}

void handles_spread(struct engine *eng)
{
    struct shard *first = eng->shard;
    uint8_t hdl[TAKE][16];
    uint32_t nr;
    bool all;

    if (eng->shard_nr == 1 || MUTANT(ENGINE_HANDLE_SURVIVES))
        return;
    do {
        heap_lock(first->heap);
        nr = svc_take_closed(first->svc, hdl, TAKE, &all);
        heap_unlock(first->heap);
        for (uint32_t i = 1; (nr > 0 || all) && i < eng->shard_nr; i++)
            if (shard_serves(&eng->shard[i]))
                forget(&eng->shard[i], hdl, nr, all);
    } while (nr == TAKE);
}

void handles_forget_cont(struct shard *s, const uint8_t cont[16])
{
    struct hlink *l = NULL;
    uint64_t pos = 0;

    while ((l = htable_walk(&s->handles.known, &pos, l)) != NULL) {
        struct known *k = CONTAINER_OF(l, struct known, link);

        if (memcmp(k->h.cont, cont, 16) == 0)
            k->h.priv = NULL;
    }
}
