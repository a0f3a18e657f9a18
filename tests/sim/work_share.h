/* What the files of the workload "dfs_shared" share. */
#ifndef TARN_SIM_WORK_SHARE_H
#define TARN_SIM_WORK_SHARE_H

#include <daos_fs.h>
#include <sys/stat.h>
#include "spec_share.h"
#include "workload.h"

#define SHARE_INO_MAX 20000u /* nodes that a run makes */
#define SHARE_DIRS    3u     /* directories and other nodes that a client keeps open */
#define SHARE_OBJS    4u

/* What is known of a node that was made. Times are numbers of calls and answers in their order. */
struct share_made {
    daos_obj_id_t oid; /* nil: nobody has seen it yet */
    uint64_t written;  /* the last change of its contents was over then; UINT64_MAX: nobody knows */
    uint64_t removed;  /* a call that took its name away began then; 0: nobody knows of one */
    uint32_t writing;  /* changes of contents under way */
};

struct share_work {
    struct hist *h;
    struct share_made made[SHARE_INO_MAX];
    uint64_t seq;
    uint64_t blind; /* from then on a name may have been taken away without saying from what; 0 */
    uint32_t next_ino;
    uint16_t next_val;
    /* what this run is about: how often each kind is drawn, and directories' names, of 100 */
    uint32_t weight[SHARE_KIND_NR], deep;
};

/* An open node. */
struct share_obj {
    dfs_obj_t *obj; /* NULL: none */
    uint16_t ino, dir;
    uint8_t type, name;
};

/* A client's mount and what it has open. */
struct share_client {
    dfs_t *dfs;
    struct share_obj dir[SHARE_DIRS], obj[SHARE_OBJS];
    uint32_t forgets; /* one in so many operations closes something */
};

static inline struct share_work *share_work_of(const struct work_client *c)
{
    return c->work->priv;
}

extern const struct workload work_share;

/* work_share_draw.c: an operation, and what it is done with. False: draw again. */
struct share_call {
    struct share_op op;
    dfs_obj_t *dir, *dir2; /* NULL: the root */
    struct share_obj *obj;
};
bool share_draw(struct work_client *c, struct share_call *call);
void share_draw_run(struct work_client *c); /* what the run is about; once */

/* work_share_act.c */
const char *share_name(uint8_t name);
/* Makes the call: op.rc, op.seen. */
void share_act(struct work_client *c, struct share_call *call);
/* Reads a directory: how often each name was shown; strange: something else was. */
int share_names(dfs_t *dfs, dfs_obj_t *dir, uint32_t shown[SHARE_NAMES], bool *strange);
/* The number of an open node; SHARE_STRANGE: it is not what was made under that number. */
int share_ino(struct share_work *w, dfs_obj_t *obj, const struct stat *st, uint16_t *ino);
/* The node this object was made for; 0: nobody knows. */
uint16_t share_number(const struct share_work *w, daos_obj_id_t oid);
uint8_t share_type(mode_t mode);
int share_cell_read(dfs_t *dfs, dfs_obj_t *obj, uint8_t cell, uint16_t *val);
int share_xattr_read(dfs_t *dfs, dfs_obj_t *obj, uint16_t *val);
void share_close(struct share_obj *o);

/* work_share_walk.c: reads everything, and tells the oracle; then looks for objects that nobody can
 * reach. DER code. */
int share_walk(struct work_client *c);

#endif
