/* What the files of the workload "dfs" share. */
#ifndef TARN_SIM_WORK_DFS_H
#define TARN_SIM_WORK_DFS_H

#include "dfs_act.h"
#include "workload.h"

#define WORK_DFS_LOST_MAX                                                                          \
    8u                        /* steps of unknown outcome; then only looks until they are settled  \
                               */
#define WORK_DFS_NODES_MAX 9u /* nodes that a run keeps */
#define WORK_DFS_INO_MAX   60000u

struct dfs_work {
    struct hist *h;
    struct dfs_ids ids;
    uint16_t next_ino, next_val;
    daos_epoch_t snap[SPEC_SNAPS]; /* 0: none */
    /* Nodes that steps of unknown outcome may still change. */
    uint16_t lost[4 * WORK_DFS_LOST_MAX + 64];
    uint32_t lost_nr, lost_steps;
};

static inline struct dfs_work *dfs_work_of(const struct work_client *c)
{
    return c->work->priv;
}

/* The tree as it may be now. */
static inline const struct spec_tree *dfs_work_tree(const struct work_client *c)
{
    return &((const struct spec_dfs *)hist_state(dfs_work_of(c)->h))->now;
}

extern const struct workload work_dfs;

/* Nothing of unknown outcome may touch the node. */
bool dfs_work_quiet(const struct dfs_work *w, uint16_t ino);

/* Draws an operation that can be judged now; false: draw again. */
bool dfs_work_draw(struct work_client *c, struct spec_op *op);

#endif
