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
#include <stdarg.h>
#include <stdio.h>
#include "vos/priv.h"

#define TREE_CHECK_MAX 4000u /* entries of a tree that is checked as a whole */

/* In an anchor. */
struct check_place {
    uint8_t started, conts_seen, sessions_seen, pad;
    uint32_t cont;
};

/* Where the walk is in its container. */
struct spot {
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
    struct spot at;
    struct tree_walker sessions;
};

struct found {
    struct found *next;
    struct vos_found f;
    char text[320];
};

#define NAME_TEXT 800u

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
    char dkey[NAME_TEXT], akey[NAME_TEXT]; /* what at names */
    bool damaged;
};

static const char *keep(struct check *k, const char *text)
{
    return text ? arena_memdup(k->mem, text, strlen(text) + 1) : NULL;
}

static void say(struct check *k, const char *fmt, va_list ap)
{
    struct found *f = arena_alloc(k->mem, sizeof *f);

    if (f == NULL)
        return;
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    f->f = k->at;
    f->f.dkey = keep(k, k->at.dkey);
    f->f.akey = keep(k, k->at.akey);
    f->f.text = f->text;
    f->next = NULL;
    *k->tail = f;
    k->tail = &f->next;
}

static void __attribute__((format(printf, 2, 3))) problem(struct check *k, const char *fmt, ...)
{
    va_list ap;

    k->problems++;
    va_start(ap, fmt);
    say(k, fmt, ap);
    va_end(ap);
}

/* Belongs to problems that were counted. */
static void __attribute__((format(printf, 2, 3))) remark(struct check *k, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(k, fmt, ap);
    va_end(ap);
}

/* Of a record that is passed by. */
static int pass_by(struct check *k, int rc, const char *what, uint64_t off)
{
    if (rc >= 0 || rc == -DER_NOMEM)
        return rc;
    k->damaged = true;
    problem(k, "%s at heap offset %llu cannot be read (%s): it is lost, with all that is below it",
            what, (unsigned long long)off, d_errstr(rc));
    return 0;
}

static void nodes_lost(struct check *k, const struct tree_walker *w, const char *what)
{
    if (w->lost == 0)
        return;
    k->damaged = true;
    problem(k,
            "%llu node%s of the tree of %s cannot be read: those below %s are lost, the others "
            "are there",
            (unsigned long long)w->lost, w->lost == 1 ? "" : "s", what,
            w->lost == 1 ? "it" : "them");
}

static void tree_problem(void *arg, const char *text)
{
    problem(arg, "%s", text);
}

static int ref_add(struct check *k, uint64_t off)
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

static int check_live(struct check *k, uint64_t off, const char *what, bool *live)
{
    int rc = heap_alloc_is_live(k->h, off, live);

    if (rc == 0 && *live)
        return ref_add(k, off);
    if (rc == 0 && !*live) {
        k->damaged = true;
        problem(k,
                "%s at heap offset %llu is not allocated, or its page cannot be read: it is lost, "
                "with all that is below it",
                what, (unsigned long long)off);
    }
    return rc;
}

/* The next leaf, and the nodes on the way to it are met. */
static int walk_leaf(struct check *k, struct tree_walker *w, struct tree_entry *ent, uint32_t *nr)
{
    int rc = tree_walk_leaf(k->h, w, ent, nr), added = 0;

    for (uint32_t i = 0; (rc == 0 || rc == -DER_NONEXIST) && added == 0 && i < w->node_nr; i++)
        added = ref_add(k, w->node[i]);
    return added ? added : rc;
}

/* A damaged record is a problem, not the end of the walk. */
static int soft(struct check *k, int rc, const char *what, uint64_t off)
{
    if (rc >= 0)
        return rc;
    problem(k, "%s at heap offset %llu cannot be read: %s", what, (unsigned long long)off,
            d_errstr(rc));
    return 0;
}

static int check_tree(struct check *k, const struct tree_class *cls, uint64_t root)
{
    uint64_t count, n = 0;
    int rc = tree_count(k->h, root, &count);

    if (rc || count > TREE_CHECK_MAX)
        return rc;
    rc = tree_check(k->h, cls, root, tree_problem, k, &n);
    return rc;
}

static void check_epoch(struct check *k, uint64_t epoch, const char *what, uint64_t off)
{
    if (epoch == 0 || epoch >= k->v->ceiling)
        problem(k, "%s at heap offset %llu has epoch %llx, the ceiling is %llx", what,
                (unsigned long long)off, (unsigned long long)epoch,
                (unsigned long long)k->v->ceiling);
}

static int check_life(struct check *k, uint64_t life, bool wide_ok)
{
    struct when last = {UINT64_MAX, 255};
    bool first = true, live;

    while (life) {
        const struct ver *r;
        struct when w;
        int rc = check_live(k, life, "existence log", &live);

        if (rc || !live)
            return rc;
        r = heap_ptr(k->h, life, sizeof *r);
        if (r == NULL)
            return heap_rc(k->h);
        w = (struct when){r->epoch, r->minor};
        check_epoch(k, r->epoch, "existence log", life);
        if (r->kind == REC_MARK ? !first
                                : r->kind != REC_PUNCH && r->kind != REC_LOST &&
                                      !((r->kind == REC_WIDE || r->kind == REC_GAP) && wide_ok)) {
            problem(k,
                    "existence log at heap offset %llu: a record of kind %u does not belong here",
                    (unsigned long long)life, r->kind);
            return 0;
        }
        if (r->kind != REC_MARK) {
            if (when_cmp(w, last) > 0)
                problem(k, "existence log at heap offset %llu: not newest first",
                        (unsigned long long)life);
            last = w;
        }
        first = false;
        life = r->older;
    }
    return 0;
}

/* The bytes of one version. */
static int check_value(struct check *k, uint64_t off, const struct layout *l, const uint8_t *rec,
                       bool single)
{
    const uint8_t *bytes;
    uint64_t done = 0;
    bool ok;
    int rc;

    if (l->flags & VER_CORRUPT) /* it says so itself, and so will every reader */
        return 0;
    k->stat[l->flags & VER_DATA ? ST_DATA_BYTES : ST_HEAP_BYTES] += l->bytes;
    if (l->flags & VER_TOMBSTONE)
        return 0;
    if (!(l->flags & VER_DATA)) {
        if (l->flags & VER_SLOT) {
            uint64_t slot;

            memcpy(&slot, rec + l->loc_off, 8);
            rc = check_live(k, slot, "value", &ok);
            if (rc || !ok)
                return rc;
        }
        rc = layout_bytes(k->h, l, rec, true, &bytes);
        if (rc == 0 && !single && k->ops->value)
            return k->ops->value(k->ops->arg, &k->at, ((const struct ext *)rec)->epoch, bytes,
                                 l->bytes);
        return soft(k, rc, "value of the version", off);
    }
    for (uint32_t i = 0; i < l->loc_nr; i++) {
        struct space_extent e;
        uint64_t loc, len;

        memcpy(&loc, rec + l->loc_off + i * 8, 8);
        e = (struct space_extent){.block = DATA_LOC_BLOCK(loc), .nr = DATA_LOC_NR(loc)};
        len = MIN(l->bytes - done, (uint64_t)e.nr * SPACE_BLOCK);
        rc = heap_space_is_used(k->h, &e, &ok);
        if (rc > 0 || rc == -DER_NOMEM)
            return rc;
        if (rc) { /* the value is another matter: it is read below */
            problem(k, "nothing tells whether data block %llu of its value is in use: %s",
                    (unsigned long long)e.block, d_errstr(rc));
            ok = true;
        }
        if (!ok)
            problem(k,
                    "version at heap offset %llu: its data extent (block %llu, %u blocks) is not "
                    "in use",
                    (unsigned long long)off, (unsigned long long)e.block, e.nr);
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
        k->ext[k->ext_nr++] = e;
        if (k->ops->data) {
            struct vos_piece p = {.ver = off,
                                  .pack = k->pack,
                                  .csum_type = l->flags & VER_CSUM ? rec[l->csum_off] : 0,
                                  .csum_len = (uint16_t)l->csum_len,
                                  .len = len,
                                  .ext = e,
                                  .ext_bytes = len,
                                  .chunk_bytes = single ? len : VOS_CSUM_CHUNK,
                                  .csums = rec + l->csum_off + 1 + (single ? i * l->csum_len : 0)};

            rc = k->ops->data(k->ops->arg, &k->at, &p);
            if (rc)
                problem(k, "version at heap offset %llu: its data cannot be trusted: %s",
                        (unsigned long long)off, d_errstr(rc));
        }
        done += len;
    }
    if (done < l->bytes)
        problem(k, "version at heap offset %llu: its data extents are too short",
                (unsigned long long)off);
    return 0;
}

static int check_singles(struct check *k, uint64_t off)
{
    struct when last = {UINT64_MAX, 255};

    uint64_t newer = 0;

    k->at.nr = 0;
    while (off) {
        const struct ver *r;
        const uint8_t *rec;
        struct layout l;
        struct when w;
        bool live;
        uint64_t before = k->problems;
        int rc = check_live(k, off, "version", &live);

        if (rc == 0 && live)
            rc = layout_single(k->h, off, &l, &rec);
        if (rc < 0 && rc != -DER_NOMEM)
            rc = soft(k, rc, "version", off);
        if (rc)
            return rc;
        if (k->problems > before) {
            k->damaged = true;
            remark(k, "%llu newer versions of its value survive, it and older ones do not",
                   (unsigned long long)newer);
            return 0;
        }
        newer++;
        r = (const struct ver *)rec;
        w = (struct when){r->epoch, r->minor};
        check_epoch(k, r->epoch, "version", off);
        if (when_cmp(w, last) >= 0)
            problem(k, "version at heap offset %llu: not newest first", (unsigned long long)off);
        last = w;
        k->stat[ST_SINGLE]++;
        rc = check_value(k, off, &l, rec, true);
        if (rc)
            return rc;
        off = r->older;
    }
    return 0;
}

/* What a reader of these records loses. */
static void records_lost(struct check *k, uint64_t start, uint64_t nr, uint32_t rec_size,
                         bool about)
{
    remark(k, "%s %llu to %s%llu cannot be read", rec_size == 1 ? "bytes" : "records",
           (unsigned long long)start, about ? "at most " : "",
           (unsigned long long)(start + MAX(nr, UINT64_C(1)) - 1));
}

static int check_ext(struct check *k, const struct akey_rec *a, uint64_t start, uint64_t value)
{
    uint64_t off = ext_off(value), before = k->problems;
    const struct ext *e;
    const uint8_t *rec;
    struct layout l;
    bool live;
    int rc = check_live(k, off, "extent", &live);

    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc == 0 && live)
        rc = layout_ext(k->h, off, &l, &rec);
    if (rc < 0)
        rc = soft(k, rc, "extent", off);
    if (rc)
        return rc;
    if (k->problems > before) {
        k->damaged = true;
        records_lost(k, start, ext_bound(value), 0, true);
        return 0;
    }
    e = (const struct ext *)rec;
    check_epoch(k, e->epoch, "extent", off);
    if (e->nr == 0 || e->nr > EXT_NR_MAX || e->nr > UINT64_C(1) << a->max_log ||
        ext_bound(value) < e->nr)
        problem(k, "extent at heap offset %llu: its place in the tree does not fit it",
                (unsigned long long)off);
    if ((e->flags & VER_TOMBSTONE) && !(a->flags & KEY_HOLES))
        problem(k, "extent at heap offset %llu: a hole in an akey that says it has none",
                (unsigned long long)off);
    k->stat[ST_EXT]++;
    k->at.start = start;
    k->at.nr = e->nr;
    k->at.rec_size = e->rec_size;
    rc = check_value(k, off, &l, rec, false);
    if (rc == 0 && k->problems > before)
        records_lost(k, start, e->nr, e->rec_size, false);
    return rc;
}

static int check_exts(struct check *k, uint64_t akey, const struct akey_rec *a)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint64_t all = 0, bad = 0;
    uint32_t nr;
    int rc = check_tree(k, &ext_class, akey + offsetof(struct akey_rec, values));

    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    tree_walk_start(&w, akey + offsetof(struct akey_rec, values));
    while ((rc = walk_leaf(k, &w, ent, &nr)) == 0) {
        for (uint32_t i = 0; i < nr; i++) {
            uint64_t before = k->problems;

            rc = check_ext(k, a, ent[i].order, ent[i].value);
            if (rc)
                return rc;
            all++;
            bad += k->problems > before;
        }
    }
    if (rc != -DER_NONEXIST)
        return rc;
    nodes_lost(k, &w, "extents");
    if (bad > 0 || w.lost > 0)
        remark(k, "%llu of %s%llu extents survive", (unsigned long long)(all - bad),
               w.lost ? "at least " : "", (unsigned long long)(all + w.lost));
    return 0;
}

static int check_akey(struct check *k, uint64_t akey, uint64_t order)
{
    const struct akey_rec *r;
    struct akey_rec a;
    struct vos_key name;
    uint8_t type;
    bool live;
    int rc;

    k->at.akey = NULL;
    rc = check_live(k, akey, "akey", &live);
    if (rc || !live)
        return rc;
    rc = akey_name(k->h, akey, &name, &type);
    if (rc)
        return pass_by(k, rc, "akey", akey);
    k->at.akey = vos_key_text(&name, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    if (key_check(akey_korder(k->oid), &name) ||
        key_order(akey_korder(k->oid), name.buf, name.len) != order)
        problem(k, "akey at heap offset %llu is not where its name belongs",
                (unsigned long long)akey);
    r = REC(k->h, akey, akey_rec, REC_AKEY, &rc);
    if (r == NULL)
        return rc;
    a = *r;
    if (a.type != DAOS_IOD_SINGLE && a.type != DAOS_IOD_ARRAY) {
        problem(k, "akey at heap offset %llu is of unknown type %u", (unsigned long long)akey,
                a.type);
        return 0;
    }
    k->stat[ST_AKEY]++;
    rc = check_life(k, a.life, true);
    if (rc)
        return rc;
    return a.type == DAOS_IOD_ARRAY ? check_exts(k, akey, &a) : check_singles(k, a.values.word0);
}

static int check_pack(struct check *k, uint64_t dkey)
{
    uint64_t before = k->problems;
    const uint8_t *rec;
    struct layout l;
    struct pack p;
    bool array;
    int rc = pack_get(k->h, dkey, &p);

    if (rc)
        return soft(k, rc, "packed dkey", dkey);
    array = p.type == DAOS_IOD_ARRAY;
    k->at.akey = vos_key_text(&p.akey, daos_is_akey_uint64(k->oid), k->akey, sizeof k->akey);
    rc = array ? layout_ext(k->h, p.ver, &l, &rec) : layout_single(k->h, p.ver, &l, &rec);
    if (rc)
        return soft(k, rc, "version of the packed dkey", dkey);
    check_epoch(k, p.w.epoch, "packed dkey", dkey);
    if (key_check(akey_korder(k->oid), &p.akey) || p.ver + l.total != dkey + p.keys_at ||
        (l.flags & VER_TOMBSTONE) ||
        (array ? pack_ext(&p) != 0 : ((const struct ver *)rec)->older != 0))
        problem(k, "packed dkey at heap offset %llu: its parts do not fit each other",
                (unsigned long long)dkey);
    k->stat[ST_DKEY]++;
    k->stat[ST_AKEY]++;
    k->stat[array ? ST_EXT : ST_SINGLE]++;
    k->at.start = p.start;
    k->at.nr = p.nr;
    k->at.rec_size = p.rec_size;
    k->pack = dkey;
    rc = check_value(k, p.ver, &l, rec, !array);
    k->pack = 0;
    if (rc == 0 && array && k->problems > before)
        records_lost(k, p.start, p.nr, p.rec_size, false);
    k->at.akey = NULL;
    return rc;
}

static int check_dkey(struct check *k, uint64_t dkey, uint64_t order)
{
    const struct dkey_rec *r;
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    struct vos_key name;
    uint32_t nr;
    bool live, packed;
    int rc = check_live(k, dkey, "dkey", &live);

    if (rc || !live)
        return rc;
    rc = dkey_name(k->h, dkey, &name);
    if (rc)
        return pass_by(k, rc, "dkey", dkey);
    k->at.dkey = vos_key_text(&name, daos_is_dkey_uint64(k->oid), k->dkey, sizeof k->dkey);
    if (key_check(dkey_korder(k->oid), &name) ||
        key_order(dkey_korder(k->oid), name.buf, name.len) != order)
        problem(k, "dkey at heap offset %llu is not where its name belongs",
                (unsigned long long)dkey);
    rc = pack_is(k->h, dkey, &packed);
    if (rc || packed)
        return rc ? rc : check_pack(k, dkey);
    r = REC(k->h, dkey, dkey_rec, REC_DKEY, &rc);
    if (r == NULL)
        return rc;
    k->stat[ST_DKEY]++;
    rc = check_life(k, r->life, false);
    if (rc < 0)
        rc = soft(k, rc, "existence log", r->life);
    if (rc == 0)
        rc = check_tree(k, &akey_class, dkey + offsetof(struct dkey_rec, akeys));
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    tree_walk_start(&w, dkey + offsetof(struct dkey_rec, akeys));
    while ((rc = walk_leaf(k, &w, ent, &nr)) == 0) {
        for (uint32_t i = 0; i < nr; i++) {
            rc = check_akey(k, ent[i].value, ent[i].order);
            if (rc)
                rc = pass_by(k, rc, "akey", ent[i].value);
            if (rc)
                return rc;
        }
    }
    k->at.akey = NULL;
    if (rc != -DER_NONEXIST)
        return rc;
    nodes_lost(k, &w, "akeys");
    return 0;
}

static int check_obj(struct check *k, uint64_t obj, uint64_t order)
{
    const struct obj_rec *o;
    bool live;
    int rc = check_live(k, obj, "object", &live);

    if (rc || !live)
        return rc ? rc : -DER_NONEXIST;
    o = REC(k->h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    k->oid = k->at.oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    k->at.has_oid = true;
    if (mix128(o->oid_hi, o->oid_lo) != order)
        problem(k, "object at heap offset %llu is not where its id belongs",
                (unsigned long long)obj);
    if (o->changed >= k->v->ceiling)
        problem(k, "object at heap offset %llu changed at epoch %llx, above the ceiling",
                (unsigned long long)obj, (unsigned long long)o->changed);
    k->stat[ST_OBJ]++;
    rc = check_life(k, o->life, false);
    if (rc < 0)
        rc = soft(k, rc, "existence log", o->life);
    if (rc == 0)
        rc = check_tree(k, &dkey_class, obj + offsetof(struct obj_rec, dkeys));
    return rc > 0 || rc == -DER_NOMEM ? rc : 0;
}

/* ---- Intents ---- */

static int check_parts(struct check *k, uint64_t off, const struct vos_op *op,
                       const struct prep *preps)
{
    int rc = 0;

    for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++) {
        const struct vos_iod *iod = &op->iods[i];

        k->at.akey =
            vos_key_text(&iod->akey, daos_is_akey_uint64(op->oid), k->akey, sizeof k->akey);
        if (key_check(akey_korder(op->oid), &iod->akey))
            problem(k, "intent at heap offset %llu: an akey that is not possible",
                    (unsigned long long)off);
        for (uint32_t p = 0; p < preps[i].part_nr && rc == 0; p++) {
            const struct part *part = &preps[i].parts[p];

            rc = check_value(k, off, &part->l, part->image, iod->type == DAOS_IOD_SINGLE);
        }
    }
    k->at.akey = NULL;
    return rc;
}

static int check_ops(struct check *k, uint64_t off, const struct vos_update *u)
{
    int rc = 0;

    for (uint32_t i = 0; i < u->nr && rc == 0; i++) {
        const struct vos_op *op = &u->ops[i];

        if (op->kind == VOS_OP_CHECK)
            continue;
        k->oid = k->at.oid = op->oid;
        k->at.has_oid = true;
        k->at.dkey = NULL;
        if (op->level != VOS_OBJ) {
            k->at.dkey =
                vos_key_text(&op->dkey, daos_is_dkey_uint64(op->oid), k->dkey, sizeof k->dkey);
            if (key_check(dkey_korder(op->oid), &op->dkey))
                problem(k, "intent at heap offset %llu: a dkey that is not possible",
                        (unsigned long long)off);
        }
        if (op->kind == VOS_OP_UPDATE)
            rc = check_parts(k, off, op, u->preps[i]);
    }
    return rc;
}

static int check_intent_slot(struct check *k, uint64_t off, const struct intent *in)
{
    struct vos_txid id = {in->head.hlc, in->head.rand, in->head.seq, 0};
    struct txid_look look;
    int rc = session_look(k->v, &id, &look);

    if (in->head.flags &
        INTENT_DECIDED) /* what the session remembers the client may have dropped */
        return rc;
    if (rc == 0 && look.state != TXID_PREPARED)
        problem(k, "intent at heap offset %llu: its session does not know of it",
                (unsigned long long)off);
    return rc;
}

static int check_intent(struct check *k, uint64_t off, uint64_t order)
{
    struct vos_check_ops ops = *k->ops;
    const struct vos_check_ops *was = k->ops;
    uint64_t stat[ST_NR], more = off, id[3];
    struct vos_update *u;
    struct intent in;
    bool live;
    int rc;

    do {
        rc = check_live(k, more, "intent", &live);
        if (rc || !live)
            return rc;
        rc = intent_more(k->h, &more);
    } while (rc == 0);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = intent_as_update(k->c, off, &u, &in);
    if (rc)
        return rc;
    if (intent_key(in.head.hlc, in.head.rand, in.head.seq, id).order != order)
        problem(k, "intent at heap offset %llu is not where its id belongs",
                (unsigned long long)off);
    check_epoch(k, in.head.epoch, "intent", off);
    rc = check_intent_slot(k, off, &in);
    /* versions that nobody can see yet: nothing is said of them but what is wrong */
    ops.value = NULL;
    k->ops = &ops;
    memcpy(stat, k->stat, sizeof stat);
    if (rc == 0)
        rc = check_ops(k, off, u);
    if (rc == 0 && (k->stat[ST_HEAP_BYTES] - stat[ST_HEAP_BYTES] != in.head.heap_bytes ||
                    k->stat[ST_DATA_BYTES] - stat[ST_DATA_BYTES] != in.head.data_bytes))
        problem(k, "intent at heap offset %llu counts other bytes than its values have",
                (unsigned long long)off);
    memcpy(k->stat, stat, sizeof stat);
    k->ops = was;
    k->at.has_oid = false;
    k->at.dkey = NULL;
    update_free(u, false);
    return rc;
}

static uint32_t intents_known(const struct vos_cont *c)
{
    uint32_t nr = c->doubt_nr;

    for (const struct list *l = c->decided.next; l != &c->decided; l = l->next)
        nr++;
    return nr;
}

/* One of them. *cont_done is not for it to say: objects come next. */
static int step_intent(struct check *k, struct spot *p)
{
    struct tree_entry e;
    int rc = 0;

    if (!p->intents_started)
        tree_walk_start(&p->intents, INTENTS_OFF(k->c));
    p->intents_started = true;
    if (p->intent_at == p->intent_nr) {
        rc = walk_leaf(k, &p->intents, p->intent, &p->intent_nr);
        p->intent_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        nodes_lost(k, &p->intents, "intents");
        if (heap_lsn(k->h) == k->v->check->lsn && p->intents_met != intents_known(k->c))
            problem(k, "the container knows of %u intents, there are %u", intents_known(k->c),
                    p->intents_met);
        p->intents_done = true;
        return check_tree(k, &intent_class, INTENTS_OFF(k->c));
    }
    if (rc)
        return rc;
    e = p->intent[p->intent_at++];
    p->intents_met++;
    return pass_by(k, check_intent(k, e.value, e.order), "intent", e.value);
}

/* The nodes of a small tree beside the main one: each entry's record belongs elsewhere. */
static int side_tree(struct check *k, size_t root_at, const char *what)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint32_t nr;
    int rc;

    tree_walk_start(&w, k->c->off + root_at);
    do {
        rc = walk_leaf(k, &w, ent, &nr);
    } while (rc == 0);
    if (rc != -DER_NONEXIST)
        return rc;
    nodes_lost(k, &w, what);
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
static int step_obj(struct check *k, struct spot *p, bool *cont_done)
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
        rc = walk_leaf(k, &p->objs, p->obj, &p->obj_nr);
        p->obj_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        nodes_lost(k, &p->objs, "objects");
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
    return rc == -DER_NONEXIST ? 0 : pass_by(k, rc, "object", e.value);
}

/* One step within the k->c: the next intent, the next object's record, or the next dkey of the
 * current one. */
static int step(struct check *k, struct spot *p, bool *cont_done)
{
    struct tree_entry e;
    int rc = 0;

    if (!p->intents_done)
        return step_intent(k, p);
    if (!p->in_obj)
        return step_obj(k, p, cont_done);
    k->oid = k->at.oid = p->oid;
    k->at.has_oid = true;
    if (p->dkey_at == p->dkey_nr) {
        rc = walk_leaf(k, &p->dkeys, p->dkey, &p->dkey_nr);
        p->dkey_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        nodes_lost(k, &p->dkeys, "dkeys");
        p->in_obj = false;
        return 0;
    }
    if (rc || p->dkey_nr == 0)
        return rc;
    e = p->dkey[p->dkey_at++];
    return pass_by(k, check_dkey(k, e.value, e.order), "dkey", e.value);
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
            problem(k, "the container counts %llu %s, there are %llu",
                    (unsigned long long)k->c->stat[i], NAMES[i], (unsigned long long)s->stat[i]);
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

/* What the step met: each may be met once. */
static void check_refs(struct check *k, struct check_state *s)
{
    for (uint32_t i = 0; i < k->ext_nr; i++)
        if (!heap_refs_add_blocks(s->refs, &k->ext[i]))
            problem(k, "data block %llu belongs to two versions; one of them is overwritten",
                    (unsigned long long)k->ext[i].block);
    for (uint32_t i = 0; i < k->ref_nr; i++)
        if (!heap_refs_add(s->refs, k->ref[i]))
            problem(k, "the allocation at heap offset %llu is referred to from two places",
                    (unsigned long long)k->ref[i]);
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

/* Containers that are in the tree and could not be loaded. */
static int check_conts(struct check *k)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint32_t nr;
    int rc;

    rc = ref_add(k, k->v->super);
    if (rc)
        return rc;
    tree_walk_start(&w, k->v->super + offsetof(struct super_rec, conts));
    while ((rc = walk_leaf(k, &w, ent, &nr)) == 0) {
        for (uint32_t i = 0; i < nr; i++)
            if (!cont_is_loaded(k->v, ent[i].value))
                problem(k,
                        "the container at heap offset %llu could not be loaded: it cannot be "
                        "used",
                        (unsigned long long)ent[i].value);
    }
    if (rc != -DER_NONEXIST)
        return rc;
    nodes_lost(k, &w, "containers");
    return 0;
}

/* A leaf of the tree of sessions. */
static int check_sessions(struct check *k, struct tree_walker *w, bool *done)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    uint32_t nr;
    bool live;
    int rc = walk_leaf(k, w, ent, &nr);

    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        rc = check_live(k, ent[i].value, "session", &live);
        if (rc == 0 && live && REC(k->h, ent[i].value, session_rec, REC_SESSION, &rc) == NULL)
            rc = soft(k, rc, "session", ent[i].value);
    }
    if (rc != -DER_NONEXIST)
        return rc;
    nodes_lost(k, w, "sessions");
    *done = true;
    return 0;
}

/* Behind the last container. */
static int step_shard(struct check *k, struct check_place *p, struct tree_walker *sessions)
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
    struct spot at;
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
        rc = step_shard(&k, &p, &sessions);
    }
    if (rc < 0 && rc != -DER_NOMEM) { /* the walk cannot go on here */
        problem(&k, "the walk ends here: %s", d_errstr(rc));
        cont_done = k.c != NULL;
        k.damaged = true;
        p.sessions_seen = p.conts_seen && !k.c;
        p.conts_seen |= !k.c;
        rc = 0;
    }
    if (rc)
        return rc;
    check_refs(&k, s);
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
