/*
 * Repair: takes out of the store what is lost, so that what is left says nothing that is not true.
 *
 *   nodes     one that cannot be had is taken out of its tree; a tree's count is what it holds
 *   records   an entry whose record cannot be had is taken out
 *   lists     an existence log or a list of values ends where it is broken
 *   values    a version whose bytes are gone says so (VER_CORRUPT)
 *
 * Whatever is taken out may have hidden older versions, at any epoch; so where it was is left a
 * LOST or GAP record (format.h), or the flag of the container, unless absence is what a reader of
 * such a key has to reckon with anyway (docs/repair.md).
 *
 * Nothing is given back here: what is not referred to any more is found and freed afterwards, by
 * whoever calls. Counters of containers are not kept: they are set afterwards
 * (vos_check_ops.recount). So a step is one small transaction for each thing that is mended, a step
 * that is cut short has done some of them, and running all of it again finds less to do.
 */
#include <stdarg.h>
#include <stdio.h>
#include "vos/priv.h"

#define MEND_REDO (128u << 10)

enum phase {
    PH_CONTS,     /* the tree of containers, its nodes */
    PH_CONT_RECS, /* and its records */
    PH_CONT,      /* a container: snapshots, garbage */
    PH_OBJ_NODES, /* its objects: nodes of the tree */
    PH_OBJ_RECS,  /* records */
    PH_OBJ,       /* one object: its log */
    PH_DKEY_NODES,
    PH_DKEY, /* one dkey, with all below */
    PH_SESSIONS,
    PH_END,
};

struct tree_pass { /* over a tree, leaf by leaf */
    struct tree_walker w;
    struct tree_entry ent[TREE_LEAF_MAX];
    uint32_t nr, at;
    uint64_t entries;
    bool started;
};

struct repair_state {
    enum phase phase;
    uint32_t cont;
    struct tree_pass conts, objs, dkeys, sessions;
    bool session_nodes_done;
    uint64_t obj;
    daos_obj_id_t oid;
    bool obj_trash;
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
    struct repair_state *s;
    const struct vos_repair_ops *ops;
    struct vos_found at;
    struct said *said, **said_end;
    daos_obj_id_t oid;
    uint64_t changed; /* of the dkey (object) that is mended */
    bool trash;       /* its object may hold what is hidden */
    char dkey[400], akey[400];
};

/* ---- Saying ---- */

static void __attribute__((format(printf, 2, 3))) say(struct mend *k, const char *fmt, ...)
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
static void said_flush(struct mend *k, bool done)
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

static bool damage(int rc)
{
    return rc == -DER_CSUM || rc == -DER_IO || rc == -DER_DF_INCOMPT;
}

/* ---- Transactions ---- */

static int begin(struct mend *k)
{
    int rc = heap_tx_begin(k->h, MIN(MEND_REDO, heap_tx_max(k->h)));

    if (rc == 0)
        heap_tx_use_reserve(k->h, HEAP_RESERVE_LAST);
    return rc;
}

static int end(struct mend *k, int rc)
{
    if (rc) {
        heap_tx_abort(k->h);
        return rc;
    }
    heap_tx_commit(k->h, NULL);
    said_flush(k, true);
    return 0;
}

/* ---- Marks of what was lost ---- */

static struct when just_below(struct when w)
{
    if (w.minor > 0)
        return (struct when){w.epoch, (uint8_t)(w.minor - 1)};
    return (struct when){MAX(w.epoch, UINT64_C(2)) - 1, UINT8_MAX};
}

static struct when newest(const struct mend *k)
{
    return (struct when){MAX(k->changed, UINT64_C(1)), UINT8_MAX};
}

/* A LOST record into the existence log at head_off, unless there is one that says as much. */
static int put_lost(struct mend *k, uint64_t head_off, struct when w, bool hides)
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
static int put_gap(struct mend *k, uint64_t akey, uint64_t start, uint64_t nr)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct when w = newest(k);
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
static int mend_log(struct mend *k, uint64_t head_off, bool dead, const char *what)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct when w = newest(k);
    struct log_end e;
    struct ver *r;
    uint64_t off;
    int rc = log_look(k, head_off, &e);

    if (rc || !e.broken)
        return rc;
    say(k, "records of the existence log of the %s are lost%s", what,
        dead || k->trash ? ": what is older there cannot be read any more" : "; they hid nothing");
    if (k->ops->dry)
        return 0;
    rc = begin(k);
    if (rc)
        return rc;
    rc = tx_put64(k->h, e.link, 0);
    if (e.last.epoch)
        w = just_below(e.last);
    else if (rc == 0 && dead) { /* the newest change was its punch, whose epoch is known */
        rc = heap_tx_alloc(k->h, sizeof *r, head_off, &off, (void **)&r);
        if (rc == 0) {
            r->kind = REC_PUNCH;
            r->minor = w.minor;
            r->epoch = w.epoch;
            rc = life_insert(&t, head_off, off, w);
        }
        w = just_below(w);
    }
    if (rc == 0 && (dead || k->trash) && !MUTANT(REPAIR_PUNCH_FORGOTTEN))
        rc = put_lost(k, head_off, w, true);
    return end(k, rc);
}

/* ---- Trees ---- */

/* A step over the nodes. *done: none is lost (any more). mark: what else the transaction does. */
static int mend_nodes(struct mend *k, uint64_t root, const char *what, struct tree_pass *p,
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
    say(k,
        gap.level == 0 ? "a leaf of the tree of %s is lost, with what was in it"
                       : "a node of the tree of %s is lost, with what was below it",
        what);
    if (k->ops->dry) {
        if (k->s->phase == PH_CONTS && k->ops->lost_conts)
            k->ops->lost_conts(k->ops->arg, gap.lo, gap.hi);
        p->started = true;
        p->w = w;
        return 0;
    }
    rc = begin(k);
    if (rc)
        return rc;
    if (mark)
        rc = mark(k, owner, &gap);
    if (rc == 0)
        rc = tree_cut_lost(k->h, root, &w);
    rc = end(k, rc);
    if (rc == 0)
        *p = (struct tree_pass){.entries = 0}; /* from the beginning */
    return rc;
}

/* All of them, within one step: for trees of a few pages. */
static int mend_all_nodes(struct mend *k, uint64_t root, const char *what,
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
    rc = begin(k);
    if (rc == 0)
        rc = end(k, tree_set_count(k->h, root, entries, &changed));
    return rc;
}

/* What to do with an entry. */
enum fate { SOUND, DROP, SWAP };

struct leaf_ops {
    const struct tree_class *cls;
    /* Is the record behind the entry sound? Says what it is if not. */
    int (*look)(struct mend *k, uint64_t owner, const struct tree_entry *e, enum fate *fate);
    /* In the transaction that takes the entry out; *to: SWAP's new value. May be NULL. */
    int (*mark)(struct mend *k, uint64_t owner, const struct tree_entry *e, uint64_t *to);
};

/* A step over the records of a tree: a leaf. Afterwards p->ent[0, nr) are the sound ones. */
static int mend_leaf(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
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
    if (rc == -DER_NONEXIST || damage(rc)) {
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
        rc = begin(k);
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
        rc = end(k, rc);
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

static int mend_all_leaves(struct mend *k, uint64_t root, const struct leaf_ops *o, uint64_t owner,
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

/* ---- Values ---- */

/* In a transaction: the version's bytes are gone. base: of its fixed part. */
static int version_lose(struct heap *h, uint64_t ver)
{
    uint16_t *f = heap_tx_write(h, ver + offsetof(struct ver, flags), sizeof *f);

    if (f == NULL)
        return heap_rc(h);
    *f = (uint16_t)((*f & ~(VER_SLOT | VER_DATA | VER_CSUM)) | VER_CORRUPT);
    return 0;
}

/* The same of the version in a packed record, whose keys follow the version. */
static int pack_lose(struct heap *h, uint64_t dkey)
{
    struct pack p;
    uint8_t *rec;
    uint32_t keys, at, total;
    int rc = pack_get(h, dkey, &p);

    if (rc)
        return rc;
    keys = p.dkey.len + p.akey.len;
    at = (uint32_t)(p.ver - dkey) + (uint32_t)sizeof(struct ver);
    total = p.keys_at + keys;
    rec = heap_tx_write(h, dkey, total);
    if (rec == NULL)
        return heap_rc(h);
    memmove(rec + at, rec + p.keys_at, keys);
    ((struct pack_rec *)rec)->keys_at = (uint16_t)at;
    return version_lose(h, p.ver);
}
_Static_assert(sizeof(struct ver) == sizeof(struct ext) &&
                   offsetof(struct ver, flags) == offsetof(struct ext, flags),
               "both lose their bytes in the same way");

int vos_lose_bytes(struct vos *v, uint64_t ver, uint64_t pack)
{
    int rc = heap_tx_begin(v->h, 8192);

    if (rc)
        return rc;
    rc = pack ? pack_lose(v->h, pack) : version_lose(v->h, ver);
    if (rc)
        heap_tx_abort(v->h);
    else
        heap_tx_commit(v->h, NULL);
    return rc;
}

/* Are a version's bytes in the heap there? Those in data space are read by the caller of all this.
 */
static int bytes_look(struct mend *k, const struct layout *l, const uint8_t *rec, bool *lost)
{
    const uint8_t *bytes;
    bool live = true;
    int rc = 0;

    *lost = false;
    if (l->flags & (VER_TOMBSTONE | VER_CORRUPT | VER_DATA))
        return 0;
    if (l->flags & VER_SLOT) {
        uint64_t slot;

        memcpy(&slot, rec + l->loc_off, 8);
        rc = heap_alloc_is_live(k->h, slot, &live);
    }
    if (rc == 0 && live)
        rc = layout_bytes(k->h, l, rec, true, &bytes);
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    *lost = rc != 0 || !live;
    return 0;
}

static int mend_bytes(struct mend *k, const struct layout *l, const uint8_t *rec, uint64_t ver,
                      uint64_t pack)
{
    bool lost;
    int rc = bytes_look(k, l, rec, &lost);

    if (rc || !lost)
        return rc;
    say(k, "the bytes of a version (epoch %llx) are lost; reading it is an error",
        (unsigned long long)((const struct ver *)rec)->epoch);
    if (k->ops->dry)
        return 0;
    rc = begin(k);
    if (rc == 0)
        rc = end(k, pack ? pack_lose(k->h, pack) : version_lose(k->h, ver));
    return rc;
}
_Static_assert(offsetof(struct ver, epoch) == offsetof(struct ext, epoch), "read as either");

static int mend_singles(struct mend *k, uint64_t akey, uint64_t off)
{
    uint64_t link = ROOT_OFF(akey);
    struct when last = {0, 0};

    while (off) {
        const struct ver *r;
        const uint8_t *rec;
        struct layout l;
        bool live;
        int rc = heap_alloc_is_live(k->h, off, &live);

        if (rc == 0)
            rc = live ? layout_single(k->h, off, &l, &rec) : -DER_CSUM;
        if (rc > 0 || rc == -DER_NOMEM)
            return rc;
        if (rc) {
            say(k, "the value%s lost; reading %s is an error",
                last.epoch ? " as it was at older epochs is" : " is", last.epoch ? "those" : "it");
            if (k->ops->dry)
                return 0;
            rc = begin(k);
            if (rc)
                return rc;
            rc = tx_put64(k->h, link, 0);
            if (rc == 0 && !MUTANT(REPAIR_OLDER_ABSENT))
                rc = put_lost(k, LIFE_OFF(akey), last.epoch ? just_below(last) : newest(k), true);
            return end(k, rc);
        }
        r = (const struct ver *)rec;
        last = (struct when){r->epoch, r->minor};
        link = off + offsetof(struct ver, older);
        rc = mend_bytes(k, &l, rec, off, 0);
        if (rc)
            return rc;
        r = heap_ptr(k->h, off, sizeof *r);
        if (r == NULL)
            return heap_rc(k->h);
        off = r->older;
    }
    return 0;
}

static int ext_mark_node(struct mend *k, uint64_t akey, const struct tree_gap *g)
{
    int rc = 0;
    const struct akey_rec *a = REC(k->h, akey, akey_rec, REC_AKEY, &rc);
    uint64_t reach, end = UINT64_C(1) << 63;

    if (a == NULL)
        return rc;
    reach = UINT64_C(1) << MIN(a->max_log, (uint16_t)20);
    return put_gap(k, akey, g->lo, g->hi >= end - reach ? end : g->hi + reach - g->lo);
}

static int ext_look(struct mend *k, uint64_t akey, const struct tree_entry *e, enum fate *fate)
{
    const uint8_t *rec;
    struct layout l;
    bool live;
    int rc = heap_alloc_is_live(k->h, ext_off(e->value), &live);

    (void)akey;
    if (rc == 0)
        rc = live ? layout_ext(k->h, ext_off(e->value), &l, &rec) : -DER_CSUM;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc) {
        say(k, "an extent of records %llu to at most %llu is lost; reading them is an error",
            (unsigned long long)e->order,
            (unsigned long long)(e->order + MAX(ext_bound(e->value), UINT64_C(1)) - 1));
        *fate = DROP;
    }
    return 0;
}

static int ext_mark(struct mend *k, uint64_t akey, const struct tree_entry *e, uint64_t *to)
{
    (void)to;
    return put_gap(k, akey, e->order, MAX(ext_bound(e->value), UINT64_C(1)));
}

static int mend_ext(struct mend *k, uint64_t value)
{
    const uint8_t *rec;
    struct layout l;
    int rc = layout_ext(k->h, ext_off(value), &l, &rec);

    if (damage(rc)) /* dry: taken out already, so to speak */
        return 0;
    return rc ? rc : mend_bytes(k, &l, rec, ext_off(value), 0);
}

/* ---- Akeys ---- */

static const struct leaf_ops ext_ops = {&ext_class, ext_look, ext_mark};

static int akey_look_at(struct mend *k, uint64_t dkey, const struct tree_entry *e, enum fate *fate)
{
    struct vos_key name;
    uint8_t type = 0;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)dkey;
    if (rc == 0)
        rc = live ? akey_name(k->h, e->value, &name, &type) : -DER_CSUM;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc == 0 && (type == DAOS_IOD_SINGLE || type == DAOS_IOD_ARRAY))
        return 0;
    say(k, "an akey is lost with its value; reading any that is not there is an error");
    *fate = DROP;
    return 0;
}

static int dkey_in_doubt(struct mend *k, uint64_t dkey)
{
    return put_lost(k, dkey + offsetof(struct dkey_rec, life), newest(k), false);
}

static int akey_mark(struct mend *k, uint64_t dkey, const struct tree_entry *e, uint64_t *to)
{
    (void)e, (void)to;
    return dkey_in_doubt(k, dkey);
}

static int akey_mark_node(struct mend *k, uint64_t dkey, const struct tree_gap *g)
{
    (void)g;
    return dkey_in_doubt(k, dkey);
}

static const struct leaf_ops akey_ops = {&akey_class, akey_look_at, akey_mark};

static int mend_akey(struct mend *k, uint64_t akey)
{
    struct vos_key name;
    struct akey_rec a;
    uint8_t type;
    int rc = akey_name(k->h, akey, &name, &type);

    if (rc == 0)
        rc = akey_look(k->h, akey, &a);
    if (rc)
        return damage(rc) ? 0 : rc;
    k->at.akey = vos_key_text(&name, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    rc = mend_log(k, LIFE_OFF(akey), a.flags & KEY_DEAD, "akey");
    if (rc == 0 && a.type == DAOS_IOD_SINGLE)
        rc = mend_singles(k, akey, a.values.word0);
    if (rc == 0 && a.type == DAOS_IOD_ARRAY)
        rc = mend_all_nodes(k, ROOT_OFF(akey), "extents", ext_mark_node, akey);
    if (rc == 0 && a.type == DAOS_IOD_ARRAY)
        rc = mend_all_leaves(k, ROOT_OFF(akey), &ext_ops, akey, mend_ext);
    k->at.akey = NULL;
    return rc;
}

/* ---- Dkeys ---- */

static int dkey_look_at(struct mend *k, uint64_t obj, const struct tree_entry *e, enum fate *fate)
{
    enum korder ko = dkey_korder(k->oid);
    struct vos_key name;
    struct pack p;
    bool live, packed = false;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)obj;
    if (rc == 0)
        rc = live ? dkey_name(k->h, e->value, &name) : -DER_CSUM;
    if (rc == 0)
        rc = pack_is(k->h, e->value, &packed);
    if (rc == 0 && packed)
        rc = pack_get(k->h, e->value, &p);
    if (rc == 0 && packed && p.type == DAOS_IOD_ARRAY)
        rc = pack_ext(&p);
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc == 0 && key_check(ko, &name) == 0 && key_order(ko, name.buf, name.len) == e->order)
        return 0;
    if (ko == K_INT) {
        say(k, "dkey %llu is lost with all below it; reading it is an error",
            (unsigned long long)e->order);
        *fate = SWAP;
    } else {
        say(k, "a dkey is lost with all below it; its name is not known, and it is absent");
        *fate = DROP;
    }
    return 0;
}

/* The record of an integer dkey is made again, with nothing below but that something was. */
static int dkey_mark(struct mend *k, uint64_t obj, const struct tree_entry *e, uint64_t *to)
{
    struct vos_tx t = {.v = k->v, .c = k->c};
    struct vos_key key = {&e->order, sizeof e->order};
    int rc;

    if (to == NULL)
        return 0;
    rc = dkey_alloc(&t, obj, &key, to);
    if (rc == 0)
        rc = tx_put64(k->h, *to + offsetof(struct dkey_rec, changed), newest(k).epoch);
    return rc ? rc : put_lost(k, *to + offsetof(struct dkey_rec, life), newest(k), true);
}

/* In an object of numbered dkeys absence is a hole, which reads as zeros. */
static int dkey_mark_node(struct mend *k, uint64_t obj, const struct tree_gap *g)
{
    (void)g;
    if (dkey_korder(k->oid) != K_INT)
        return 0;
    return put_lost(k, obj + offsetof(struct obj_rec, life), newest(k), false);
}

static const struct leaf_ops dkey_ops = {&dkey_class, dkey_look_at, dkey_mark};

static int mend_pack(struct mend *k, uint64_t dkey)
{
    const uint8_t *rec;
    struct layout l;
    struct pack p;
    int rc = pack_get(k->h, dkey, &p);

    if (rc == 0)
        rc = p.type == DAOS_IOD_ARRAY ? layout_ext(k->h, p.ver, &l, &rec)
                                      : layout_single(k->h, p.ver, &l, &rec);
    if (rc == 0)
        k->at.akey = vos_key_text(&p.akey, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    if (rc == 0)
        rc = mend_bytes(k, &l, rec, p.ver, dkey);
    k->at.akey = NULL;
    return rc;
}

static int mend_dkey(struct mend *k, uint64_t dkey)
{
    uint64_t root = dkey + offsetof(struct dkey_rec, akeys);
    struct vos_key name;
    struct dkey_rec d;
    bool packed;
    int rc = dkey_name(k->h, dkey, &name);

    if (rc == 0)
        rc = pack_is(k->h, dkey, &packed);
    if (rc == 0)
        rc = dkey_look(k->h, dkey, &d);
    if (rc)
        return damage(rc) ? 0 : rc;
    k->at.dkey = vos_key_text(&name, daos_is_dkey_uint64(k->oid), k->dkey, sizeof k->dkey);
    k->changed = d.changed;
    if (packed)
        return mend_pack(k, dkey);
    rc = mend_log(k, dkey + offsetof(struct dkey_rec, life), d.flags & KEY_DEAD, "dkey");
    if (rc == 0)
        rc = mend_all_nodes(k, root, "akeys", akey_mark_node, dkey);
    return rc ? rc : mend_all_leaves(k, root, &akey_ops, dkey, mend_akey);
}

/* ---- Objects ---- */

static int obj_look_at(struct mend *k, uint64_t cont, const struct tree_entry *e, enum fate *fate)
{
    const struct obj_rec *o = NULL;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)cont;
    if (rc == 0)
        o = live ? REC(k->h, e->value, obj_rec, REC_OBJ, &rc) : NULL;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (o && mix128(o->oid_hi, o->oid_lo) == e->order)
        return 0;
    say(k, "an object is lost with all in it, its id too; reading it is an error");
    *fate = SWAP;
    return 0;
}

/* Which objects they were nobody knows: none may be taken for absent. */
static int cont_in_doubt(struct mend *k)
{
    uint16_t *f = heap_tx_write(k->h, k->c->off + offsetof(struct cont_rec, flags), sizeof *f);

    if (f == NULL)
        return heap_rc(k->h);
    *f |= CONT_LOST;
    k->c->lost = true; /* should this not be committed, the next step says it again */
    return 0;
}

static uint64_t unshift(uint64_t x)
{
    return x ^ x >> 33;
}

/* The number that mix64() makes x of. */
static uint64_t unmix64(uint64_t x)
{
    x = unshift(x) * UINT64_C(0x9cb4b2f8129337db);
    x = unshift(x) * UINT64_C(0x4f74430c22a54005);
    return unshift(x);
}

/* A record that stands for the object with this hash, whatever its id: an id that has the hash too.
 */
static int obj_mark(struct mend *k, uint64_t cont, const struct tree_entry *e, uint64_t *to)
{
    struct obj_rec *o;
    int rc = heap_tx_alloc(k->h, sizeof *o, cont, to, (void **)&o);

    if (rc)
        return rc;
    k->changed = k->v->ceiling - 1;
    o->kind = REC_OBJ;
    o->flags = KEY_LOST;
    o->changed = k->changed;
    o->oid_lo = unmix64(e->order) - mix64(UINT64_C(0x9e3779b97f4a7c15));
    ASSERT(mix128(o->oid_hi, o->oid_lo) == e->order);
    return MUTANT(REPAIR_OBJECTS_ABSENT)
               ? 0
               : put_lost(k, *to + offsetof(struct obj_rec, life), newest(k), true);
}

static int obj_mark_node(struct mend *k, uint64_t cont, const struct tree_gap *g)
{
    (void)cont, (void)g;
    return cont_in_doubt(k);
}

static const struct leaf_ops obj_ops = {&obj_class, obj_look_at, obj_mark};

/* Into the trash again, whose tree was made empty. */
static int trash_again(struct mend *k, uint64_t obj)
{
    uint64_t root = k->c->off + offsetof(struct cont_rec, trash), is;
    union key_room room;
    struct tree_key key;
    int rc = obj_key(k->h, obj, &room, &key);

    if (rc == 0)
        rc = tree_find(k->h, &obj_class, root, &key, &is);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = begin(k);
    return rc ? rc : end(k, tree_insert(k->h, &obj_class, root, &key, obj));
}

static int step_obj(struct mend *k)
{
    struct repair_state *s = k->s;
    int rc = 0;
    const struct obj_rec *o = REC(k->h, s->obj, obj_rec, REC_OBJ, &rc);

    if (o == NULL)
        return rc;
    s->oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    s->obj_trash = o->flags & KEY_TRASH;
    k->oid = k->at.oid = s->oid;
    k->at.has_oid = true;
    k->changed = o->changed;
    k->trash = s->obj_trash;
    rc = mend_log(k, s->obj + offsetof(struct obj_rec, life), o->flags & KEY_DEAD, "object");
    if (rc == 0 && s->obj_trash && !k->ops->dry)
        rc = trash_again(k, s->obj);
    return rc;
}

/* ---- Containers ---- */

static int cont_look_at(struct mend *k, uint64_t none, const struct tree_entry *e, enum fate *fate)
{
    const struct cont_rec *c = NULL;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)none;
    if (rc == 0)
        c = live ? REC(k->h, e->value, cont_rec, REC_CONT, &rc) : NULL;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (c && hash_bytes(c->uuid, 16) == e->order)
        return 0;
    say(k, "a container is lost with all in it");
    if (k->ops->dry && k->ops->lost_conts)
        k->ops->lost_conts(k->ops->arg, e->order, e->order);
    *fate = DROP;
    return 0;
}

static const struct leaf_ops cont_ops = {&cont_class, cont_look_at, NULL};

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

/* Containers that could not be loaded for their snapshots alone: without those they can. */
static int load_without_snaps(struct mend *k, uint64_t off)
{
    struct vos_cont *c;
    struct tree_root *r;
    int rc;

    if (cont_is_loaded(k->v, off) || k->ops->dry)
        return 0;
    say(k,
        "the snapshots of a container cannot be read: those that the service knows are made again");
    rc = begin(k);
    if (rc)
        return rc;
    r = heap_tx_write(k->h, off + offsetof(struct cont_rec, snaps), sizeof *r);
    if (r)
        *r = (struct tree_root){0};
    rc = end(k, r ? 0 : heap_rc(k->h));
    return rc ? rc : cont_load(k->v, off, &c);
}

static int step_cont(struct mend *k)
{
    struct tree_root *r;
    int rc;

    if (k->ops->dry)
        return 0;
    rc = begin(k);
    if (rc)
        return rc;
    r = heap_tx_write(k->h, k->c->off + offsetof(struct cont_rec, trash), sizeof *r);
    if (r)
        *r = (struct tree_root){0};
    rc = end(k, r ? 0 : heap_rc(k->h));
    k->c->trash_done = false;
    memset(&k->c->trash_at, 0, sizeof k->c->trash_at);
    return rc;
}

/* ---- Sessions ---- */

static int session_look_at(struct mend *k, uint64_t none, const struct tree_entry *e,
                           enum fate *fate)
{
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)none;
    if (rc == 0 && live && REC(k->h, e->value, session_rec, REC_SESSION, &rc) != NULL)
        return 0;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    say(k, "the outcomes of a client that is gone are lost");
    *fate = DROP;
    return 0;
}

static int session_mark(struct mend *k, uint64_t none, const struct tree_entry *e, uint64_t *to)
{
    (void)none, (void)e, (void)to;
    session_forget_cache(k->v);
    return tx_put64(k->h, k->v->super + offsetof(struct super_rec, forgotten_start), k->v->ceiling);
}

static int session_mark_node(struct mend *k, uint64_t none, const struct tree_gap *g)
{
    (void)g;
    return session_mark(k, none, NULL, NULL);
}

static const struct leaf_ops session_ops = {&session_class, session_look_at, session_mark};

/* ---- Steps ---- */

static void pass_clear(struct tree_pass *p)
{
    *p = (struct tree_pass){.entries = 0};
}

static int step_conts(struct mend *k)
{
    struct repair_state *s = k->s;
    uint64_t root = k->v->super + offsetof(struct super_rec, conts);
    bool done = false;
    int rc;

    if (s->phase == PH_CONTS) {
        rc = mend_nodes(k, root, "containers", &s->conts, NULL, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->conts);
            s->phase = PH_CONT_RECS;
        }
        return rc;
    }
    if (s->conts.at < s->conts.nr) {
        rc = load_without_snaps(k, s->conts.ent[s->conts.at].value);
        s->conts.at += rc == 0;
        return rc;
    }
    rc = mend_leaf(k, root, &cont_ops, 0, &s->conts, &done);
    if (rc == 0 && done)
        s->phase = PH_CONT;
    return rc;
}

static int step_sessions(struct mend *k)
{
    struct repair_state *s = k->s;
    uint64_t root = k->v->super + offsetof(struct super_rec, sessions);
    bool done = false;
    int rc;

    if (!s->session_nodes_done) {
        rc = mend_nodes(k, root, "sessions", &s->sessions, session_mark_node, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->sessions);
            s->session_nodes_done = true;
        }
        return rc;
    }
    rc = mend_leaf(k, root, &session_ops, 0, &s->sessions, &done);
    if (rc == 0 && done)
        s->phase = PH_END;
    return rc;
}

/* The tree of objects: nodes, then records. */
static int step_objs(struct mend *k)
{
    struct repair_state *s = k->s;
    uint64_t root = k->c->off + offsetof(struct cont_rec, objects);
    bool done = false;
    int rc;

    if (s->phase == PH_OBJ_NODES) {
        rc = mend_nodes(k, root, "objects", &s->objs, obj_mark_node, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->objs);
            s->phase = PH_OBJ_RECS;
        }
        return rc;
    }
    if (s->objs.at < s->objs.nr) {
        s->obj = s->objs.ent[s->objs.at++].value;
        s->phase = PH_OBJ;
        return 0;
    }
    rc = mend_leaf(k, root, &obj_ops, 0, &s->objs, &done);
    if (rc == 0 && done) {
        pass_clear(&s->objs);
        s->phase = PH_CONT;
        s->cont++;
    }
    return rc;
}

static int step_dkeys(struct mend *k)
{
    struct repair_state *s = k->s;
    uint64_t root = s->obj + offsetof(struct obj_rec, dkeys);
    bool done = false;
    int rc = 0;
    const struct obj_rec *o = REC(k->h, s->obj, obj_rec, REC_OBJ, &rc);

    if (o == NULL)
        return rc;
    k->oid = k->at.oid = s->oid;
    k->at.has_oid = true;
    k->trash = s->obj_trash;
    k->changed = o->changed;
    if (s->phase == PH_DKEY_NODES) {
        rc = mend_nodes(k, root, "dkeys", &s->dkeys, dkey_mark_node, s->obj, &done);
        if (rc == 0 && done) {
            pass_clear(&s->dkeys);
            s->phase = PH_DKEY;
        }
        return rc;
    }
    if (s->dkeys.at < s->dkeys.nr) {
        rc = mend_dkey(k, s->dkeys.ent[s->dkeys.at].value);
        s->dkeys.at += rc == 0;
        return rc;
    }
    rc = mend_leaf(k, root, &dkey_ops, s->obj, &s->dkeys, &done);
    if (rc == 0 && done)
        s->phase = PH_OBJ_RECS;
    return rc;
}

static int step(struct mend *k)
{
    struct repair_state *s = k->s;
    int rc;

    switch (s->phase) {
    case PH_CONTS:
    case PH_CONT_RECS:
        return step_conts(k);
    case PH_CONT:
        k->c = cont_at(k->v, s->cont);
        if (k->c == NULL) {
            s->phase = PH_SESSIONS;
            return 0;
        }
        rc = step_cont(k);
        if (rc == 0)
            s->phase = PH_OBJ_NODES;
        return rc;
    case PH_OBJ_NODES:
    case PH_OBJ_RECS:
        return step_objs(k);
    case PH_OBJ:
        rc = step_obj(k);
        if (rc == 0) {
            pass_clear(&s->dkeys);
            s->phase = PH_DKEY_NODES;
        }
        return rc;
    case PH_DKEY_NODES:
    case PH_DKEY:
        return step_dkeys(k);
    case PH_SESSIONS:
        return step_sessions(k);
    case PH_END:
        break;
    }
    return 0;
}

int vos_repair(struct vos *v, const struct vos_repair_ops *ops, bool *more)
{
    struct mend k = {.v = v, .h = v->h, .ops = ops};
    int rc;

    if (v->repair == NULL)
        v->repair = base_calloc(1, sizeof *v->repair);
    if (v->repair == NULL)
        return -DER_NOMEM;
    arena_reset(&v->scratch);
    k.s = v->repair;
    k.said_end = &k.said;
    k.c = k.s->phase >= PH_CONT && k.s->phase < PH_SESSIONS ? cont_at(v, k.s->cont) : NULL;
    if (k.c)
        memcpy(k.at.cont, k.c->uuid, sizeof k.at.cont);
    rc = step(&k);
    said_flush(&k, rc == 0);
    *more = rc != 0 || k.s->phase != PH_END;
    if (!*more)
        repair_end(v);
    return rc;
}

void repair_end(struct vos *v)
{
    base_free(v->repair);
    v->repair = NULL;
}

/* ---- Objects whose place in the tree is lost, while they are not ---- */

int vos_objects_missing(struct vos *v, struct vos_cont **c, uint64_t *missing)
{
    struct list *l;

    *c = NULL;
    *missing = 0;
    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *is = LIST_ENTRY(l, struct vos_cont, link);
        uint64_t count;
        int rc;

        if (!is->lost || is->shredded)
            continue;
        rc = tree_count(v->h, is->off + offsetof(struct cont_rec, objects), &count);
        if (rc)
            return rc;
        if (count >= is->stat[ST_OBJ])
            continue;
        if (*c) { /* whose they are nobody can tell */
            *c = NULL;
            *missing = 0;
            return 0;
        }
        *missing = is->stat[ST_OBJ] - count;
        *c = is;
    }
    return 0;
}

int vos_object_adopt(struct vos_cont *c, uint64_t off)
{
    struct heap *h = c->v->h;
    union key_room room;
    struct tree_key k;
    int rc = obj_key(h, off, &room, &k);

    if (rc == 0)
        rc = heap_tx_begin(h, MIN(MEND_REDO, heap_tx_max(h)));
    if (rc)
        return rc;
    rc = tree_insert(h, &obj_class, c->off + offsetof(struct cont_rec, objects), &k, off);
    if (rc)
        heap_tx_abort(h);
    else
        heap_tx_commit(h, NULL);
    return rc == -DER_EXIST ? 0 : rc;
}

int vos_objects_found(struct vos_cont *c)
{
    uint16_t *f;
    int rc = heap_tx_begin(c->v->h, REDO_REC);

    if (rc)
        return rc;
    f = heap_tx_write(c->v->h, c->off + offsetof(struct cont_rec, flags), sizeof *f);
    if (f == NULL) {
        rc = heap_rc(c->v->h);
        heap_tx_abort(c->v->h);
        return rc;
    }
    *f &= (uint16_t)~CONT_LOST;
    heap_tx_commit(c->v->h, NULL);
    c->lost = false;
    return 0;
}
