/*
 * Allocations and trees: each record, node and block of data space is live and belongs to one
 * place; trees are sound in themselves.
 */
#include "vos/check.h"

#define TREE_CHECK_MAX 4000u /* entries of a tree that is checked as a whole */

int check_ref_add(struct check *k, uint64_t off)
{
    if (k->ref_nr == k->ref_max) {
        uint32_t max = k->ref_max ? k->ref_max * 2 : 64;
        uint64_t *n = arena_alloc(k->mem, max * sizeof *n);

        if (n == NULL)
            return -DER_NOMEM;
        if (k->ref_nr)
            memcpy(n, k->ref, k->ref_nr * sizeof *n);
        k->ref = n;
        k->ref_max = max;
    }
    k->ref[k->ref_nr++] = off;
    return 0;
}

int check_live(struct check *k, uint64_t off, const char *what, bool *live)
{
    int rc = heap_alloc_is_live(k->h, off, live);

    if (rc == 0 && *live)
        return check_ref_add(k, off);
    if (rc == 0 && !*live) {
        k->damaged = true;
        check_problem(
            k,
            "%s at heap offset %llu is not allocated, or its page cannot be read: it is lost, "
            "with all that is below it",
            what, (unsigned long long)off);
    }
    return rc;
}

int check_blocks_add(struct check *k, const struct space_extent *e)
{
    if (k->ext_nr == k->ext_max) {
        uint32_t max = k->ext_max ? k->ext_max * 2 : 16;
        struct space_extent *n = arena_alloc(k->mem, max * sizeof *n);

        if (n == NULL)
            return -DER_NOMEM;
        if (k->ext_nr)
            memcpy(n, k->ext, k->ext_nr * sizeof *n);
        k->ext = n;
        k->ext_max = max;
    }
    k->ext[k->ext_nr++] = *e;
    return 0;
}

int check_walk_leaf(struct check *k, struct tree_walker *w, struct tree_entry *ent, uint32_t *nr)
{
    int rc = tree_walk_leaf(k->h, w, ent, nr), added = 0;

    for (uint32_t i = 0; (rc == 0 || rc == -DER_NONEXIST) && added == 0 && i < w->node_nr; i++)
        added = check_ref_add(k, w->node[i]);
    return added ? added : rc;
}

static void tree_problem(void *arg, const char *text)
{
    check_problem(arg, "%s", text);
}

int check_tree(struct check *k, const struct tree_class *cls, uint64_t root)
{
    uint64_t count, n = 0;
    int rc = tree_count(k->h, root, &count);

    if (rc || count > TREE_CHECK_MAX)
        return rc;
    rc = tree_check(k->h, cls, root, tree_problem, k, &n);
    return rc;
}

void check_met(struct check *k, struct check_state *s)
{
    for (uint32_t i = 0; i < k->ext_nr; i++)
        if (!heap_refs_add_blocks(s->refs, &k->ext[i]))
            check_problem(k, "data block %llu belongs to two versions; one of them is overwritten",
                          (unsigned long long)k->ext[i].block);
    for (uint32_t i = 0; i < k->ref_nr; i++)
        if (!heap_refs_add(s->refs, k->ref[i]))
            check_problem(k, "the allocation at heap offset %llu is referred to from two places",
                          (unsigned long long)k->ref[i]);
}
