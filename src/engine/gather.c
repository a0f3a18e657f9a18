/*
 * Gathers: fetches of many dkeys in one request.
 *
 * Each get is a fetch of its own, done once and for all as soon as the pages it needs are there: a
 * get that finds a page missing does not keep those behind it from looking, so that one round of
 * loading serves many. Only one that is done writes to the program's memory, and none is run again.
 * The pieces of all of them that lie in data extents are read together at the end.
 */
#include "engine/engine_int.h"

/* Gets that may miss a page in one round: together they need fewer pages than may be pinned. */
#define ROUND_MISSES 16u

struct get {
    const struct msg_get *m;
    struct vos_key dkey;
    struct vos_fetch_iod *iods;
    struct vos_fetch f;
    bool done;
};

struct gather {
    struct shard *s;
    struct net_req *req;
    struct vos_cont *c;
    struct get *get;
    uint32_t nr, done, pieces;
    uint64_t lsn;
};

static int decode_get(struct net_req *req, const struct msg_get *m, struct get *g)
{
    int rc = decode_fiods(req, m->iods, m->iods_nr, &g->iods);

    for (uint32_t i = 0; rc == 0 && i < m->iods_nr; i++) {
        if (m->iods[i].map_max != 0)
            return -DER_PROTO;
        g->iods[i].map_max = 0;
        if (m->iods[i].type == DAOS_IOD_ARRAY)
            g->iods[i].cond |= VOS_FETCH_ZEROS;
    }
    g->m = m;
    g->dkey = decode_key(&m->dkey);
    return rc;
}

static int decode(struct gather *g)
{
    const struct msg_obj_gather_req *m = g->req->req;
    uint32_t iods = 0;
    int rc = 0;

    if (m->gets_nr == 0 || m->gets_nr > NET_BULK_MAX)
        return -DER_PROTO;
    for (uint32_t i = 0; i < m->gets_nr; i++)
        iods += MIN(m->gets[i].iods_nr, NET_BULK_MAX + 1);
    if (iods > NET_BULK_MAX)
        return -DER_PROTO;
    g->get = net_req_alloc(g->req, m->gets_nr * sizeof(*g->get));
    if (g->get == NULL)
        return -DER_NOMEM;
    memset(g->get, 0, m->gets_nr * sizeof(*g->get));
    g->nr = m->gets_nr;
    for (uint32_t i = 0; i < g->nr && rc == 0; i++)
        rc = decode_get(g->req, &m->gets[i], &g->get[i]);
    return rc;
}

/* Runs what is not done yet. 0: all is done. [L] */
static int run(struct shard *s, void *arg)
{
    struct gather *g = arg;
    const struct msg_obj_gather_req *m = g->req->req;
    struct msg_obj_gather_rep *rep = g->req->rep;
    uint32_t missed = 0;
    int again = 0, rc = shard_cont_read(s, m->hdl, m->epoch, &g->c, &g->lsn);

    if (rc != 0)
        return rc;
    if (rep->read_at == 0)
        rep->read_at = shard_read_at(s, m->epoch);
    for (uint32_t i = 0; i < g->nr && missed < ROUND_MISSES; i++) {
        struct get *t = &g->get[i];

        if (t->done)
            continue;
        rc = vos_fetch(g->c, rep->read_at, 0, t->m->oid, &t->dkey, t->m->iods_nr, t->iods, &t->f);
        if (shard_again(rc) && !MUTANT(ENGINE_GATHER_SKIPS)) {
            again = rc;
            missed++;
            continue;
        }
        g->lsn = MAX(g->lsn, t->f.lsn);
        if (rc < 0)
            return rc;
        vos_fetch_copy(&t->f, t->iods);
        t->done = true;
        g->done++;
        g->pieces += t->f.piece_nr;
    }
    return again;
}

static int results(struct gather *g)
{
    struct msg_obj_gather_rep *rep = g->req->rep;
    struct msg_got *gots = net_req_alloc(g->req, g->nr * sizeof(*gots));

    if (gots == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < g->nr; i++) {
        const struct get *t = &g->get[i];
        struct msg_fres *res = net_req_alloc(g->req, t->m->iods_nr * sizeof(*res));

        if (res == NULL)
            return -DER_NOMEM;
        memset(res, 0, t->m->iods_nr * sizeof(*res));
        for (uint32_t k = 0; k < t->m->iods_nr; k++) {
            res[k].rec_size = t->iods[k].rec_size;
            res[k].bytes = t->iods[k].end;
            if (t->m->iods[k].bulk != MSG_NO_BULK && res[k].rec_size != 0)
                net_bulk_wrote(g->req, t->m->iods[k].bulk, t->m->iods[k].bulk_off, res[k].bytes);
        }
        gots[i] = (struct msg_got){.epoch = t->f.epoch, .res = res, .res_nr = t->m->iods_nr};
    }
    rep->gots = gots;
    rep->gots_nr = g->nr;
    return 0;
}

/* All of them lie in memory, with at most max bytes. */
static bool at_once(struct gather *g, uint64_t max)
{
    for (uint32_t i = 0; i < g->nr; i++)
        if (!data_mem_pieces(g->s, g->get[i].f.pieces, g->get[i].f.piece_nr, &max))
            return false;
    return true;
}

static int copy_pieces(struct gather *g, bool yields)
{
    int rc = 0;

    for (uint32_t i = 0; i < g->nr && rc == 0; i++)
        if (g->get[i].f.piece_nr > 0)
            rc = data_mem_read(g->s, g->get[i].iods, g->get[i].f.pieces, g->get[i].f.piece_nr,
                               yields);
    return rc;
}

static int read_pieces(struct gather *g, bool inlined)
{
    struct data_want *want;
    uint32_t n = 0;

    if (inlined || at_once(g, UINT64_MAX))
        return copy_pieces(g, !inlined);
    want = net_req_alloc(g->req, g->pieces * sizeof(*want));
    if (want == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < g->nr; i++) {
        const struct get *t = &g->get[i];

        for (uint32_t k = 0; k < t->f.piece_nr; k++)
            want[n++] =
                (struct data_want){.iod = &t->iods[t->f.pieces[k].iod], .piece = &t->f.pieces[k]};
    }
    return data_read(g->s, want, n);
}

/* The gets have been run, with result rc: what is left to read, and the answer's content. */
static int finish(struct gather *g, int rc, bool inlined)
{
    if (rc == 0 && g->pieces > 0)
        rc = read_pieces(g, inlined);
    if (rc == 0)
        rc = results(g);
    for (uint32_t i = 0; i < g->nr; i++)
        if (g->get[i].done)
            vos_fetch_fini(g->c, &g->get[i].f);
    return rc;
}

static void rest_fiber(void *arg)
{
    struct gather *g = arg;
    int rc = 0;

    if (g->done < g->nr)
        rc = shard_run_parts(g->s, run, g, &g->done);
    rc = finish(g, rc, false);

    shard_reply(g->s, g->req, rc, g->lsn);
}

bool gather_inline(struct shard *s, struct net_req *req)
{
    struct gather *g = net_req_alloc(req, sizeof(*g));
    int rc = -DER_NOMEM;

    if (g == NULL) {
        shard_reply(s, req, rc, 0);
        return true;
    }
    *g = (struct gather){.s = s, .req = req};
    rc = decode(g);
    if (rc != 0) {
        shard_reply(s, req, rc, 0);
        return true;
    }
    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, g);
    if (!shard_again(rc) && at_once(g, DATA_AT_ONCE)) {
        rc = finish(g, rc, true);
        shard_reply_unlock(s, req, rc, g->lsn);
        return true;
    }
    heap_miss_clear(s->heap);
    heap_unlock(s->heap);
    if (rc == 0 || shard_again(rc))
        rc = rt_spawn_on(s->xs, rest_fiber, g);
    if (rc != 0) {
        finish(g, rc, true);
        shard_reply(s, req, rc, g->lsn);
    }
    return true;
}

void gather_fiber(struct shard *s, struct net_req *req)
{
    struct gather g = {.s = s, .req = req};
    int rc = decode(&g);

    if (rc == 0)
        rc = finish(&g, shard_run_parts(s, run, &g, &g.done), false);
    shard_reply(s, req, rc, g.lsn);
}
