/*
 * Proves a tree's structure, one leaf a step.
 *
 * A step runs twice: silently first, so that one that meets a page which is not resident ends
 * before it has reported anything; then aloud if there was something to say.
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
    struct tree_checker s; /* a copy: it counts only when the step ends without fault */
    bool quiet;
    bool fault;
};

__attribute__((format(printf, 2, 3))) static void problem(struct check *k, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    k->s.problems++;
    if (k->quiet || k->s.report == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    k->s.report(k->s.arg, text);
}

/* Remembers a fault, names anything else; true if rc was 0. */
static bool ok(struct check *k, int rc, const char *what, uint64_t where)
{
    if (rc == HEAP_FAULT)
        k->fault = true;
    else if (rc != 0)
        problem(k, "tree at %#llx: %s at %#llx cannot be read or is not one (%d)",
                (unsigned long long)k->t.root_off, what, (unsigned long long)where, rc);
    return rc == 0;
}

/* Compares an entry with a separator; -1, 0, 1. */
static int bound_cmp(struct check *k, const struct tsort *e, const struct tinner_ent *sep, int *res)
{
    if (e->order != sep->order || (sep->ref & SEP_TIE) == 0) {
        *res = e->order < sep->order
                   ? -1
                   : 1; /* an equal order key lies right of a separator of order keys */
        return 0;
    }
    return ent_cmp(&k->t, e->order, e->value, sep->order, sep->rep, res);
}

static void check_leaf(struct check *k, uint64_t ref, const struct tnode *n, const struct bound *lo,
                       const struct bound *hi, struct tsort *least)
{
    unsigned long long off = ref_off(ref);
    struct tsort e[TNODE_CAP_MAX];
    uint32_t nr = leaf_list(n, e);
    int res;

    k->s.entries += nr;
    if (k->t.c->fingerprint == NULL) {
        for (uint32_t i = 0; i < nr; i++) {
            if (node_tags(n)[e[i].slot] != order_fingerprint(e[i].order))
                problem(k, "tree leaf at %#llx: fingerprint of entry %u is wrong", off, e[i].slot);
        }
    }
    if (!ok(k, tree_sort(&k->t, e, nr), "a record of the leaf", off))
        return;
    for (uint32_t i = 1; i < nr; i++) {
        if (ok(k, ent_cmp(&k->t, e[i - 1].order, e[i - 1].value, e[i].order, e[i].value, &res),
               "a record of the leaf", off) &&
            res >= 0)
            problem(k, "tree leaf at %#llx: entry %u is there twice", off, e[i].slot);
    }
    if (lo->set && ok(k, bound_cmp(k, &e[0], &lo->sep, &res), "a record of the leaf", off) &&
        res < 0)
        problem(k, "tree leaf at %#llx: entry %u lies before the leaf's range", off, e[0].slot);
    if (hi->set && ok(k, bound_cmp(k, &e[nr - 1], &hi->sep, &res), "a record of the leaf", off) &&
        res >= 0)
        problem(k, "tree leaf at %#llx: entry %u lies beyond the leaf's range", off,
                e[nr - 1].slot);
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
            problem(
                k, "tree node at %#llx: position %u names entry %u, which is unused or named twice",
                (unsigned long long)ref_off(ref), i, slot);
            return false;
        }
        seen |= 1ull << slot;
    }
    return true;
}

/* An inner node on the way down: is it whole, and are its separators in order? */
static bool check_inner(struct check *k, uint64_t ref, uint32_t level, const struct tnode **n)
{
    if (!check_alive(k, ref) ||
        !ok(k, tree_node_get(&k->t, ref, level, n), "a node", ref_off(ref)) ||
        !check_positions(k, ref, *n))
        return false;
    for (uint32_t i = 2; i < node_count(*n); i++) {
        if (inner_at(*n, i)->order < inner_at(*n, i - 1)->order)
            problem(k, "tree node at %#llx: separators %u and %u are out of order",
                    (unsigned long long)ref_off(ref), i - 1, i);
    }
    return true;
}

/* The range of the leaf at the end of the checker's way, from the separators beside the way. */
static int leaf_range(struct check *k, struct bound *lo, struct bound *hi)
{
    const struct tree_checker *s = &k->s;

    *lo = *hi = (struct bound){0};
    for (uint32_t lv = s->lv; lv-- > 0 && !(lo->set && hi->set);) {
        const struct tnode *n;
        int rc = tree_node_get(&k->t, s->ref[lv], k->t.root.height - 1 - lv, &n);

        if (rc != 0)
            return rc;
        if (!lo->set && s->pos[lv] > 0)
            *lo = (struct bound){true, *inner_at(n, s->pos[lv])};
        if (!hi->set && s->pos[lv] + 1 < node_count(n))
            *hi = (struct bound){true, *inner_at(n, s->pos[lv] + 1)};
    }
    return 0;
}

static void visit_leaf(struct check *k, uint64_t ref)
{
    struct bound lo, hi;
    struct tsort least = {0};
    const struct tnode *n;

    if (!check_alive(k, ref) || !ok(k, tree_node_get(&k->t, ref, 0, &n), "a leaf", ref_off(ref)) ||
        !ok(k, leaf_range(k, &lo, &hi), "a node above the leaf", ref_off(ref)))
        return;
    check_leaf(k, ref, n, &lo, &hi, &least);
    if (lo.set && (lo.sep.ref & SEP_TIE) != 0 &&
        (least.order != lo.sep.order || least.value != lo.sep.rep))
        problem(k, "tree leaf at %#llx: the separator before it does not name its first record",
                (unsigned long long)ref_off(ref));
}

/* On to the next child that was not visited; false when there is none. s->lv is left at the level
 * of its parent + 1. */
static bool advance(struct check *k, uint64_t *ref)
{
    struct tree_checker *s = &k->s;

    while (s->lv > 0) {
        const struct tnode *n;
        uint32_t lv = s->lv - 1;

        if (!ok(k, tree_node_get(&k->t, s->ref[lv], k->t.root.height - 1 - lv, &n), "a node",
                ref_off(s->ref[lv])))
            return false;
        if (++s->pos[lv] < node_count(n)) {
            *ref = ref_bare(inner_at(n, s->pos[lv])->ref);
            return true;
        }
        s->lv--;
    }
    return false;
}

/* Visits the next leaf, and the inner nodes that are entered on the way to it. */
static bool step(struct check *k)
{
    struct tree_checker *s = &k->s;
    uint64_t ref = 0;
    bool more;

    if (!ok(k, tree_root_read(&k->t), "the root", k->t.root_off) || k->t.root.kind != TROOT_NODE)
        return false;
    more = s->started ? advance(k, &ref) : true;
    if (!s->started) {
        s->started = true;
        ref = k->t.root.ref;
    }
    while (more && !k->fault && s->lv + 1 < k->t.root.height) {
        const struct tnode *n;

        if (check_inner(k, ref, k->t.root.height - 1 - s->lv, &n)) {
            s->ref[s->lv] = ref;
            s->pos[s->lv++] = 0;
            ref = ref_bare(inner_at(n, 0)->ref);
        } else {
            more = advance(k, &ref);
        }
    }
    if (more && !k->fault) {
        visit_leaf(k, ref);
        return true;
    }
    if (!k->fault && k->t.root.height > 1 && s->problems == 0 && s->entries != k->t.root.count)
        problem(k, "tree at %#llx holds %llu entries, its root says %llu",
                (unsigned long long)k->t.root_off, (unsigned long long)s->entries,
                (unsigned long long)k->t.root.count);
    return false;
}

void tree_check_start(struct tree_checker *s, const struct tree_class *c, uint64_t root_off,
                      void (*report)(void *arg, const char *text), void *arg)
{
    ASSERT(c->cmp == NULL || c->cmp_rec != NULL);
    _Static_assert(ARRAY_LEN(s->ref) == TREE_HEIGHT_MAX,
                   "the checker's way is as long as the tree may be high");
    *s = (struct tree_checker){.c = c, .root_off = root_off, .report = report, .arg = arg};
}

int tree_check_step(struct heap *h, struct tree_checker *s, bool *done)
{
    struct check k = {.t = {.h = h, .c = s->c, .root_off = s->root_off}, .s = *s, .quiet = true};
    bool more = step(&k);

    if (!k.fault && k.s.problems > s->problems) {
        k = (struct check){.t = {.h = h, .c = s->c, .root_off = s->root_off}, .s = *s};
        more = step(&k);
    }
    if (k.fault)
        return HEAP_FAULT;
    *s = k.s;
    *done = !more;
    return 0;
}

int tree_check(struct heap *h, const struct tree_class *c, uint64_t root_off,
               void (*report)(void *arg, const char *text), void *arg, uint64_t *problems)
{
    struct tree_checker s;
    bool done = false;
    int rc = 0;

    tree_check_start(&s, c, root_off, NULL, NULL);
    while (rc == 0 && !done)
        rc = tree_check_step(h, &s, &done);
    if (rc != 0 || s.problems == 0)
        return rc;
    tree_check_start(&s, c, root_off, report, arg);
    for (done = false; rc == 0 && !done;)
        rc = tree_check_step(h, &s, &done);
    if (rc == 0)
        *problems += s.problems;
    return rc;
}
