/*
 * Fetches of more akeys than a message has bulk vectors: several messages at one epoch, so that the
 * program still sees one moment.
 *
 * Without a transaction the engine chooses the epoch at the first message; when history below it
 * has been dropped meanwhile (-DER_TX_RESTART), the whole is read again at a newer one.
 */
#include <daos.h>
#include "client/obj_io.h"
#include "client/tx.h"

#define TRIES 16

struct many {
    struct cont *co;
    struct hobj *held;
    struct tx *tx;
    daos_epoch_t at;
    daos_obj_id_t oid;
    uint64_t flags;
    daos_key_t *dkey;
    unsigned int nr;
    daos_iod_t *iods;
    d_sg_list_t *sgls;
    daos_iom_t *ioms;
    daos_epoch_t *newest;
};

/* at: 0 is replaced by what the engine chose. */
static int fetch_part(struct client *c, const struct many *a, daos_epoch_t *at, unsigned int from,
                      daos_epoch_t *newest)
{
    unsigned int n = MIN(a->nr - from, NET_BULK_MAX);
    daos_epoch_t met = 0;
    int rc;

    if (io_nothing(n, a->iods + from))
        return 0;
    handle_ref(a->held);
    tx_ref(a->tx);
    rc = obj_fetch_held(c, a->co, a->held, a->tx, *at, a->oid, a->flags, a->dkey, n, a->iods + from,
                        a->sgls ? a->sgls + from : NULL, a->ioms ? a->ioms + from : NULL, &met, at,
                        NULL);
    *newest = MAX(*newest, met);
    return rc;
}

static int many_body(struct client *c, void *args)
{
    struct many *a = args;
    daos_epoch_t newest = 0;
    unsigned int from;
    int tries, rc = 0;

    for (tries = 0; tries < TRIES; tries++) {
        daos_epoch_t at = a->at == DAOS_EPOCH_MAX ? 0 : a->at;

        rc = 0;
        for (from = 0; rc == 0 && from < a->nr; from += NET_BULK_MAX)
            rc = fetch_part(c, a, &at, from, &newest);
        if (rc != -DER_TX_RESTART || a->at != DAOS_EPOCH_MAX)
            break;
    }
    if (rc == 0 && a->newest != NULL)
        *a->newest = newest;
    tx_put(a->tx);
    handle_put(a->held);
    return rc;
}

int fetch_many(struct cont *co, struct hobj *held, struct tx *tx, daos_epoch_t at,
               daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey, unsigned int nr,
               daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, daos_epoch_t *newest,
               daos_event_t *ev)
{
    struct many a = {.co = co,
                     .held = held,
                     .tx = tx,
                     .at = at,
                     .oid = oid,
                     .flags = flags,
                     .dkey = dkey,
                     .nr = nr,
                     .iods = iods,
                     .sgls = sgls,
                     .ioms = ioms,
                     .newest = newest};
    int rc = client_run(ev, many_body, &a, sizeof(a));

    if (rc != 0 && ev != NULL) {
        tx_put(tx);
        handle_put(held);
    }
    return rc;
}
