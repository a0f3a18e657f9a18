/* Snapshots. The service is what says which there are; the shards keep the versions that a snapshot
 * needs. */
#include <string.h>
#include <daos_cont.h>
#include <daos_errno.h>
#include "svc/op.h"

static void snap_key(const uint8_t cont[16], uint64_t epoch, uint8_t key[24])
{
    memcpy(key, cont, 16);
    put_be64(key + 16, epoch);
}

int snap_create(struct op *o, const void *req, void *rep)
{
    const struct msg_snap_create_req *q = req;
    struct msg_snap_create_rep *r = rep;
    uint64_t epoch = o->cmd->epoch, max;
    struct cont_rec rec;
    struct svc_props l;
    struct chdl_rec h;
    uint8_t key[24];
    int rc;

    if (!(q->opts & DAOS_SNAP_OPT_CR))
        return -DER_INVAL;
    if (q->name != NULL)
        return -DER_NOSYS;
    rc = op_cont(o, q->hdl, DAOS_ACL_PERM_WRITE, &h);
    if (rc == 0)
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
    if (rc == 0)
        rc = st_cont_props(o->s, h.cont, &o->s->scratch, &l);
    if (rc != 0)
        return rc;
    max = svc_props_num(&l, DAOS_PROP_CO_SNAPSHOT_MAX);
    if (max != 0 && rec.snaps >= max)
        return -DER_INVAL; /* as documented for daos_cont_create_snap() */
    snap_key(h.cont, epoch, key);
    rec.snaps++;
    if (epoch > rec.latest_snap)
        rec.latest_snap = epoch;
    rc = st_put(o->s, T_SNAP, key, sizeof(key), "", 0);
    r->epoch = epoch;
    return rc != 0 ? rc : st_cont_put(o->s, h.cont, &rec);
}

/* Counts the epochs (v NULL) or copies them. */
static int epochs_of(struct op *o, const uint8_t cont[16], uint64_t *v, uint32_t *nr)
{
    struct scan sc;
    int rc;

    *nr = 0;
    st_scan(&sc, T_SNAP, cont, 16);
    while ((rc = st_scan_next(o->s, &sc)) == 0) {
        if (sc.key_len != 24)
            return -DER_DF_INVAL;
        if (v != NULL)
            v[*nr] = get_be64(sc.key + 16);
        ++*nr;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

int snap_list(struct op *o, const void *req, void *rep)
{
    const struct msg_snap_list_req *q = req;
    struct msg_snap_list_rep *r = rep;
    struct chdl_rec h;
    uint64_t *v;
    uint32_t nr = 0;
    int rc = st_cont_hdl(o->s, q->hdl, o->mem, &h, NULL);

    if (rc == 0)
        rc = epochs_of(o, h.cont, NULL, &nr);
    if (rc != 0)
        return rc;
    v = arena_alloc(o->mem, (nr + 1) * sizeof(*v));
    if (v == NULL)
        return -DER_NOMEM;
    rc = epochs_of(o, h.cont, v, &nr);
    r->epochs = v;
    r->epochs_nr = nr;
    return rc;
}

int snap_destroy(struct op *o, const void *req, void *rep)
{
    const struct msg_snap_destroy_req *q = req;
    struct cont_rec rec;
    struct chdl_rec h;
    uint8_t key[24];
    struct scan sc;
    int rc = op_cont(o, q->hdl, DAOS_ACL_PERM_WRITE, &h);

    if (rc == 0)
        rc = st_get_rec(o->s, T_CONT, h.cont, 16, &rec, sizeof(rec));
    if (rc != 0)
        return rc;
    snap_key(h.cont, q->epoch, key);
    rc = st_del(o->s, T_SNAP, key, sizeof(key));
    if (rc != 0)
        return rc;
    rec.snaps--;
    rec.latest_snap = 0;
    st_scan(&sc, T_SNAP, h.cont, 16);
    while ((rc = st_scan_next(o->s, &sc)) == 0)
        rec.latest_snap = get_be64(sc.key + 16);
    return rc != -DER_NONEXIST ? rc : st_cont_put(o->s, h.cont, &rec);
}
