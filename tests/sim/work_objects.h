/* What the files of the workload "objects" share: work_objects.c (what to do next), work_obj_io.c
 * (doing it), work_obj_more.c (snapshots, enumerations in several calls), work_obj_tx.c
 * (transactions). */
#ifndef TARN_SIM_WORK_OBJECTS_H
#define TARN_SIM_WORK_OBJECTS_H

#include "base/assert.h"
#include "spec_objects.h"
#include "value.h"
#include "work_burst.h"
#include "workload.h"

#define OB_KEY_MAX   100u
#define OB_BUF       (80u << 10)
#define OB_ROOM_MAX  73000u /* any value fits */
#define OB_ROOM_MOST 13000u /* most values do */

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

#define OB_IOVS    3u
#define OB_FLIGHTS 5u /* calls of a client under way at once */

/* One call of the API, and what the library uses until it ends. */
struct ob_call {
    struct work_flight fl;
    struct ob_op op; /* when it is an operation of its own */
    uint32_t id;     /* the oracle's */
    unsigned char *buf[OB_AKEYS];
    /* arguments */
    struct ob_key dk, ak;
    daos_key_t dkeys[OB_DKEYS], akeys[OB_AKEYS];
    daos_iod_t iods[OB_AKEYS];
    daos_recx_t recxs[OB_AKEYS][OB_RXS];
    d_sg_list_t sgls[OB_AKEYS];
    d_iov_t iovs[OB_AKEYS][OB_IOVS];
    daos_iom_t ioms[OB_AKEYS];
    daos_recx_t maps[OB_AKEYS][OB_RECS];
    daos_key_desc_t kds[2 * OB_DKEYS];
    daos_recx_t list[2 * OB_RECS], rx;
    daos_epoch_range_t eprs[2 * OB_RECS];
    daos_anchor_t anchor;
    daos_size_t size;
    uint64_t flags;
    uint32_t nr;
    uint8_t fill;
    bool with_maps, up;
};

/* What is drawn next; all zero: anything. */
struct ob_mood {
    bool narrow; /* of obj only these dkeys */
    bool calm;   /* no conditions, values of the usual types: what is written is not refused */
    uint8_t obj, dkey[2];
};

struct ob_client {
    daos_handle_t oh[OB_OBJS];
    struct ob_call call;               /* one that is waited for */
    struct ob_call flight[OB_FLIGHTS]; /* those that are not */
    struct ob_op tx, reads;            /* of a transaction */
    struct ob_mood mood;
    unsigned char *memory; /* of the calls' buffers */
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

/* One call of the API is begun; what it returned. s may be gone when it ends. */
int ob_start(struct work_client *c, struct ob_call *k, const struct ob_sub *s, daos_handle_t th,
             daos_event_t *ev);
/* It ended: what was observed goes into s (as it was begun), and its rc. */
void ob_finish(struct work_client *c, struct ob_call *k, struct ob_sub *s, int rc);
/* Both. */
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
/* Are there so many changes under way that another one would be too much to think about? */
bool ob_crowded(struct work_client *c, const struct ob_op *op);
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
int ob_enumerate(struct work_client *c);

/* ---- work_obj_tx.c ---- */

int ob_tx(struct work_client *c);
/* Several reads at one epoch a little above all that there is. */
int ob_ahead(struct work_client *c);

#endif
