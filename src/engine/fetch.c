/* Fetches. What lies in the heap is copied under the lock; pieces in data extents are read
 * afterwards, while the read ticket keeps them from being reused. */
#include "engine/engine_int.h"

struct fetch {
    struct net_req *req;
    struct vos_key dkey;
    struct vos_fetch_iod *iods;
    struct vos_cont *c;
    struct vos_fetch f;
};

static int run(struct shard *s, void *arg)
{
    struct fetch *ft = arg;
    const struct msg_obj_fetch_req *m = ft->req->req;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &ft->c);

    if (rc != 0)
        return rc;
    return vos_fetch(ft->c, m->epoch, m->cond, m->oid, &ft->dkey, m->iods_nr, ft->iods, &ft->f);
}

/* The reply's results; also after -DER_REC2BIG, where the real sizes are wanted. */
static int results(struct fetch *ft)
{
    const struct msg_obj_fetch_req *m = ft->req->req;
    struct msg_obj_fetch_rep *rep = ft->req->rep;
    struct msg_fres *res = net_req_alloc(ft->req, m->iods_nr * sizeof(*res));

    if (res == NULL)
        return -DER_NOMEM;
    memset(res, 0, m->iods_nr * sizeof(*res));
    for (uint32_t i = 0; i < m->iods_nr; i++) {
        const struct vos_fetch_iod *iod = &ft->iods[i];

        res[i].rec_size = iod->rec_size;
        res[i].bytes = iod->end;
        res[i].map_total = iod->map_nr;
        res[i].map = iod->map;
        res[i].map_nr = MIN(iod->map_nr, iod->map_max);
    }
    rep->res = res;
    rep->res_nr = m->iods_nr;
    rep->epoch = ft->f.epoch;
    return 0;
}

static bool prepare(struct shard *s, struct fetch *ft)
{
    int rc = decode_fetch(ft->req, ft->req->req, &ft->dkey, &ft->iods);

    if (rc == 0)
        return true;
    shard_reply(s, ft->req, rc, 0);
    return false;
}

static int finish(struct fetch *ft, int rc)
{
    int rc2 = rc == 0 || rc == -DER_REC2BIG ? results(ft) : 0;

    return rc != 0 ? rc : rc2;
}

bool fetch_inline(struct shard *s, struct net_req *req)
{
    struct fetch ft = {.req = req};
    int rc;

    if (!prepare(s, &ft))
        return true;
    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, &ft);
    if (!shard_again(rc) && ft.f.piece_nr == 0) {
        uint64_t lsn = ft.f.lsn;

        rc = finish(&ft, rc);
        if (ft.c != NULL)
            vos_fetch_fini(ft.c, &ft.f);
        shard_reply_unlock(s, req, rc, lsn);
        return true;
    }
    if (rc == 0)
        vos_fetch_fini(ft.c, &ft.f);
    heap_miss_clear(s->heap);
    heap_unlock(s->heap);
    return false;
}

void fetch_fiber(struct shard *s, struct net_req *req)
{
    struct fetch ft = {.req = req};
    uint64_t lsn;
    int rc;

    if (!prepare(s, &ft))
        return;
    rc = shard_run(s, run, &ft);
    lsn = ft.f.lsn;
    if (rc == 0 && ft.f.piece_nr > 0)
        rc = data_read(s, ft.iods, ft.f.pieces, ft.f.piece_nr);
    rc = finish(&ft, rc);
    if (ft.c != NULL)
        vos_fetch_fini(ft.c, &ft.f);
    shard_reply(s, req, rc, lsn);
}
