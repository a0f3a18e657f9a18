/* The model of a name space: each operation in the fewest words. */
#include "spec_dfs.h"
#include "base/assert.h"
#include <errno.h>
#include <string.h>

#define LINKS_MAX 40u /* followed in one lookup */
#define UP        SPEC_NAMES

_Static_assert(sizeof(struct spec_node) == 10 + 2 * SPEC_CELLS + 4, "padding");
_Static_assert(sizeof(struct spec_seen) == 6 + 2 * SPEC_CELLS + 4, "padding");
_Static_assert(sizeof(struct spec_op) ==
                   8 + 12 + 10 + sizeof(struct spec_seen) + sizeof(struct spec_tree),
               "padding");

static const char *const targets[] = {"/a", "/a/b", "b", "c/a", "../a", "../b/c"};

uint32_t spec_targets(void)
{
    return ARRAY_LEN(targets);
}

const char *spec_target(uint32_t i)
{
    return targets[i];
}

/* ---- Trees ---- */

struct spec_node *spec_find(struct spec_tree *t, uint16_t ino)
{
    for (uint32_t i = 0; i < SPEC_NODES; i++)
        if (ino != 0 && t->node[i].ino == ino)
            return &t->node[i];
    return NULL;
}

static struct spec_node *child(struct spec_tree *t, uint16_t dir, uint8_t name)
{
    for (uint32_t i = 0; i < SPEC_NODES; i++)
        if (t->node[i].ino != 0 && t->node[i].parent == dir && t->node[i].name == name)
            return &t->node[i];
    return NULL;
}

const struct spec_node *spec_child(const struct spec_tree *t, uint16_t dir, uint8_t name)
{
    return child((struct spec_tree *)(uintptr_t)t, dir, name);
}

uint32_t spec_children(const struct spec_tree *t, uint16_t dir)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SPEC_NODES; i++)
        n += t->node[i].ino != 0 && t->node[i].parent == dir;
    return n;
}

uint32_t spec_nodes(const struct spec_tree *t)
{
    uint32_t n = 0;

    while (n < SPEC_NODES && t->node[n].ino != 0)
        n++;
    return n;
}

static bool is_dir(struct spec_tree *t, uint16_t ino)
{
    struct spec_node *n = spec_find(t, ino);

    return ino == SPEC_ROOT || (n != NULL && n->type == SPEC_DIR);
}

bool spec_inside(const struct spec_tree *t, uint16_t ino, uint16_t dir)
{
    while (ino != dir && ino != SPEC_ROOT) {
        const struct spec_node *n = spec_find((struct spec_tree *)(uintptr_t)t, ino);

        if (n == NULL)
            return false;
        ino = n->parent;
    }
    return ino == dir;
}

uint32_t spec_size(const struct spec_node *n)
{
    uint32_t size = SPEC_CELLS;

    while (size > 0 && n->cell[size - 1] == 0)
        size--;
    return size;
}

struct spec_node *spec_add(struct spec_tree *t, uint16_t ino)
{
    uint32_t nr = spec_nodes(t), at = nr;

    if (nr == SPEC_NODES)
        return NULL;
    while (at > 0 && t->node[at - 1].ino > ino)
        at--;
    memmove(&t->node[at + 1], &t->node[at], (nr - at) * sizeof(t->node[0]));
    t->node[at] = (struct spec_node){.ino = ino};
    return &t->node[at];
}

static void del(struct spec_tree *t, const struct spec_node *n)
{
    uint32_t at = (uint32_t)(n - t->node), nr = spec_nodes(t);

    memmove(&t->node[at], &t->node[at + 1], (nr - at - 1) * sizeof(t->node[0]));
    t->node[nr - 1] = (struct spec_node){0};
}

/* ---- Where a path leads ---- */

struct walk {
    struct spec_tree *t;
    uint16_t up[64]; /* directories from the root to where we are */
    uint32_t depth;
    uint32_t links;
    bool was_up;
};

static int walk_text(struct walk *w, const char *path, struct spec_node **out);

static int walk_one(struct walk *w, uint8_t name, bool last, bool follow, struct spec_node **out)
{
    struct spec_node *n;
    int rc;

    if (name == UP) {
        if (last || w->was_up)
            return ENOTSUP;
        w->was_up = true;
        w->depth -= w->depth > 1;
        return 0;
    }
    w->was_up = false;
    n = child(w->t, w->up[w->depth - 1], name);
    if (n == NULL)
        return ENOENT;
    if (n->type == SPEC_LINK && (!last || follow)) {
        if (++w->links > LINKS_MAX)
            return ELOOP;
        rc = walk_text(w, targets[n->target], &n);
        if (rc != 0)
            return rc;
    }
    *out = n;
    if (last)
        return 0;
    if (n->type != SPEC_DIR)
        return ENOTDIR;
    ASSERT(w->depth < ARRAY_LEN(w->up));
    w->up[w->depth++] = n->ino;
    return 0;
}

/* A link's target from where we are. */
static int walk_text(struct walk *w, const char *path, struct spec_node **out)
{
    int rc = 0;

    if (*path == '/') {
        w->depth = 1;
        path++;
    }
    while (rc == 0 && *path != '\0') {
        bool up = strncmp(path, "..", 2) == 0;
        uint8_t name = up ? UP : (uint8_t)(*path - 'a');

        path += up ? 2 : 1;
        path += *path == '/';
        rc = walk_one(w, name, *path == '\0', true, out);
    }
    return rc;
}

/* What `name` in dir leads to. */
static int follow(struct spec_tree *t, uint16_t dir, uint8_t name, struct spec_node **out)
{
    struct walk w = {.t = t};
    uint16_t above[SPEC_NODES + 1];
    uint32_t n = 0;

    if (!is_dir(t, dir))
        return ENOENT;
    for (uint16_t at = dir; at != SPEC_ROOT; at = spec_find(t, at)->parent)
        above[n++] = at;
    w.up[w.depth++] = SPEC_ROOT;
    while (n > 0)
        w.up[w.depth++] = above[--n];
    return walk_one(&w, name, true, true, out);
}

static int do_lookup(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct walk w = {.t = t, .up = {SPEC_ROOT}, .depth = 1};
    struct spec_node *n = NULL;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < op->path_nr; i++)
        rc = walk_one(&w, op->path[i], i + 1 == op->path_nr, !(op->flags & SPEC_NOFOLLOW), &n);
    if (rc == 0)
        *seen = (struct spec_seen){.ino = n->ino, .type = n->type, .mode = n->mode};
    return rc;
}

static int do_access(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *n;
    int rc = follow(t, op->dir, op->name, &n);
    uint32_t granted;

    if (rc != 0)
        return rc;
    if (op->flags & SPEC_AS_ROOT)
        return (op->val & 1) && n->type == SPEC_FILE && !(n->mode & 0111) ? EACCES : 0;
    granted = (n->mode | n->mode >> 3 | n->mode >> 6) & 7u; /* owner and group are the caller's */
    return op->val & ~granted ? EACCES : 0;
}

/* ---- Changes of names ---- */

static int insert(struct spec_tree *t, const struct spec_op *op, uint8_t type)
{
    struct spec_node *n;

    if (!is_dir(t, op->dir))
        return ENOENT;
    if (child(t, op->dir, op->name) != NULL)
        return EEXIST;
    n = spec_add(t, op->ino);
    ASSERT(n != NULL); /* the test keeps its trees small */
    n->parent = op->dir;
    n->name = op->name;
    n->type = type;
    n->mode = type == SPEC_LINK ? 0777 : op->mode;
    n->target = type == SPEC_LINK ? (uint8_t)op->val : 0;
    return 0;
}

static int do_create(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *n;
    int rc = insert(t, op, SPEC_FILE);

    if (rc == EEXIST && !(op->flags & SPEC_EXCL))
        rc = child(t, op->dir, op->name)->type == SPEC_FILE ? 0 : EINVAL;
    if (rc == 0) {
        n = child(t, op->dir, op->name);
        seen->ino = n->ino;
        seen->mode = n->mode;
    }
    return rc;
}

static int do_put(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *n = is_dir(t, op->dir) ? child(t, op->dir, op->name) : NULL;
    int rc;

    if (n != NULL && (n->type == SPEC_DIR || !(op->flags & SPEC_REPLACE)))
        return EEXIST;
    if (n != NULL)
        del(t, n);
    rc = insert(t, op, SPEC_FILE);
    for (uint8_t i = 0; rc == 0 && i < op->nr; i++)
        spec_find(t, op->ino)->cell[i] = op->val;
    return rc;
}

static int do_remove(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *n = child(t, op->dir, op->name);

    if (n == NULL)
        return op->kind == SPEC_DROP ? 0 : ENOENT;
    if (spec_children(t, n->ino) > 0)
        return ENOTEMPTY;
    seen->ino = op->kind == SPEC_DROP || (op->flags & SPEC_BLIND) ? 0 : n->ino;
    del(t, n);
    return 0;
}

static bool same_name(const struct spec_op *op)
{
    return op->dir == op->dir2 && op->name == op->name2;
}

static int do_move(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *from = child(t, op->dir, op->name), *to = child(t, op->dir2, op->name2);
    uint16_t ino;

    if (from == NULL || !is_dir(t, op->dir2))
        return ENOENT;
    if (same_name(op))
        return 0;
    if (from->type == SPEC_DIR && spec_inside(t, op->dir2, from->ino))
        return EINVAL;
    if (to != NULL && to->type == SPEC_DIR && from->type != SPEC_DIR)
        return EINVAL;
    if (to != NULL && to->type != SPEC_DIR && from->type == SPEC_DIR)
        return ENOTDIR;
    if (to != NULL && spec_children(t, to->ino) > 0)
        return ENOTEMPTY;
    ino = from->ino;
    seen->ino = to != NULL && !(op->flags & SPEC_BLIND) ? to->ino : 0;
    if (to != NULL)
        del(t, to);
    from = spec_find(t, ino);
    from->parent = op->dir2;
    from->name = op->name2;
    return 0;
}

static int do_exchange(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *a = child(t, op->dir, op->name), *b = child(t, op->dir2, op->name2);

    if (a == NULL || b == NULL)
        return ENOENT;
    if (spec_inside(t, op->dir2, a->ino) || spec_inside(t, op->dir, b->ino))
        return EINVAL;
    a->parent = op->dir2;
    a->name = op->name2;
    b->parent = op->dir;
    b->name = op->name;
    return 0;
}

/* ---- Attributes ---- */

static int do_chmod(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *n;
    int rc = follow(t, op->dir, op->name, &n);

    if (rc == 0)
        n->mode = op->mode;
    return rc;
}

static int do_xattr(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *n = child(t, op->dir, op->name);

    if (n == NULL || n->ino != op->ino)
        return ENOENT;
    if (n->xattr[op->which] == 0 && (op->kind == SPEC_RMXATTR || (op->flags & SPEC_REPLACE)))
        return ENOENT;
    if (n->xattr[op->which] != 0 && (op->flags & SPEC_EXCL))
        return EEXIST;
    n->xattr[op->which] = op->kind == SPEC_RMXATTR ? 0 : op->val;
    return 0;
}

static int see_xattr(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *n = child(t, op->dir, op->name);

    if (op->kind == SPEC_GETXATTR) {
        seen->val = n != NULL ? n->xattr[op->which] : 0;
        return seen->val != 0 ? 0 : ENODATA;
    }
    for (uint32_t i = 0; n != NULL && i < SPEC_XATTRS; i++)
        seen->names |= (uint8_t)((n->xattr[i] != 0) << i);
    return 0;
}

static int see_entry(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *n = child(t, op->dir, op->name);

    if (n == NULL)
        return ENOENT;
    seen->type = n->type;
    seen->mode = n->mode;
    if (op->kind == SPEC_ENTRY) {
        seen->ino = n->ino;
        seen->target = n->target;
    } else if (n->type != SPEC_DIR) {
        seen->size = (uint8_t)(n->type == SPEC_LINK ? strlen(targets[n->target]) : spec_size(n));
    }
    return 0;
}

/* ---- Contents ---- */

/* Steps on a file that is gone change nothing that can be seen. */
static int do_cells(struct spec_tree *t, const struct spec_op *op)
{
    struct spec_node *n = spec_find(t, op->ino);

    if (n == NULL)
        return 0;
    if (op->kind == SPEC_GROW)
        n->cell[op->nr - 1] = SPEC_ZERO;
    else
        for (uint32_t i = 0; i < op->nr; i++)
            n->cell[op->off + i] = op->kind == SPEC_WRITE ? op->val : 0;
    return 0;
}

static int see_cells(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_node *n = spec_find(t, op->ino);

    if (n == NULL)
        return 0;
    seen->size = (uint8_t)spec_size(n);
    for (uint32_t i = 0; op->kind == SPEC_READ && i < SPEC_CELLS; i++)
        seen->cell[i] = n->cell[i] == SPEC_ZERO ? 0 : n->cell[i];
    return 0;
}

static int see_names(struct spec_tree *t, const struct spec_op *op, struct spec_seen *seen)
{
    for (uint8_t i = 0; i < SPEC_NAMES; i++)
        seen->names |= (uint8_t)((child(t, op->ino, i) != NULL) << i);
    return 0;
}

/* ---- All of them ---- */

int spec_dfs_run(struct spec_dfs *s, const struct spec_op *op, struct spec_seen *seen)
{
    struct spec_tree *t = &s->now;

    memset(seen, 0, sizeof(*seen));
    switch ((enum spec_kind)op->kind) {
    case SPEC_MKDIR:
        return insert(t, op, SPEC_DIR);
    case SPEC_CREATE:
        return do_create(t, op, seen);
    case SPEC_SYMLINK:
        return insert(t, op, SPEC_LINK);
    case SPEC_PUT:
        return do_put(t, op);
    case SPEC_REMOVE:
    case SPEC_DROP:
        return do_remove(t, op, seen);
    case SPEC_MOVE:
        return do_move(t, op, seen);
    case SPEC_EXCHANGE:
        return do_exchange(t, op);
    case SPEC_CHMOD:
        return do_chmod(t, op);
    case SPEC_SETXATTR:
    case SPEC_RMXATTR:
        return do_xattr(t, op);
    case SPEC_WRITE:
    case SPEC_PUNCH:
    case SPEC_GROW:
        return do_cells(t, op);
    case SPEC_SNAP:
        s->snap[op->which] = s->now;
        return 0;
    case SPEC_UNSNAP:
        memset(&s->snap[op->which], 0, sizeof(s->snap[0]));
        return 0;
    case SPEC_STAT:
    case SPEC_ENTRY:
        return see_entry(t, op, seen);
    case SPEC_LOOKUP:
        return do_lookup(t, op, seen);
    case SPEC_ACCESS:
        return do_access(t, op);
    case SPEC_READ:
    case SPEC_SIZE:
        return see_cells(t, op, seen);
    case SPEC_READDIR:
        return see_names(t, op, seen);
    case SPEC_GETXATTR:
    case SPEC_LISTXATTR:
        return see_xattr(t, op, seen);
    default:
        break;
    }
    ASSERT(op->kind == SPEC_WALK);
    return 0;
}

/* A walk cannot tell zeros that were written from a hole, except at the end. */
static bool walk_agrees(const struct spec_tree *t, const struct spec_tree *seen)
{
    struct spec_tree plain = *t;

    for (uint32_t i = 0; i < SPEC_NODES; i++) {
        uint32_t size = spec_size(&plain.node[i]);

        for (uint32_t c = 0; c + 1 < size; c++)
            if (plain.node[i].cell[c] == SPEC_ZERO)
                plain.node[i].cell[c] = 0;
    }
    return memcmp(&plain, seen, sizeof(plain)) == 0;
}

static bool apply(void *state, const void *opp, bool known)
{
    const struct spec_op *op = opp;
    struct spec_dfs *s = state;
    struct spec_seen seen;
    int rc = spec_dfs_run(s, op, &seen);

    if (!known)
        return true;
    if (rc != op->rc)
        return false;
    if (op->kind == SPEC_WALK && rc == 0)
        return walk_agrees(op->which == 0 ? &s->now : &s->snap[op->which - 1], &op->tree);
    return rc != 0 || memcmp(&seen, &op->seen, sizeof(seen)) == 0;
}

/* Steps on a file touch its chunks; everything else may touch anything. */
static uint64_t touches(const void *opp)
{
    const struct spec_op *op = opp;
    uint32_t at = op->kind == SPEC_GROW ? op->nr - 1u : op->off;
    uint64_t all = 0;

    for (uint32_t c = 0; c < SPEC_CELLS / SPEC_CHUNK_CELLS; c++) {
        uint64_t bit = UINT64_C(1) << (op->ino * 2u + c) % 64;

        all |= bit;
        if (c == at / SPEC_CHUNK_CELLS &&
            (op->kind == SPEC_WRITE || op->kind == SPEC_PUNCH || op->kind == SPEC_GROW))
            return bit;
    }
    return op->kind == SPEC_READ || op->kind == SPEC_SIZE ? all : UINT64_MAX;
}

static bool only_reads(const void *op)
{
    return ((const struct spec_op *)op)->kind >= SPEC_CHANGES;
}

const struct hist_spec spec_dfs = {
    .name = "dfs",
    .state_bytes = sizeof(struct spec_dfs),
    .op_bytes = sizeof(struct spec_op),
    .apply = apply,
    .touches = touches,
    .only_reads = only_reads,
    .print_op = spec_print_op,
    .print_state = spec_print_state,
};
