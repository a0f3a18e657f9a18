/*
 * Proves a tree's structure.
 *
 * Two passes: the first only touches, so that a walk that meets pages which are not resident ends before it has reported anything, having
 * asked for all of them at once; the second reports.
 */
#include "heap/tree_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <daos_errno.h>

struct bound {
    bool set;
    struct tinner_ent sep; /* order, rep, SEP_TIE */
};

struct check {
    struct tree t;
    void (*report)(void *arg, const char *text);
    void *arg;
    bool quiet;
    bool fault;
    uint64_t problems;
    uint64_t entries;
};

__attribute__((format(printf, 2, 3))) static void problem(struct check *k, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    k->problems++;
    if (k->quiet || k->report == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    k->report(k->arg, text);
}

/* Remembers a fault, names anything else; true if rc was 0. */
static bool ok(struct check *k, int rc, const char *what, uint64_t where)
{
    if (rc == HEAP_FAULT)
        k->fault = true;
    else if (rc != 0)
        problem(k, "tree at %#llx: %s at %#llx cannot be read or is not one (%d)", (unsigned long long)k->t.root_off, what,
                (unsigned long long)where, rc);
    return rc == 0;
}

/* Compares an entry with a separator; -1, 0, 1. */
static int bound_cmp(struct check *k, const struct tsort *e, const struct tinner_ent *sep, int *res)
{
    if (e->order != sep->order || (sep->ref & SEP_TIE) == 0) {
        *res = e->order < sep->order ? -1 : 1; /* an equal order key lies right of a separator of order keys */
        return 0;
    }
    return ent_cmp(&k->t, e->order, e->value, sep->order, sep->rep, res);
}

static void check_leaf(struct check *k, uint64_t ref, const struct tnode *n, const struct bound *lo, const struct bound *hi,
                       struct tsort *least)
{
    unsigned long long off = ref_off(ref);
    struct tsort e[TNODE_CAP_MAX];
    uint32_t nr = leaf_list(n, e);
    int res;

    k->entries += nr;
    if (k->t.c->fingerprint == NULL) {
        for (uint32_t i = 0; i < nr; i++) {
            if (node_tags(n)[e[i].slot] != order_fingerprint(e[i].order))
                problem(k, "tree leaf at %#llx: fingerprint of entry %u is wrong", off, e[i].slot);
        }
    }
    if (!ok(k, tree_sort(&k->t, e, nr), "a record of the leaf", off))
        return;
    for (uint32_t i = 1; i < nr; i++) {
        if (ok(k, ent_cmp(&k->t, e[i - 1].order, e[i - 1].value, e[i].order, e[i].value, &res), "a record of the leaf", off) &&
            res >= 0)
            problem(k, "tree leaf at %#llx: entry %u is there twice", off, e[i].slot);
    }
    if (lo->set && ok(k, bound_cmp(k, &e[0], &lo->sep, &res), "a record of the leaf", off) && res < 0)
        problem(k, "tree leaf at %#llx: entry %u lies before the leaf's range", off, e[0].slot);
    if (hi->set && ok(k, bound_cmp(k, &e[nr - 1], &hi->sep, &res), "a record of the leaf", off) && res >= 0)
        problem(k, "tree leaf at %#llx: entry %u lies beyond the leaf's range", off, e[nr - 1].slot);
    *least = e[0];
}

static bool check_alive(struct check *k, uint64_t ref)
{
    bool live = false;

    if (!ok(k, heap_alloc_is_live(k->t.h, ref_off(ref), &live), "a node", ref_off(ref)))
        return false;
    if (!live)
        problem(k, "tree node at %#llx is not allocated", (unsigned long long)ref_off(ref));
    return live;
}

/* Are the positions of an inner node its valid entries, each once? */
static bool check_positions(struct check *k, uint64_t ref, const struct tnode *n)
{
    uint64_t seen = 0;

    for (uint32_t i = 0; i < node_count(n); i++) {
        uint32_t slot = node_tags(n)[i];

        if (slot >= cls_cap(n->cls) || (n->valid & ~seen & 1ull << slot) == 0) {
            problem(k, "tree node at %#llx: position %u names entry %u, which is unused or named twice",
                    (unsigned long long)ref_off(ref), i, slot);
            return false;
        }
        seen |= 1ull << slot;
    }
    return true;
}

/* Checks the subtree at ref; its entries lie in [lo, hi). *least: its smallest entry. */
static void check_node(struct check *k, uint64_t ref, uint32_t level, const struct bound *lo, const struct bound *hi,
                       struct tsort *least)
{
    const struct tnode *n;

    *least = (struct tsort){0};
    if (!check_alive(k, ref) || !ok(k, tree_node_get(&k->t, ref, level, &n), "a node", ref_off(ref)))
        return;
    if (level == 0) {
        check_leaf(k, ref, n, lo, hi, least);
        return;
    }
    if (!check_positions(k, ref, n))
        return;
    for (uint32_t i = 0; i < node_count(n); i++) {
        struct bound from = *lo, to = *hi;
        struct tsort first;

        if (i > 0)
            from = (struct bound){true, *inner_at(n, i)};
        if (i + 1 < node_count(n))
            to = (struct bound){true, *inner_at(n, i + 1)};
        if (i > 1 && inner_at(n, i)->order < inner_at(n, i - 1)->order)
            problem(k, "tree node at %#llx: separators %u and %u are out of order", (unsigned long long)ref_off(ref), i - 1, i);
        check_node(k, ref_bare(inner_at(n, i)->ref), level - 1, &from, &to, &first);
        if (i == 0)
            *least = first;
        else if ((inner_at(n, i)->ref & SEP_TIE) != 0 && !k->fault &&
                 (first.order != inner_at(n, i)->order || first.value != inner_at(n, i)->rep))
            problem(k, "tree node at %#llx: separator %u does not name the first record behind it", (unsigned long long)ref_off(ref),
                    i);
    }
}

static int check_pass(struct check *k, bool quiet)
{
    struct bound open = {0};
    struct tsort least;
    int rc = tree_root_read(&k->t);

    k->quiet = quiet;
    k->problems = k->entries = 0;
    if (!ok(k, rc, "the root", k->t.root_off) || k->t.root.kind != TROOT_NODE)
        return k->fault ? HEAP_FAULT : 0;
    check_node(k, k->t.root.ref, k->t.root.height - 1, &open, &open, &least);
    if (k->fault)
        return HEAP_FAULT;
    if (k->t.root.height > 1 && k->problems == 0 && k->entries != k->t.root.count)
        problem(k, "tree at %#llx holds %llu entries, its root says %llu", (unsigned long long)k->t.root_off,
                (unsigned long long)k->entries, (unsigned long long)k->t.root.count);
    return 0;
}

int tree_check(struct heap *h, const struct tree_class *c, uint64_t root_off, void (*report)(void *arg, const char *text), void *arg,
               uint64_t *problems)
{
    struct check k = {.t = {.h = h, .c = c, .root_off = root_off}, .report = report, .arg = arg};
    int rc;

    ASSERT(c->cmp == NULL || c->cmp_rec != NULL);
    rc = check_pass(&k, true);
    if (rc == 0 && k.problems > 0)
        rc = check_pass(&k, false);
    if (rc == 0)
        *problems += k.problems;
    return rc;
}
