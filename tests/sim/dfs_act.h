/*
 * Does an operation of the model (spec_dfs.h) with libdfs, and says what was seen in the model's
 * words.
 *
 *     dfs_act_prepare(&act, &tree, &op)    opens what the operation is done with
 *     dfs_act_run(&act, &op)               the call itself: op.rc, op.seen, op.tree
 *     dfs_act_done(&act)
 *
 * Nodes are known again by their object ids: struct dfs_ids, shared by all that work in one
 * container. A node whose making was not answered, or gave no handle, is recognized when it is
 * first met, by its type and the mode (or target) it was made with: dfs_act_mode().
 */
#ifndef TARN_SIM_DFS_ACT_H
#define TARN_SIM_DFS_ACT_H

#include <daos.h>
#include <daos_fs.h>
#include "spec_dfs.h"

#define DFS_CELL_BYTES  1500u
#define DFS_CHUNK_BYTES (DFS_CELL_BYTES * SPEC_CHUNK_CELLS)
#define DFS_FRESH       250u /* of 256 modes that tell them apart */
#define DFS_LOST        (-1) /* the model's node is not where the model says */

struct dfs_ids {
    struct dfs_id {
        daos_obj_id_t oid;
        uint16_t ino;
    } * id;
    uint32_t nr, room;
    struct dfs_fresh { /* made, not met yet; a ring */
        uint16_t ino, mode;
        uint8_t type, target;
    } fresh[DFS_FRESH];
    uint32_t fresh_at;
};

void dfs_ids_fini(struct dfs_ids *ids);
/* The node's number: 0 unknown. type SPEC_NONE: it cannot be recognized if it was not met before.
 */
uint16_t dfs_ids_of(struct dfs_ids *ids, daos_obj_id_t oid, uint8_t type, uint16_t mode,
                    uint8_t target);
/* Is a link to this target among those not met yet? They could not be told apart. */
bool dfs_ids_link_pending(const struct dfs_ids *ids, uint8_t target);
/* The mode a new node is made with. */
uint16_t dfs_act_mode(uint16_t ino);

struct dfs_act {
    dfs_t *dfs;
    struct dfs_ids *ids;
    dfs_obj_t *dir, *dir2; /* NULL: the root */
    dfs_obj_t *obj;
};

/* 0, DFS_LOST, or an errno. Nothing has changed. Done with dfs_act_done() in any case. */
int dfs_act_prepare(struct dfs_act *act, const struct spec_tree *t, const struct spec_op *op);
void dfs_act_run(struct dfs_act *act, struct spec_op *op);
void dfs_act_done(struct dfs_act *act);
/* Reads everything: what a SPEC_WALK sees. What the model has no words for becomes SPEC_STRANGE and
 * a sentence in why (otherwise ""). 0 or errno. */
int dfs_act_walk(dfs_t *dfs, struct dfs_ids *ids, struct spec_tree *out, char *why, size_t len);

#endif
