/*
 * Compound requests: a list of what is to be done, turned into one update message when it is run.
 *
 * The list keeps the caller's pointers; the message is built in the op's memory, so a compound may
 * be run, looked at and freed independently of the request's own life.
 */
#include "client/compound.h"

#include <string.h>
#include "base/fail.h"
#include "client/obj_io.h"

struct step {
    struct msg_op m; /* punches and checks; of an update kind and oid only */
    uint64_t flags;
    const daos_key_t *dkey;
    unsigned int nr;
    const daos_iod_t *iods;
    const d_sg_list_t *sgls;
    const daos_key_t *akeys;
};

struct compound {
    struct client *client;
    struct cont *cont; /* with a reference */
    uint32_t nr;
    struct step steps[COMPOUND_OPS_MAX];
};

int compound_begin(daos_handle_t coh, struct compound **out)
{
    struct client *client = client_current();
    struct cont *co = cont_get(client, coh);
    struct compound *c;

    if (co == NULL)
        return -DER_NO_HDL;
    c = base_alloc(sizeof(*c));
    if (c == NULL) {
        handle_put(&co->h);
        return -DER_NOMEM;
    }
    c->client = client;
    c->cont = co;
    c->nr = 0;
    *out = c;
    return 0;
}

void compound_free(struct compound *c)
{
    if (c == NULL)
        return;
    handle_put(&c->cont->h);
    base_free(c);
}

/* A fresh step; NULL when the compound is full. */
static struct step *step_new(struct compound *c, uint8_t kind, daos_obj_id_t oid)
{
    struct step *s;

    if (c->nr == COMPOUND_OPS_MAX)
        return NULL;
    s = &c->steps[c->nr++];
    memset(s, 0, sizeof(*s));
    s->m.kind = kind;
    s->m.oid = oid;
    return s;
}

/* The id behind a handle that may be written. */
static int writable_oid(struct compound *c, daos_handle_t oh, daos_obj_id_t *oid)
{
    struct obj *o = obj_get(c->client, oh, DAOS_HTYPE_OBJ);
    int rc = 0;

    if (o == NULL)
        return -DER_NO_HDL;
    if (o->cont != c->cont)
        rc = -DER_INVAL;
    else if (!(o->mode & (DAOS_OO_RW | DAOS_OO_EXCL)))
        rc = -DER_NO_PERM;
    *oid = o->oid;
    handle_put(&o->h);
    return rc;
}

int compound_update_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey,
                        unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls)
{
    struct step *s;
    int rc;

    rc = io_check_update(oid, flags, dkey, nr, iods, sgls);
    if (rc)
        return rc;
    if (io_nothing(nr, iods))
        return 0;
    if (nr > NET_BULK_MAX)
        return -DER_OVERFLOW;
    s = step_new(c, MSG_OP_UPDATE, oid);
    if (s == NULL)
        return -DER_OVERFLOW;
    s->flags = flags;
    s->dkey = dkey;
    s->nr = nr;
    s->iods = iods;
    s->sgls = sgls;
    return 0;
}

int compound_update(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey,
                    unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls)
{
    daos_obj_id_t oid;
    int rc = writable_oid(c, oh, &oid);

    return rc ? rc : compound_update_oid(c, oid, flags, dkey, nr, iods, sgls);
}

int compound_punch_keys_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags,
                            const daos_key_t *dkey, unsigned int nr, const daos_key_t *akeys)
{
    struct step *s;
    int rc = 0;

    if (flags & ~(uint64_t)DAOS_COND_PUNCH)
        return -DER_INVAL;
    if (dkey != NULL)
        rc = io_check_dkey(oid, dkey);
    if (rc == 0 && nr > 0)
        rc = nr > NET_BULK_MAX ? -DER_OVERFLOW : io_check_punch(oid, flags, nr, akeys, false);
    if (rc)
        return rc;
    s = step_new(c, MSG_OP_PUNCH, oid);
    if (s == NULL)
        return -DER_OVERFLOW;
    s->m.level = dkey == NULL ? MSG_OBJ : nr == 0 ? MSG_DKEY : MSG_AKEY;
    s->m.cond = flags;
    s->dkey = dkey;
    s->nr = nr;
    s->akeys = akeys;
    return 0;
}

int compound_punch_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags)
{
    return compound_punch_keys_oid(c, oid, flags, NULL, 0, NULL);
}

int compound_punch_dkey_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey)
{
    return dkey == NULL ? -DER_INVAL : compound_punch_keys_oid(c, oid, flags, dkey, 0, NULL);
}

int compound_punch_obj(struct compound *c, daos_handle_t oh, uint64_t flags)
{
    daos_obj_id_t oid;
    int rc = writable_oid(c, oh, &oid);

    return rc ? rc : compound_punch_oid(c, oid, flags);
}

int compound_punch_dkey(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey)
{
    daos_obj_id_t oid;
    int rc = writable_oid(c, oh, &oid);

    if (rc == 0 && dkey == NULL)
        rc = -DER_INVAL;
    return rc ? rc : compound_punch_keys_oid(c, oid, flags, dkey, 0, NULL);
}

int compound_punch_akeys(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey,
                         unsigned int nr, daos_key_t *akeys)
{
    daos_obj_id_t oid;
    int rc = writable_oid(c, oh, &oid);

    if (rc == 0 && (dkey == NULL || nr == 0 || akeys == NULL))
        rc = -DER_INVAL;
    return rc ? rc : compound_punch_keys_oid(c, oid, flags, dkey, nr, akeys);
}

static int check(struct compound *c, uint8_t what, daos_obj_id_t oid, const daos_key_t *dkey,
                 daos_epoch_t seen)
{
    struct step *s;
    int rc = 0;

    if (dkey != NULL)
        rc = io_check_dkey(oid, dkey);
    if (rc)
        return rc;
    s = step_new(c, MSG_OP_CHECK, oid);
    if (s == NULL)
        return -DER_OVERFLOW;
    s->m.check = what;
    s->m.level = dkey ? MSG_DKEY : MSG_OBJ;
    s->m.seen = seen;
    s->dkey = dkey;
    return 0;
}

int compound_check_exists(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey)
{
    return check(c, MSG_CHECK_EXISTS, oid, dkey, 0);
}

int compound_check_absent(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey)
{
    return check(c, MSG_CHECK_ABSENT, oid, dkey, 0);
}

int compound_check_empty(struct compound *c, daos_obj_id_t oid)
{
    return check(c, MSG_CHECK_EMPTY, oid, NULL, 0);
}

int compound_check_only(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey)
{
    return dkey == NULL ? -DER_INVAL : check(c, MSG_CHECK_ONLY, oid, dkey, 0);
}

int compound_check_unchanged(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey,
                             daos_epoch_t seen)
{
    return check(c, MSG_CHECK_UNCHANGED, oid, dkey, seen);
}

/* ---- Running ---- */

static int build_step(struct op *op, struct stream *s, const struct step *st, struct msg_op *m)
{
    struct msg_buf *keys;
    unsigned int i;

    if (st->m.kind == MSG_OP_UPDATE)
        return io_prepare_update(op, s, m, st->m.oid, st->flags, st->dkey, st->nr, st->iods,
                                 st->sgls);
    *m = st->m;
    if (st->dkey != NULL)
        m->dkey = (struct msg_buf){.buf = st->dkey->iov_buf, .len = (uint32_t)st->dkey->iov_len};
    if (st->nr == 0)
        return 0;
    keys = op_alloc(op, st->nr * sizeof(*keys));
    if (keys == NULL)
        return -DER_NOMEM;
    for (i = 0; i < st->nr; i++)
        keys[i] =
            (struct msg_buf){.buf = st->akeys[i].iov_buf, .len = (uint32_t)st->akeys[i].iov_len};
    m->akeys = keys;
    m->akeys_nr = st->nr;
    return 0;
}

static int build(struct op *op, struct compound *c)
{
    struct stream s = {.fine = io_knows_fine(c->cont)};
    struct msg_op *ops;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < c->nr; i++)
        if (c->steps[i].m.kind == MSG_OP_UPDATE)
            s.max += io_count_iovs(c->steps[i].nr, c->steps[i].sgls);
    ops = op_alloc(op, c->nr * sizeof(*ops));
    s.iov = op_alloc(op, s.max * sizeof(*s.iov));
    if (ops == NULL || s.iov == NULL)
        return -DER_NOMEM;
    for (i = 0; i < c->nr && rc == 0; i++)
        rc = build_step(op, &s, &c->steps[i], &ops[i]);
    if (rc == 0)
        io_set_update(op, c->cont, ops, c->nr, &s);
    return rc;
}

static int finish(struct op *op, int rc)
{
    daos_epoch_t *epoch = (daos_epoch_t *)op->user[0];

    if (rc == 0 && epoch != NULL)
        *epoch = op->rep.update.epoch;
    return rc;
}

static int begin(struct compound *c, daos_event_t *ev, struct hobj *held, struct op *local,
                 struct op **out)
{
    int rc = op_begin(c->client, ev, local, out);

    if (rc) {
        if (held != NULL)
            handle_put(held);
        return rc;
    }
    handle_ref(&c->cont->h);
    op_hold(*out, &c->cont->h);
    if (held != NULL)
        op_hold(*out, held);
    rc = build(*out, c);
    return rc ? op_fail(*out, rc) : 0;
}

int compound_run(struct compound *c, daos_epoch_t *epoch, daos_event_t *ev)
{
    struct op local, *op;
    int rc;

    if (c->nr == 0)
        return client_now(ev, 0);
    if (c->cont->flags & DAOS_COO_RO)
        return -DER_NO_PERM;
    rc = begin(c, ev, NULL, &local, &op);
    if (rc)
        return rc;
    op->user[0] = (uintptr_t)epoch;
    op->finish = finish;
    return op_run(op, c->cont, MSG_OBJ_UPDATE);
}

static int launched(struct op *op, int rc)
{
    void (*ended)(void *arg, int rc) = (void (*)(void *, int))op->user[0];

    ended((void *)op->user[1], rc);
    return rc;
}

int compound_launch(struct compound *c, const struct compound_end *end, daos_event_t *ev)
{
    struct op *op;
    int rc = begin(c, ev, end->held, NULL, &op);

    if (rc)
        return rc;
    op->user[0] = (uintptr_t)end->ended;
    op->user[1] = (uintptr_t)end->arg;
    op->finish = launched;
    return op_run(op, c->cont, MSG_OBJ_UPDATE);
}
