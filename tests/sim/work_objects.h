/* What the files of the workload "objects" share: work_objects.c (what to do next), work_obj_io.c
 * (doing it), work_obj_more.c (snapshots, transactions, enumerations in several calls). */
#ifndef TARN_SIM_WORK_OBJECTS_H
#define TARN_SIM_WORK_OBJECTS_H

#include "base/assert.h"
#include "spec_objects.h"
#include "value.h"
#include "workload.h"

#define OB_KEY_MAX 100u
#define OB_BUF     (80u << 10)

struct ob_key {
    uint8_t len;
    unsigned char bytes[OB_KEY_MAX];
};

struct ob_obj {
    daos_obj_id_t oid;
    struct ob_key dkey[OB_DKEYS], akey[OB_AKEYS];
    bool dkey_int, akey_int;         /* daos_obj_query_key() */
    bool dkey_ordered, akey_ordered; /* enumerated by rising number */
};

enum snap_is { SNAP_FREE, SNAP_BUSY, SNAP_LIVE, SNAP_MADE_PERHAPS, SNAP_GONE_PERHAPS };

struct ob_snap {
    enum snap_is is;
    bool settled; /* of the two PERHAPS: it is so or not by now */
    uint32_t readers;
    daos_epoch_t epoch;
};

/* Shared by the clients: the oracle's and what cannot be known from one operation alone. */
struct ob_work {
    struct hist *h;
    struct ob_obj obj[OB_OBJS];
    struct value_ids ids;
    struct ob_snap snap[OB_SNAPS];
    bool snap_busy;                      /* one at a time is made, until it has been read */
    uint32_t changes[OB_OBJS][OB_DKEYS]; /* called so far */
    uint32_t open[OB_OBJS][OB_DKEYS];    /* of those, under way or of unknown outcome */
    uint32_t lost[OB_OBJS][OB_DKEYS];    /* of those, of unknown outcome */
    bool dirty[OB_OBJS][OB_DKEYS];       /* some were, when it settled; not looked at since */
};

struct ob_client {
    daos_handle_t oh[OB_OBJS];
    unsigned char *buf[OB_AKEYS];
    struct ob_op op; /* of the step under way */
};

static inline struct ob_work *ob_work(struct work_client *c)
{
    return c->work->priv;
}

static inline bool ob_coin(struct work_client *c, uint32_t one_in)
{
    return sim_rng_below(&c->rng, one_in) == 0;
}

static inline uint8_t ob_below(struct work_client *c, uint32_t n)
{
    return (uint8_t)sim_rng_below(&c->rng, n);
}

static inline bool ob_changes(const struct ob_sub *s)
{
    return s->what < OB_CHANGES || s->what > OB_READS_END;
}

/* ---- work_obj_io.c ---- */

/* One call of the API; what was observed goes into s, and its rc. */
void ob_do(struct work_client *c, struct ob_sub *s, daos_handle_t th);
/* Enumerates from the anchor on, `nr` keys at most and `room` bytes, and adds to s->found. *again:
 * keys that were found already. */
int ob_list(struct work_client *c, struct ob_sub *s, daos_handle_t th, uint32_t nr, size_t room,
            daos_anchor_t *anchor, uint32_t *again);

/* ---- work_objects.c ---- */

/* Draws an operation. */
void ob_draw_change(struct work_client *c, struct ob_sub *s);
void ob_draw_read(struct work_client *c, struct ob_sub *s);
/* Runs a plain operation against the oracle; its rc. */
int ob_run(struct work_client *c, struct ob_sub *s);
/* Tells the oracle: an operation begins and ends. */
uint32_t ob_begin(struct work_client *c, const struct ob_op *op);
void ob_end(struct work_client *c, uint32_t id, const struct ob_op *op, int rc,
            enum work_verdict v);

/* ---- work_obj_more.c ---- */

int ob_snap_make(struct work_client *c);
int ob_snap_destroy(struct work_client *c);
int ob_snap_list(struct work_client *c);
int ob_snap_read(struct work_client *c);
/* Reads all of the present (at 0) or of a snapshot. */
int ob_read_all(struct work_client *c, uint8_t at);
/* Reads something that is not decided, if there is: *found. */
int ob_pin(struct work_client *c, bool *found);
int ob_tx(struct work_client *c);
int ob_enumerate(struct work_client *c);

#endif
