/*
 * The checker: walks every record of the shard and proves what must hold.
 *
 *   trees       sound (tree_check()), each entry under the order key of its record
 *   records     of the right kind, live allocations, no unknown flags
 *   lists       existence logs and single values newest first; no epoch at or above the ceiling
 *   values      lengths possible, slots live, data extents in use and used once, checksums of heap
 *               bytes right
 *   intents     whole, in the table under their id, with a slot in their session; keys possible;
 *               what they own as values
 *   references  each record, node and block of data space belongs to one place; with ops->refs the
 *               caller can tell afterwards what belongs to none
 *   counters    those of each container equal what was counted (if nothing changed meanwhile)
 *
 * A step is one dkey. What is found is kept until the step has seen all its pages, so that a fault
 * repeats nothing. Trees are walked along their nodes, not their keys, so that damage costs what is
 * below it and the walk goes on beside it.
 */
#include "vos/check.h"

/* The nodes of a small tree beside the main one: each entry's record belongs elsewhere. */
static int side_tree(struct check *k, size_t root_at, const char *what)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint32_t nr;
    int rc;

    tree_walk_start(&w, k->c->off + root_at);
    do {
        rc = check_walk_leaf(k, &w, ent, &nr);
    } while (rc == 0);
    if (rc != -DER_NONEXIST)
        return rc;
    check_nodes_lost(k, &w, what);
    return 0;
}

/* The container's own record. */
static int step_cont(struct check *k)
{
    bool live;
    int rc = check_live(k, k->c->off, "container", &live);

    if (rc == 0)
        rc = side_tree(k, offsetof(struct cont_rec, snaps), "snapshots");
    if (rc == 0)
        rc = side_tree(k, offsetof(struct cont_rec, trash), "objects with garbage");
    return rc;
}

/* The next object's record. */
static int step_obj(struct check *k, struct check_spot *p, bool *cont_done)
{
    struct tree_entry e;
    int rc = 0;

    if (!p->started) {
        tree_walk_start(&p->objs, k->c->off + offsetof(struct cont_rec, objects));
        rc = step_cont(k);
        p->started = rc == 0;
        return rc;
    }
    if (p->obj_at == p->obj_nr) {
        rc = check_walk_leaf(k, &p->objs, p->obj, &p->obj_nr);
        p->obj_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        check_nodes_lost(k, &p->objs, "objects");
        *cont_done = true;
        return 0;
    }
    if (rc || p->obj_nr == 0)
        return rc;
    e = p->obj[p->obj_at++];
    rc = check_obj(k, e.value, e.order);
    p->in_obj = rc == 0;
    p->oid = k->oid;
    p->dkey_nr = p->dkey_at = 0;
    tree_walk_start(&p->dkeys, e.value + offsetof(struct obj_rec, dkeys));
    return rc == -DER_NONEXIST ? 0 : check_pass_by(k, rc, "object", e.value);
}

/* One step within the k->c: the next intent, the next object's record, or the next dkey of the
 * current one. */
static int step(struct check *k, struct check_spot *p, bool *cont_done)
{
    struct tree_entry e;
    int rc = 0;

    if (!p->intents_done)
        return check_step_intent(k, p);
    if (!p->in_obj)
        return step_obj(k, p, cont_done);
    k->oid = k->at.oid = p->oid;
    k->at.has_oid = true;
    if (p->dkey_at == p->dkey_nr) {
        rc = check_walk_leaf(k, &p->dkeys, p->dkey, &p->dkey_nr);
        p->dkey_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        check_nodes_lost(k, &p->dkeys, "dkeys");
        p->in_obj = false;
        return 0;
    }
    if (rc || p->dkey_nr == 0)
        return rc;
    e = p->dkey[p->dkey_at++];
    return check_pass_by(k, check_dkey(k, e.value, e.order), "dkey", e.value);
}

/* Counters of a container against what the walk met. */
static void check_counts(struct check *k, struct check_state *s)
{
    static const char *const NAMES[ST_NR] = {NULL,
                                             "objects",
                                             "dkeys",
                                             "akeys",
                                             "single values",
                                             "extents",
                                             "bytes in the heap",
                                             "bytes in data extents"};

    if (heap_lsn(k->h) != s->lsn)
        return;
    for (uint32_t i = ST_OBJ; i < ST_NR; i++)
        if (s->stat[i] != k->c->stat[i])
            check_problem(k, "the container counts %llu %s, there are %llu",
                          (unsigned long long)k->c->stat[i], NAMES[i],
                          (unsigned long long)s->stat[i]);
}

/* They become what was counted. */
static int recount(struct vos_cont *c, const uint64_t stat[ST_NR])
{
    int rc = heap_tx_begin(c->v->h, REDO_REC);

    for (uint32_t i = ST_OBJ; i < ST_NR && rc == 0 && !MUTANT(REPAIR_COUNTERS); i++)
        rc = tx_put64(c->v->h, c->off + offsetof(struct cont_rec, stat) + i * 8, stat[i]);
    if (rc) {
        if (heap_tx_active(c->v->h))
            heap_tx_abort(c->v->h);
        return rc;
    }
    heap_tx_commit(c->v->h, NULL);
    memcpy(c->stat, stat, sizeof c->stat);
    return 0;
}

void check_end(struct vos *v)
{
    if (v->check) {
        heap_refs_close(&v->check->own);
        base_free(v->check);
        v->check = NULL;
    }
}

static struct vos_cont *cont_at(struct vos *v, uint32_t ix)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (!c->shredded && ix-- == 0)
            return c;
    }
    return NULL;
}

static int check_begin(struct vos *v, const struct vos_check_ops *ops)
{
    int rc = conts_load_again(v);

    check_end(v);
    if (rc)
        return rc;
    v->check = base_calloc(1, sizeof *v->check);
    if (v->check == NULL)
        return -DER_NOMEM;
    v->check->lsn = heap_lsn(v->h);
    v->check->refs = ops->refs;
    if (ops->refs == NULL) {
        v->check->refs = &v->check->own;
        rc = heap_refs_open(v->h, &v->check->own);
    }
    return rc;
}

int vos_check(struct vos *v, struct vos_anchor *where, const struct vos_check_ops *ops,
              uint64_t *problems, bool *more)
{
    struct check k = {.v = v, .h = v->h, .mem = &v->scratch, .ops = ops};
    struct check_state *s;
    struct check_place p;
    struct tree_walker sessions;
    struct check_spot at;
    bool cont_done = false;
    int rc;

    memcpy(&p, where->bytes, sizeof p);
    if (!p.started) {
        rc = check_begin(v, ops);
        if (rc)
            return rc;
    }
    s = v->check;
    k.c = cont_at(v, p.cont);
    if (s == NULL || p.sessions_seen) {
        check_end(v);
        where->eof = 1;
        *more = false;
        return 0;
    }
    arena_reset(&v->scratch);
    k.tail = &k.found;
    at = s->at;
    sessions = s->sessions;
    if (k.c) {
        memcpy(k.at.cont, k.c->uuid, sizeof k.at.cont);
        rc = step(&k, &at, &cont_done);
    } else {
        rc = check_step_shard(&k, &p, &sessions);
    }
    if (rc < 0 && rc != -DER_NOMEM) { /* the walk cannot go on here */
        check_problem(&k, "the walk ends here: %s", d_errstr(rc));
        cont_done = k.c != NULL;
        k.damaged = true;
        p.sessions_seen = p.conts_seen && !k.c;
        p.conts_seen |= !k.c;
        rc = 0;
    }
    if (rc)
        return rc;
    check_met(&k, s);
    at.damaged |= k.damaged;
    if (k.damaged && ops->damaged)
        *ops->damaged = true;
    for (uint32_t i = 0; i < ST_NR; i++)
        s->stat[i] += k.stat[i];
    if (cont_done) {
        k.at.has_oid = false;
        k.at.dkey = k.at.akey = NULL;
        if (ops->recount) {
            rc = recount(k.c, s->stat);
            if (rc)
                return rc;
        } else if (!at.damaged && !k.c->gone) {
            check_counts(&k, s);
        }
        memset(s->stat, 0, sizeof s->stat);
        memset(&at, 0, sizeof at);
        p.cont++;
    }
    p.started = 1;
    s->at = at;
    s->sessions = sessions;
    for (struct found *f = k.found; f; f = f->next)
        ops->report(ops->arg, &f->f);
    *problems += k.problems;
    memset(where->bytes, 0, sizeof where->bytes);
    memcpy(where->bytes, &p, sizeof p);
    *more = true;
    return 0;
}
