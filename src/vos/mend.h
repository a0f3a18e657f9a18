/*
 * What the files of a repair share: repair.c goes from container to object to dkey, mend_key.c
 * mends a dkey with all below it, mend.c has what all of them need: saying, transactions, marks of
 * losses, existence logs, trees. Private to them.
 */
#ifndef TARN_VOS_MEND_H
#define TARN_VOS_MEND_H

#include "vos/priv.h"

#define MEND_REDO (128u << 10)

struct tree_pass { /* over a tree, leaf by leaf */
    struct tree_walker w;
    struct tree_entry ent[TREE_LEAF_MAX];
    uint32_t nr, at;
    uint64_t entries;
    bool started;
};

struct said {
    struct said *next;
    struct vos_found f;
    char text[320];
};

struct mend {
    struct vos *v;
    struct vos_cont *c;
    struct heap *h;
    bool conts; /* the tree of containers is walked */
    const struct vos_repair_ops *ops;
    struct vos_found at;
    struct said *said, **said_end;
    daos_obj_id_t oid;
    uint64_t changed; /* of the dkey (object) that is mended */
    bool trash;       /* its object may hold what is hidden */
    char dkey[400], akey[400];
};

/* ---- mend.c ---- */

/* A line about what is given up, for k->at: told when the transaction that does it is committed. */
void mend_say(struct mend *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* done: what was said has happened; else it has not, and will be said again. */
void mend_said_flush(struct mend *k, bool done);
/* Is rc that of a record or page that cannot be had? */
bool mend_damage(int rc);
/* A transaction; the end commits if rc is 0, and tells what was said. */
int mend_begin(struct mend *k);
int mend_end(struct mend *k, int rc);

struct when mend_just_below(struct when w);
/* Not below anything at or below the key that is mended. */
struct when mend_newest(const struct mend *k);
/* In a transaction: a LOST record into the existence log at head_off, unless one says as much. */
int mend_put_lost(struct mend *k, uint64_t head_off, struct when w, bool hides);
/* In a transaction: records [start, start + nr) of an array may be others than they look. */
int mend_put_gap(struct mend *k, uint64_t akey, uint64_t start, uint64_t nr);
/* The existence log of an object, dkey or akey ends where it is broken. */
int mend_log(struct mend *k, uint64_t head_off, bool dead, const char *what);

/* A step over the nodes of a tree. *done: none is lost (any more). mark: what else the transaction
 * does that takes one out; may be NULL. */
int mend_nodes(struct mend *k, uint64_t root, const char *what, struct tree_pass *p,
               int (*mark)(struct mend *k, uint64_t owner, const struct tree_gap *g),
               uint64_t owner, bool *done);
int mend_all_nodes(struct mend *k, uint64_t root, const char *what,
                   int (*mark)(struct mend *k, uint64_t owner, const struct tree_gap *g),
                   uint64_t owner);

/* What to do with an entry. */
enum fate { SOUND, DROP, SWAP };

struct leaf_ops {
    const struct tree_class *cls;
    /* Is the record behind the entry sound? Says what it is if not. */
    int (*look)(struct mend *k, uint64_t owner, const struct tree_entry *e, enum fate *fate);
    /* In the transaction that takes the entry out; *to: SWAP's new value. May be NULL. */
    int (*mark)(struct mend *k, uint64_t owner, const struct tree_entry *e, uint64_t *to);
};

/* A step over the records of a tree without lost nodes: a leaf. Afterwards p->ent[0, nr) are the
 * sound ones. */
int mend_leaf(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
              struct tree_pass *p, bool *done);
int mend_all_leaves(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
                    int (*each)(struct mend *k, uint64_t value));

/* ---- mend_key.c ---- */

extern const struct leaf_ops mend_dkey_ops;
int mend_dkey_mark_node(struct mend *k, uint64_t obj, const struct tree_gap *g);
/* A dkey with all below it. */
int mend_dkey(struct mend *k, uint64_t dkey);

#endif
