/* Operations on objects and their model as lines of a story. */
#include <daos.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "spec_objects.h"
#include "value.h"

struct line {
    char *buf;
    size_t len, max;
};

static __attribute__((format(printf, 2, 3))) void say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (l->max == 0)
        return;
    va_start(ap, fmt);
    n = vsnprintf(l->buf + l->len, l->max - l->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->len = MIN(l->len + (size_t)n, l->max - 1);
}

static void say_id(struct line *l, uint16_t id)
{
    if (id == VALUE_TORN)
        say(l, "TORN");
    else if (id == 0)
        say(l, "-");
    else
        say(l, "v%u", id);
}

static void say_bits(struct line *l, const char *prefix, uint32_t bits)
{
    const char *comma = "";

    say(l, "{");
    for (uint32_t i = 0; i < 32; i++) {
        if (!(bits >> i & 1))
            continue;
        say(l, "%s%s%u", comma, prefix, i);
        comma = " ";
    }
    say(l, "}");
}

static void say_cond(struct line *l, uint32_t cond)
{
    static const char *const names[] = {"dkey-insert", "dkey-update", "dkey-fetch", "if-there",
                                        "insert",      "update",      "fetch"};

    for (uint32_t i = 0; i < ARRAY_LEN(names); i++)
        if (cond >> i & 1)
            say(l, " %s", names[i]);
}

static void say_ids(struct line *l, const struct ob_iod *iod)
{
    for (uint32_t r = 0; r < iod->rx_nr; r++)
        for (uint32_t i = 0; i < iod->rx[r].nr; i++) {
            say(l, " ");
            say_id(l, iod->got[iod->rx[r].from + i]);
        }
}

static void say_iod(struct line *l, const struct ob_sub *s, const struct ob_iod *iod, bool known)
{
    bool update = s->what == OB_UPDATE;

    say(l, " a%u", iod->akey);
    for (uint32_t r = 0; iod->array && r < iod->rx_nr; r++)
        say(l, "[%u+%u]", iod->rx[r].from, iod->rx[r].nr);
    if (iod->array && iod->rec != 0)
        say(l, "x%u", ob_rec_bytes[iod->rec]);
    say_cond(l, iod->cond);
    if (update && (iod->array ? iod->rec == 0 : iod->id == 0))
        say(l, " punch");
    else if (update && iod->array)
        say(l, " = v%u", iod->id);
    else if (update)
        say(l, " = v%u (%u bytes)", iod->id, value_len(iod->id));
    else if (iod->size_only)
        say(l, " size");
    else if (!iod->array)
        say(l, " room %u", iod->room);
    if (update || !known)
        return;
    say(l, " ->");
    if (iod->array)
        say_ids(l, iod);
    else {
        say(l, " ");
        say_id(l, iod->got[0]);
    }
    say(l, " (size %u, filled %u, map %x)", iod->size, iod->filled, iod->map);
}

static void say_query(struct line *l, const struct ob_sub *s, bool known)
{
    static const char *const names[] = {"dkey", "akey", "record"};

    say(l, " %s", s->query & DAOS_GET_MAX ? "max" : "min");
    for (uint32_t i = 0; i < 3; i++)
        if (s->query & DAOS_GET_DKEY << i)
            say(l, " %s", names[i]);
    for (uint32_t i = 0; known && i < 3; i++) {
        uint32_t v = s->found >> (8 * i) & 0xff;

        say(l, i == 0 ? " -> " : " ");
        if (v == OB_NONE)
            say(l, "-");
        else
            say(l, "%u", v);
    }
}

static void say_sub(struct line *l, const struct ob_sub *s, bool known)
{
    static const char *const names[] = {"update",
                                        "punch object",
                                        "punch dkeys",
                                        "punch akeys",
                                        "?",
                                        "fetch",
                                        "list dkeys",
                                        "list akeys",
                                        "list extents",
                                        "query",
                                        "list snapshots",
                                        "?",
                                        "make snapshot",
                                        "destroy snapshot"};

    say(l, "%s", names[s->what]);
    if (s->what < OB_SNAP_LIST)
        say(l, " o%u", s->obj);
    if (s->what < OB_SNAP_LIST && s->dkeys != 0) {
        say(l, " ");
        say_bits(l, "d", s->dkeys);
    }
    if (s->akeys != 0)
        say_bits(l, "a", s->akeys);
    if (s->at > 0)
        say(l, " %ss%u", s->what < OB_SNAP_LIST ? "at " : "", s->at);
    say_cond(l, s->cond);
    for (uint32_t i = 0; i < s->iod_nr; i++)
        say_iod(l, s, &s->iod[i], known);
    if (s->what == OB_QUERY)
        say_query(l, s, known);
    if (known && s->what == OB_SNAP_LIST)
        say(l, " -> %u, of s%x known: %x", s->size, s->known << 1, s->found << 1);
    if (known &&
        (s->what == OB_LIST_DKEYS || s->what == OB_LIST_AKEYS || s->what == OB_LIST_RECX)) {
        say(l, " -> ");
        say_bits(l, "", s->found);
    }
    if (known && s->rc != 0)
        say(l, " %s", d_errstr(s->rc));
}

void ob_print_op(const void *arg, bool known, char *buf, size_t len)
{
    const struct ob_op *op = arg;
    struct line l = {buf, 0, len};

    if (op->kind != OB_PLAIN)
        say(&l, op->kind == OB_TX ? "commit:" : "reads at once:");
    for (uint32_t i = 0; i < op->nr; i++) {
        say(&l, i == 0 ? " " : "; ");
        say_sub(&l, &op->sub[i], known || (op->kind == OB_TX && op->sub[i].what > OB_CHANGES));
    }
    if (known && op->kind == OB_TX)
        say(&l, " => %s", d_errstr(op->rc));
}

static void say_dkey(struct line *l, const struct ob_dkey *d)
{
    for (uint32_t a = 0; a < OB_AKEYS; a++) {
        if (!ob_akey_is(d, a))
            continue;
        say(l, " a%u=", a);
        if (d->single[a] != 0) {
            say_id(l, d->single[a]);
            continue;
        }
        say(l, "x%u[", ob_rec_bytes[d->rec]);
        for (uint32_t i = 0; i < OB_RECS; i++) {
            say(l, i == 0 ? "" : " ");
            say_id(l, d->recs[i]);
        }
        say(l, "]");
    }
}

static void say_image(struct line *l, const struct ob_image *im)
{
    for (uint32_t o = 0; o < OB_OBJS; o++)
        for (uint32_t d = 0; d < OB_DKEYS; d++) {
            if (!ob_dkey_is(&im->d[o][d]))
                continue;
            say(l, "\n      o%u d%u:", o, d);
            say_dkey(l, &im->d[o][d]);
        }
}

void ob_print_state(const void *state, char *buf, size_t len)
{
    const struct ob_state *st = state;
    struct line l = {buf, 0, len};

    say(&l, "now:");
    say_image(&l, &st->now);
    for (uint32_t i = 0; i < OB_SNAPS; i++) {
        if (!st->taken[i])
            continue;
        say(&l, "\n    snapshot s%u:", i + 1);
        say_image(&l, &st->snap[i]);
    }
}
