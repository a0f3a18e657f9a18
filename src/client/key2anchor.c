/*
 * The anchor from which an enumeration goes on with a given key.
 *
 * Places in an enumeration are the engine's secret, so the key is looked for: batch by batch, and
 * when a batch holds it, the batch is listed again up to the key in front of it. Costs as much as
 * listing that far.
 */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/list.h"
#include "client/obj_io.h"
#include "client/tx_own.h"

#define BATCH       128u
#define BATCH_BYTES 65536u /* every key fits */

struct search {
    daos_handle_t oh, th;
    daos_key_t *dkey, *akey;
    daos_anchor_t *anchor;
};

struct batch {
    daos_key_desc_t kds[BATCH];
    uint32_t nr;
    d_iov_t iov;
    d_sg_list_t sgl;
    char bytes[BATCH_BYTES];
};

/* Lists up to `max` keys after *at, which moves on. */
static int list(struct client *c, const struct search *s, struct obj *o, uint32_t max,
                struct batch *b, daos_anchor_t *at)
{
    daos_key_t *dkey = s->akey ? s->dkey : NULL;
    struct tx *tx = NULL;
    daos_epoch_t epoch;
    int rc;

    rc = tx_read(c, s->th, o->cont, o->oid, dkey, &epoch, &tx);
    if (rc)
        return rc;
    b->nr = max;
    d_iov_set(&b->iov, b->bytes, sizeof(b->bytes));
    b->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &b->iov};
    handle_ref(&o->h);
    if (own_reads(tx))
        return own_list_keys(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, dkey, &b->nr,
                             b->kds, &b->sgl, at, NULL);
    return list_keys_held(c, o->cont, &o->h, tx, epoch, o->oid, dkey, &b->nr, b->kds, &b->sgl, at,
                          NULL);
}

/* Place of the key in the batch; nr when it is not there. */
static uint32_t find(const struct batch *b, const daos_key_t *key)
{
    const char *p = b->bytes;
    uint32_t i;

    for (i = 0; i < b->nr; i++) {
        if (b->kds[i].kd_key_len == key->iov_len && memcmp(p, key->iov_buf, key->iov_len) == 0)
            break;
        p += b->kds[i].kd_key_len;
    }
    return i;
}

/* Moves *at over n keys. */
static int skip(struct client *c, const struct search *s, struct obj *o, uint32_t n,
                struct batch *b, daos_anchor_t *at)
{
    int rc = 0;

    while (rc == 0 && n > 0 && !daos_anchor_is_eof(at)) {
        rc = list(c, s, o, n, b, at);
        n -= rc ? 0 : b->nr;
    }
    return rc;
}

static int search(struct client *c, const struct search *s, struct obj *o, struct batch *b)
{
    const daos_key_t *key = s->akey ? s->akey : s->dkey;
    daos_anchor_t at = {0}, before;
    uint32_t i;
    int rc;

    while (!daos_anchor_is_eof(&at)) {
        before = at;
        rc = list(c, s, o, BATCH, b, &at);
        if (rc)
            return rc;
        i = find(b, key);
        if (i == b->nr)
            continue;
        rc = skip(c, s, o, i, b, &before);
        if (rc == 0)
            *s->anchor = before;
        return rc;
    }
    return -DER_NONEXIST;
}

static int body(struct client *c, void *args)
{
    const struct search *s = args;
    struct obj *o = obj_get(c, s->oh, DAOS_HTYPE_OBJ);
    struct batch *b;
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = io_check_dkey(o->oid, s->dkey);
    if (rc == 0 && s->akey != NULL)
        rc = io_check_akey(o->oid, s->akey);
    b = rc ? NULL : base_alloc(sizeof(*b));
    if (rc == 0)
        rc = b ? search(c, s, o, b) : -DER_NOMEM;
    base_free(b);
    handle_put(&o->h);
    return rc;
}

int daos_obj_key2anchor(daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey,
                        daos_anchor_t *anchor, daos_event_t *ev)
{
    struct search s = {oh, th, dkey, akey, anchor};

    return anchor == NULL || dkey == NULL ? -DER_INVAL : client_run(ev, body, &s, sizeof(s));
}
