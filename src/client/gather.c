/*
 * Reading many dkeys, of any objects, with one request.
 *
 * There are no checks of what was found: a get that is refused refuses all, and whoever wants to
 * know which one asks for each alone.
 */
#include <daos.h>
#include "base/fail.h"
#include "client/compound.h"
#include "client/obj_io.h"

static int gather_finish(struct op *op, int rc)
{
    struct client_get *gets = (struct client_get *)op->user[0];
    const struct msg_obj_gather_rep *rep = &op->rep.gather;

    if (rc != 0)
        return rc;
    if (rep->gots_nr != op->req.gather.gets_nr)
        return -DER_PROTO;
    for (uint32_t i = 0; i < rep->gots_nr; i++) {
        if (rep->gots[i].res_nr != 1)
            return -DER_PROTO;
        gets[i].found = rep->gots[i].res[0].rec_size > 0;
        gets[i].bytes = rep->gots[i].res[0].bytes;
        gets[i].epoch = rep->gots[i].epoch;
    }
    return 0;
}

static int prepare(struct op *op, struct cont *co, daos_epoch_t at, uint32_t nr,
                   struct client_get *gets)
{
    struct msg_obj_gather_req *q = &op->req.gather;
    struct msg_get *m = op_alloc(op, nr * sizeof(*m));
    struct msg_fiod *fiods = op_alloc(op, nr * sizeof(*fiods));
    struct stream s = {0};
    uint32_t i;

    for (i = 0; i < nr; i++)
        s.max += gets[i].sgl->sg_nr;
    s.iov = op_alloc(op, s.max * sizeof(*s.iov));
    if (m == NULL || fiods == NULL || s.iov == NULL)
        return -DER_NOMEM;
    for (i = 0; i < nr; i++) {
        io_prepare_fiod(op, &s, &fiods[i], 0, gets[i].iod, gets[i].sgl, NULL);
        m[i] = (struct msg_get){
            .oid = gets[i].oid,
            .dkey = {.buf = gets[i].dkey->iov_buf, .len = (uint32_t)gets[i].dkey->iov_len},
            .iods = &fiods[i],
            .iods_nr = 1};
    }
    memcpy(q->hdl, co->hdl, sizeof(q->hdl));
    q->epoch = at;
    q->gets = m;
    q->gets_nr = nr;
    op->user[0] = (uintptr_t)gets;
    op->finish = gather_finish;
    return 0;
}

int client_gather(daos_handle_t coh, daos_epoch_t at, uint32_t nr, struct client_get *gets,
                  daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct cont *co;
    int rc = 0;

    if (nr == 0 || nr > CLIENT_GATHER_MAX)
        return -DER_INVAL;
    for (uint32_t i = 0; rc == 0 && i < nr; i++)
        rc = io_nothing(1, gets[i].iod)
                 ? -DER_INVAL
                 : io_check_fetch(gets[i].oid, 0, gets[i].dkey, 1, gets[i].iod, gets[i].sgl);
    if (rc)
        return rc;
    co = cont_get(c, coh);
    if (co == NULL)
        return -DER_NO_HDL;
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&co->h);
        return rc;
    }
    op_hold(op, &co->h);
    rc = prepare(op, co, at, nr, gets);
    return rc ? op_fail(op, rc) : op_run(op, co, MSG_OBJ_GATHER);
}
