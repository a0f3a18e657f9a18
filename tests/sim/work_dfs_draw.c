/*
 * What the workload "dfs" does next.
 *
 * A call of unknown outcome may still happen, in the middle of a later one. Then only what one
 * request does can be judged: calls that look twice (stat of a file, a walk along a path) wait
 * until all is settled, or until they are about nodes that no such call touches.
 */
#include "work_dfs.h"
#include <string.h>
#include <unistd.h>

static uint32_t below(struct work_client *c, uint32_t n)
{
    return (uint32_t)sim_rng_below(&c->rng, n);
}

static bool one_in(struct work_client *c, uint32_t n)
{
    return below(c, n) == 0;
}

bool dfs_work_quiet(const struct dfs_work *w, uint16_t ino)
{
    for (uint32_t i = 0; i < w->lost_nr; i++)
        if (w->lost[i] == ino)
            return false;
    return true;
}

static uint32_t depth_of(const struct spec_tree *t, uint16_t ino)
{
    uint32_t depth = 0;

    while (ino != SPEC_ROOT) {
        ino = spec_find((struct spec_tree *)(uintptr_t)t, ino)->parent;
        depth++;
    }
    return depth;
}

static const struct spec_node *any_node(struct work_client *c, uint8_t type)
{
    const struct spec_tree *t = dfs_work_tree(c);
    uint32_t nr = spec_nodes(t), first = nr > 0 ? below(c, nr) : 0;

    for (uint32_t i = 0; i < nr; i++) {
        const struct spec_node *n = &t->node[(first + i) % nr];

        if (n->type == type)
            return n;
    }
    return NULL;
}

static uint16_t any_dir(struct work_client *c)
{
    const struct spec_node *n = one_in(c, 3) ? NULL : any_node(c, SPEC_DIR);

    return n != NULL ? n->ino : SPEC_ROOT;
}

/* A name, mostly one that is there. */
static void any_name(struct work_client *c, uint16_t *dir, uint8_t *name)
{
    const struct spec_tree *t = dfs_work_tree(c);
    uint32_t nr = spec_nodes(t);
    const struct spec_node *n = nr > 0 ? &t->node[below(c, nr)] : NULL;

    *dir = any_dir(c);
    *name = (uint8_t)below(c, SPEC_NAMES);
    if (n != NULL && !one_in(c, 5)) {
        *dir = n->parent;
        *name = n->name;
    }
}

static uint16_t child_of(struct work_client *c, uint16_t dir, uint8_t name)
{
    const struct spec_node *n = spec_child(dfs_work_tree(c), dir, name);

    return n != NULL ? n->ino : 0;
}

static void draw_new(struct work_client *c, struct spec_op *op)
{
    struct dfs_work *w = dfs_work_of(c);
    uint32_t what = below(c, 8);

    op->kind = what < 4 ? SPEC_CREATE : what < 6 ? SPEC_MKDIR : SPEC_SYMLINK;
    op->dir = any_dir(c);
    op->name = (uint8_t)below(c, SPEC_NAMES);
    if (op->kind == SPEC_MKDIR && depth_of(dfs_work_tree(c), op->dir) > 1)
        op->kind = SPEC_CREATE;
    op->ino = w->next_ino;
    op->mode = dfs_act_mode(op->ino);
    if (op->kind == SPEC_CREATE && one_in(c, 2))
        op->flags = SPEC_EXCL;
    if (op->kind == SPEC_SYMLINK)
        op->val = (uint16_t)below(c, spec_targets());
}

static bool draw_file(struct work_client *c, struct spec_op *op)
{
    static const uint8_t kinds[] = {SPEC_WRITE_RANGE, SPEC_WRITE_RANGE, SPEC_WRITE_RANGE,
                                    SPEC_READ,        SPEC_READ,        SPEC_SIZE,
                                    SPEC_PUNCH_RANGE, SPEC_SET_SIZE};
    const struct spec_node *n = any_node(c, SPEC_FILE);

    if (n == NULL)
        return false;
    op->kind = kinds[below(c, sizeof(kinds))];
    op->ino = n->ino;
    op->off = (uint8_t)below(c, SPEC_CELLS);
    op->nr = (uint8_t)(1 + below(c, SPEC_CELLS - op->off));
    op->val = dfs_work_of(c)->next_val;
    if (op->kind == SPEC_SET_SIZE)
        op->nr = (uint8_t)below(c, SPEC_CELLS + 1);
    if (op->kind == SPEC_READ || op->kind == SPEC_SIZE)
        op->off = op->nr = 0;
    return true;
}

static void draw_path(struct work_client *c, struct spec_op *op)
{
    op->kind = SPEC_LOOKUP;
    op->path_nr = (uint8_t)(1 + below(c, SPEC_PATH));
    for (uint32_t i = 0; i < op->path_nr; i++)
        op->path[i] = (uint8_t)(one_in(c, 8) ? SPEC_NAMES : below(c, SPEC_NAMES));
    op->flags = one_in(c, 3) ? SPEC_NOFOLLOW : 0;
}

static bool draw_xattr(struct work_client *c, struct spec_op *op)
{
    static const uint8_t kinds[] = {SPEC_SETXATTR, SPEC_SETXATTR, SPEC_RMXATTR, SPEC_GETXATTR,
                                    SPEC_LISTXATTR};

    op->kind = kinds[below(c, sizeof(kinds))];
    any_name(c, &op->dir, &op->name);
    op->ino = child_of(c, op->dir, op->name);
    op->which = (uint8_t)below(c, SPEC_XATTRS);
    if (op->kind == SPEC_SETXATTR)
        op->val = dfs_work_of(c)->next_val;
    if (op->kind == SPEC_SETXATTR && one_in(c, 3))
        op->flags = one_in(c, 2) ? SPEC_EXCL : SPEC_REPLACE;
    return op->ino != 0;
}

static void draw_look(struct work_client *c, struct spec_op *op)
{
    static const uint8_t kinds[] = {SPEC_STAT, SPEC_STAT, SPEC_ENTRY, SPEC_ACCESS, SPEC_READDIR};

    op->kind = kinds[below(c, sizeof(kinds))];
    if (op->kind == SPEC_READDIR) {
        op->ino = any_dir(c);
        return;
    }
    any_name(c, &op->dir, &op->name);
    if (op->kind == SPEC_ACCESS) {
        op->val = (uint16_t)below(c, 8);
        op->flags = getuid() == 0 ? SPEC_AS_ROOT : 0;
    }
}

/* A name whose move or removal may go unanswered is not looked at: it may not have been met. */
static void draw_names(struct work_client *c, struct spec_op *op, enum spec_kind kind)
{
    op->kind = (uint8_t)kind;
    any_name(c, &op->dir, &op->name);
    if (kind == SPEC_MOVE || kind == SPEC_EXCHANGE)
        any_name(c, &op->dir2, &op->name2);
    if (kind == SPEC_CHMOD)
        op->mode = (uint16_t)below(c, 01000);
}

static bool draw_snap(struct work_client *c, struct spec_op *op)
{
    uint32_t what = below(c, 4);

    op->kind = what == 0 ? SPEC_UNSNAP : what == 1 ? SPEC_SNAP : SPEC_WALK;
    op->which = (uint8_t)below(c, SPEC_SNAPS);
    if (op->kind == SPEC_WALK) {
        op->which = (uint8_t)below(c, SPEC_SNAPS + 1);
        return op->which == 0 || dfs_work_of(c)->snap[op->which - 1] != 0;
    }
    return (dfs_work_of(c)->snap[op->which] != 0) == (op->kind == SPEC_UNSNAP);
}

static bool draw_any(struct work_client *c, struct spec_op *op)
{
    uint32_t r = below(c, 100);

    memset(op, 0, sizeof(*op));
    if (r < 20)
        draw_new(c, op);
    else if (r < 48)
        return draw_file(c, op);
    else if (r < 58)
        draw_names(c, op, SPEC_MOVE);
    else if (r < 62)
        draw_names(c, op, SPEC_EXCHANGE);
    else if (r < 69)
        draw_names(c, op, one_in(c, 4) ? SPEC_REMOVE_FORCE : SPEC_REMOVE);
    else if (r < 72)
        draw_names(c, op, SPEC_CHMOD);
    else if (r < 80)
        return draw_xattr(c, op);
    else if (r < 92)
        draw_look(c, op);
    else if (r < 98)
        draw_path(c, op);
    else
        return draw_snap(c, op);
    return true;
}

/* ---- What can be judged ---- */

static bool is_dir(struct work_client *c, uint16_t ino)
{
    const struct spec_node *n = spec_find((struct spec_tree *)(uintptr_t)dfs_work_tree(c), ino);

    return n != NULL && n->type == SPEC_DIR;
}

static bool several_requests(const struct spec_op *op)
{
    switch (op->kind) {
    case SPEC_READ:
    case SPEC_PUNCH_RANGE:
    case SPEC_SET_SIZE:
    case SPEC_STAT:
    case SPEC_WRITE_RANGE:
        return true;
    default:
        return false;
    }
}

/* While calls of unknown outcome may still happen. */
static bool can_judge(struct work_client *c, struct spec_op *op)
{
    struct dfs_work *w = dfs_work_of(c);
    uint16_t one = child_of(c, op->dir, op->name);

    op->flags |= op->kind == SPEC_MOVE || op->kind == SPEC_REMOVE || op->kind == SPEC_REMOVE_FORCE
                     ? SPEC_BLIND
                     : 0;
    if (w->lost_steps >= WORK_DFS_LOST_MAX && (op->kind < SPEC_CHANGES || op->kind >= SPEC_STEPS))
        return false;
    if (op->kind == SPEC_LOOKUP || op->kind == SPEC_ACCESS || op->kind == SPEC_WALK ||
        op->kind == SPEC_REMOVE_FORCE || op->kind == SPEC_CHMOD)
        return false;
    if (!dfs_work_quiet(w, op->dir) || (op->dir2 != 0 && !dfs_work_quiet(w, op->dir2)))
        return false;
    if (op->kind == SPEC_SYMLINK && dfs_ids_link_pending(&w->ids, (uint8_t)op->val))
        return false;
    if ((op->kind == SPEC_MOVE || op->kind == SPEC_EXCHANGE) &&
        (is_dir(c, one) || is_dir(c, child_of(c, op->dir2, op->name2))))
        return false;
    if (several_requests(op))
        return dfs_work_quiet(w, op->kind == SPEC_STAT ? one : op->ino);
    return true;
}

bool dfs_work_draw(struct work_client *c, struct spec_op *op)
{
    struct dfs_work *w = dfs_work_of(c);

    if (!draw_any(c, op))
        return false;
    if (op->kind <= SPEC_PUT &&
        (spec_nodes(dfs_work_tree(c)) >= WORK_DFS_NODES_MAX || w->next_ino >= WORK_DFS_INO_MAX))
        return false;
    return w->lost_nr == 0 || can_judge(c, op);
}
