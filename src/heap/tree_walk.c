/*
 * Walking a tree leaf by leaf along its nodes, not its keys: what a checker does, because no record
 * has to be read for it, and a node that cannot be had costs what is below it and nothing else.
 */
#include "heap/tree_node.h"

#include <string.h>

#include <daos_errno.h>

void tree_walk_start(struct tree_walker *w, uint64_t root_off)
{
    memset(w, 0, sizeof(*w));
    w->root_off = root_off;
}

static bool is_damage(int rc)
{
    return rc < 0 && rc != -DER_NOMEM;
}

/* On to the next child that was not visited; false: there is none. */
static int advance(struct tree *t, struct tree_walker *w, uint64_t *ref, bool *more)
{
    for (; w->lv > 0; w->lv--) {
        const struct tnode *n;
        uint32_t lv = w->lv - 1;
        int rc = tree_node_get(t, w->ref[lv], t->root.height - 1 - lv, &n);

        if (rc != 0)
            return rc;
        if (++w->pos[lv] < node_count(n)) {
            *ref = ref_bare(inner_at(n, w->pos[lv])->ref);
            *more = true;
            return 0;
        }
    }
    *more = false;
    return 0;
}

static int leaf_out(struct tree *t, struct tree_walker *w, uint64_t ref, struct tree_entry *ent,
                    uint32_t *nr)
{
    struct tsort e[TNODE_CAP_MAX];
    const struct tnode *n;
    int rc = tree_node_get(t, ref, 0, &n);

    if (rc != 0)
        return rc;
    w->node[w->node_nr++] = ref_off(ref);
    *nr = leaf_list(n, e);
    for (uint32_t i = 0; i < *nr; i++)
        ent[i] = (struct tree_entry){e[i].order, e[i].value};
    return 0;
}

/* The node at ref is entered, or its leaf given out. *down: ref is its first child. */
static int enter(struct tree *t, struct tree_walker *w, uint64_t *ref, struct tree_entry *ent,
                 uint32_t *nr, bool *down)
{
    const struct tnode *n;
    int rc;

    *down = w->lv + 1 < t->root.height;
    if (!*down)
        return leaf_out(t, w, *ref, ent, nr);
    rc = tree_node_get(t, *ref, t->root.height - 1 - w->lv, &n);
    if (rc != 0)
        return rc;
    w->node[w->node_nr++] = ref_off(*ref);
    w->ref[w->lv] = *ref;
    w->pos[w->lv++] = 0;
    *ref = ref_bare(inner_at(n, 0)->ref);
    return 0;
}

int tree_walk_leaf(struct heap *h, struct tree_walker *walker, struct tree_entry *ent, uint32_t *nr)
{
    struct tree t = {.h = h, .root_off = walker->root_off};
    struct tree_walker w = *walker; /* what was not finished has not happened */
    bool more = true, down;
    uint64_t ref = 0;
    int rc = tree_root_read(&t);

    *nr = w.node_nr = 0;
    if (rc != 0)
        return rc;
    if (t.root.kind != TROOT_NODE) {
        if (w.started || t.root.kind == TROOT_EMPTY)
            return -DER_NONEXIST;
        ent[0] = (struct tree_entry){t.root.order, t.root.value};
        *nr = 1;
        walker->node_nr = 0;
        walker->started = true;
        return 0;
    }
    if (w.started)
        rc = advance(&t, &w, &ref, &more);
    else
        ref = t.root.ref;
    w.started = true;
    while (rc == 0 && more) {
        rc = enter(&t, &w, &ref, ent, nr, &down);
        if (rc == 0 && !down)
            break;
        if (is_damage(rc) && w.stop) {
            *walker = w;
            return rc;
        }
        if (is_damage(rc)) {
            w.lost++;
            rc = 0;
            if (w.node_nr + TREE_HEIGHT_MAX > sizeof(w.node) / sizeof(w.node[0]))
                break;
            rc = advance(&t, &w, &ref, &more);
        }
    }
    if (is_damage(rc)) { /* a node that was there a moment ago */
        w.lost++;
        w.lv = 0;
        more = false;
        rc = 0;
    }
    if (rc != 0)
        return rc;
    *walker = w;
    return more ? 0 : -DER_NONEXIST;
}
