/*
 * Object id tables: the ids of all objects that exist at a snapshot. Nothing is built for them: the
 * list is read from the store at the snapshot's epoch when it is asked for. Only markers are stored
 * (oit.h).
 */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "base/mutant.h"
#include "client/list.h"
#include "client/oit.h"
#include "client/op.h"

/* Does the snapshot exist? */
static int snap_exists(daos_handle_t coh, daos_epoch_t epoch)
{
    daos_epoch_t *epochs = NULL;
    daos_anchor_t anchor = {0};
    int nr = 0, room, i, rc;

    rc = daos_cont_list_snap(coh, &nr, NULL, NULL, &anchor, NULL);
    if (rc)
        return rc;
    room = nr;
    epochs = base_calloc((size_t)room + 1, sizeof(*epochs));
    if (epochs == NULL)
        return -DER_NOMEM;
    memset(&anchor, 0, sizeof(anchor));
    rc = daos_cont_list_snap(coh, &nr, epochs, NULL, &anchor, NULL);
    if (rc == 0)
        rc = -DER_NONEXIST;
    for (i = 0; rc == -DER_NONEXIST && i < room && i < nr; i++)
        if (epochs[i] == epoch)
            rc = 0;
    base_free(epochs);
    return rc;
}

struct open_args {
    daos_handle_t coh;
    daos_epoch_t epoch;
    daos_handle_t *oh;
};

static int open_body(struct client *c, void *args)
{
    struct open_args *a = args;
    daos_obj_id_t oid = DAOS_OBJ_NIL;
    struct obj *o;
    int rc;

    rc = snap_exists(a->coh, a->epoch);
    if (rc == 0)
        rc = daos_obj_generate_oid2(a->coh, &oid, DAOS_OT_MULTI_HASHED, OC_UNKNOWN, 0, 0);
    if (rc == 0)
        rc = obj_open_local(c, a->coh, oid, DAOS_OO_RO, DAOS_HTYPE_OBJ, a->oh);
    if (rc)
        return rc;
    o = obj_get(c, *a->oh, DAOS_HTYPE_OBJ);
    if (o == NULL)
        return -DER_NO_HDL;
    o->oit = a->epoch;
    handle_put(&o->h);
    return 0;
}

int daos_oit_open(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t *oh, daos_event_t *ev)
{
    struct open_args a = {coh, epoch, oh};

    if (oh == NULL || epoch == 0 || epoch == DAOS_EPOCH_MAX)
        return -DER_INVAL;
    return client_run(ev, open_body, &a, sizeof(a));
}

static struct obj *oit_get(struct client *c, daos_handle_t oh)
{
    struct obj *o = obj_get(c, oh, DAOS_HTYPE_OBJ);

    if (o != NULL && o->oit == 0) {
        handle_put(&o->h);
        return NULL;
    }
    return o;
}

int daos_oit_close(daos_handle_t oh, daos_event_t *ev)
{
    struct obj *o = oit_get(client_current(), oh);

    if (o == NULL)
        return -DER_NO_HDL;
    handle_put(&o->h);
    return obj_close_now(oh, DAOS_HTYPE_OBJ, ev);
}

int daos_oit_list(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr, daos_anchor_t *anchor,
                  daos_event_t *ev)
{
    struct client *c = client_current();
    struct obj *o;

    if (oids == NULL || oids_nr == NULL || *oids_nr == 0 || anchor == NULL)
        return -DER_INVAL;
    o = oit_get(c, oh);
    if (o == NULL)
        return -DER_NO_HDL;
    return list_oids_held(c, o->cont, &o->h, o->oit, oids, oids_nr, anchor, ev);
}

/* ---- Markers ---- */

struct filter_args {
    daos_handle_t oh;
    daos_obj_id_t *oids;
    uint32_t *oids_nr;
    daos_anchor_t *anchor;
    daos_oit_filter_cb *filter; /* NULL: those without a marker */
};

/* Which table of which container. */
static int table_of(struct client *c, daos_handle_t oh, daos_handle_t *coh, daos_epoch_t *epoch)
{
    struct obj *o = oit_get(c, oh);

    if (o == NULL)
        return -DER_NO_HDL;
    coh->cookie = o->cont->h.cookie;
    *epoch = o->oit;
    handle_put(&o->h);
    return 0;
}

/* 1, 0, or the filter's error. */
static int takes(const struct filter_args *a, daos_obj_id_t oid, struct oit_marker *m)
{
    d_iov_t iov;
    int rc;

    if (a->filter == NULL)
        return !m->there;
    d_iov_set(&iov, m->bytes, m->len);
    rc = a->filter(oid, m->there ? &iov : NULL);
    return rc > 0 ? 1 : rc;
}

/* Of a->oids[0, nr) those that are taken, in front; *kept: how many. */
static int keep_taken(const struct filter_args *a, daos_handle_t coh, daos_epoch_t epoch,
                      uint32_t nr, uint32_t *kept)
{
    struct oit_marker m[OIT_MARKERS_AT_ONCE];
    int rc = 0;

    *kept = 0;
    for (uint32_t from = 0, n; rc == 0 && from < nr; from += n) {
        n = MIN(nr - from, OIT_MARKERS_AT_ONCE);
        rc = oit_markers_get(coh, epoch, n, a->oids + (MUTANT(CLIENT_OIT_FIRST) ? 0 : from), m);
        for (uint32_t i = 0; rc == 0 && i < n; i++) {
            int yes = takes(a, a->oids[from + i], &m[i]);

            if (yes < 0)
                rc = yes;
            else if (yes > 0)
                a->oids[(*kept)++] = a->oids[from + i];
        }
    }
    return rc;
}

static int filter_body(struct client *c, void *args)
{
    struct filter_args *a = args;
    uint32_t nr, kept = 0;
    daos_handle_t coh;
    daos_epoch_t epoch;
    int rc = table_of(c, a->oh, &coh, &epoch);

    do {
        nr = *a->oids_nr;
        if (rc == 0)
            rc = daos_oit_list(a->oh, a->oids, &nr, a->anchor, NULL);
        if (rc == 0)
            rc = keep_taken(a, coh, epoch, nr, &kept);
        if (kept == 0 && MUTANT(CLIENT_OIT_ENDS))
            a->anchor->da_type = DAOS_ANCHOR_TYPE_EOF;
    } while (rc == 0 && kept == 0 && !daos_anchor_is_eof(a->anchor));
    if (rc == 0)
        *a->oids_nr = kept;
    return rc;
}

static int list_some(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr,
                     daos_anchor_t *anchor, daos_oit_filter_cb *filter, daos_event_t *ev)
{
    struct filter_args a = {oh, oids, oids_nr, anchor, filter};

    if (oids == NULL || oids_nr == NULL || *oids_nr == 0 || anchor == NULL)
        return -DER_INVAL;
    return client_run(ev, filter_body, &a, sizeof(a));
}

int daos_oit_list_unmarked(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr,
                           daos_anchor_t *anchor, daos_event_t *ev)
{
    return list_some(oh, oids, oids_nr, anchor, NULL, ev);
}

int daos_oit_list_filter(daos_handle_t oh, daos_obj_id_t *oids, uint32_t *oids_nr,
                         daos_anchor_t *anchor, daos_oit_filter_cb *filter, daos_event_t *ev)
{
    return filter == NULL ? -DER_INVAL : list_some(oh, oids, oids_nr, anchor, filter, ev);
}

struct mark_args {
    daos_handle_t oh;
    daos_obj_id_t oid;
    d_iov_t *marker;
};

static int mark_body(struct client *c, void *args)
{
    struct mark_args *a = args;
    daos_handle_t coh;
    daos_epoch_t epoch;
    int rc = table_of(c, a->oh, &coh, &epoch);

    if (rc == 0)
        rc = list_is_there(c, coh, epoch, a->oid);
    return rc == 0 ? oit_marker_put(coh, epoch, a->oid, a->marker) : rc;
}

int daos_oit_mark(daos_handle_t oh, daos_obj_id_t oid, d_iov_t *marker, daos_event_t *ev)
{
    struct mark_args a = {oh, oid, marker};

    if (marker == NULL || marker->iov_buf == NULL || marker->iov_len == 0 ||
        marker->iov_len > OIT_MARKER_MAX)
        return -DER_INVAL;
    return client_run(ev, mark_body, &a, sizeof(a));
}

/* ---- Tables ---- */

struct create_args {
    daos_handle_t coh;
    daos_epoch_t epoch;
};

static int create_body(struct client *c, void *args)
{
    struct create_args *a = args;

    return snap_exists(a->coh, a->epoch);
}

int daos_cont_snap_oit_create(daos_handle_t coh, daos_epoch_t epoch, char *name, daos_event_t *ev)
{
    struct create_args a = {coh, epoch};

    if (name != NULL)
        return -DER_NOSYS;
    if (epoch == 0 || epoch == DAOS_EPOCH_MAX)
        return -DER_INVAL;
    return client_run(ev, create_body, &a, sizeof(a));
}

struct drop_args {
    daos_handle_t oh;
};

static int drop_body(struct client *c, void *args)
{
    struct drop_args *a = args;
    daos_handle_t coh;
    daos_epoch_t epoch;
    int rc = table_of(c, a->oh, &coh, &epoch);

    return rc == 0 ? oit_markers_drop(coh, epoch) : rc;
}

int daos_cont_snap_oit_destroy(daos_handle_t coh, daos_handle_t oh, daos_event_t *ev)
{
    struct drop_args a = {oh};
    struct client *c = client_current();
    struct cont *co = cont_get(c, coh);
    struct obj *o = oit_get(c, oh);
    bool both = co != NULL && o != NULL;

    if (o != NULL)
        handle_put(&o->h);
    if (co != NULL)
        handle_put(&co->h);
    if (!both)
        return -DER_NO_HDL;
    return client_run(ev, drop_body, &a, sizeof(a));
}
