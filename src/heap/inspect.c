/* Log and pages as a person reads them. */
#include "heap/inspect.h"

#include <string.h>

#include "base/fail.h"
#include "heap/heap_int.h"
#include "heap/tree_node.h"
#include "io/io.h"

/* ---- The log ---- */

/* The newer whole record; *found false: none. */
static int marks(struct super *wal, struct wal_mark *best, bool *found, struct row *r,
                 const struct row_sink *out)
{
    uint8_t *buf = io_buf_alloc(WAL_BLOCK);
    int rc = buf != NULL ? 0 : -DER_NOMEM;

    *found = false;
    for (uint32_t i = 0; i < 2 && rc == 0; i++) {
        struct heap_super copy = {0};
        struct wal_mark m;
        int one = super_read_wait(wal, SUPER_WAL, (uint64_t)i * WAL_BLOCK, buf, WAL_BLOCK);

        memcpy(&m, buf, sizeof(m));
        if (one == 0 && wal_mark_valid(&m) && (!*found || m.seq > best->seq)) {
            *best = m;
            *found = true;
        }
        if (out == NULL)
            continue;
        row_begin(r, "checkpoint_record", 0);
        row_num(r, "block", i);
        row_text(r, "is", "%s",
                 one != 0             ? "unreadable: the device reported an error"
                 : wal_mark_valid(&m) ? "whole"
                                      : "damaged, or never written");
        if (one == 0 && wal_mark_valid(&m)) {
            wal_copy_read(buf, &m, &copy);
            row_num(r, "number", m.seq);
            row_text(r, "closed", "%s", m.flags & WAL_MARK_CLEAN ? "in order" : "no");
            row_text(r, "heap", "%016llx", (unsigned long long)m.generation);
            row_num(r, "replay_lsn", m.replay_lsn);
            row_num(r, "replay_group", m.replay_group);
            row_num(r, "complete_lsn", m.complete_lsn);
            row_num(r, "durable_lsn", m.durable_lsn);
            row_text(r, "heap_page_copy", "%s", copy.magic == HEAP_MAGIC ? "yes" : "no");
            if (copy.magic == HEAP_MAGIC) {
                row_num(r, "pages", copy.pages);
                row_num(r, "allocations", copy.alloc_count);
            }
        }
        rc = row_end(r, out);
    }
    io_buf_free(buf);
    return rc;
}

int heap_show_marks(struct super *wal, const struct row_sink *out)
{
    struct row *r = base_alloc(sizeof(*r));
    struct wal_mark m;
    bool found;
    int rc = r != NULL ? marks(wal, &m, &found, r, out) : -DER_NOMEM;

    base_free(r);
    return rc;
}

struct log {
    struct super *dev;
    uint64_t ring;
    struct row *r;
    const struct row_sink *out;
};

static int ring_read(struct log *l, uint64_t pos, uint64_t len, void *buf)
{
    uint64_t at = pos % l->ring, first = MIN(len, l->ring - at);
    int rc = super_read_wait(l->dev, SUPER_WAL, WAL_RING_OFF + at, buf, first);

    if (rc == 0 && first < len)
        rc = super_read_wait(l->dev, SUPER_WAL, WAL_RING_OFF, (char *)buf + first, len - first);
    return rc;
}

/* What one record changes, in words: pages and ranges. */
static int show_record(struct log *l, uint64_t pos, const uint8_t *rec, uint32_t len, uint16_t type)
{
    struct row *r = l->r;
    uint32_t items = 0;
    int rc;

    row_begin(r,
              type == WAL_REC_TX    ? "transaction"
              : type == WAL_REC_SUM ? "page_sums"
                                    : "unknown",
              1);
    row_num(r, "lsn", pos + len);
    row_num(r, "length", len);
    rc = row_end(r, l->out);
    for (uint32_t at = sizeof(struct wal_rec_hdr);
         rc == 0 && type == WAL_REC_SUM && at + sizeof(struct wal_sum) <= len;
         at += sizeof(struct wal_sum)) {
        struct wal_sum s;

        memcpy(&s, rec + at, sizeof(s));
        row_begin(r, "sum", 2);
        row_num(r, "page", s.page);
        row_text(r, "xxh3", "%016llx", (unsigned long long)s.sum);
        rc = row_end(r, l->out);
    }
    for (uint32_t at = sizeof(struct wal_rec_hdr);
         rc == 0 && type == WAL_REC_TX && at + sizeof(struct wal_item) <= len; items++) {
        static const char *const ops[] = {"bytes", "zeros", "new page", "unknown"};
        struct wal_item it;
        uint32_t op, off;

        memcpy(&it, rec + at, sizeof(it));
        at += sizeof(it);
        op = it.off_op >> 14;
        off = it.off_op & 0x3fffu;
        row_begin(r, "change", 2);
        row_num(r, "page", it.page);
        row_text(r, "what", "%s", ops[op]);
        row_num(r, op == WAL_OP_INIT ? "page_kind" : "offset", off);
        row_num(r, op == WAL_OP_INIT ? "class" : "length", it.len);
        if (op == WAL_OP_BYTES) {
            row_bytes(r, "first", rec + at, MIN((uint32_t)it.len, len - at));
            at += it.len;
        }
        rc = row_end(r, l->out);
    }
    return rc;
}

static int show_group(struct log *l, const struct wal_group_hdr *g, const uint8_t *buf)
{
    struct row *r = l->r;
    uint32_t nr = 0;
    int rc;

    for (uint32_t at = sizeof(*g); at + sizeof(struct wal_rec_hdr) <= g->len; nr++) {
        struct wal_rec_hdr rec;

        memcpy(&rec, buf + at, sizeof(rec));
        if (rec.len < sizeof(rec) || rec.len > g->len - at)
            break;
        at += rec.len;
    }
    row_begin(r, "group", 0);
    row_num(r, "number", g->seq);
    row_num(r, "lsn", g->lsn);
    row_num(r, "length", g->len);
    row_num(r, "records", nr);
    row_num(r, "durable", g->durable);
    rc = row_end(r, l->out);
    for (uint32_t at = sizeof(*g), i = 0; rc == 0 && i < nr; i++) {
        struct wal_rec_hdr rec;

        memcpy(&rec, buf + at, sizeof(rec));
        rc = show_record(l, g->lsn + at, buf + at, rec.len, rec.type);
        at += rec.len;
    }
    return rc;
}

/* NULL: it is a valid group of this log at pos; else why not. */
static const char *group_wrong(const struct log *l, const struct wal_mark *m,
                               const struct wal_group_hdr *g, uint64_t pos, uint64_t seq,
                               uint64_t prev)
{
    if (g->magic != WAL_GROUP_MAGIC || g->generation != m->generation)
        return "no group was ever written here, or its header is damaged";
    if (g->hdr_csum != wal_group_hdr_csum(g))
        return "the header's checksum does not match";
    if (g->lsn != pos || g->seq != seq)
        return "what is here is of an earlier round";
    if (g->len < sizeof(*g) || g->len > l->ring / 2)
        return "an impossible length";
    return prev != 0 && g->prev != prev ? "it does not follow the group before" : NULL;
}

static int show_groups(struct log *l, const struct wal_mark *m, uint64_t from, uint64_t to)
{
    uint64_t pos = m->replay_lsn, seq = m->replay_group, prev = 0;
    uint8_t *buf = io_buf_alloc(ROUND_UP(l->ring / 2 + 1, WAL_BLOCK));
    const char *why = NULL;
    int rc = buf != NULL ? 0 : -DER_NOMEM;

    while (rc == 0 && why == NULL && pos + WAL_BLOCK <= m->replay_lsn + l->ring) {
        struct wal_group_hdr g;
        uint64_t len = WAL_BLOCK;

        rc = ring_read(l, pos, WAL_BLOCK, buf);
        if (rc == 0) {
            memcpy(&g, buf, sizeof(g));
            why = group_wrong(l, m, &g, pos, seq, prev);
            if (why != NULL)
                break;
            len = ROUND_UP((uint64_t)g.len, WAL_BLOCK);
            rc = ring_read(l, pos, len, buf);
        }
        if (rc != 0) {
            why = "the device cannot read it";
            rc = 0;
        } else if (wal_body_csum(buf, g.len) != g.body_csum) {
            why = "the checksum of its records does not match";
        } else {
            if (pos >= from && pos < to)
                rc = show_group(l, &g, buf);
            pos += len;
            seq++;
            prev = g.hdr_csum;
        }
    }
    io_buf_free(buf);
    if (rc != 0)
        return rc;
    row_begin(l->r, "end", 0);
    row_num(l->r, "lsn", pos);
    row_num(l->r, "next_group", seq);
    row_text(l->r, "because", "%s", why != NULL ? why : "the ring is full");
    if (m->durable_lsn > pos)
        row_text(l->r, "damage",
                 "the checkpoint record says that the log was durable up to %llu: records are lost",
                 (unsigned long long)m->durable_lsn);
    return row_end(l->r, l->out);
}

int heap_show_log(struct super *wal, uint64_t from, uint64_t to, const struct row_sink *out)
{
    struct row *r = base_alloc(sizeof(*r));
    struct log l = {.dev = wal, .r = r, .out = out};
    struct wal_mark m;
    bool found;
    int rc = r != NULL ? marks(wal, &m, &found, r, NULL) : -DER_NOMEM;

    l.ring = (super_role_size(wal, SUPER_WAL) - WAL_RING_OFF) / WAL_BLOCK * WAL_BLOCK;
    if (rc == 0 && found)
        rc = show_groups(&l, &m, from, to);
    base_free(r);
    return rc;
}

/* ---- Pages ---- */

static const char *page_word(uint64_t page, const struct page_desc *d)
{
    if (page == 0)
        return "the heap page";
    if (d == NULL)
        return "descriptors";
    return d->kind == PAGE_FREE    ? "free"
           : d->kind == PAGE_SLOT  ? "slots"
           : d->kind == PAGE_VALUE ? "values"
                                   : "unknown";
}

static int show_slots(struct heap *h, uint64_t page, const uint8_t *image, struct row *r,
                      const struct row_sink *out)
{
    const struct page_desc *d = page_desc(h, page);
    const struct size_class *c = &h->alloc.cls[d->cls];
    const uint64_t *bits = (const uint64_t *)(image + PAGE_BITMAP_OFF);
    int rc = 0;

    for (uint32_t i = 0; i < c->slots && rc == 0; i++) {
        const uint8_t *p = image + c->data + (size_t)i * c->size;
        bool live = c->value ? (d->slots >> i & 1) != 0 : (bits[i / 64] >> i % 64 & 1) != 0;

        if (!live)
            continue;
        row_begin(r, "slot", 1);
        row_num(r, "number", i);
        row_num(r, "heap_offset", page * HEAP_PAGE_SIZE + c->data + (uint64_t)i * c->size);
        row_bytes(r, "first", p, c->size);
        rc = row_end(r, out);
    }
    return rc;
}

static int show_page(struct heap *h, uint64_t page, uint8_t *image, struct row *r,
                     const struct row_sink *out)
{
    const struct page_desc *d = page_is_core(page) ? NULL : page_desc(h, page);
    struct page_hdr hdr;
    char why[128] = "";
    bool newer, good;
    int rc = super_read_wait(h->conf.dev[SUPER_META], SUPER_META, page * HEAP_PAGE_SIZE, image,
                             HEAP_PAGE_SIZE);

    memcpy(&hdr, image, sizeof(hdr));
    heap_lock(h);
    newer = (h->vol[page].flags & (PV_DIRTY | PV_CKPT | PV_WRITING)) != 0;
    good = rc == 0 && (d == NULL || d->kind != PAGE_FREE) && page_verify(h, page, image, true, why);
    if (newer && (h->vol[page].flags & PV_RESIDENT) != 0)
        memcpy(image, page_addr(h, page), HEAP_PAGE_SIZE);
    heap_unlock(h);
    row_begin(r, "page", 0);
    row_num(r, "number", page);
    row_text(r, "holds", "%s", page_word(page, d));
    if (d != NULL && d->kind != PAGE_FREE) {
        row_num(r, "class", d->cls);
        row_num(r, "slot_size", h->alloc.cls[d->cls].size);
        row_num(r, "slots", h->alloc.cls[d->cls].slots);
        row_num(r, "used",
                d->kind == PAGE_VALUE ? (uint64_t)__builtin_popcount(d->slots)
                                      : ((const struct page_hdr *)image)->used);
        row_text(r, "descriptor", "checksum %016llx, lsn %llu%s", (unsigned long long)d->csum,
                 (unsigned long long)d->lsn, d->lsn == LSN_LOST ? " (given up)" : "");
    }
    if (hdr.magic == PAGE_MAGIC && rc == 0)
        row_text(r, "header", "page %llu, kind %u, lsn %llu, checksum %016llx",
                 (unsigned long long)hdr.id, hdr.kind, (unsigned long long)hdr.lsn,
                 (unsigned long long)hdr.csum);
    row_text(r, "device", "%s",
             rc != 0                                     ? "cannot be read"
             : d != NULL && d->kind == PAGE_FREE         ? "not in use"
             : good                                      ? "whole"
             : newer && h->vol[page].flags & PV_RESIDENT ? "older than the log, which makes it anew"
                                                         : why);
    rc = row_end(r, out);
    if (rc == 0 && d != NULL && d->kind != PAGE_FREE && (good || newer))
        rc = show_slots(h, page, image, r, out);
    return rc;
}

int heap_show_page(struct heap *h, uint64_t page, const struct row_sink *out)
{
    struct row *r = base_alloc(sizeof(*r));
    uint8_t *image = io_buf_alloc(HEAP_PAGE_SIZE);
    int rc = page < h->map.pages ? 0 : -DER_NONEXIST;

    if (r == NULL || image == NULL)
        rc = -DER_NOMEM;
    if (rc == 0)
        rc = show_page(h, page, image, r, out);
    io_buf_free(image);
    base_free(r);
    return rc;
}

/* ---- Trees ---- */

int tree_show_begin(struct heap *h, struct tree_show *s, uint64_t root_off, struct row *r)
{
    static const char *const kinds[] = {"empty", "one entry in its root", "nodes"};
    struct tree t = {.h = h, .root_off = root_off};
    uint64_t count = 0;
    int rc = tree_root_read(&t);

    if (rc == 0)
        rc = tree_count(h, root_off, &count);
    if (rc > 0)
        return rc;
    row_begin(r, "tree", s->depth);
    row_num(r, "root_at", root_off);
    if (rc == 0) {
        row_text(r, "root", "%s", kinds[t.root.kind]);
        row_num(r, "levels", t.root.height);
        row_num(r, "entries", count);
    } else {
        row_text(r, "root", "cannot be read: %s", d_errstr(rc));
    }
    tree_walk_start(&s->w, root_off);
    s->entries = s->told = 0;
    memset(s->nodes, 0, sizeof(s->nodes));
    return 0;
}

static void node_row(struct heap *h, struct tree_show *s, uint64_t off, struct row *r)
{
    const struct tnode *n = heap_ptr(h, off, sizeof(*n));

    if (n == NULL)
        return;
    s->nodes[MIN(n->level, 9)]++;
    row_begin(r, n->level == 0 ? "leaf" : "node", s->depth + 1);
    row_num(r, "heap_offset", off);
    row_num(r, "level", n->level);
    row_num(r, "room", cls_cap(n->cls));
    row_num(r, "entries", node_count(n));
}

int tree_show_step(struct heap *h, struct tree_show *s, struct row *rows, uint32_t *nr, bool *done)
{
    struct tree_show was = *s;
    struct tree_entry ent[TREE_LEAF_MAX];
    uint32_t n = 0;
    int rc = tree_walk_leaf(h, &s->w, ent, &n);

    *nr = 0;
    *done = rc == -DER_NONEXIST;
    for (uint32_t i = 0; (rc == 0 || *done) && i < s->w.node_nr; i++)
        node_row(h, s, s->w.node[i], &rows[s->told < s->max ? (*nr)++ : *nr]);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        s->entries++;
        if (s->told >= s->max)
            continue;
        s->told++;
        row_begin(&rows[*nr], "entry", s->depth + 2);
        row_text(&rows[*nr], "order", "%016llx", (unsigned long long)ent[i].order);
        row_text(&rows[*nr], "value", "%llx", (unsigned long long)ent[i].value);
        rc = s->label != NULL ? s->label(s->arg, &ent[i], &rows[*nr]) : 0;
        (*nr)++;
    }
    if (*done) {
        struct row *r = &rows[(*nr)++];

        row_begin(r, "counted", s->depth + 1);
        row_num(r, "entries", s->entries);
        row_num(r, "leaves", s->nodes[0]);
        for (uint32_t lv = 1; lv < 10 && s->nodes[lv] > 0; lv++)
            row_num(r, "nodes above", s->nodes[lv]);
        row_num(r, "lost_nodes", s->w.lost);
        if (s->entries > s->told)
            row_text(r, "note", "%llu entries are not shown; --limit shows more",
                     (unsigned long long)(s->entries - s->told));
        rc = 0;
    }
    if (rc != 0)
        *s = was;
    return rc;
}
