/* Objects: ids, handles, reading, writing, punching. */
#include <daos.h>
#include <stdlib.h>
#include "base/fail.h"
#include "client/compound.h"
#include "client/obj_io.h"
#include "client/tx_own.h"
#include "place/place.h"

/* ---- Ids ---- */

static int64_t gx_reserved(void)
{
    const char *text = getenv("D_GX_RESERVED");

    return text && *text ? (int64_t)strtoul(text, NULL, 0) : -1;
}

static int choose(const struct place_map *map, daos_obj_id_t *oid, struct place_want *want)
{
    struct err e = {0};
    daos_oclass_id_t cid;
    int rc;

    if (!daos_otype_t_is_valid(want->type) || want->type == DAOS_OT_OIT ||
        want->type == DAOS_OT_OIT_V2)
        return -DER_INVAL;
    want->gx_reserved = gx_reserved();
    rc = place_class_choose(map, want, &cid, &e);
    if (rc) {
        client_error(&e);
        return rc == -DER_NONEXIST ? -DER_INVAL : rc;
    }
    place_oid_encode(oid, want->type, cid);
    return 0;
}

int daos_obj_generate_oid2(daos_handle_t coh, daos_obj_id_t *oid, enum daos_otype_t type,
                           daos_oclass_id_t cid, daos_oclass_hints_t hints, uint32_t args)
{
    struct place_want want = {.type = type, .cid = cid, .hints = hints};
    struct cont *co;
    int rc;

    if (oid == NULL || args != 0)
        return -DER_INVAL;
    co = cont_get(client_current(), coh);
    if (co == NULL)
        return -DER_NO_HDL;
    want.rd_fac = co->redun_fac;
    want.rd_lvl = co->redun_lvl;
    rc = choose(co->pool->conn->map, oid, &want);
    handle_put(&co->h);
    return rc;
}

int client_generate_oid_pool(daos_handle_t poh, daos_obj_id_t *oid, enum daos_otype_t type,
                             daos_oclass_id_t cid, daos_oclass_hints_t hints)
{
    struct place_want want = {
        .type = type, .cid = cid, .hints = hints, .rd_lvl = DAOS_PROP_CO_REDUN_DEFAULT};
    struct daos_prop_entry entry = {.dpe_type = DAOS_PROP_PO_REDUN_FAC};
    daos_prop_t prop = {.dpp_nr = 1, .dpp_entries = &entry};
    struct pool *p;
    int rc;

    if (oid == NULL)
        return -DER_INVAL;
    rc = daos_pool_query(poh, NULL, NULL, &prop, NULL);
    if (rc)
        return rc;
    p = pool_get(client_current(), poh);
    if (p == NULL)
        return -DER_NO_HDL;
    want.rd_fac = (uint32_t)entry.dpe_val;
    rc = choose(p->conn->map, oid, &want);
    handle_put(&p->h);
    return rc;
}

/* ---- Handles ---- */

static void obj_free(struct hobj *h)
{
    struct obj *o = CONTAINER_OF(h, struct obj, h);

    atomic_fetch_sub(&o->cont->objs, 1);
    handle_put(&o->cont->h);
    base_free(o);
}

/* The class must exist and be as strong as the container asks. */
static int check_class(const struct cont *co, daos_obj_id_t oid)
{
    struct place_class cls;
    enum daos_otype_t type;
    uint32_t domains;
    int rc;

    rc = place_oid_decode(oid, &type, &cls);
    if (rc)
        return rc;
    domains = place_map_domains(co->pool->conn->map,
                                co->redun_lvl == DAOS_PROP_CO_REDUN_RANK ? PLACE_RANK : PLACE_NODE);
    return place_class_tolerates(&cls, domains, co->redun_fac) ? 0 : -DER_INVAL;
}

static int obj_new(struct client *c, struct cont *co, daos_obj_id_t oid, unsigned int mode,
                   uint32_t type, daos_handle_t *oh)
{
    struct obj *o;
    int rc;

    if (mode &
        ~(unsigned int)(DAOS_OO_RO | DAOS_OO_RW | DAOS_OO_EXCL | DAOS_OO_IO_RAND | DAOS_OO_IO_SEQ))
        return -DER_INVAL;
    if ((mode & (DAOS_OO_RW | DAOS_OO_EXCL)) && (co->flags & DAOS_COO_RO))
        return -DER_NO_PERM;
    if (!(mode & (DAOS_OO_RO | DAOS_OO_RW | DAOS_OO_EXCL)))
        mode |= co->flags & DAOS_COO_RO ? DAOS_OO_RO : DAOS_OO_RW;
    rc = check_class(co, oid);
    if (rc)
        return rc;
    o = base_calloc(1, sizeof(*o));
    if (o == NULL)
        return -DER_NOMEM;
    o->client = c;
    o->cont = co;
    o->oid = oid;
    o->mode = mode;
    o->h.free = obj_free;
    rc = handle_open(c->handles, &o->h, type, oh);
    if (rc) {
        base_free(o);
        return rc;
    }
    /* The object keeps the caller's reference on the container. */
    atomic_fetch_add(&co->objs, 1);
    return 0;
}

int obj_open_local(struct client *c, daos_handle_t coh, daos_obj_id_t oid, unsigned int mode,
                   uint32_t type, daos_handle_t *oh)
{
    struct cont *co;
    int rc;

    if (oh == NULL)
        return -DER_INVAL;
    co = cont_get(c, coh);
    if (co == NULL)
        return -DER_NO_HDL;
    rc = obj_new(c, co, oid, mode, type, oh);
    if (rc)
        handle_put(&co->h);
    return rc;
}

int obj_close_local(struct client *c, daos_handle_t oh, uint32_t type)
{
    struct obj *o = obj_get(c, oh, type);
    bool closed;

    if (o == NULL)
        return -DER_NO_HDL;
    closed = handle_close(&o->h);
    handle_put(&o->h);
    return closed ? 0 : -DER_NO_HDL;
}

int obj_close_now(daos_handle_t oh, uint32_t type, daos_event_t *ev)
{
    struct ev_run run;
    int rc = client_now_begin(ev, &run);

    return rc != 0 ? rc : client_now_end(ev, &run, obj_close_local(client_current(), oh, type));
}

int daos_obj_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t *oh,
                  daos_event_t *ev)
{
    struct ev_run run;
    int rc = client_now_begin(ev, &run);

    if (rc != 0)
        return rc;
    rc = obj_open_local(client_current(), coh, oid, mode, DAOS_HTYPE_OBJ, oh);
    return client_now_end(ev, &run, rc);
}

int daos_obj_close(daos_handle_t oh, daos_event_t *ev)
{
    return obj_close_now(oh, DAOS_HTYPE_OBJ, ev);
}

/* ---- Writing ---- */

/* An object that may be written under th; *tx when the write is to be buffered. */
static int get_writable(struct client *c, daos_handle_t oh, daos_handle_t th, struct obj **out,
                        struct tx **tx)
{
    struct obj *o = obj_get(c, oh, DAOS_HTYPE_OBJ);
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = (o->mode & (DAOS_OO_RW | DAOS_OO_EXCL)) && !o->oit ? 0 : -DER_NO_PERM;
    if (rc == 0)
        rc = tx_for_write(c, th, o->cont, tx);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    *out = o;
    return 0;
}

int daos_obj_update(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                    unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    rc = io_check_update(o->oid, flags, dkey, nr, iods, sgls);
    if (rc == 0 && tx != NULL && !io_nothing(nr, iods))
        return tx_update_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, flags, dkey, nr, iods,
                            sgls, ev);
    if (rc || io_nothing(nr, iods)) {
        tx_put(tx);
        handle_put(&o->h);
        return client_now(ev, rc);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    rc = io_update(op, o->cont, o->oid, flags, dkey, nr, iods, sgls);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

static int punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                 unsigned int nr, daos_key_t *akeys, daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    if (dkey != NULL)
        rc = io_check_punch(o->oid, flags, 1, dkey, true);
    else if (flags & ~(uint64_t)DAOS_COND_PUNCH)
        rc = -DER_INVAL;
    if (rc == 0 && nr > 0)
        rc = io_check_punch(o->oid, flags, nr, akeys, false);
    if (rc == 0 && tx != NULL)
        return tx_punch_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, flags, dkey, nr, akeys,
                           ev);
    if (rc) {
        tx_put(tx);
        handle_put(&o->h);
        return client_now(ev, rc);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    rc = io_punch(op, o->cont, o->oid, flags, dkey, nr, akeys);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

int daos_obj_punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_event_t *ev)
{
    return punch(oh, th, flags, NULL, 0, NULL, ev);
}

int daos_obj_punch_akeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                         unsigned int nr, daos_key_t *akeys, daos_event_t *ev)
{
    if (dkey == NULL || nr == 0 || akeys == NULL)
        return -DER_INVAL;
    return punch(oh, th, flags, dkey, nr, akeys, ev);
}

/* Many dkeys: compound requests, each all or nothing; COMPOUND_OPS_MAX dkeys at a time. */
struct punch_dkeys {
    daos_handle_t coh;
    daos_obj_id_t oid;
    uint64_t flags;
    unsigned int nr;
    daos_key_t *dkeys;
};

static int punch_dkeys_body(struct client *c, void *args)
{
    struct punch_dkeys *a = args;
    struct compound *cp;
    unsigned int i = 0;
    int rc = 0;

    while (rc == 0 && i < a->nr) {
        rc = compound_begin(a->coh, &cp);
        if (rc)
            return rc;
        do {
            rc = compound_punch_keys_oid(cp, a->oid, a->flags, &a->dkeys[i++], 0, NULL);
        } while (rc == 0 && i < a->nr && i % COMPOUND_OPS_MAX != 0);
        if (rc == 0)
            rc = compound_run(cp, NULL, NULL);
        compound_free(cp);
    }
    return rc;
}

int daos_obj_punch_dkeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, unsigned int nr,
                         daos_key_t *dkeys, daos_event_t *ev)
{
    struct punch_dkeys a = {.flags = flags, .nr = nr, .dkeys = dkeys};
    struct client *c = client_current();
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    if (nr == 0 || dkeys == NULL)
        return -DER_INVAL;
    if (nr == 1)
        return punch(oh, th, flags, dkeys, 0, NULL, ev);
    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    a.coh.cookie = o->cont->h.cookie;
    a.oid = o->oid;
    rc = io_check_punch(o->oid, flags, nr, dkeys, true);
    if (rc == 0 && tx != NULL)
        return tx_punch_dkeys_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, flags, nr, dkeys,
                                 ev);
    tx_put(tx);
    handle_put(&o->h);
    return rc ? rc : client_run(ev, punch_dkeys_body, &a, sizeof(a));
}

/* ---- Reading ---- */

int daos_obj_fetch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms,
                   daos_event_t *ev)
{
    struct client *c = client_current();
    struct obj *o = obj_get(c, oh, DAOS_HTYPE_OBJ);
    struct tx *tx = NULL;
    daos_epoch_t epoch;
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = io_check_fetch(o->oid, flags, dkey, nr, iods, sgls);
    if (rc == 0)
        rc = tx_read(c, th, o->cont, o->oid, dkey, &epoch, &tx);
    if (rc || io_nothing(nr, iods)) {
        tx_put(tx);
        handle_put(&o->h);
        return client_now(ev, rc);
    }
    if (own_reads(tx))
        return own_fetch(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, flags, dkey, nr, iods,
                         sgls, ioms, ev);
    return obj_fetch_held(c, o->cont, &o->h, tx, epoch, o->oid, flags, dkey, nr, iods, sgls, ioms,
                          NULL, NULL, ev);
}

/* Also says how new what it met is, and when it was read. */
static int finish_epoch(struct op *op, int rc)
{
    daos_epoch_t *epoch = (daos_epoch_t *)op->user[8], *read_at = (daos_epoch_t *)op->user[9];

    rc = io_fetch_finish(op, rc);
    if (rc == 0 && epoch != NULL)
        *epoch = io_fetch_newest(op);
    if (rc == 0 && read_at != NULL)
        *read_at = *op_read_at(op);
    return rc;
}

int obj_fetch_held(struct client *c, struct cont *co, struct hobj *held, struct tx *tx,
                   daos_epoch_t at, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey,
                   unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms,
                   daos_epoch_t *newest, daos_epoch_t *read_at, daos_event_t *ev)
{
    struct op local, *op;
    int rc;

    if (nr > NET_BULK_MAX)
        return fetch_many(co, held, tx, at, oid, flags, dkey, nr, iods, sgls, ioms, newest, ev);
    rc = op_begin_in(c, ev, &local, held, tx, &op);
    if (rc)
        return rc;
    rc = io_fetch(op, co, at, oid, flags, dkey, nr, iods, sgls, ioms);
    if (rc)
        return op_fail(op, rc);
    op->user[8] = (uintptr_t)newest;
    op->user[9] = (uintptr_t)read_at;
    op->finish = finish_epoch;
    return op_run(op, co, MSG_OBJ_FETCH);
}

int client_fetch_oid(daos_handle_t coh, daos_handle_t th, daos_obj_id_t oid, uint64_t flags,
                     daos_key_t *dkey, unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls,
                     daos_epoch_t *epoch, daos_event_t *ev)
{
    struct client *c = client_current();
    struct cont *co = cont_get(c, coh);
    struct tx *tx = NULL;
    daos_epoch_t at;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    rc = io_nothing(nr, iods) ? -DER_INVAL : io_check_fetch(oid, flags, dkey, nr, iods, sgls);
    if (rc == 0)
        rc = tx_read(c, th, co, oid, dkey, &at, &tx);
    if (rc) {
        handle_put(&co->h);
        return rc;
    }
    if (own_reads(tx) && epoch == NULL)
        return own_fetch(&(struct own_read){c, tx, &co->h, co, oid}, flags, dkey, nr, iods, sgls,
                         NULL, ev);
    if (own_reads(tx)) /* what the transaction wrote has no epoch */
        rc = own_noted(&(struct own_read){c, tx, &co->h, co, oid}, dkey);
    if (rc) {
        tx_put(tx);
        handle_put(&co->h);
        return rc;
    }
    return obj_fetch_held(c, co, &co->h, tx, at, oid, flags, dkey, nr, iods, sgls, NULL, epoch,
                          NULL, ev);
}

/* ---- Not offered, or trivially true ---- */

int daos_obj_query(daos_handle_t oh, struct daos_obj_attr *oa, d_rank_list_t *ranks,
                   daos_event_t *ev)
{
    return -DER_NOSYS;
}

int daos_obj_verify(daos_handle_t coh, daos_obj_id_t oid, daos_epoch_t epoch)
{
    struct cont *co = cont_get(client_current(), coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    /* One copy agrees with itself; whether it is intact its checksums say on every read. */
    rc = check_class(co, oid);
    handle_put(&co->h);
    return rc;
}

int daos_obj_register_class(daos_handle_t coh, daos_oclass_id_t cid, struct daos_oclass_attr *attr,
                            daos_event_t *ev)
{
    return -DER_NOSYS;
}

int daos_obj_query_class(daos_handle_t coh, daos_oclass_id_t cid, struct daos_oclass_attr *attr,
                         daos_event_t *ev)
{
    return -DER_NOSYS;
}

int daos_obj_list_class(daos_handle_t coh, struct daos_oclass_list *list, daos_anchor_t *anchor,
                        daos_event_t *ev)
{
    return -DER_NOSYS;
}

int daos_oclass_name2id(const char *name)
{
    return name ? (int)place_class_by_name(name) : OC_UNKNOWN;
}

int daos_oclass_id2name(daos_oclass_id_t oc_id, char *name)
{
    return place_class_name(oc_id, name);
}

ssize_t daos_oclass_names_list(size_t size, char *str)
{
    return place_class_names(size, str);
}

int daos_oclass_nr(int opts)
{
    return place_class_count();
}
