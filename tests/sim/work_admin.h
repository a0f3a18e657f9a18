/* What the files of the workload "admin" share: work_admin.c (what to do next), work_adm_io.c
 * (doing it), work_adm_space.c (ranges of object ids, space). */
#ifndef TARN_SIM_WORK_ADMIN_H
#define TARN_SIM_WORK_ADMIN_H

#include <daos.h>
#include "base/assert.h"
#include "spec_admin.h"
#include "value.h"
#include "work_burst.h"

#define AD_NAME_MAX   320u
#define AD_VALUE_MAX  4096u /* of an attribute or value */
#define AD_FLIGHTS    8u
#define AD_SNAPS_READ 32u

struct ad_snap {
    daos_epoch_t epoch; /* 0: not known */
    uint32_t uses;      /* calls under way about it */
    bool doubt;         /* what became of one is not known, and may yet happen */
};

struct ad_range {
    uint64_t from, to;
};

/* Shared by the clients. */
struct ad_work {
    struct hist *h;
    struct value_ids ids;
    char label[AD_CONTS][16], name[AD_PATTRS][AD_NAME_MAX];
    daos_obj_id_t oid[AD_REGS];
    struct ad_snap snap[AD_CONTS][AD_SNAPS];
    /* handles through which something may yet happen: not used again before that is decided */
    bool doubt[AD_CLIENTS][AD_HANDLES];
    uint32_t evictors[AD_CONTS]; /* under way, or nobody knows whether they are over */
    struct ad_range *range;      /* ids given out, ascending */
    uint32_t ranges, ranges_max;
};

/* A handle of a client; it may have been evicted without our hearing of it. */
struct ad_handle {
    daos_handle_t coh;
    bool open;
    bool busy; /* being opened or closed */
    uint8_t cont;
    uint32_t uses; /* calls under way through it */
};

/* One call of the API, and what the library uses until it ends. */
struct ad_call {
    struct work_flight fl;
    struct ad_op op;
    bool data;   /* of the container that is always there: AD_OIDS */
    uint32_t id; /* the oracle's */
    daos_handle_t coh, oh;
    daos_epoch_t epoch, epochs[AD_SNAPS_READ];
    struct ad_snap before[AD_SNAPS]; /* AD_SNAP_LIST: what we knew */
    const char *names[AD_PATTRS];
    const void *values[AD_PATTRS];
    void *buffers[AD_PATTRS];
    size_t sizes[AD_PATTRS], list_size;
    uint32_t name_nr;
    uint8_t name_of[AD_PATTRS]; /* number of the name in its place */
    daos_prop_t *prop;
    struct daos_acl *acl;
    daos_cont_info_t info;
    struct daos_pool_cont_info conts[2 * AD_CONTS];
    daos_size_t conts_nr;
    daos_anchor_t anchor;
    int snaps_nr;
    uint64_t first_oid, oids;
    uuid_t uuid;
    daos_key_t dkey;
    daos_iod_t iod;
    d_sg_list_t sgl;
    d_iov_t iov;
    char list[4096];
    unsigned char buf[AD_PATTRS][AD_VALUE_MAX];
};

struct ad_client {
    struct ad_handle handle[AD_HANDLES];
    struct ad_call call, flight[AD_FLIGHTS];
    bool gone; /* its pool or container handle is */
};

static inline struct ad_work *ad_work(struct work_client *c)
{
    return c->work->priv;
}

static inline uint32_t ad_below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

static inline bool ad_coin(struct work_client *c, uint32_t one_in)
{
    return ad_below(c, one_in) == 0;
}

/* ---- work_adm_io.c ---- */

/* One call of the API is begun; what it returned. */
int ad_start(struct work_client *c, struct ad_call *k, daos_event_t *ev);
/* It ended: what was observed goes into k->op, and its rc. */
void ad_finish(struct work_client *c, struct ad_call *k, int rc);

/* ---- work_adm_space.c ---- */

/* These ids were given out: nobody had one of them. */
void ad_oids_given(struct work_client *c, uint64_t first, uint64_t nr);
/* Nobody else works: a container that is written and destroyed gives its space back. DER code. */
int ad_space_returns(struct work_client *c);

#endif
