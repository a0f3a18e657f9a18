/* A human's view of one object: every record with its epochs, indented by level. */
#include <stdarg.h>
#include <stdio.h>
#include "base/row.h"
#include "vos/priv.h"

struct dump {
    struct heap *h;
    void (*line)(void *arg, const char *text);
    void (*data)(void *arg, const struct space_extent *ext); /* of the line before; may be NULL */
    void *arg;
    bool quiet; /* first pass: only touches the pages, so that a fault prints nothing twice */
};

static void __attribute__((format(printf, 2, 3))) say(struct dump *d, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (d->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->line(d->arg, text);
}

const char *vos_key_text(const struct vos_key *k, bool integer, char *buf, size_t size)
{
    uint64_t i;
    size_t at = 0;

    buf[0] = 0;
    if (integer && k->len == 8) {
        memcpy(&i, k->buf, 8);
        snprintf(buf, size, "%llu", (unsigned long long)i);
        return buf;
    }
    for (uint32_t n = 0; n < k->len && at + 8 < size; n++) {
        uint8_t c = ((const uint8_t *)k->buf)[n];

        at += (size_t)snprintf(buf + at, size - at,
                               c >= 32 && c < 127 && c != '\\' ? "%c" : "\\x%02x", c);
    }
    return buf;
}

static const char *flag_text(uint16_t f, char *buf, size_t size)
{
    static const char *const NAMES[] = {"tombstone", "cut", "slot", "data", "csum", "corrupt"};

    buf[0] = 0;
    for (uint32_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (f & (1u << i))
            snprintf(buf + strlen(buf), size - strlen(buf), " %s", NAMES[i]);
    return buf;
}

static int dump_life(struct dump *d, uint64_t life, const char *indent)
{
    while (life) {
        const struct ver *r = heap_ptr(d->h, life, sizeof *r);
        char flags[64];

        if (r == NULL)
            return heap_rc(d->h);
        if (r->kind == REC_WIDE || r->kind == REC_GAP) {
            const struct wide *w = heap_ptr(d->h, life, sizeof *w);

            if (w == NULL)
                return heap_rc(d->h);
            say(d, "%s%s %llu+%llu at %016llx.%u%s", indent, r->kind == REC_GAP ? "lost:" : "hole",
                (unsigned long long)w->start, (unsigned long long)w->nr,
                (unsigned long long)r->epoch, r->minor, flag_text(r->flags, flags, sizeof flags));
        } else {
            say(d, "%s%s at %016llx.%u%s", indent,
                r->kind == REC_MARK   ? "history cut"
                : r->kind == REC_LOST ? "something was lost"
                                      : "punch",
                (unsigned long long)r->epoch, r->minor, flag_text(r->flags, flags, sizeof flags));
        }
        life = r->older;
    }
    return 0;
}

/* Where the bytes of a version are, its checksum, and what they begin with. text: at its end. */
static int dump_bytes(struct dump *d, const struct layout *l, const uint8_t *rec, char *text,
                      size_t size)
{
    const uint8_t *bytes;
    size_t at = strlen(text);
    uint64_t loc = 0, n;
    int rc;

    if (l->flags & VER_TOMBSTONE)
        return 0;
    if (l->loc_nr)
        memcpy(&loc, rec + l->loc_off, 8);
    if (l->flags & VER_CORRUPT) {
        snprintf(text + at, size - at, "; its bytes are lost");
        return 0;
    }
    if (l->flags & VER_DATA)
        snprintf(text + at, size - at,
                 "; %u piece%s in data space, the first at blocks %llu to %llu", l->loc_nr,
                 l->loc_nr == 1 ? "" : "s", (unsigned long long)DATA_LOC_BLOCK(loc),
                 (unsigned long long)(DATA_LOC_BLOCK(loc) + DATA_LOC_NR(loc) - 1));
    else if (l->flags & VER_SLOT)
        snprintf(text + at, size - at, "; at heap offset %llu", (unsigned long long)loc);
    else
        snprintf(text + at, size - at, "; in the record");
    at = strlen(text);
    if (l->csum_nr) {
        at += (size_t)snprintf(text + at, size - at, "; %u checksum%s of type %u, ", l->csum_nr,
                               l->csum_nr == 1 ? "" : "s", l->csum_type);
        for (uint32_t i = 0; i < MIN(l->csum_len, 8u); i++)
            at += (size_t)snprintf(text + at, size - at, "%02x", rec[l->csum_off + 1 + i]);
    }
    if (l->flags & VER_DATA)
        return 0;
    rc = layout_bytes(d->h, l, rec, false, &bytes);
    if (rc)
        return rc;
    at += (size_t)snprintf(text + at, size - at, "; begins ");
    n = MIN(l->bytes, UINT64_C(16));
    for (uint64_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%02x", bytes[i]);
    at += (size_t)snprintf(text + at, size - at, " |");
    for (uint64_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%c",
                               bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '.');
    snprintf(text + at, size - at, "|%s",
             layout_bytes(d->h, l, rec, true, &bytes) ? ", which do not match the checksum" : "");
    return 0;
}

static void dump_data(struct dump *d, const struct layout *l, const uint8_t *rec)
{
    uint64_t loc;

    if (d->quiet || d->data == NULL || !(l->flags & VER_DATA) || l->loc_nr == 0)
        return;
    memcpy(&loc, rec + l->loc_off, 8);
    d->data(d->arg, &(struct space_extent){.block = DATA_LOC_BLOCK(loc), .nr = DATA_LOC_NR(loc)});
}

/* A line about the version at off. */
static int dump_version(struct dump *d, uint64_t off, bool single, uint64_t start)
{
    char text[480], flags[64];
    const uint8_t *rec;
    struct layout l;
    int rc = single ? layout_single(d->h, off, &l, &rec) : layout_ext(d->h, off, &l, &rec);

    if (rc)
        return rc;
    if (single) {
        const struct ver *r = (const struct ver *)rec;

        snprintf(text, sizeof text, "      value of %u bytes at %016llx.%u%s", r->size,
                 (unsigned long long)r->epoch, r->minor, flag_text(r->flags, flags, sizeof flags));
    } else {
        const struct ext *e = (const struct ext *)rec;

        snprintf(text, sizeof text, "      records %llu+%llu of %u bytes at %016llx.%u%s",
                 (unsigned long long)start, (unsigned long long)e->nr, e->rec_size,
                 (unsigned long long)e->epoch, e->minor, flag_text(e->flags, flags, sizeof flags));
    }
    rc = dump_bytes(d, &l, rec, text, sizeof text);
    if (rc)
        return rc;
    say(d, "%s", text);
    dump_data(d, &l, rec);
    return 0;
}

/* A record that cannot be read is a line as well. */
static int lost(struct dump *d, int rc, const char *indent, const char *what, uint64_t off)
{
    if (rc >= 0 || rc == -DER_NOMEM)
        return rc;
    say(d, "%s%s at heap offset %llu cannot be read: %s", indent, what, (unsigned long long)off,
        d_errstr(rc));
    return 0;
}

static int dump_akey(struct dump *d, uint64_t akey, bool integer)
{
    char text[256];
    struct akey_rec a;
    struct vos_key name;
    struct walk w;
    uint64_t value;
    uint8_t type;
    int rc = akey_name(d->h, akey, &name, &type);

    if (rc)
        return rc;
    rc = akey_look(d->h, akey, &a);
    if (rc)
        return rc;
    say(d, "    akey %s %s%s", vos_key_text(&name, integer, text, sizeof text),
        type == DAOS_IOD_ARRAY ? "array" : "single", a.flags & KEY_DEAD ? " dead" : "");
    rc = dump_life(d, a.life, "      ");
    if (rc)
        return rc;
    if (type != DAOS_IOD_ARRAY) {
        for (uint64_t off = a.values.word0; off;) {
            const struct ver *r = heap_ptr(d->h, off, sizeof *r);

            if (r == NULL)
                return lost(d, heap_rc(d->h), "      ", "value", off);
            rc = lost(d, dump_version(d, off, true, 0), "      ", "value", off);
            if (rc)
                return rc;
            off = r->older;
        }
        return 0;
    }
    walk_ext(&w, d->h, akey, 0, false);
    while ((rc = walk_next(&w, &value)) == 0) {
        rc = lost(d, dump_version(d, ext_off(value), false, w.ent[w.at - 1].order), "      ",
                  "extent", ext_off(value));
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int dump_dkey(struct dump *d, uint64_t dkey, daos_obj_id_t oid)
{
    struct dkey_rec r;
    struct vos_key name;
    struct walk w;
    char text[256];
    uint64_t akey;
    int rc = dkey_name(d->h, dkey, &name);

    if (rc)
        return rc;
    rc = dkey_look(d->h, dkey, &r);
    if (rc)
        return rc;
    say(d, "  dkey %s changed %016llx%s%s",
        vos_key_text(&name, daos_is_dkey_uint64(oid), text, sizeof text),
        (unsigned long long)r.changed, r.flags & KEY_DEAD ? " dead" : "",
        r.kind == REC_PACK ? " packed" : "");
    rc = dump_life(d, r.life, "    ");
    if (rc)
        return rc;
    walk_init(&w, d->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), akey_korder(oid));
    while ((rc = walk_next(&w, &akey)) == 0) {
        rc = lost(d, dump_akey(d, akey, daos_is_akey_uint64(oid)), "    ", "akey", akey);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int dump_obj(struct dump *d, uint64_t obj, daos_obj_id_t oid)
{
    struct walk w;
    uint64_t dkey;
    int rc = 0;
    const struct obj_rec *o = REC(d->h, obj, obj_rec, REC_OBJ, &rc);

    if (o == NULL)
        return rc;
    say(d, "object %016llx.%016llx changed %016llx%s%s", (unsigned long long)oid.hi,
        (unsigned long long)oid.lo, (unsigned long long)o->changed,
        o->flags & KEY_DEAD ? " dead" : "", o->flags & KEY_TRASH ? " in trash" : "");
    rc = dump_life(d, o->life, "  ");
    if (rc)
        return rc;
    walk_init(&w, d->h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), dkey_korder(oid));
    while ((rc = walk_next(&w, &dkey)) == 0) {
        rc = dump_dkey(d, dkey, oid);
        if (rc)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Transactions that will change something in it, or not. */
static void dump_doubts(struct dump *d, const struct vos_cont *c, daos_obj_id_t oid)
{
    const struct doubt *in = NULL;

    while ((in = doubt_of_obj(c, oid, in)))
        say(d, "prepared: transaction %016llx.%016llx.%llu at %016llx, %llu bytes of values",
            (unsigned long long)in->hlc, (unsigned long long)in->rand, (unsigned long long)in->seq,
            (unsigned long long)in->epoch, (unsigned long long)in->bytes);
}

int vos_dump(struct vos_cont *c, daos_obj_id_t oid, void (*line)(void *arg, const char *text),
             void *arg)
{
    struct dump d = {.h = c->v->h, .line = line, .arg = arg, .quiet = true};
    uint64_t obj;
    int rc;

    if (c->gone)
        return -DER_NONEXIST;
    rc = obj_find(c, oid, &obj);
    if (rc == -DER_NONEXIST && doubt_of_obj(c, oid, NULL)) {
        d.quiet = false;
        dump_doubts(&d, c, oid);
        return 0;
    }
    if (rc == 0)
        rc = dump_obj(&d, obj, oid);
    if (rc)
        return rc;
    d.quiet = false;
    dump_doubts(&d, c, oid);
    return dump_obj(&d, obj, oid);
}

/* One dkey, twice: first without a word, so that a fault prints nothing twice. */
static int step_dkey(struct dump *d, uint64_t dkey, daos_obj_id_t oid)
{
    int rc = lost(d, dump_dkey(d, dkey, oid), "  ", "dkey", dkey);

    if (rc)
        return rc;
    d->quiet = false;
    return lost(d, dump_dkey(d, dkey, oid), "  ", "dkey", dkey);
}

int vos_dump_step(struct vos_cont *c, daos_obj_id_t oid, struct vos_dumper *s, bool *more)
{
    struct dump d = {.h = c->v->h, .line = s->line, .data = s->data, .arg = s->arg, .quiet = true};
    struct tree_walker w;
    uint64_t obj;
    int rc = 0;

    *more = true;
    if (c->gone)
        return -DER_NONEXIST;
    arena_reset(&c->v->scratch);
    if (!s->started) {
        const struct obj_rec *o;

        rc = obj_find(c, oid, &obj);
        o = rc == 0 ? REC(d.h, obj, obj_rec, REC_OBJ, &rc) : NULL;
        if (o == NULL)
            return rc;
        rc = lost(&d, dump_life(&d, o->life, "  "), "  ", "existence log", o->life);
        if (rc)
            return rc;
        d.quiet = false;
        say(&d, "object %llu.%llu changed %016llx%s%s", (unsigned long long)oid.hi,
            (unsigned long long)oid.lo, (unsigned long long)o->changed,
            o->flags & KEY_DEAD ? " dead" : "", o->flags & KEY_TRASH ? " in trash" : "");
        rc = lost(&d, dump_life(&d, o->life, "  "), "  ", "existence log", o->life);
        tree_walk_start(&s->w, obj + offsetof(struct obj_rec, dkeys));
        s->started = true;
        return rc;
    }
    if (s->at < s->nr) {
        rc = step_dkey(&d, s->ent[s->at].value, oid);
        s->at += rc == 0;
        return rc;
    }
    w = s->w;
    rc = tree_walk_leaf(d.h, &w, s->ent, &s->nr);
    s->at = 0;
    s->nr = rc == 0 ? s->nr : 0;
    if (rc == 0)
        s->w = w;
    if (rc != -DER_NONEXIST)
        return rc;
    d.quiet = false;
    if (w.lost > 0)
        say(&d, "  %llu nodes of the tree of dkeys cannot be read; what is below them is not shown",
            (unsigned long long)w.lost);
    *more = false;
    return 0;
}

/* ---- Trees ---- */

int vos_tree_root(struct vos_cont *c, const daos_obj_id_t *oid, uint64_t *root)
{
    uint64_t obj;
    int rc;

    if (c->gone)
        return -DER_NONEXIST;
    *root = c->off + offsetof(struct cont_rec, objects);
    if (oid == NULL)
        return 0;
    rc = obj_find(c, *oid, &obj);
    *root = obj + offsetof(struct obj_rec, dkeys);
    return rc;
}

int vos_tree_label(struct vos_cont *c, const daos_obj_id_t *oid, const struct tree_entry *e,
                   struct row *r)
{
    struct heap *h = c->v->h;
    struct vos_key name;
    char text[400];
    int rc = 0;

    if (oid == NULL) {
        const struct obj_rec *o = REC(h, e->value, obj_rec, REC_OBJ, &rc);

        if (o)
            row_text(r, "object", "%llu.%llu", (unsigned long long)o->oid_hi,
                     (unsigned long long)o->oid_lo);
    } else {
        rc = dkey_name(h, e->value, &name);
        if (rc == 0)
            row_text(r, "dkey", "%s",
                     vos_key_text(&name, daos_is_dkey_uint64(*oid), text, sizeof text));
    }
    if (rc < 0)
        row_text(r, "damage", "its record cannot be read: %s", d_errstr(rc));
    return rc > 0 ? rc : 0;
}
