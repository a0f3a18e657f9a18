/* Walks the service's tables along the nodes of their trees, so that damage costs what is below it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "heap/refs.h"
#include "svc/op.h"

#define TABLE_NAME_(t) #t,
static const char *const names[] = {SVC_TABLES(TABLE_NAME_)};

struct told {
    struct svc_checker *k;
    void (*report)(void *arg, const char *text);
    void *arg;
};

static void __attribute__((format(printf, 2, 3))) problem(struct told *t, const char *fmt, ...)
{
    char what[160], text[240];
    va_list ap;

    t->k->problems++;
    if (t->report == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "pool service, table %s: %s", names[t->k->table], what);
    t->report(t->arg, text);
}

static void meet(struct told *t, struct heap_refs *refs, uint64_t off)
{
    if (!heap_refs_add(refs, off))
        problem(t, "the allocation at heap offset %llu is referred to from two places",
                (unsigned long long)off);
}

/* The record behind the next entry of the leaf. */
static int record(struct svc *s, struct svc_checker *k, struct heap_refs *refs, struct told *t)
{
    const struct tree_entry *e = &k->ent[k->at];
    uint64_t off[KV_PIECES_MAX];
    uint32_t nr;
    bool good;
    int rc = kv_record(s->h, e, off, &nr, &good);

    if (rc != 0)
        return rc;
    k->at++;
    for (uint32_t i = 0; i < nr; i++)
        meet(t, refs, off[i]);
    if (!good)
        problem(t, "the record at heap offset %llu is damaged: it is lost",
                (unsigned long long)e->value);
    return 0;
}

int svc_check_step(struct svc *s, struct svc_checker *k, struct heap_refs *refs,
                   void (*report)(void *arg, const char *text), void *arg, bool *done)
{
    struct told t = {k, report, arg};
    int rc;

    *done = k->table == T_NR;
    if (*done)
        return 0;
    if (k->at < k->nr)
        return record(s, k, refs, &t);
    if (!k->in) {
        if (k->table == 0)
            meet(&t, refs, s->root);
        tree_walk_start(&k->w, st_root(s, k->table));
        k->in = true;
    }
    rc = tree_walk_leaf(s->h, &k->w, k->ent, &k->nr);
    k->at = 0;
    if (rc != 0)
        k->nr = 0;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc != 0 && rc != -DER_NONEXIST) {
        problem(&t, "the root of its tree cannot be read: all of it is lost");
        k->w.node_nr = 0;
        k->w.lost = 0;
    }
    for (uint32_t i = 0; i < k->w.node_nr; i++)
        meet(&t, refs, k->w.node[i]);
    if (rc == 0)
        return 0;
    if (k->w.lost > 0)
        problem(&t,
                "%llu nodes of its tree cannot be read: those below them are lost, the others are "
                "there",
                (unsigned long long)k->w.lost);
    k->in = false;
    k->table++;
    return 0;
}
