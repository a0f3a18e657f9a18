/* The model of a name space: calls taken apart into steps, and all of it in words. */
#include "spec_dfs.h"
#include "base/assert.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Plans ---- */

static struct spec_op *step(struct spec_plan *p, const struct spec_op *op, enum spec_kind kind)
{
    struct spec_op *s = &p->op[p->nr++];

    ASSERT(p->nr <= SPEC_PLAN);
    *s = *op;
    s->kind = (uint8_t)kind;
    return s;
}

/* One step for each chunk that the range touches. */
static void by_chunk(struct spec_plan *p, const struct spec_op *op, enum spec_kind kind)
{
    for (uint8_t at = op->off, end = (uint8_t)(op->off + op->nr); at < end;) {
        uint8_t next = (uint8_t)((at / SPEC_CHUNK_CELLS + 1) * SPEC_CHUNK_CELLS);
        struct spec_op *s = step(p, op, kind);

        s->off = at;
        s->nr = (uint8_t)((next < end ? next : end) - at);
        at = next;
    }
}

static void set_size(struct spec_plan *p, const struct spec_op *op, const struct spec_node *n,
                     uint8_t size)
{
    struct spec_node cut = *n;
    uint8_t old = (uint8_t)spec_size(n);
    struct spec_op *s;

    p->in_order = true;
    /* the last chunk first */
    for (uint8_t end = old; end > size;) {
        uint8_t at = (uint8_t)((end - 1) / SPEC_CHUNK_CELLS * SPEC_CHUNK_CELLS);

        s = step(p, op, SPEC_PUNCH);
        s->off = at > size ? at : size;
        s->nr = (uint8_t)(end - s->off);
        end = s->off;
    }
    for (uint8_t i = size; i < SPEC_CELLS; i++)
        cut.cell[i] = 0;
    if (spec_size(&cut) < size)
        step(p, op, SPEC_GROW)->nr = size;
}

/* Everything below dir, the deepest first. */
static bool drop_below(const struct spec_tree *t, struct spec_plan *p, const struct spec_op *op,
                       uint16_t dir)
{
    for (uint8_t name = 0; name < SPEC_NAMES; name++) {
        const struct spec_node *n = spec_child(t, dir, name);
        struct spec_op *s;

        if (n == NULL)
            continue;
        if (!drop_below(t, p, op, n->ino) || p->nr + 1 >= SPEC_PLAN)
            return false;
        s = step(p, op, SPEC_DROP);
        s->dir = dir;
        s->name = name;
    }
    return true;
}

bool spec_dfs_plan(const struct spec_tree *t, const struct spec_op *op, struct spec_plan *p)
{
    const struct spec_node *n = spec_find((struct spec_tree *)(uintptr_t)t, op->ino);
    uint8_t size = n != NULL ? (uint8_t)spec_size(n) : 0;

    p->nr = 0;
    p->in_order = false;
    switch (op->kind) {
    case SPEC_WRITE_RANGE:
        by_chunk(p, op, SPEC_WRITE);
        break;
    case SPEC_PUNCH_RANGE:
        if (op->off < size && op->off + op->nr >= size)
            set_size(p, op, n, op->off);
        else if (op->off < size)
            by_chunk(p, op, SPEC_PUNCH);
        break;
    case SPEC_SET_SIZE:
        if (n != NULL)
            set_size(p, op, n, op->nr);
        break;
    case SPEC_REMOVE_FORCE:
        n = spec_child(t, op->dir, op->name);
        if (n != NULL && !drop_below(t, p, op, n->ino))
            return false;
        step(p, op, SPEC_REMOVE);
        break;
    default:
        ASSERT(op->kind < SPEC_STEPS);
        step(p, op, (enum spec_kind)op->kind);
        break;
    }
    return true;
}

/* ---- Words ---- */

static const char *const kind_name[SPEC_KINDS] = {
    [SPEC_MKDIR] = "mkdir",         [SPEC_CREATE] = "create",
    [SPEC_SYMLINK] = "symlink",     [SPEC_PUT] = "put",
    [SPEC_REMOVE] = "remove",       [SPEC_DROP] = "drop",
    [SPEC_MOVE] = "move",           [SPEC_EXCHANGE] = "exchange",
    [SPEC_CHMOD] = "chmod",         [SPEC_SETXATTR] = "setxattr",
    [SPEC_RMXATTR] = "removexattr", [SPEC_WRITE] = "write",
    [SPEC_PUNCH] = "punch",         [SPEC_GROW] = "grow",
    [SPEC_SNAP] = "snapshot",       [SPEC_UNSNAP] = "destroy snapshot",
    [SPEC_STAT] = "stat",           [SPEC_ENTRY] = "entry",
    [SPEC_LOOKUP] = "lookup",       [SPEC_ACCESS] = "access",
    [SPEC_READ] = "read",           [SPEC_SIZE] = "size",
    [SPEC_READDIR] = "readdir",     [SPEC_GETXATTR] = "getxattr",
    [SPEC_LISTXATTR] = "listxattr", [SPEC_WALK] = "walk",
    [SPEC_WRITE_RANGE] = "write",   [SPEC_PUNCH_RANGE] = "punch",
    [SPEC_SET_SIZE] = "truncate",   [SPEC_REMOVE_FORCE] = "remove all of",
};

struct text {
    char *buf;
    size_t len, at;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->buf + t->at, t->len - t->at, fmt, ap);
    va_end(ap);
    t->at += (size_t)n < t->len - t->at ? (size_t)n : t->len - t->at - 1;
}

static void say_name(struct text *t, uint16_t dir, uint8_t name)
{
    if (dir != SPEC_ROOT)
        say(t, " %u", dir);
    say(t, "%s/%c", dir == SPEC_ROOT ? " " : "", 'a' + name);
}

static void say_cells(struct text *t, const uint16_t *cell)
{
    say(t, "[");
    for (uint32_t i = 0; i < SPEC_CELLS; i++) {
        if (cell[i] == SPEC_ZERO)
            say(t, "0 ");
        else if (cell[i] == SPEC_STRANGE)
            say(t, "? ");
        else if (cell[i] == 0)
            say(t, "- ");
        else
            say(t, "%u ", cell[i]);
    }
    t->at--;
    say(t, "]");
}

static bool on_node(uint8_t kind)
{
    return kind == SPEC_WRITE || kind == SPEC_PUNCH || kind == SPEC_GROW || kind == SPEC_READ ||
           kind == SPEC_SIZE || kind == SPEC_READDIR || kind == SPEC_WRITE_RANGE ||
           kind == SPEC_PUNCH_RANGE || kind == SPEC_SET_SIZE;
}

static void say_args(struct text *t, const struct spec_op *op)
{
    if (op->kind == SPEC_SNAP || op->kind == SPEC_UNSNAP || op->kind == SPEC_WALK)
        say(t, " %u", op->which);
    else if (op->kind == SPEC_LOOKUP)
        for (uint32_t i = 0; i < op->path_nr; i++)
            say(t, "%s/%.*s", i == 0 ? " " : "", op->path[i] == SPEC_NAMES ? 2 : 1,
                op->path[i] == SPEC_NAMES ? ".." : &"abc"[op->path[i]]);
    else if (on_node(op->kind))
        say(t, " node %u cells %u+%u val %u", op->ino, op->off, op->nr, op->val);
    else
        say_name(t, op->dir, op->name);
    if (op->kind == SPEC_MOVE || op->kind == SPEC_EXCHANGE)
        say_name(t, op->dir2, op->name2);
    if (op->kind <= SPEC_PUT)
        say(t, " as node %u mode %o", op->ino, op->mode);
    if (op->kind == SPEC_SYMLINK)
        say(t, " -> %s", spec_target(op->val));
    if (op->kind == SPEC_CHMOD)
        say(t, " %o", op->mode);
    if (op->kind == SPEC_PUT)
        say(t, " cells %u val %u", op->nr, op->val);
    if (op->kind == SPEC_SETXATTR || op->kind == SPEC_RMXATTR || op->kind == SPEC_GETXATTR)
        say(t, " x%u val %u", op->which, op->val);
    if (op->flags != 0)
        say(t, " flags %u", op->flags);
}

void spec_print_op(const void *opp, bool known, char *buf, size_t len)
{
    const struct spec_op *op = opp;
    struct text t = {buf, len, 0};

    say(&t, "%s", kind_name[op->kind]);
    say_args(&t, op);
    if (!known)
        return;
    say(&t, ": %s", op->rc == 0 ? "0" : strerrorname_np(op->rc));
    if (op->rc != 0 || op->kind < SPEC_REMOVE)
        return;
    if (op->kind == SPEC_WALK) {
        say(&t, " ");
        spec_print_tree(&op->tree, t.buf + t.at, t.len - t.at);
        return;
    }
    say(&t, ", saw node %u type %u mode %o size %u names %x val %u ", op->seen.ino, op->seen.type,
        op->seen.mode, op->seen.size, op->seen.names, op->seen.val);
    if (op->kind == SPEC_READ)
        say_cells(&t, op->seen.cell);
}

void spec_path(const struct spec_tree *t, uint16_t ino, char *buf, size_t len)
{
    char tail[128] = "", next[128];

    while (ino != SPEC_ROOT) {
        const struct spec_node *n = spec_find((struct spec_tree *)(uintptr_t)t, ino);

        if (n == NULL)
            break;
        snprintf(next, sizeof(next), "/%c%.100s", 'a' + n->name, tail);
        strcpy(tail, next);
        ino = n->parent;
    }
    snprintf(buf, len, "%s", tail[0] != '\0' ? tail : "/");
}

void spec_print_tree(const struct spec_tree *tree, char *buf, size_t len)
{
    struct text t = {buf, len, 0};

    buf[0] = '\0';
    for (uint32_t i = 0; i < spec_nodes(tree); i++) {
        const struct spec_node *n = &tree->node[i];
        char path[128];

        spec_path(tree, n->ino, path, sizeof(path));
        say(&t, "%s%s%s #%u %o", i > 0 ? ", " : "", path, n->type == SPEC_DIR ? "/" : "", n->ino,
            n->mode);
        if (n->type == SPEC_LINK)
            say(&t, " -> %s", n->target < spec_targets() ? spec_target(n->target) : "?");
        if (n->type == SPEC_FILE) {
            say(&t, " ");
            say_cells(&t, n->cell);
        }
        for (uint32_t x = 0; x < SPEC_XATTRS; x++)
            if (n->xattr[x] != 0)
                say(&t, " x%u=%u", x, n->xattr[x]);
    }
}

void spec_print_state(const void *state, char *buf, size_t len)
{
    const struct spec_dfs *s = state;

    spec_print_tree(&s->now, buf, len);
}
