/*
 * What the checker's files share: check.c walks, a step at a time, and asks
 *
 *   check_key.c check_value.c    an object, a dkey with all below it; the versions
 *   check_intent.c               intents
 *   check_shard.c                what is beside the containers
 *   check_refs.c                 allocations and trees, whoever's they are
 *   check_found.c                keeps what is to be said
 *
 * Return codes are those of vos: HEAP_FAULT and -DER_NOMEM end the step, which is then repeated or
 * given up as if it had not been. Any other error is damage: it becomes a problem, and the walk
 * goes on beside it.
 */
#ifndef TARN_VOS_CHECK_H
#define TARN_VOS_CHECK_H

#include "vos/priv.h"

/* In an anchor. */
struct check_place {
    uint8_t started, conts_seen, sessions_seen, pad;
    uint32_t cont;
};

/* Where the walk is in its container. */
struct check_spot {
    struct tree_walker objs, dkeys;
    struct tree_entry obj[TREE_LEAF_MAX], dkey[TREE_LEAF_MAX]; /* the leaves it is in */
    uint32_t obj_nr, obj_at, dkey_nr, dkey_at;
    daos_obj_id_t oid;
    struct tree_walker intents;
    struct tree_entry intent[TREE_LEAF_MAX];
    uint32_t intent_nr, intent_at, intents_met;
    bool intents_started, intents_done;
    bool started, in_obj;
    bool damaged; /* something was passed by: counters prove nothing */
};

/* Between steps; hangs off struct vos. */
struct check_state {
    uint64_t lsn;
    uint64_t stat[ST_NR];
    struct heap_refs own, *refs; /* what was met */
    struct check_spot at;
    struct tree_walker sessions;
};

/* Something to be said. */
struct found {
    struct found *next;
    struct vos_found f;
    char text[320];
};

#define CHECK_NAME_TEXT 800u

/* One step. */
struct check {
    struct vos *v;
    struct vos_cont *c;
    struct heap *h;
    struct arena *mem;
    struct found *found, **tail;
    uint64_t problems;
    uint64_t stat[ST_NR];
    struct space_extent *ext;
    uint32_t ext_nr, ext_max;
    uint64_t *ref; /* offsets of allocations that the step met */
    uint32_t ref_nr, ref_max;
    uint64_t pack; /* the packed record that is looked at */
    daos_obj_id_t oid;
    const struct vos_check_ops *ops;
    struct vos_found at;
    char dkey[CHECK_NAME_TEXT], akey[CHECK_NAME_TEXT]; /* what at names */
    bool damaged;
};

/* ---- check_found.c ---- */

void check_problem(struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Belongs to problems that were counted. */
void check_remark(struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of a record that is passed by: lost, with all that is below it. 0, or what ends the step. */
int check_pass_by(struct check *k, int rc, const char *what, uint64_t off);
/* A damaged record is a problem, not the end of the walk. */
int check_soft(struct check *k, int rc, const char *what, uint64_t off);
/* Says how many nodes a walk has passed by, if any. */
void check_nodes_lost(struct check *k, const struct tree_walker *w, const char *what);

/* ---- check_refs.c ---- */

/* The step met this allocation. */
int check_ref_add(struct check *k, uint64_t off);
/* The same; *live false: there is none, which has been said. */
int check_live(struct check *k, uint64_t off, const char *what, bool *live);
/* The same for blocks of data space. */
int check_blocks_add(struct check *k, const struct space_extent *e);
/* The next leaf, and the nodes on the way to it are met. */
int check_walk_leaf(struct check *k, struct tree_walker *w, struct tree_entry *ent, uint32_t *nr);
int check_tree(struct check *k, const struct tree_class *cls, uint64_t root);
/* What the step met: each may be met once. */
void check_met(struct check *k, struct check_state *s);

/* ---- check_value.c ---- */

void check_epoch(struct check *k, uint64_t epoch, const char *what, uint64_t off);
/* An existence log. wide_ok: of an akey. */
int check_life(struct check *k, uint64_t life, bool wide_ok);
/* The bytes of one version. */
int check_value(struct check *k, uint64_t off, const struct layout *l, const uint8_t *rec,
                bool single);
/* What a reader of these records loses. */
void check_records_lost(struct check *k, uint64_t start, uint64_t nr, uint32_t rec_size,
                        bool about);
/* All versions of an akey. */
int check_singles(struct check *k, uint64_t off);
int check_exts(struct check *k, uint64_t akey, const struct akey_rec *a);

/* ---- check_key.c, check_intent.c, check_shard.c ---- */

/* A dkey with all below it. */
int check_dkey(struct check *k, uint64_t dkey, uint64_t order);
/* The record of an object. -DER_NONEXIST: it is not there. */
int check_obj(struct check *k, uint64_t obj, uint64_t order);
/* The next intent of the container; after the last intents_done is set. */
int check_step_intent(struct check *k, struct check_spot *p);
/* Behind the last container: the tree of containers, then a leaf of sessions a step. */
int check_step_shard(struct check *k, struct check_place *p, struct tree_walker *sessions);

#endif
