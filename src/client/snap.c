/* Snapshots: epochs that stay readable until they are removed. */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/oit.h"
#include "client/op.h"

struct create {
    daos_handle_t coh;
    daos_epoch_t *epoch;
    uint32_t opts;
};

static int create_body(struct client *c, void *args)
{
    struct create *a = args;
    struct msg_snap_create_req q = {.opts = a->opts};
    struct msg_snap_create_rep r = {0};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    rc = call_wait(c, cont_peer(co), &call, MSG_SNAP_CREATE, &q, &r);
    net_call_fini(&call);
    handle_put(&co->h);
    if (rc == 0)
        *a->epoch = r.epoch;
    return rc;
}

int daos_cont_create_snap_opt(daos_handle_t coh, daos_epoch_t *epoch, char *name,
                              enum daos_snapshot_opts opts, daos_event_t *ev)
{
    struct create a = {coh, epoch, (uint32_t)opts};

    if (name != NULL)
        return -DER_NOSYS;
    if (epoch == NULL || !(a.opts & DAOS_SNAP_OPT_CR) ||
        (a.opts & ~(uint32_t)(DAOS_SNAP_OPT_CR | DAOS_SNAP_OPT_OIT)))
        return -DER_INVAL;
    return client_run(ev, create_body, &a, sizeof(a));
}

int daos_cont_create_snap(daos_handle_t coh, daos_epoch_t *epoch, char *name, daos_event_t *ev)
{
    return daos_cont_create_snap_opt(coh, epoch, name, DAOS_SNAP_OPT_CR, ev);
}

struct list_args {
    daos_handle_t coh;
    int *nr;
    daos_epoch_t *epochs;
    char **names;
    daos_anchor_t *anchor;
};

static int list_body(struct client *c, void *args)
{
    struct list_args *a = args;
    struct msg_snap_list_req q;
    struct msg_snap_list_rep r = {0};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    uint32_t n, i;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    rc = call_wait(c, cont_peer(co), &call, MSG_SNAP_LIST, &q, &r);
    if (rc == 0) {
        n = MIN(r.epochs_nr, (uint32_t)*a->nr);
        if (a->epochs != NULL && n > 0)
            memcpy(a->epochs, r.epochs, n * sizeof(*r.epochs));
        for (i = 0; a->names != NULL && i < n; i++)
            if (a->names[i] != NULL)
                a->names[i][0] = '\0';
        *a->nr = (int)r.epochs_nr;
        a->anchor->da_type = DAOS_ANCHOR_TYPE_EOF;
    }
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

int daos_cont_list_snap(daos_handle_t coh, int *nr, daos_epoch_t *epochs, char **names,
                        daos_anchor_t *anchor, daos_event_t *ev)
{
    struct list_args a = {coh, nr, epochs, names, anchor};

    if (nr == NULL || *nr < 0 || anchor == NULL)
        return -DER_INVAL;
    return client_run(ev, list_body, &a, sizeof(a));
}

struct destroy {
    daos_handle_t coh;
    daos_epoch_t epoch;
};

static int destroy_body(struct client *c, void *args)
{
    struct destroy *a = args;
    struct msg_snap_destroy_req q = {.epoch = a->epoch};
    int rc = oit_markers_drop(a->coh, a->epoch);

    return rc != 0 ? rc : cont_ask(c, a->coh, MSG_SNAP_DESTROY, &q, q.hdl);
}

int daos_cont_destroy_snap(daos_handle_t coh, daos_epoch_range_t epr, daos_event_t *ev)
{
    struct destroy a = {coh, epr.epr_lo};

    if (epr.epr_lo != epr.epr_hi || epr.epr_lo == 0 || epr.epr_lo == DAOS_EPOCH_MAX)
        return -DER_INVAL;
    return client_run(ev, destroy_body, &a, sizeof(a));
}
