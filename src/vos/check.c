/*
 * The checker: walks every record of the shard and proves what must hold.
 *
 *   trees       sound (tree_check()), each entry under the order key of its record
 *   records     of the right kind, live allocations, no unknown flags
 *   lists       existence logs and single values newest first; no epoch at or above the ceiling
 *   values      lengths possible, slots live, data extents in use and used once, checksums of heap
 *               bytes right
 *   counters    those of each container equal what was counted (if nothing changed meanwhile)
 *
 * A step is one dkey. What is found is kept until the step has seen all its pages, so that a fault
 * repeats nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include "vos/priv.h"

#define TREE_CHECK_MAX 4000u /* entries of a tree that is checked as a whole */

struct check_place {
    uint8_t started, in_obj;
    uint16_t pad;
    uint32_t cont;
    uint64_t oid_hi, oid_lo;
    struct pos pos;
};
_Static_assert(sizeof(struct check_place) == sizeof(((struct vos_anchor *)0)->bytes), "anchor");

/* Between steps; hangs off struct vos. */
struct check_state {
    uint64_t lsn;
    uint64_t stat[ST_NR];
    uint8_t *used; /* a bit each data block met */
    uint64_t used_blocks;
};

struct found {
    struct found *next;
    char text[256];
};

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
    daos_obj_id_t oid;
    int (*data)(void *arg, const struct vos_piece *p);
    void *arg;
};

static void __attribute__((format(printf, 2, 3))) problem(struct check *k, const char *fmt, ...)
{
    struct found *f = arena_alloc(k->mem, sizeof *f);
    va_list ap;
    int n;

    k->problems++;
    if (f == NULL)
        return;
    n = snprintf(f->text, sizeof f->text, "object %016llx.%016llx: ", (unsigned long long)k->oid.hi,
                 (unsigned long long)k->oid.lo);
    va_start(ap, fmt);
    vsnprintf(f->text + n, sizeof f->text - (size_t)n, fmt, ap);
    va_end(ap);
    f->next = NULL;
    *k->tail = f;
    k->tail = &f->next;
}

static void tree_problem(void *arg, const char *text)
{
    problem(arg, "%s", text);
}

static int check_live(struct check *k, uint64_t off, const char *what, bool *live)
{
    int rc = heap_alloc_is_live(k->h, off, live);

    if (rc == 0 && !*live)
        problem(k, "%s at heap offset %llu is not allocated; what it held is lost", what,
                (unsigned long long)off);
    return rc;
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
                                : r->kind != REC_PUNCH && !(r->kind == REC_WIDE && wide_ok)) {
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
        return soft(k, layout_bytes(k->h, l, rec, true, &bytes), "value of the version", off);
    }
    for (uint32_t i = 0; i < l->loc_nr; i++) {
        struct space_extent e;
        uint64_t loc, len;

        memcpy(&loc, rec + l->loc_off + i * 8, 8);
        e = (struct space_extent){.block = DATA_LOC_BLOCK(loc), .nr = DATA_LOC_NR(loc)};
        len = MIN(l->bytes - done, (uint64_t)e.nr * SPACE_BLOCK);
        rc = heap_space_is_used(k->h, &e, &ok);
        if (rc)
            return soft(k, rc, "data extent of the version", off);
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
        if (k->data) {
            struct vos_piece p = {.csum_type = l->flags & VER_CSUM ? rec[l->csum_off] : 0,
                                  .csum_len = (uint16_t)l->csum_len,
                                  .len = len,
                                  .ext = e,
                                  .ext_bytes = len,
                                  .chunk_bytes = single ? len : VOS_CSUM_CHUNK,
                                  .csums = rec + l->csum_off + 1 + (single ? i * l->csum_len : 0)};

            rc = k->data(k->arg, &p);
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

    while (off) {
        const struct ver *r;
        const uint8_t *rec;
        struct layout l;
        struct when w;
        bool live;
        int rc = check_live(k, off, "version", &live);

        if (rc || !live)
            return rc;
        rc = layout_single(k->h, off, &l, &rec);
        if (rc)
            return soft(k, rc, "version", off);
        r = (const struct ver *)rec;
        w = (struct when){r->epoch, r->minor};
        check_epoch(k, r->epoch, "version", off);
        if (when_cmp(w, last) >= 0)
            problem(k, "version at heap offset %llu: not newest first", (unsigned long long)off);
        last = w;
        k->stat[ST_SINGLE]++;
        off = r->older;
        rc = check_value(k, off, &l, rec, true);
        if (rc)
            return rc;
    }
    return 0;
}

static int check_exts(struct check *k, uint64_t akey, const struct akey_rec *a)
{
    struct walk w;
    uint64_t value;
    int rc = check_tree(k, &ext_class, akey + offsetof(struct akey_rec, values));

    if (rc)
        return rc;
    walk_ext(&w, k->h, akey, 0, false);
    while ((rc = walk_next(&w, &value)) == 0) {
        uint64_t off = ext_off(value);
        const struct ext *e;
        const uint8_t *rec;
        struct layout l;
        bool live;

        rc = check_live(k, off, "extent", &live);
        if (rc || !live)
            return rc;
        rc = layout_ext(k->h, off, &l, &rec);
        if (rc) {
            rc = soft(k, rc, "extent", off);
            if (rc)
                return rc;
            continue;
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
        rc = check_value(k, off, &l, rec, false);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int check_akey(struct check *k, uint64_t akey, uint64_t order)
{
    const struct akey_rec *r;
    struct akey_rec a;
    struct vos_key name;
    uint8_t type;
    bool live;
    int rc = check_live(k, akey, "akey", &live);

    if (rc || !live)
        return rc;
    rc = akey_name(k->h, akey, &name, &type);
    if (rc)
        return soft(k, rc, "akey", akey);
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
    const uint8_t *rec;
    struct layout l;
    struct pack p;
    bool array;
    int rc = pack_get(k->h, dkey, &p);

    if (rc)
        return soft(k, rc, "packed dkey", dkey);
    array = p.type == DAOS_IOD_ARRAY;
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
    return check_value(k, p.ver, &l, rec, !array);
}

static int check_dkey(struct check *k, uint64_t dkey, uint64_t order)
{
    const struct dkey_rec *r;
    struct vos_key name;
    struct walk w;
    uint64_t akey;
    bool live, packed;
    int rc = check_live(k, dkey, "dkey", &live);

    if (rc || !live)
        return rc;
    rc = dkey_name(k->h, dkey, &name);
    if (rc)
        return soft(k, rc, "dkey", dkey);
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
    if (rc == 0)
        rc = check_tree(k, &akey_class, dkey + offsetof(struct dkey_rec, akeys));
    if (rc)
        return rc;
    walk_init(&w, k->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), akey_korder(k->oid));
    while ((rc = walk_next(&w, &akey)) == 0) {
        rc = check_akey(k, akey, w.ent[w.at - 1].order);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int check_obj(struct check *k, uint64_t obj)
{
    const struct obj_rec *o;
    bool live;
    int rc = check_live(k, obj, "object", &live);

    if (rc || !live)
        return rc ? rc : -DER_CSUM;
    o = REC(k->h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    if (o->changed >= k->v->ceiling)
        problem(k, "object at heap offset %llu changed at epoch %llx, above the ceiling",
                (unsigned long long)obj, (unsigned long long)o->changed);
    k->stat[ST_OBJ]++;
    rc = check_life(k, o->life, false);
    return rc ? rc : check_tree(k, &dkey_class, obj + offsetof(struct obj_rec, dkeys));
}

/* One step within the k->c: the next object's record, or the next dkey of the current one. */
static int step(struct check *k, struct check_place *p, bool *cont_done)
{
    struct heap *h = k->h;
    uint64_t id[2] = {p->oid_hi, p->oid_lo}, order, obj, dkey;
    struct tree_key key = {.order = mix128(id[0], id[1]), .key = id, .len = sizeof id};
    const struct obj_rec *o;
    struct akey_id room;
    struct vos_key name;
    struct walk w;
    int rc;

    rc = tree_seek(h, &obj_class, k->c->off + offsetof(struct cont_rec, objects),
                   !p->started ? TREE_FIRST
                   : p->in_obj ? TREE_GE
                               : TREE_GT,
                   p->started ? &key : NULL, &order, &obj);
    *cont_done = rc == -DER_NONEXIST;
    if (rc)
        return *cont_done ? 0 : rc;
    o = REC(h, obj, obj_rec, REC_OBJ, &rc);
    if (o == NULL)
        return rc;
    k->oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    if (mix128(o->oid_hi, o->oid_lo) != order) {
        problem(k, "object at heap offset %llu is not where its id belongs",
                (unsigned long long)obj);
        return -DER_CSUM; /* going on from its id might lead back */
    }
    if (!p->started || !p->in_obj || k->oid.hi != p->oid_hi || k->oid.lo != p->oid_lo) {
        rc = check_obj(k, obj);
        if (rc == 0)
            *p = (struct check_place){.started = 1,
                                      .in_obj = 1,
                                      .cont = p->cont,
                                      .oid_hi = k->oid.hi,
                                      .oid_lo = k->oid.lo};
        return rc;
    }
    rc = pos_walk(&p->pos, &w, h, &dkey_class, obj + offsetof(struct obj_rec, dkeys),
                  dkey_korder(k->oid), &room);
    if (rc == 0)
        rc = walk_next(&w, &dkey);
    if (rc == -DER_NONEXIST) {
        p->in_obj = 0;
        return 0;
    }
    if (rc == 0)
        rc = check_dkey(k, dkey, w.ent[w.at - 1].order);
    if (rc == 0)
        rc = dkey_name(h, dkey, &name);
    if (rc)
        return rc;
    pos_set(&p->pos, dkey_korder(k->oid), &name, 0);
    p->pos.order = w.ent[w.at - 1].order; /* not a damaged key's, which might lead back */
    return 0;
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

/* Data blocks of the step: each may be met once. */
static int check_blocks(struct check *k, struct check_state *s)
{
    for (uint32_t i = 0; i < k->ext_nr; i++) {
        uint64_t end = k->ext[i].block + k->ext[i].nr;

        if (end > s->used_blocks) {
            uint64_t n = MAX(end * 2, 65536);
            uint8_t *p = base_realloc(s->used, n / 8 + 1);

            if (p == NULL)
                return -DER_NOMEM;
            memset(p + (s->used_blocks ? s->used_blocks / 8 + 1 : 0), 0,
                   n / 8 + 1 - (s->used_blocks ? s->used_blocks / 8 + 1 : 0));
            s->used = p;
            s->used_blocks = n;
        }
        for (uint64_t b = k->ext[i].block; b < end; b++) {
            if (s->used[b / 8] & (1u << b % 8)) {
                problem(k, "data block %llu belongs to two versions; one of them is overwritten",
                        (unsigned long long)b);
                break;
            }
            s->used[b / 8] |= (uint8_t)(1u << b % 8);
        }
    }
    return 0;
}

void check_end(struct vos *v)
{
    if (v->check) {
        base_free(v->check->used);
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

        if (!c->gone && ix-- == 0)
            return c;
    }
    return NULL;
}

int vos_check(struct vos *v, struct vos_anchor *where, void (*report)(void *arg, const char *text),
              int (*data)(void *arg, const struct vos_piece *p), void *arg, uint64_t *problems,
              bool *more)
{
    struct check k = {.v = v, .h = v->h, .mem = &v->scratch, .data = data, .arg = arg};
    struct check_state *s;
    struct check_place p;
    bool cont_done = false;
    int rc;

    memcpy(&p, where->bytes, sizeof p);
    if (p.cont == 0 && !p.started) {
        check_end(v);
        v->check = base_calloc(1, sizeof *v->check);
        if (v->check == NULL)
            return -DER_NOMEM;
        v->check->lsn = heap_lsn(v->h);
    }
    s = v->check;
    k.c = cont_at(v, p.cont);
    if (s == NULL || k.c == NULL) {
        check_end(v);
        where->eof = 1;
        *more = false;
        return 0;
    }
    arena_reset(&v->scratch);
    k.tail = &k.found;
    rc = step(&k, &p, &cont_done);
    if (rc < 0) { /* the walk cannot go on in this container */
        problem(&k, "the walk ends here: %s", d_errstr(rc));
        cont_done = true;
        rc = 0;
        s->lsn = UINT64_MAX;
    }
    if (rc)
        return rc;
    for (uint32_t i = 0; i < ST_NR; i++)
        s->stat[i] += k.stat[i];
    rc = check_blocks(&k, s);
    if (rc)
        return rc;
    if (cont_done) {
        check_counts(&k, s);
        memset(s->stat, 0, sizeof s->stat);
        p = (struct check_place){.cont = p.cont + 1};
    }
    for (struct found *f = k.found; f; f = f->next)
        report(arg, f->text);
    *problems += k.problems;
    memcpy(where->bytes, &p, sizeof p);
    *more = true;
    return 0;
}
