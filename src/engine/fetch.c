/* Fetches. What lies in the heap is copied under the lock; pieces in data extents are read
 * afterwards, while the read ticket keeps them from being reused. The buffer may be the program's:
 * only a run that is answered writes to it. */
#include "engine/engine_int.h"

struct fetch {
    struct shard *s;
    struct net_req *req;
    struct vos_key dkey;
    struct vos_fetch_iod *iods;
    struct vos_cont *c;
    struct vos_fetch f;
};

#define MAP_GREW 1000000 /* no code of the heap's or anyone's */

/* Does the transport have to be told which bytes of the vector were written, holes left out? Then
 * the map of what exists must be whole. */
static bool needs_map(const struct net_req *req, const struct msg_fiod *m)
{
    return req->wrote != NULL && m->bulk != MSG_NO_BULK && m->type == DAOS_IOD_ARRAY &&
           !(m->cond & MSG_FETCH_ZEROS);
}

static int grow_maps(struct fetch *ft)
{
    const struct msg_obj_fetch_req *m = ft->req->req;
    bool grew = false;

    for (uint32_t i = 0; i < m->iods_nr; i++) {
        struct vos_fetch_iod *iod = &ft->iods[i];

        if (!needs_map(ft->req, &m->iods[i]) || iod->map_nr <= iod->map_max)
            continue;
        iod->map = net_req_alloc(ft->req, iod->map_nr * sizeof(*iod->map));
        iod->map_max = iod->map != NULL ? iod->map_nr : 0;
        grew = true;
        if (iod->map == NULL)
            break;
    }
    if (!grew)
        return 0;
    vos_fetch_fini(ft->c, &ft->f);
    for (uint32_t i = 0; i < m->iods_nr; i++)
        if (needs_map(ft->req, &m->iods[i]) && ft->iods[i].map == NULL && ft->iods[i].map_nr > 0)
            return -DER_NOMEM;
    return MAP_GREW;
}

/* Tells the transport what was written into its memory. */
static void mark_written(struct fetch *ft)
{
    const struct msg_obj_fetch_req *m = ft->req->req;

    for (uint32_t i = 0; i < m->iods_nr; i++) {
        const struct msg_fiod *f = &m->iods[i];
        const struct vos_fetch_iod *iod = &ft->iods[i];
        uint64_t base = f->bulk_off;

        if (f->bulk == MSG_NO_BULK || iod->rec_size == 0)
            continue;
        if (!needs_map(ft->req, f) || MUTANT(ENGINE_HOLES_SENT)) {
            net_bulk_wrote(ft->req, f->bulk, base, iod->end);
            continue;
        }
        for (uint32_t k = 0; k < f->recxs_nr; k++) {
            uint64_t from = f->recxs[k].rx_idx, to = from + f->recxs[k].rx_nr;

            for (uint32_t j = 0; j < iod->map_nr; j++) {
                uint64_t lo = MAX(from, iod->map[j].rx_idx);
                uint64_t hi = MIN(to, iod->map[j].rx_idx + iod->map[j].rx_nr);

                if (lo < hi)
                    net_bulk_wrote(ft->req, f->bulk, base + (lo - from) * iod->rec_size,
                                   (hi - lo) * iod->rec_size);
            }
            base += (to - from) * iod->rec_size;
        }
    }
}

static int run(struct shard *s, void *arg)
{
    struct fetch *ft = arg;
    const struct msg_obj_fetch_req *m = ft->req->req;
    struct msg_obj_fetch_rep *rep = ft->req->rep;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &ft->c, &ft->f.lsn);

    if (rc != 0)
        return rc;
    rep->read_at = shard_read_at(s, m->epoch);
    do {
        rc = vos_fetch(ft->c, rep->read_at, m->cond, m->oid, &ft->dkey, m->iods_nr, ft->iods,
                       &ft->f);
        if (rc == 0)
            rc = grow_maps(ft);
    } while (rc == MAP_GREW);
    if (rc == 0)
        vos_fetch_copy(&ft->f, ft->iods);
    return rc;
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
        res[i].map_nr = MIN(iod->map_nr, m->iods[i].map_max);
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
    int rc2 = rc == 0 || (rc == -DER_REC2BIG && !MUTANT(ENGINE_TOO_BIG_MUTE)) ? results(ft) : 0;

    if (rc == 0 && rc2 == 0 && ft->req->wrote != NULL)
        mark_written(ft);
    return rc != 0 ? rc : rc2;
}

static int read_pieces(struct fetch *ft)
{
    uint32_t nr = ft->f.piece_nr;
    uint64_t max = UINT64_MAX;
    struct data_want *want;

    if (nr == 0)
        return 0;
    if (data_mem_pieces(ft->s, ft->f.pieces, nr, &max))
        return data_mem_read(ft->s, ft->iods, ft->f.pieces, nr, true);
    want = net_req_alloc(ft->req, nr * sizeof(*want));
    if (want == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++)
        want[i] =
            (struct data_want){.iod = &ft->iods[ft->f.pieces[i].iod], .piece = &ft->f.pieces[i]};
    return data_read(ft->s, want, nr);
}

/* What vos_fetch() left to do: pieces are read, the answer goes out. rc: its result. */
static void fetch_rest(struct fetch *ft, int rc)
{
    uint64_t lsn = ft->f.lsn;

    if (rc == 0)
        rc = read_pieces(ft);
    rc = finish(ft, rc);
    if (ft->c != NULL)
        vos_fetch_fini(ft->c, &ft->f);
    shard_reply(ft->s, ft->req, rc, lsn);
}

static void rest_fiber(void *arg)
{
    fetch_rest(arg, 0);
}

/* The pieces are read in a fiber, which goes on from here: what was found need not be looked for
 * again, and must not be, because it is in the program's buffer by now. */
static void rest_later(struct fetch *ft)
{
    struct fetch *kept = net_req_alloc(ft->req, sizeof(*kept));

    if (kept != NULL) {
        *kept = *ft;
        vos_fetch_move(&kept->f, &ft->f);
        if (rt_spawn_on(ft->s->xs, rest_fiber, kept) == 0)
            return;
    }
    vos_fetch_fini(ft->c, &ft->f);
    shard_reply(ft->s, ft->req, -DER_NOMEM, ft->f.lsn);
}

bool fetch_inline(struct shard *s, struct net_req *req)
{
    struct fetch ft = {.s = s, .req = req};
    uint64_t max = DATA_AT_ONCE;
    int rc;

    if (!prepare(s, &ft))
        return true;
    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, &ft);
    if (!shard_again(rc) && data_mem_pieces(s, ft.f.pieces, ft.f.piece_nr, &max)) {
        uint64_t lsn = ft.f.lsn;

        if (rc == 0 && ft.f.piece_nr > 0)
            rc = data_mem_read(s, ft.iods, ft.f.pieces, ft.f.piece_nr, false);
        rc = finish(&ft, rc);
        if (ft.c != NULL)
            vos_fetch_fini(ft.c, &ft.f);
        shard_reply_unlock(s, req, rc, lsn);
        return true;
    }
    heap_miss_clear(s->heap);
    heap_unlock(s->heap);
    if (rc != 0)
        return false;
    rest_later(&ft);
    return true;
}

void fetch_fiber(struct shard *s, struct net_req *req)
{
    struct fetch ft = {.s = s, .req = req};

    if (prepare(s, &ft))
        fetch_rest(&ft, shard_run(s, run, &ft));
}
