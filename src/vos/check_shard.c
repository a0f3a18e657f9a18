/* What is beside the containers: the tree of them, and sessions. */
#include "vos/check.h"

/* Containers that are in the tree and could not be loaded. */
static int check_conts(struct check *k)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint32_t nr;
    int rc;

    rc = check_ref_add(k, k->v->super);
    if (rc)
        return rc;
    tree_walk_start(&w, k->v->super + offsetof(struct super_rec, conts));
    while ((rc = check_walk_leaf(k, &w, ent, &nr)) == 0) {
        for (uint32_t i = 0; i < nr; i++)
            if (!cont_is_loaded(k->v, ent[i].value))
                check_problem(k,
                              "the container at heap offset %llu could not be loaded: it cannot be "
                              "used",
                              (unsigned long long)ent[i].value);
    }
    if (rc != -DER_NONEXIST)
        return rc;
    check_nodes_lost(k, &w, "containers");
    return 0;
}

/* A leaf of the tree of sessions. */
static int check_sessions(struct check *k, struct tree_walker *w, bool *done)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    uint32_t nr;
    bool live;
    int rc = check_walk_leaf(k, w, ent, &nr);

    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        rc = check_live(k, ent[i].value, "session", &live);
        if (rc == 0 && live && REC(k->h, ent[i].value, session_rec, REC_SESSION, &rc) == NULL)
            rc = check_soft(k, rc, "session", ent[i].value);
    }
    if (rc != -DER_NONEXIST)
        return rc;
    check_nodes_lost(k, w, "sessions");
    *done = true;
    return 0;
}

int check_step_shard(struct check *k, struct check_place *p, struct tree_walker *sessions)
{
    bool done = false;
    int rc;

    if (!p->conts_seen) {
        rc = check_conts(k);
        p->conts_seen = rc == 0;
        tree_walk_start(sessions, k->v->super + offsetof(struct super_rec, sessions));
        return rc;
    }
    rc = check_sessions(k, sessions, &done);
    p->sessions_seen = done;
    return rc;
}
