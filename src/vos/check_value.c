/* Versions: existence logs, single values, extents, and where their bytes are. */
#include "vos/check.h"

void check_epoch(struct check *k, uint64_t epoch, const char *what, uint64_t off)
{
    if (epoch == 0 || epoch >= k->v->ceiling)
        check_problem(k, "%s at heap offset %llu has epoch %llx, the ceiling is %llx", what,
                      (unsigned long long)off, (unsigned long long)epoch,
                      (unsigned long long)k->v->ceiling);
}

int check_life(struct check *k, uint64_t life, bool wide_ok)
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
            check_problem(
                k, "existence log at heap offset %llu: a record of kind %u does not belong here",
                (unsigned long long)life, r->kind);
            return 0;
        }
        if (r->kind != REC_MARK) {
            if (when_cmp(w, last) > 0)
                check_problem(k, "existence log at heap offset %llu: not newest first",
                              (unsigned long long)life);
            last = w;
        }
        first = false;
        life = r->older;
    }
    return 0;
}

/* Bytes in the heap. */
static int heap_bytes(struct check *k, uint64_t off, const struct layout *l, const uint8_t *rec,
                      bool single)
{
    const uint8_t *bytes;
    bool live;
    int rc;

    if (l->flags & VER_SLOT) {
        uint64_t slot;

        memcpy(&slot, rec + l->loc_off, 8);
        rc = check_live(k, slot, "value", &live);
        if (rc || !live)
            return rc;
    }
    rc = layout_bytes(k->h, l, rec, true, &bytes);
    if (rc == 0 && !single && k->ops->value)
        return k->ops->value(k->ops->arg, &k->at, ((const struct ext *)rec)->epoch, bytes,
                             l->bytes);
    return check_soft(k, rc, "value of the version", off);
}

/* Piece i of bytes in data space, len of them. */
static int data_piece(struct check *k, uint64_t off, const struct layout *l, const uint8_t *rec,
                      bool single, uint32_t i, const struct space_extent *e, uint64_t len)
{
    struct vos_piece p = {.ver = off,
                          .pack = k->pack,
                          .csum_type = l->csum_type,
                          .csum_len = (uint16_t)l->csum_len,
                          .len = len,
                          .ext = *e,
                          .ext_bytes = len,
                          .chunk_bytes = single ? len : l->csum_unit,
                          .csums = rec + l->csum_off + 1 + (single ? i * l->csum_len : 0)};
    bool used;
    int rc = heap_space_is_used(k->h, e, &used);

    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (rc) /* the value is another matter: it is read below */
        check_problem(k, "nothing tells whether data block %llu of its value is in use: %s",
                      (unsigned long long)e->block, d_errstr(rc));
    else if (!used)
        check_problem(k,
                      "version at heap offset %llu: its data extent (block %llu, %u blocks) is not "
                      "in use",
                      (unsigned long long)off, (unsigned long long)e->block, e->nr);
    rc = check_blocks_add(k, e);
    if (rc || k->ops->data == NULL)
        return rc;
    rc = k->ops->data(k->ops->arg, &k->at, &p);
    if (rc)
        check_problem(k, "version at heap offset %llu: its data cannot be trusted: %s",
                      (unsigned long long)off, d_errstr(rc));
    return 0;
}

int check_value(struct check *k, uint64_t off, const struct layout *l, const uint8_t *rec,
                bool single)
{
    uint64_t done = 0;

    if (l->flags & VER_CORRUPT) /* it says so itself, and so will every reader */
        return 0;
    k->stat[l->flags & VER_DATA ? ST_DATA_BYTES : ST_HEAP_BYTES] += l->bytes;
    if (l->flags & VER_TOMBSTONE)
        return 0;
    if (!(l->flags & VER_DATA))
        return heap_bytes(k, off, l, rec, single);
    for (uint32_t i = 0; i < l->loc_nr; i++) {
        struct space_extent e;
        uint64_t loc, len;
        int rc;

        memcpy(&loc, rec + l->loc_off + i * 8, 8);
        e = (struct space_extent){.block = DATA_LOC_BLOCK(loc), .nr = DATA_LOC_NR(loc)};
        len = MIN(l->bytes - done, (uint64_t)e.nr * SPACE_BLOCK);
        rc = data_piece(k, off, l, rec, single, i, &e, len);
        if (rc)
            return rc;
        done += len;
    }
    if (done < l->bytes)
        check_problem(k, "version at heap offset %llu: its data extents are too short",
                      (unsigned long long)off);
    return 0;
}

int check_singles(struct check *k, uint64_t off)
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
            rc = check_soft(k, rc, "version", off);
        if (rc)
            return rc;
        if (k->problems > before) {
            k->damaged = true;
            check_remark(k, "%llu newer versions of its value survive, it and older ones do not",
                         (unsigned long long)newer);
            return 0;
        }
        newer++;
        r = (const struct ver *)rec;
        w = (struct when){r->epoch, r->minor};
        check_epoch(k, r->epoch, "version", off);
        if (when_cmp(w, last) >= 0)
            check_problem(k, "version at heap offset %llu: not newest first",
                          (unsigned long long)off);
        last = w;
        k->stat[ST_SINGLE]++;
        rc = check_value(k, off, &l, rec, true);
        if (rc)
            return rc;
        off = r->older;
    }
    return 0;
}

void check_records_lost(struct check *k, uint64_t start, uint64_t nr, uint32_t rec_size, bool about)
{
    check_remark(k, "%s %llu to %s%llu cannot be read", rec_size == 1 ? "bytes" : "records",
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
        rc = check_soft(k, rc, "extent", off);
    if (rc)
        return rc;
    if (k->problems > before) {
        k->damaged = true;
        check_records_lost(k, start, ext_bound(value), 0, true);
        return 0;
    }
    e = (const struct ext *)rec;
    check_epoch(k, e->epoch, "extent", off);
    if (e->nr == 0 || e->nr > EXT_NR_MAX || e->nr > UINT64_C(1) << a->max_log ||
        ext_bound(value) < e->nr)
        check_problem(k, "extent at heap offset %llu: its place in the tree does not fit it",
                      (unsigned long long)off);
    if ((e->flags & VER_TOMBSTONE) && !(a->flags & KEY_HOLES))
        check_problem(k, "extent at heap offset %llu: a hole in an akey that says it has none",
                      (unsigned long long)off);
    k->stat[ST_EXT]++;
    k->at.start = start;
    k->at.nr = e->nr;
    k->at.rec_size = e->rec_size;
    rc = check_value(k, off, &l, rec, false);
    if (rc == 0 && k->problems > before)
        check_records_lost(k, start, e->nr, e->rec_size, false);
    return rc;
}

int check_exts(struct check *k, uint64_t akey, const struct akey_rec *a)
{
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w;
    uint64_t all = 0, bad = 0;
    uint32_t nr;
    int rc = check_tree(k, &ext_class, akey + offsetof(struct akey_rec, values));

    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    tree_walk_start(&w, akey + offsetof(struct akey_rec, values));
    while ((rc = check_walk_leaf(k, &w, ent, &nr)) == 0) {
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
    check_nodes_lost(k, &w, "extents");
    if (bad > 0 || w.lost > 0)
        check_remark(k, "%llu of %s%llu extents survive", (unsigned long long)(all - bad),
                     w.lost ? "at least " : "", (unsigned long long)(all + w.lost));
    return 0;
}
