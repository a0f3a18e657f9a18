/*
 * A small pool with a bit of everything in it, and every thing in it by name: what the tests damage
 * page by page.
 */
#ifndef TARN_SIM_PAGE_DAMAGE_RIG_H
#define TARN_SIM_PAGE_DAMAGE_RIG_H

#include "base/err.h"
#include "dfs_rig.h"

#define ITEMS_MAX 96u

struct item {
    char name[48];
    int (*read)(struct dfs_rig *r, struct item *it, uint64_t *sum);
    int (*write)(struct dfs_rig *r, struct item *it); /* NULL: read only */
    uint64_t arg, epoch;                              /* epoch 0: now */
    int rc;                                           /* of the last read */
    uint64_t sum, want;                               /* of the bytes: read; when all was well */
};

/* Made, filled, closed in order. checkpoint: nothing but the close is in the log. */
struct sim_dir *pool_make(uint64_t wal_bytes, bool checkpoint, struct item *items, uint32_t *nr);
void pool_open(struct dfs_rig *r, struct sim_dir *sd);
int pool_try_open(struct dfs_rig *r, struct sim_dir *sd, struct err *e);
void pool_close(struct dfs_rig *r, bool clean);
/* Reads it: it->rc, it->sum. */
void item_read(struct dfs_rig *r, struct item *it);
/* Writes beside it: what comes new lies behind the same pages, and what is read stays the same. */
int item_write(struct dfs_rig *r, struct item *it);
/* Must go well, whatever is damaged. */
void pool_checkpoint(struct dfs_rig *r, const char *what);
uint64_t pool_problems(struct dfs_rig *r);
/* Repairs the pool; cut_at: the power goes at that step of it (0: it does not), and is on again
 * afterwards. *done: what was done. 0, or why not, in words. */
struct engine_repaired;
int pool_repair(struct sim_dir *sd, uint64_t cut_at, struct engine_repaired *done, struct err *e);
/* Does the checker say that a repair was cut short? */
bool pool_says_cut_short(struct sim_dir *sd);
/* Is it a list of names, which may be shorter than it was? */
bool item_is_list(const struct item *it);

#endif
