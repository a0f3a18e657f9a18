/*
 * A value and a look at the object whose id lies in it, with one request.
 *
 * The answer comes from the one target that has the value, which tells what it has of the object
 * too. That is all there is to know only if the object's layout names this target and no other.
 */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/array.h"
#include "client/compound.h"
#include "client/obj_io.h"
#include "client/route.h"

enum { U_VALUE, U_EPOCH, U_SEEN };

/* Has the target that answered all of the object? */
static bool is_all_there(const struct op *op, daos_obj_id_t oid)
{
    uint32_t target;

    if (MUTANT(CLIENT_FOLLOW_ANYWHERE))
        return true;
    return route_groups(op->co, oid) == 1 && route_group(op->co, oid, 0, &target) == 0 &&
           target == op->asked.target;
}

static void see(const struct op *op, struct client_seen *seen)
{
    const struct msg_obj_follow_rep *rep = &op->rep.follow;
    uint32_t at = op->req.follow.id_at;

    seen->known = false;
    if (!rep->followed || rep->value.len < at + sizeof(seen->oid))
        return;
    memcpy(&seen->oid, (const char *)rep->value.buf + at, sizeof(seen->oid));
    seen->known = is_all_there(op, seen->oid);
    seen->chunk = rep->dkey;
    seen->last = (daos_recx_t){rep->recx_idx, rep->recx_nr};
    seen->changed = rep->max_epoch;
}

static int follow_finish(struct op *op, int rc)
{
    const struct msg_obj_follow_rep *rep = &op->rep.follow;
    d_iov_t *value = (d_iov_t *)op->user[U_VALUE];

    if (rc != 0)
        return rc;
    if (rep->value.len > value->iov_buf_len)
        return -DER_PROTO;
    if (rep->value.len > 0)
        memcpy(value->iov_buf, rep->value.buf, rep->value.len);
    value->iov_len = rep->value.len;
    *(daos_epoch_t *)op->user[U_EPOCH] = rep->epoch;
    see(op, (struct client_seen *)op->user[U_SEEN]);
    return 0;
}

static struct msg_buf buf_of(const daos_key_t *key)
{
    return (struct msg_buf){key->iov_buf, (uint32_t)key->iov_len};
}

int client_follow(daos_handle_t coh, daos_epoch_t at, daos_obj_id_t oid, const daos_key_t *dkey,
                  const daos_key_t *akey, uint32_t id_at, d_iov_t *value, daos_epoch_t *epoch,
                  struct client_seen *seen)
{
    struct client *c = client_current();
    struct cont *co = cont_get(c, coh);
    struct op local, *op;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    rc = io_check_dkey(oid, dkey);
    if (rc == 0)
        rc = io_check_akey(oid, akey);
    if (rc == 0)
        rc = op_begin(c, NULL, &local, &op);
    if (rc) {
        handle_put(&co->h);
        return rc;
    }
    op_hold(op, &co->h);
    op->req.follow = (struct msg_obj_follow_req){.epoch = at,
                                                 .oid = oid,
                                                 .dkey = buf_of(dkey),
                                                 .akey = buf_of(akey),
                                                 .nr = (uint32_t)value->iov_buf_len,
                                                 .id_at = id_at,
                                                 .of_akey = {ARRAY_AKEY, 1}};
    memcpy(op->req.follow.hdl, co->hdl, sizeof(op->req.follow.hdl));
    op->user[U_VALUE] = (uintptr_t)value;
    op->user[U_EPOCH] = (uintptr_t)epoch;
    op->user[U_SEEN] = (uintptr_t)seen;
    op->finish = follow_finish;
    return op_run(op, co, MSG_OBJ_FOLLOW);
}

uint64_t client_seen_size(const struct client_seen *seen, daos_size_t chunk_cells)
{
    return array_end(seen->chunk, &seen->last, chunk_cells);
}
