#include "ace_ops.h"
#include "base/assert.h"
#include "dfs_act.h"
#include <stdio.h>
#include <string.h>

enum { A, B, AA, AB, PATHS };

static const char *const path_text[PATHS] = {"/a", "/b", "/a/a", "/a/b"};

struct letter {
    uint8_t kind, path, path2, off, nr, flags;
    const char *name;
};

static const struct letter letters[] = {
    {SPEC_MKDIR, A, 0, 0, 0, 0, "mkdir"},
    {SPEC_MKDIR, B, 0, 0, 0, 0, "mkdir"},
    {SPEC_MKDIR, AA, 0, 0, 0, 0, "mkdir"},
    {SPEC_CREATE, A, 0, 0, 0, SPEC_EXCL, "create"},
    {SPEC_CREATE, B, 0, 0, 0, 0, "create"},
    {SPEC_CREATE, AA, 0, 0, 0, SPEC_EXCL, "create"},
    {SPEC_PUT, A, 0, 0, 2, SPEC_REPLACE, "put"},
    {SPEC_PUT, AB, 0, 0, 4, 0, "put"},
    {SPEC_SYMLINK, A, 0, 0, 0, 0, "symlink"},
    {SPEC_SYMLINK, AA, 0, 0, 0, 0, "symlink"},
    {SPEC_WRITE_RANGE, A, 0, 0, 1, 0, "write the beginning of"},
    {SPEC_WRITE_RANGE, B, 0, 2, 4, 0, "write over the chunks of"},
    {SPEC_WRITE_RANGE, AA, 0, 2, 4, 0, "write over the chunks of"},
    {SPEC_WRITE_RANGE, AA, 0, 4, 4, 0, "write the second chunk of"},
    {SPEC_PUNCH_RANGE, AA, 0, 0, 5, 0, "punch the beginning of"},
    {SPEC_PUNCH_RANGE, B, 0, 1, 1, 0, "punch a hole into"},
    {SPEC_SET_SIZE, AA, 0, 0, 1, 0, "truncate"},
    {SPEC_SET_SIZE, B, 0, 0, 7, 0, "lengthen"},
    {SPEC_REMOVE, A, 0, 0, 0, 0, "remove"},
    {SPEC_REMOVE, B, 0, 0, 0, 0, "remove"},
    {SPEC_REMOVE, AA, 0, 0, 0, 0, "remove"},
    {SPEC_REMOVE_FORCE, A, 0, 0, 0, 0, "remove all of"},
    {SPEC_MOVE, A, B, 0, 0, 0, "move"},
    {SPEC_MOVE, B, A, 0, 0, 0, "move"},
    {SPEC_MOVE, A, AA, 0, 0, 0, "move"},
    {SPEC_MOVE, AA, A, 0, 0, 0, "move"},
    {SPEC_MOVE, AA, AB, 0, 0, 0, "move"},
    {SPEC_MOVE, AA, B, 0, 0, 0, "move"},
    {SPEC_MOVE, B, AA, 0, 0, 0, "move"},
    {SPEC_EXCHANGE, A, B, 0, 0, 0, "exchange"},
    {SPEC_EXCHANGE, AA, B, 0, 0, 0, "exchange"},
    {SPEC_EXCHANGE, AA, AB, 0, 0, 0, "exchange"},
    {SPEC_EXCHANGE, A, AA, 0, 0, 0, "exchange"},
    {SPEC_CHMOD, A, 0, 0, 0, 0, "chmod"},
    {SPEC_CHMOD, B, 0, 0, 0, 0, "chmod"},
    {SPEC_SETXATTR, A, 0, 0, 0, 0, "setxattr on"},
    {SPEC_SETXATTR, B, 0, 0, 0, SPEC_REPLACE, "replace an xattr of"},
    {SPEC_SETXATTR, AA, 0, 0, 0, SPEC_EXCL, "setxattr on"},
    {SPEC_RMXATTR, A, 0, 0, 0, 0, "removexattr on"},
    {SPEC_RMXATTR, AA, 0, 0, 0, 0, "removexattr on"},
};

uint32_t ace_letters(void)
{
    return ARRAY_LEN(letters);
}

void ace_name(uint32_t i, char *buf, size_t len)
{
    const struct letter *l = &letters[i];
    bool two = l->kind == SPEC_MOVE || l->kind == SPEC_EXCHANGE;

    snprintf(buf, len, "%s %s%s%s", l->name, path_text[l->path], two ? " " : "",
             two ? path_text[l->path2] : "");
}

static bool place(const struct spec_tree *t, uint8_t path, uint16_t *dir, uint8_t *name)
{
    const struct spec_node *a = spec_child(t, SPEC_ROOT, 0);

    *dir = SPEC_ROOT;
    *name = path == A || path == AA ? 0 : 1;
    if (path == AA || path == AB) {
        if (a == NULL || a->type != SPEC_DIR)
            return false;
        *dir = a->ino;
    }
    return true;
}

static bool needs_file(uint8_t kind)
{
    return kind == SPEC_WRITE_RANGE || kind == SPEC_PUNCH_RANGE || kind == SPEC_SET_SIZE;
}

bool ace_op(const struct spec_tree *t, uint32_t i, uint16_t fresh, struct spec_op *op)
{
    const struct letter *l = &letters[i];
    const struct spec_node *n;

    memset(op, 0, sizeof(*op));
    op->kind = l->kind;
    op->off = l->off;
    op->nr = l->nr;
    op->flags = l->flags;
    op->val = l->kind == SPEC_SYMLINK ? 2 : fresh;
    op->ino = fresh;
    op->mode = dfs_act_mode(fresh);
    if (spec_nodes(t) == 0 && l->path == B)
        return false;
    if (!place(t, l->path, &op->dir, &op->name))
        return false;
    if (l->kind == SPEC_MOVE || l->kind == SPEC_EXCHANGE)
        return place(t, l->path2, &op->dir2, &op->name2);
    n = spec_child(t, op->dir, op->name);
    if (l->kind == SPEC_CHMOD) /* links are followed: a mode that no new node has */
        op->mode = 0750;
    if (needs_file(l->kind) && (n == NULL || n->type != SPEC_FILE))
        return false;
    if ((l->kind == SPEC_SETXATTR || l->kind == SPEC_RMXATTR) && n == NULL)
        return false;
    if (n != NULL && l->kind > SPEC_PUT)
        op->ino = n->ino;
    return true;
}
