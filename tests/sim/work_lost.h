/* What the files of the workload "dfs_check" share. */
#ifndef TARN_SIM_WORK_LOST_H
#define TARN_SIM_WORK_LOST_H

#include "dfs/check.h"
#include "work_dfs.h"

#define LOST_TOPS    3u  /* that lose their names at once */
#define LOST_NODES   12u /* with what is below them */
#define LOST_BYTES   9000u
#define LOST_PRINTED 64u /* that a check may tell of */
#define LOST_DIR     "here"

/* What is there beside the tree of the model, or may be. */
enum lost_phase {
    LOST_NOTHING,
    LOST_PLANTING, /* some of it has names, as it is made or is to go */
    LOST_REMOVING, /* no name leads to what is left of it: it is being removed, */
    LOST_LINKING,  /* or given names in /lost+found */
};

/* A node without a name, and what is below it. */
enum lost_shape { LOST_FILE, LOST_EMPTY_DIR, LOST_DIR_FILE, LOST_DIR_DEEP, LOST_SHAPES };

/* What a check told. */
struct lost_told {
    struct check_found found;
    daos_obj_id_t lost[LOST_PRINTED], damaged[LOST_PRINTED];
    uint32_t lost_nr, damaged_nr; /* may be more than there is room for */
};

struct lost_work {
    struct dfs_work dfs; /* the first: what the workload "dfs" knows */
    struct sim_rng rng;  /* of all that "dfs" does not draw */
    char cont[64];
    const struct work_client *holder; /* whose handles have not been taken away */
    enum lost_phase phase;
    uint32_t session, tops, nodes; /* nodes: those whose ids are known */
    uint8_t shape[LOST_TOPS];
    daos_obj_id_t top[LOST_TOPS], oid[LOST_NODES];
    uint8_t
        late[65536 / 8]; /* nodes that a call of unknown outcome may have written to: a bit each */
    bool unknown;        /* there was such a call */
    char want[LOST_BYTES], buf[16384]; /* as much as any file has */
    struct lost_told told;
};

static inline struct lost_work *lost_work_of(const struct work_client *c)
{
    return c->work->priv;
}

/* An error of a call: what was begun is left as it is, and looked at when everything has settled.
 * errno, or of a DER code EIO. */
int lost_err(struct work_client *c, const char *what, int err);
int lost_der(struct work_client *c, const char *what, int rc);

/* ---- work_lost_plant.c: errno ---- */

/* Makes nodes in the root, and takes their names away behind libdfs's back. */
int lost_plant(struct work_client *c);
/* Removes what may still have names of that. */
int lost_unplant(struct work_client *c);
/* All of it is in /lost+found, with all that it had. */
int lost_look(struct work_client *c);
/* Reads all files there are, and notes those that cannot be read. */
int lost_read_all(struct work_client *c, daos_obj_id_t *bad, uint32_t *nr, uint32_t max);

#endif
