/* What every part of a repair needs (mend.h). */
#include <stdarg.h>
#include <stdio.h>
#include "vos/mend.h"

/* ---- Saying ---- */

void mend_say(struct mend *k, const char *fmt, ...)
{
    struct said *n = base_alloc(sizeof *n);
    va_list ap;

    if (n == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(n->text, sizeof n->text, fmt, ap);
    va_end(ap);
    n->f = k->at;
    n->f.text = n->text;
    n->next = NULL;
    *k->said_end = n;
    k->said_end = &n->next;
}

/* What was said has happened. done false: it has not, and will be said again. */
void mend_said_flush(struct mend *k, bool done)
{
    while (k->said) {
        struct said *n = k->said;

        if (done)
            k->ops->say(k->ops->arg, &n->f);
        k->said = n->next;
        base_free(n);
    }
    k->said_end = &k->said;
}

bool mend_damage(int rc)
{
    return rc == -DER_CSUM || rc == -DER_IO || rc == -DER_DF_INCOMPT;
}

/* ---- Transactions ---- */

int mend_begin(struct mend *k)
{
    int rc = heap_tx_begin(k->h, MIN(MEND_REDO, heap_tx_max(k->h)));

    if (rc == 0)
        heap_tx_use_reserve(k->h, HEAP_RESERVE_LAST);
    return rc;
}

int mend_end(struct mend *k, int rc)
{
    if (rc) {
        heap_tx_abort(k->h);
        return rc;
    }
    heap_tx_commit(k->h, NULL);
    mend_said_flush(k, true);
    return 0;
}

/* ---- Marks of what was lost ---- */

struct when mend_just_below(struct when w)
{
    if (w.minor > 0)
        return (struct when){w.epoch, (uint8_t)(w.minor - 1)};
    return (struct when){MAX(w.epoch, UINT64_C(2)) - 1, UINT8_MAX};
}

struct when mend_newest(const struct mend *k)
{
    return (struct when){MAX(k->changed, UINT64_C(1)), UINT8_MAX};
}

/* A LOST record into the existence log at head_off, unless there is one that says as much. */
int mend_put_lost(struct mend *k, uint64_t head_off, struct when w, bool hides)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    const uint64_t *head = heap_ptr(k->h, head_off, 8);
    uint64_t off;
    struct ver *r;
    int rc;

    for (off = head ? *head : 0; off;) {
        const struct ver *is = heap_ptr(k->h, off, sizeof *is);

        if (is == NULL)
            return heap_rc(k->h);
        if (is->kind == REC_LOST && (!hides || (is->flags & VER_TOMBSTONE)) &&
            when_cmp((struct when){is->epoch, is->minor}, w) >= 0)
            return 0;
        off = is->older;
    }
    if (head == NULL)
        return heap_rc(k->h);
    rc = heap_tx_alloc(k->h, sizeof *r, head_off, &off, (void **)&r);
    if (rc)
        return rc;
    r->kind = REC_LOST;
    r->minor = w.minor;
    r->flags = hides ? VER_TOMBSTONE : 0;
    r->epoch = w.epoch;
    return life_insert(&t, head_off, off, w);
}

/* Records [start, start + nr) of an array may be others than they look. One that overlaps or
 * touches grows. */
int mend_put_gap(struct mend *k, uint64_t akey, uint64_t start, uint64_t nr)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct when w = mend_newest(k);
    const uint64_t *head = heap_ptr(k->h, LIFE_OFF(akey), 8);
    uint64_t off, last = UINT64_C(1) << 63;
    struct wide *r;
    int rc;

    if (head == NULL)
        return heap_rc(k->h);
    nr = MIN(nr, last - MIN(start, last));
    for (off = *head; off;) {
        const struct wide *is = heap_ptr(k->h, off, sizeof is->v);

        if (is == NULL)
            return heap_rc(k->h);
        if (is->v.kind == REC_GAP && when_cmp((struct when){is->v.epoch, is->v.minor}, w) == 0) {
            r = heap_tx_write(k->h, off, sizeof *r);
            if (r == NULL)
                return heap_rc(k->h);
            if (start <= r->start + r->nr && r->start <= start + nr) {
                uint64_t to = MAX(r->start + r->nr, start + nr);

                r->start = MIN(r->start, start);
                r->nr = to - r->start;
                return 0;
            }
        }
        off = is->v.older;
    }
    rc = heap_tx_alloc(k->h, sizeof *r, akey, &off, (void **)&r);
    if (rc)
        return rc;
    r->v.kind = REC_GAP;
    r->v.minor = w.minor;
    r->v.epoch = w.epoch;
    r->start = start;
    r->nr = nr;
    return life_insert(&t, LIFE_OFF(akey), off, w);
}

/* ---- Existence logs ---- */

struct log_end {
    uint64_t link;    /* where the last sound record points on */
    struct when last; /* of the last sound one that is no mark; epoch 0: none */
    bool broken;
};

static int log_look(struct mend *k, uint64_t head_off, struct log_end *e)
{
    uint64_t off;
    const uint64_t *head = heap_ptr(k->h, head_off, 8);

    *e = (struct log_end){.link = head_off};
    if (head == NULL)
        return heap_rc(k->h);
    for (off = *head; off;) {
        const struct ver *r;
        bool live, known;
        int rc = heap_alloc_is_live(k->h, off, &live);

        if (rc)
            return rc;
        r = live ? heap_ptr(k->h, off, sizeof *r) : NULL;
        if (live && r == NULL && heap_rc(k->h) > 0)
            return heap_rc(k->h);
        known = r && (r->kind == REC_MARK || r->kind == REC_PUNCH || r->kind == REC_WIDE ||
                      r->kind == REC_LOST || r->kind == REC_GAP);
        if (!known) {
            e->broken = true;
            return 0;
        }
        if (r->kind != REC_MARK)
            e->last = (struct when){r->epoch, r->minor};
        e->link = off + offsetof(struct ver, older);
        off = r->older;
    }
    return 0;
}

/* The log of an object, dkey or akey. What a punch that is lost hid is given back by now, unless
 * the object is in the trash. */
int mend_log(struct mend *k, uint64_t head_off, bool dead, const char *what)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct when w = mend_newest(k);
    struct log_end e;
    struct ver *r;
    uint64_t off;
    int rc = log_look(k, head_off, &e);

    if (rc || !e.broken)
        return rc;
    mend_say(k, "records of the existence log of the %s are lost%s", what,
             dead || k->trash ? ": what is older there cannot be read any more"
                              : "; they hid nothing");
    if (k->ops->dry)
        return 0;
    rc = mend_begin(k);
    if (rc)
        return rc;
    rc = tx_put64(k->h, e.link, 0);
    if (e.last.epoch)
        w = mend_just_below(e.last);
    else if (rc == 0 && dead) { /* the newest change was its punch, whose epoch is known */
        rc = heap_tx_alloc(k->h, sizeof *r, head_off, &off, (void **)&r);
        if (rc == 0) {
            r->kind = REC_PUNCH;
            r->minor = w.minor;
            r->epoch = w.epoch;
            rc = life_insert(&t, head_off, off, w);
        }
        w = mend_just_below(w);
    }
    if (rc == 0 && (dead || k->trash) && !MUTANT(REPAIR_PUNCH_FORGOTTEN))
        rc = mend_put_lost(k, head_off, w, true);
    return mend_end(k, rc);
}

/* ---- Trees ---- */

/* A step over the nodes. *done: none is lost (any more). mark: what else the transaction does. */
int mend_nodes(struct mend *k, uint64_t root, const char *what, struct tree_pass *p,
               int (*mark)(struct mend *k, uint64_t owner, const struct tree_gap *g),
               uint64_t owner, bool *done)
{
    struct tree_walker w = p->w;
    struct tree_gap gap;
    bool lost;
    int rc;

    *done = false;
    if (!p->started)
        tree_walk_start(&w, root);
    rc = tree_find_lost(k->h, root, &w, &gap, &lost);
    if ((rc == 0 && !lost) || rc == -DER_NONEXIST) {
        p->started = true;
        p->w = w;
        *done = rc != 0;
        return 0;
    }
    if (rc == -DER_CSUM) /* the root itself makes no sense: its record will be found so */
        *done = true;
    if (rc)
        return *done ? 0 : rc;
    mend_say(k,
             gap.level == 0 ? "a leaf of the tree of %s is lost, with what was in it"
                            : "a node of the tree of %s is lost, with what was below it",
             what);
    if (k->ops->dry) {
        if (k->conts && k->ops->lost_conts)
            k->ops->lost_conts(k->ops->arg, gap.lo, gap.hi);
        p->started = true;
        p->w = w;
        return 0;
    }
    rc = mend_begin(k);
    if (rc)
        return rc;
    if (mark)
        rc = mark(k, owner, &gap);
    if (rc == 0)
        rc = tree_cut_lost(k->h, root, &w);
    rc = mend_end(k, rc);
    if (rc == 0)
        *p = (struct tree_pass){.entries = 0}; /* from the beginning */
    return rc;
}

/* All of them, within one step: for trees of a few pages. */
int mend_all_nodes(struct mend *k, uint64_t root, const char *what,
                   int (*mark)(struct mend *k, uint64_t owner, const struct tree_gap *g),
                   uint64_t owner)
{
    struct tree_pass p = {.entries = 0};
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done)
        rc = mend_nodes(k, root, what, &p, mark, owner, &done);
    return rc;
}

/* The root says how many entries there are, if it keeps count. */
static int mend_count(struct mend *k, uint64_t root, uint64_t entries)
{
    bool changed;
    int rc = tree_set_count(k->h, root, entries, &changed);

    if (rc || !changed || k->ops->dry)
        return rc;
    rc = mend_begin(k);
    if (rc == 0)
        rc = mend_end(k, tree_set_count(k->h, root, entries, &changed));
    return rc;
}

/* A step over the records of a tree: a leaf. Afterwards p->ent[0, nr) are the sound ones. */
int mend_leaf(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
              struct tree_pass *p, bool *done)
{
    struct tree_walker w = p->w;
    struct tree_entry ent[TREE_LEAF_MAX], lost[TREE_LEAF_MAX], swap[TREE_LEAF_MAX];
    uint64_t drop[TREE_LEAF_MAX];
    uint32_t nr, drops = 0, swaps = 0, kept = 0;
    int rc;

    *done = false;
    if (!p->started)
        tree_walk_start(&w, root);
    rc = tree_walk_leaf(k->h, &w, ent, &nr);
    if (rc == -DER_NONEXIST || mend_damage(rc)) {
        *done = true;
        p->nr = p->at = 0;
        return w.lost == 0 && rc == -DER_NONEXIST ? mend_count(k, root, p->entries) : 0;
    }
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        enum fate fate = SOUND;

        rc = o->look(k, owner, &ent[i], &fate);
        if (fate == DROP) {
            lost[drops] = ent[i];
            drop[drops++] = ent[i].value;
        } else if (fate == SWAP) {
            swap[swaps++] = ent[i];
        } else {
            ent[kept++] = ent[i];
        }
    }
    if (rc)
        return rc;
    if (drops + swaps > 0 && !k->ops->dry) {
        rc = mend_begin(k);
        if (rc)
            return rc;
        for (uint32_t i = 0; i < swaps && rc == 0; i++) {
            uint64_t to = 0;

            rc = o->mark(k, owner, &swap[i], &to);
            if (rc == 0)
                rc = tree_swap_value(k->h, o->cls, root, &w, swap[i].value, to);
        }
        for (uint32_t i = 0; i < drops && rc == 0 && o->mark; i++)
            rc = o->mark(k, owner, &lost[i], NULL);
        if (rc == 0 && drops)
            rc = tree_drop_values(k->h, o->cls, root, &w, drop, drops);
        rc = mend_end(k, rc);
        if (rc)
            return rc;
        if (swaps > 0 || kept == 0) { /* other entries, or no such leaf: from the beginning */
            *p = (struct tree_pass){.entries = 0};
            return 0;
        }
    }
    memcpy(p->ent, ent, kept * sizeof *ent);
    p->nr = kept;
    p->at = 0;
    p->entries += kept;
    p->started = true;
    p->w = w;
    return 0;
}

int mend_all_leaves(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
                    int (*each)(struct mend *k, uint64_t value))
{
    struct tree_pass p = {.entries = 0};
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done) {
        rc = mend_leaf(k, root, o, owner, &p, &done);
        for (uint32_t i = 0; rc == 0 && !done && each && i < p.nr; i++)
            rc = each(k, p.ent[i].value);
    }
    return rc;
}
