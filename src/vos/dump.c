/* A human's view of one object: every record with its epochs, indented by level. */
#include <stdarg.h>
#include <stdio.h>
#include "vos/priv.h"

struct dump {
    struct heap *h;
    void (*line)(void *arg, const char *text);
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
        if (r->kind == REC_WIDE) {
            const struct wide *w = heap_ptr(d->h, life, sizeof *w);

            if (w == NULL)
                return heap_rc(d->h);
            say(d, "%shole %llu+%llu at %016llx.%u%s", indent, (unsigned long long)w->start,
                (unsigned long long)w->nr, (unsigned long long)r->epoch, r->minor,
                flag_text(r->flags, flags, sizeof flags));
        } else {
            say(d, "%s%s at %016llx.%u%s", indent, r->kind == REC_MARK ? "history cut" : "punch",
                (unsigned long long)r->epoch, r->minor, flag_text(r->flags, flags, sizeof flags));
        }
        life = r->older;
    }
    return 0;
}

static int dump_akey(struct dump *d, uint64_t akey, bool integer)
{
    char text[256], flags[64];
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
                return heap_rc(d->h);
            say(d, "      value of %u bytes at %016llx.%u%s", r->size, (unsigned long long)r->epoch,
                r->minor, flag_text(r->flags, flags, sizeof flags));
            off = r->older;
        }
        return 0;
    }
    walk_ext(&w, d->h, akey, 0, false);
    while ((rc = walk_next(&w, &value)) == 0) {
        const struct ext *e = REC(d->h, ext_off(value), ext, REC_EXT, &rc);

        if (e == NULL)
            return rc;
        say(d, "      records %llu+%llu of %u bytes at %016llx.%u%s",
            (unsigned long long)w.ent[w.at - 1].order, (unsigned long long)e->nr, e->rec_size,
            (unsigned long long)e->epoch, e->minor, flag_text(e->flags, flags, sizeof flags));
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
        rc = dump_akey(d, akey, daos_is_akey_uint64(oid));
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
