/* The model of a shared name space: what each operation does, and what it answers. */
#include "spec_share.h"
#include "base/assert.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Trees ---- */

struct share_node *share_find(struct share_tree *t, uint16_t ino)
{
    for (uint32_t i = 0; ino != 0 && i < SHARE_NODES && t->node[i].ino != 0; i++)
        if (t->node[i].ino == ino)
            return &t->node[i];
    return NULL;
}

struct share_node *share_child(struct share_tree *t, uint16_t dir, uint8_t name)
{
    for (uint32_t i = 0; i < SHARE_NODES && t->node[i].ino != 0; i++)
        if (t->node[i].parent == dir && t->node[i].name == name)
            return &t->node[i];
    return NULL;
}

uint32_t share_nodes(const struct share_tree *t)
{
    uint32_t n = 0;

    while (n < SHARE_NODES && t->node[n].ino != 0)
        n++;
    return n;
}

struct share_node *share_add(struct share_tree *t, uint16_t ino)
{
    uint32_t nr = share_nodes(t), at = nr;

    if (nr == SHARE_NODES)
        return NULL;
    while (at > 0 && t->node[at - 1].ino > ino)
        at--;
    memmove(&t->node[at + 1], &t->node[at], (nr - at) * sizeof(t->node[0]));
    t->node[at] = (struct share_node){.ino = ino};
    return &t->node[at];
}

static void del(struct share_tree *t, const struct share_node *n)
{
    uint32_t at = (uint32_t)(n - t->node), nr = share_nodes(t);

    memmove(&t->node[at], &t->node[at + 1], (nr - at - 1) * sizeof(t->node[0]));
    t->node[nr - 1] = (struct share_node){0};
}

static bool is_dir(struct share_tree *t, uint16_t ino)
{
    const struct share_node *n = share_find(t, ino);

    return ino == SHARE_ROOT || (n != NULL && n->type == SHARE_DIR);
}

static bool is_full(const struct share_tree *t, uint16_t dir)
{
    for (uint32_t i = 0; i < SHARE_NODES && t->node[i].ino != 0; i++)
        if (t->node[i].parent == dir)
            return true;
    return false;
}

/* Is ino `dir` or below it? */
static bool inside(struct share_tree *t, uint16_t ino, uint16_t dir)
{
    while (ino != dir && ino != SHARE_ROOT) {
        const struct share_node *n = share_find(t, ino);

        if (n == NULL)
            return false;
        ino = n->parent;
    }
    return ino == dir;
}

/* ---- Changes of names ---- */

static int insert(struct share_tree *t, const struct share_op *op, uint8_t type)
{
    struct share_node *n;

    if (!is_dir(t, op->dir))
        return ENOENT;
    if (share_child(t, op->dir, op->name) != NULL)
        return EEXIST;
    n = share_add(t, op->ino);
    ASSERT(n != NULL); /* the workload keeps its tree small */
    n->parent = op->dir;
    n->name = op->name;
    n->type = type;
    n->mode = type == SHARE_LINK ? 0777 : op->mode;
    n->cell[0] = op->kind == SHARE_PUT ? op->val : 0;
    return 0;
}

static int do_create(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    int rc = insert(t, op, SHARE_FILE);
    const struct share_node *n = share_child(t, op->dir, op->name);

    if (rc == EEXIST && !(op->flags & SHARE_EXCL))
        rc = n->type == SHARE_FILE ? 0 : EINVAL;
    seen->ino = rc == 0 ? n->ino : 0;
    return rc;
}

static int do_put(struct share_tree *t, const struct share_op *op)
{
    struct share_node *n = share_child(t, op->dir, op->name);

    if (n != NULL && (n->type == SHARE_DIR || !(op->flags & SHARE_REPLACE)))
        return EEXIST;
    if (n != NULL)
        del(t, n);
    return insert(t, op, SHARE_FILE);
}

static int do_remove(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    struct share_node *n = share_child(t, op->dir, op->name);

    if (n == NULL)
        return ENOENT;
    if (is_full(t, n->ino))
        return ENOTEMPTY;
    seen->ino = op->flags & SHARE_BLIND ? 0 : n->ino;
    del(t, n);
    return 0;
}

static bool same_name(const struct share_op *op)
{
    return op->dir == op->dir2 && op->name == op->name2;
}

/* May `from` take the place of `to` (NULL: nothing there)? */
static int may_move(struct share_tree *t, const struct share_op *op, const struct share_node *from,
                    const struct share_node *to)
{
    if (from == NULL)
        return ENOENT;
    if (same_name(op))
        return op->flags & SHARE_NOREPLACE ? EEXIST : 0;
    if (!is_dir(t, op->dir2))
        return ENOENT;
    if (from->type == SHARE_DIR && inside(t, op->dir2, from->ino))
        return EINVAL;
    if (to != NULL && to->type == SHARE_DIR && from->type != SHARE_DIR)
        return op->flags & SHARE_NOREPLACE ? EISDIR : EINVAL; /* dfs_move() has its own word */
    if (to != NULL && to->type != SHARE_DIR && from->type == SHARE_DIR)
        return ENOTDIR;
    if (to != NULL && (op->flags & SHARE_NOREPLACE))
        return EEXIST;
    return to != NULL && is_full(t, to->ino) ? ENOTEMPTY : 0;
}

static int do_move(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    struct share_node *from = share_child(t, op->dir, op->name);
    struct share_node *to = share_child(t, op->dir2, op->name2);
    int rc = may_move(t, op, from, to);
    uint16_t ino;

    if (rc != 0 || same_name(op))
        return rc;
    ino = from->ino;
    seen->ino = to != NULL && !(op->flags & SHARE_BLIND) ? to->ino : 0;
    if (to != NULL)
        del(t, to);
    from = share_find(t, ino);
    from->parent = op->dir2;
    from->name = op->name2;
    return 0;
}

static int do_exchange(struct share_tree *t, const struct share_op *op)
{
    struct share_node *a = share_child(t, op->dir, op->name);
    struct share_node *b = share_child(t, op->dir2, op->name2);

    if (a == NULL || b == NULL)
        return ENOENT;
    if (inside(t, op->dir2, a->ino) || inside(t, op->dir, b->ino))
        return EINVAL;
    a->parent = op->dir2;
    a->name = op->name2;
    b->parent = op->dir;
    b->name = op->name;
    return 0;
}

/* ---- Attributes and contents ---- */

static int do_attr(struct share_tree *t, const struct share_op *op)
{
    struct share_node *n = share_child(t, op->dir, op->name);

    if (n == NULL || (op->kind != SHARE_CHMOD && n->ino != op->ino))
        return ENOENT;
    if (op->kind == SHARE_CHMOD && n->type == SHARE_LINK)
        return ENOENT; /* what links lead to never exists here */
    if (op->kind == SHARE_CHMOD || op->kind == SHARE_SETATTR) {
        n->mode = op->mode;
        return 0;
    }
    if (n->xattr == 0 && (op->kind == SHARE_RMXATTR || (op->flags & SHARE_REPLACE)))
        return ENOENT;
    if (n->xattr != 0 && (op->flags & SHARE_EXCL))
        return EEXIST;
    n->xattr = op->kind == SHARE_RMXATTR ? 0 : op->val;
    return 0;
}

static int do_cell(struct share_tree *t, const struct share_op *op)
{
    struct share_node *n = share_find(t, op->ino);

    if (n != NULL)
        n->cell[op->cell] = op->kind == SHARE_WRITE ? op->val : 0;
    return 0;
}

/* ---- Looking ---- */

static int see_entry(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    const struct share_node *n = share_child(t, op->dir, op->name);

    seen->there = op->kind == SHARE_LISTED && n != NULL;
    if (op->kind == SHARE_LISTED)
        return 0;
    if (op->kind == SHARE_GETXATTR) {
        seen->val = n != NULL ? n->xattr : 0;
        return seen->val != 0 ? 0 : ENODATA;
    }
    if (n == NULL)
        return ENOENT;
    seen->ino = op->kind == SHARE_STAT && n->type == SHARE_LINK ? 0 : n->ino;
    seen->type = n->type;
    seen->mode = n->mode;
    return 0;
}

static uint16_t size_of(const struct share_node *n)
{
    uint16_t size = SHARE_CELLS;

    while (size > 0 && n->cell[size - 1] == 0)
        size--;
    return size;
}

static int see_file(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    const struct share_node *n = share_find(t, op->ino);

    if (n == NULL) /* not judged */
        *seen = op->seen;
    else
        seen->val = op->kind == SHARE_READ ? n->cell[op->cell] : size_of(n);
    return 0;
}

/* ---- All of it ---- */

int share_run(struct share_tree *t, const struct share_op *op, struct share_seen *seen)
{
    switch (op->kind) {
    case SHARE_CREATE:
        return do_create(t, op, seen);
    case SHARE_MKDIR:
        return insert(t, op, SHARE_DIR);
    case SHARE_SYMLINK:
        return insert(t, op, SHARE_LINK);
    case SHARE_PUT:
        return do_put(t, op);
    case SHARE_REMOVE:
        return do_remove(t, op, seen);
    case SHARE_MOVE:
        return do_move(t, op, seen);
    case SHARE_EXCHANGE:
        return do_exchange(t, op);
    case SHARE_CHMOD:
    case SHARE_SETATTR:
    case SHARE_SETXATTR:
    case SHARE_RMXATTR:
        return do_attr(t, op);
    case SHARE_WRITE:
    case SHARE_PUNCH:
        return do_cell(t, op);
    case SHARE_READ:
    case SHARE_SIZE:
        return see_file(t, op, seen);
    default:
        return see_entry(t, op, seen);
    }
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct share_op *op = arg;
    struct share_seen seen = {0};
    int rc;

    if (op->kind == SHARE_WALK)
        return !known || memcmp(state, &op->tree, sizeof(op->tree)) == 0;
    rc = share_run(state, op, &seen);
    return !known || (rc == op->rc && memcmp(&seen, &op->seen, sizeof(seen)) == 0);
}

#define NAME_BITS 40u
#define DATA_BITS 24u
#define ALL_DATA  (((UINT64_C(1) << DATA_BITS) - 1) << NAME_BITS)

static uint64_t name_bit(uint16_t dir, uint8_t name)
{
    return UINT64_C(1) << ((dir * SHARE_NAMES + name) % NAME_BITS);
}

/* A name that may be a directory: to remove or move it looks into that directory, or moves what is
 * below; to know that a directory is still there is part of every operation in it. */
static uint64_t touches(const void *arg)
{
    const struct share_op *op = arg;
    uint64_t bit = name_bit(op->dir, op->name);
    bool deep = op->name < SHARE_DIR_NAMES;

    switch (op->kind) {
    case SHARE_WALK:
        return UINT64_MAX;
    case SHARE_WRITE:
    case SHARE_PUNCH:
    case SHARE_READ:
    case SHARE_SIZE:
        return UINT64_C(1) << (NAME_BITS + op->ino % DATA_BITS);
    case SHARE_PUT:
        return op->flags & SHARE_REPLACE ? bit | ALL_DATA : bit;
    case SHARE_REMOVE:
        return deep ? UINT64_MAX : bit | ALL_DATA;
    case SHARE_MOVE:
        return deep ? UINT64_MAX : bit | name_bit(op->dir2, op->name2) | ALL_DATA;
    case SHARE_EXCHANGE:
        return deep || op->name2 < SHARE_DIR_NAMES ? UINT64_MAX
                                                   : bit | name_bit(op->dir2, op->name2);
    default:
        return bit;
    }
}

static const char *const words[] = {
#define WORDS_(NAME, text, changes) text,
    SHARE_KINDS(WORDS_)};

bool share_changes(uint8_t kind)
{
    static const bool changing[] = {
#define CHANGES_(NAME, text, changes) changes,
        SHARE_KINDS(CHANGES_)};

    return changing[kind];
}

static bool only_reads(const void *op)
{
    return !share_changes(((const struct share_op *)op)->kind);
}

/* ---- Words ---- */

static const char types[] = "?fdl";

static size_t print_tree(const struct share_tree *t, char *buf, size_t len)
{
    size_t at = 0;

    for (uint32_t i = 0; i < SHARE_NODES && t->node[i].ino != 0 && at < len; i++) {
        const struct share_node *n = &t->node[i];

        at += (size_t)snprintf(buf + at, len - at, " %u/%c=%c%u", n->parent, 'a' + n->name,
                               types[n->type & 3], n->ino);
        if (at < len && n->type != SHARE_LINK)
            at += (size_t)snprintf(buf + at, len - at, ",%o", n->mode);
        if (at < len && n->xattr != 0)
            at += (size_t)snprintf(buf + at, len - at, ",x%u", n->xattr);
        if (at < len && n->type == SHARE_FILE)
            at += (size_t)snprintf(buf + at, len - at, "[%u %u]", n->cell[0], n->cell[1]);
    }
    return at;
}

static void print_state(const void *state, char *buf, size_t len)
{
    if (print_tree(state, buf, len) == 0)
        snprintf(buf, len, " empty");
}

void share_print_op(const void *arg, bool known, char *buf, size_t len)
{
    const struct share_op *op = arg;
    size_t at = (size_t)snprintf(buf, len, "%s", words[op->kind]);

    if (op->dir != 0)
        at += (size_t)snprintf(buf + at, len - at, " %u/%c", op->dir, 'a' + op->name);
    if (op->dir2 != 0)
        at += (size_t)snprintf(buf + at, len - at, " and %u/%c", op->dir2, 'a' + op->name2);
    if (op->ino != 0)
        at += (size_t)snprintf(buf + at, len - at, " ino %u", op->ino);
    if (op->kind >= SHARE_WRITE && op->dir == 0 && op->kind != SHARE_WALK)
        at += (size_t)snprintf(buf + at, len - at, " cell %u", op->cell);
    if (op->mode != 0)
        at += (size_t)snprintf(buf + at, len - at, " mode %o", op->mode);
    if (op->val != 0)
        at += (size_t)snprintf(buf + at, len - at, " value %u", op->val);
    if (op->flags != 0)
        at += (size_t)snprintf(buf + at, len - at, "%s%s%s", op->flags & SHARE_EXCL ? " excl" : "",
                               op->flags & SHARE_REPLACE ? " replace" : "",
                               op->flags & SHARE_NOREPLACE ? " noreplace" : "");
    if (!known)
        return;
    at += (size_t)snprintf(buf + at, len - at, ": %s", op->rc ? strerror(op->rc) : "ok");
    if (op->rc != 0 || at >= len)
        return;
    if (op->kind == SHARE_WALK)
        print_tree(&op->tree, buf + at, len - at);
    else if (op->kind == SHARE_LISTED)
        snprintf(buf + at, len - at, ", %s", op->seen.there ? "there" : "not there");
    else if (op->kind >= SHARE_GETXATTR)
        snprintf(buf + at, len - at, ", %u", op->seen.val);
    else if (op->seen.ino != 0 || op->seen.type != 0)
        snprintf(buf + at, len - at, ", %c%u mode %o", types[op->seen.type & 3], op->seen.ino,
                 op->seen.mode);
}

const struct hist_spec spec_share = {.name = "dfs_shared",
                                     .state_bytes = sizeof(struct share_tree),
                                     .op_bytes = sizeof(struct share_op),
                                     .apply = apply,
                                     .touches = touches,
                                     .only_reads = only_reads,
                                     .print_op = share_print_op,
                                     .print_state = print_state};
