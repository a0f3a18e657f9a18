/* The model of what is administered; see spec_admin.h. */
#include "spec_admin.h"
#include <daos.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"

static uint32_t handles(const struct ad_state *st, uint32_t cont, bool *exclusive)
{
    uint32_t n = 0;

    *exclusive = false;
    for (uint32_t i = 0; i < AD_CLIENTS * AD_HANDLES; i++) {
        uint8_t h = st->handle[i / AD_HANDLES][i % AD_HANDLES];

        if ((h & ~AD_EXCLUSIVE) != cont + 1)
            continue;
        n++;
        *exclusive |= h & AD_EXCLUSIVE;
    }
    return n;
}

static void evict(struct ad_state *st, uint32_t cont)
{
    for (uint32_t i = 0; i < AD_CLIENTS * AD_HANDLES; i++) {
        uint8_t *h = &st->handle[i / AD_HANDLES][i % AD_HANDLES];

        if ((*h & ~AD_EXCLUSIVE) == cont + 1)
            *h = 0;
    }
}

static uint32_t snaps(const struct ad_cont *c)
{
    return (uint32_t)__builtin_popcount(c->snaps);
}

/* ---- Containers and handles ---- */

static int create(struct ad_state *st, const struct ad_op *op)
{
    struct ad_cont *c = &st->cont[op->cont];

    if (c->there)
        return -DER_EXIST;
    *c = (struct ad_cont){.there = 1};
    return 0;
}

static int destroy(struct ad_state *st, const struct ad_op *op)
{
    struct ad_cont *c = &st->cont[op->cont];
    bool exclusive;

    if (!c->there)
        return -DER_NONEXIST;
    if (handles(st, op->cont, &exclusive) > 0 && !(op->flags & AD_FORCE))
        return -DER_BUSY;
    evict(st, op->cont);
    memset(c, 0, sizeof(*c));
    return 0;
}

static int open_it(struct ad_state *st, const struct ad_op *op)
{
    bool exclusive;
    uint32_t n;

    if (!st->cont[op->cont].there)
        return -DER_NONEXIST;
    if (op->flags & AD_EVICTS)
        evict(st, op->cont);
    n = handles(st, op->cont, &exclusive);
    if (exclusive || (n > 0 && (op->flags & AD_EX)))
        return -DER_BUSY;
    st->handle[op->client][op->handle] =
        (uint8_t)((op->cont + 1) | (op->flags & AD_EX ? AD_EXCLUSIVE : 0));
    return 0;
}

/* What an open or a query says of the container. */
static bool info_fits(const struct ad_state *st, const struct ad_op *op)
{
    bool exclusive;

    return op->handles == handles(st, op->cont, &exclusive) &&
           op->snaps == snaps(&st->cont[op->cont]);
}

/* ---- Names and values ---- */

static void set_names(uint16_t *v, const struct ad_op *op, uint32_t nr, bool del)
{
    for (uint32_t i = 0; i < nr; i++)
        if (op->bits >> i & 1)
            v[i] = del ? 0 : op->id[i];
}

static bool get_fits(const uint16_t *v, const struct ad_op *op, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        if ((op->bits >> i & 1) && v[i] == 0)
            return op->rc == -DER_NONEXIST;
    for (uint32_t i = 0; i < nr; i++)
        if ((op->bits >> i & 1) && op->id[i] != v[i])
            return false;
    return op->rc == 0;
}

static bool list_fits(const uint16_t *v, const struct ad_op *op, uint32_t nr)
{
    uint32_t there = 0;

    for (uint32_t i = 0; i < nr; i++)
        there |= (uint32_t)(v[i] != 0) << i;
    return op->rc == 0 && op->found == there;
}

/* ---- Through a handle ---- */

static int acl(struct ad_cont *c, const struct ad_op *op)
{
    if (op->what == AD_ACL_DELETE) {
        int rc = c->acl[op->which] ? 0 : -DER_NONEXIST;

        c->acl[op->which] = 0;
        return rc;
    }
    for (uint32_t i = 0; i < AD_USERS; i++) {
        if (op->bits >> i & 1)
            c->acl[i] = op->acl[i];
        else if (op->what == AD_ACL_OVERWRITE)
            c->acl[i] = 0;
    }
    return 0;
}

static int snap(struct ad_cont *c, const struct ad_op *op)
{
    uint16_t bit = (uint16_t)(1u << op->which);

    if (op->what == AD_SNAP_DESTROY) {
        int rc = c->snaps & bit ? 0 : -DER_NONEXIST;

        c->snaps &= (uint16_t)~bit;
        return rc;
    }
    if (c->snap_max != 0 && snaps(c) >= c->snap_max)
        return -DER_INVAL;
    c->snaps |= bit;
    return 0;
}

static int change_by_handle(struct ad_state *st, const struct ad_op *op)
{
    struct ad_cont *c = &st->cont[op->cont];

    switch (op->what) {
    case AD_CLOSE:
        st->handle[op->client][op->handle] = 0;
        return 0;
    case AD_ATTR_SET:
    case AD_ATTR_DEL:
        set_names(c->attr, op, AD_ATTRS, op->what == AD_ATTR_DEL);
        return 0;
    case AD_PROP_SET:
        c->snap_max = op->snap_max;
        c->threshold = op->threshold;
        return 0;
    case AD_ACL_UPDATE:
    case AD_ACL_DELETE:
    case AD_ACL_OVERWRITE:
        return acl(c, op);
    case AD_PUT:
        c->reg[op->which] = op->id[0];
        return 0;
    default:
        return snap(c, op);
    }
}

static bool read_by_handle(const struct ad_state *st, const struct ad_op *op)
{
    const struct ad_cont *c = &st->cont[op->cont];

    switch (op->what) {
    case AD_QUERY:
        return op->rc == 0 && info_fits(st, op) && op->snap_max == c->snap_max &&
               op->threshold == c->threshold;
    case AD_ATTR_GET:
        return get_fits(c->attr, op, AD_ATTRS);
    case AD_ATTR_LIST:
        return list_fits(c->attr, op, AD_ATTRS);
    case AD_ACL_GET:
        return op->rc == 0 && memcmp(op->acl, c->acl, sizeof(c->acl)) == 0;
    case AD_SNAP_LIST:
        return op->rc == 0 && op->snaps == snaps(c) && (c->snaps & op->known) == op->found;
    case AD_GET:
        return op->rc == 0 && op->id[0] == c->reg[op->which];
    default:
        return op->rc == 0;
    }
}

static bool apply_by_handle(struct ad_state *st, const struct ad_op *op, bool known)
{
    if (st->handle[op->client][op->handle] == 0)
        return !known || op->rc == (op->what == AD_CLOSE ? 0 : -DER_NO_HDL);
    if (op->what > AD_CHANGES)
        return !known || read_by_handle(st, op);
    return change_by_handle(st, op) == op->rc || !known;
}

/* ---- All ---- */

static bool cont_list_fits(const struct ad_state *st, const struct ad_op *op)
{
    uint32_t there = 0;

    for (uint32_t i = 0; i < AD_CONTS; i++)
        there |= (uint32_t)st->cont[i].there << i;
    return op->rc == 0 && op->found == there;
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct ad_op *op = arg;
    struct ad_state *st = state;
    int rc = 0;

    if (ad_by_handle(op))
        return apply_by_handle(st, op, known);
    switch (op->what) {
    case AD_CREATE:
        rc = create(st, op);
        break;
    case AD_DESTROY:
        rc = destroy(st, op);
        break;
    case AD_OPEN:
        rc = open_it(st, op);
        return !known || (rc == op->rc && (rc != 0 || info_fits(st, op)));
    case AD_EVICT:
        memset(st->handle, 0, sizeof(st->handle));
        return true;
    case AD_PATTR_SET:
    case AD_PATTR_DEL:
        set_names(st->pattr, op, AD_PATTRS, op->what == AD_PATTR_DEL);
        break;
    case AD_PATTR_GET:
        return !known || get_fits(st->pattr, op, AD_PATTRS);
    case AD_PATTR_LIST:
        return !known || list_fits(st->pattr, op, AD_PATTRS);
    default:
        return !known || cont_list_fits(st, op);
    }
    return !known || rc == op->rc;
}

static uint64_t touches(const void *arg)
{
    const uint64_t conts = (1u << AD_CONTS) - 1, names = (1u << AD_PATTRS) - 1;
    const struct ad_op *op = arg;

    switch (op->what) {
    case AD_EVICT:
    case AD_LIST:
        return conts;
    case AD_PATTR_SET:
    case AD_PATTR_DEL:
    case AD_PATTR_GET:
        return (uint64_t)op->bits << AD_CONTS;
    case AD_PATTR_LIST:
        return names << AD_CONTS;
    default:
        return UINT64_C(1) << op->cont;
    }
}

static bool only_reads(const void *arg)
{
    return ((const struct ad_op *)arg)->what > AD_CHANGES;
}

/* ---- The story ---- */

struct line {
    char *buf;
    size_t len, max;
};

static __attribute__((format(printf, 2, 3))) void say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(l->buf + l->len, l->max - l->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->len = MIN(l->len + (size_t)n, l->max - 1);
}

static void say_ids(struct line *l, const struct ad_op *op, bool ids)
{
    for (uint32_t i = 0; i < AD_PATTRS; i++) {
        if (!(op->bits >> i & 1))
            continue;
        say(l, " a%u", i);
        if (ids)
            say(l, "=v%u", op->id[i]);
    }
}

static void say_args(struct line *l, const struct ad_op *op, bool known)
{
    switch (op->what) {
    case AD_ATTR_SET:
    case AD_PATTR_SET:
        say_ids(l, op, true);
        break;
    case AD_ATTR_GET:
    case AD_PATTR_GET:
        say_ids(l, op, known && op->rc == 0);
        break;
    case AD_ATTR_DEL:
    case AD_PATTR_DEL:
        say_ids(l, op, false);
        break;
    case AD_ACL_UPDATE:
    case AD_ACL_OVERWRITE:
    case AD_ACL_DELETE:
        say(l, " user %u bits %x: %u %u %u", op->which, op->bits, op->acl[0], op->acl[1],
            op->acl[2]);
        break;
    case AD_PROP_SET:
        say(l, " snapshots at most %u, threshold %u", op->snap_max, op->threshold);
        break;
    case AD_SNAP_CREATE:
    case AD_SNAP_DESTROY:
        say(l, " s%u", op->which);
        break;
    case AD_PUT:
        say(l, " r%u=v%u", op->which, op->id[0]);
        break;
    default:
        break;
    }
}

static void say_answer(struct line *l, const struct ad_op *op)
{
    if (op->what == AD_OPEN || op->what == AD_QUERY)
        say(l, " -> %u handles, %u snapshots, at most %u, threshold %u", op->handles, op->snaps,
            op->snap_max, op->threshold);
    else if (op->what == AD_ATTR_LIST || op->what == AD_PATTR_LIST || op->what == AD_LIST)
        say(l, " -> %x", op->found);
    else if (op->what == AD_SNAP_LIST)
        say(l, " -> %u, of %x: %x", op->snaps, op->known, op->found);
    else if (op->what == AD_ACL_GET)
        say(l, " -> %u %u %u", op->acl[0], op->acl[1], op->acl[2]);
    else if (op->what == AD_GET)
        say(l, " r%u -> v%u", op->which, op->id[0]);
    if (op->rc != 0)
        say(l, " %s", d_errstr(op->rc));
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const names[] = {
        [AD_CREATE] = "create",
        [AD_DESTROY] = "destroy",
        [AD_OPEN] = "open",
        [AD_EVICT] = "evict all",
        [AD_PATTR_SET] = "pool set-attr",
        [AD_PATTR_DEL] = "pool del-attr",
        [AD_CLOSE] = "close",
        [AD_ATTR_SET] = "set-attr",
        [AD_ATTR_DEL] = "del-attr",
        [AD_PROP_SET] = "set-prop",
        [AD_ACL_UPDATE] = "update-acl",
        [AD_ACL_DELETE] = "delete-acl",
        [AD_ACL_OVERWRITE] = "overwrite-acl",
        [AD_SNAP_CREATE] = "create-snap",
        [AD_SNAP_DESTROY] = "destroy-snap",
        [AD_PUT] = "put",
        [AD_QUERY] = "query",
        [AD_ATTR_GET] = "get-attr",
        [AD_ATTR_LIST] = "list-attr",
        [AD_ACL_GET] = "get-acl",
        [AD_SNAP_LIST] = "list-snap",
        [AD_GET] = "get",
        [AD_OIDS] = "alloc-oids",
        [AD_PATTR_GET] = "pool get-attr",
        [AD_PATTR_LIST] = "pool list-attr",
        [AD_LIST] = "list",
    };
    const struct ad_op *op = arg;
    struct line l = {buf, 0, len};

    say(&l, "%s", names[op->what]);
    if (ad_by_handle(op))
        say(&l, " c%u (h%u.%u)", op->cont, op->client, op->handle);
    else if (op->what <= AD_OPEN)
        say(&l, " c%u", op->cont);
    if (op->what == AD_OPEN)
        say(&l, " as h%u.%u", op->client, op->handle);
    if (op->what <= AD_OPEN)
        say(&l, "%s%s%s", op->flags & AD_FORCE ? " force" : "", op->flags & AD_EX ? " alone" : "",
            op->flags & AD_EVICTS ? " evict" : "");
    say_args(&l, op, known);
    if (known)
        say_answer(&l, op);
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct ad_state *st = state;
    struct line l = {buf, 0, len};
    bool ex;

    buf[0] = '\0';
    for (uint32_t i = 0; i < AD_CONTS; i++) {
        const struct ad_cont *c = &st->cont[i];

        if (!c->there)
            continue;
        say(&l, "c%u: %u handles", i, handles(st, i, &ex));
        say(&l, "%s, snapshots %x of %u, threshold %u, acl %u %u %u, attr", ex ? " alone" : "",
            c->snaps, c->snap_max, c->threshold, c->acl[0], c->acl[1], c->acl[2]);
        for (uint32_t k = 0; k < AD_ATTRS; k++)
            say(&l, " %u", c->attr[k]);
        say(&l, ", regs");
        for (uint32_t k = 0; k < AD_REGS; k++)
            say(&l, " %u", c->reg[k]);
        say(&l, "; ");
    }
    say(&l, "pool");
    for (uint32_t k = 0; k < AD_PATTRS; k++)
        say(&l, " %u", st->pattr[k]);
}

const struct hist_spec ad_spec = {.name = "admin",
                                  .state_bytes = sizeof(struct ad_state),
                                  .op_bytes = sizeof(struct ad_op),
                                  .apply = apply,
                                  .touches = touches,
                                  .only_reads = only_reads,
                                  .print_op = print_op,
                                  .print_state = print_state};
