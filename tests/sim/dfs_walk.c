/* Reading back everything a file system holds. */
#include "dfs_act_int.h"
#include "base/assert.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX (SPEC_NODES + 1)

struct walk {
    dfs_t *dfs;
    struct dfs_ids *ids;
    struct spec_tree *out;
    char *why;
    size_t len;
    char path[2 * DEPTH_MAX + 1];
    uint32_t depth;
};

static void strange(struct walk *w, const char *what)
{
    if (w->why[0] == '\0')
        snprintf(w->why, w->len, "%s: %s", w->path, what);
}

static int see_attrs(struct walk *w, dfs_obj_t *obj, struct spec_node *n)
{
    uint8_t bits = 0;
    int rc = dfs_read_xattr_names(w->dfs, obj, &bits);

    if (bits & 0x80)
        strange(w, "an extended attribute nobody set");
    for (uint8_t i = 0; rc == 0 && i < SPEC_XATTRS; i++)
        if (bits & 1 << i)
            rc = dfs_read_xattr(w->dfs, obj, i, &n->xattr[i]);
    return rc;
}

static int see_cells(struct walk *w, dfs_obj_t *obj, const struct stat *st, struct spec_node *n)
{
    uint8_t size = 0;
    int rc = dfs_read_cells(w->dfs, obj, &size, n->cell);

    if (rc != 0)
        return rc;
    if (size == SIZE_STRANGE || dfs_cells_of((uint64_t)st->st_size) != size) {
        strange(w, "its size is not what can be read, or no size that was ever set");
        return 0;
    }
    if (size > 0 && n->cell[size - 1] == 0)
        n->cell[size - 1] = SPEC_ZERO;
    return 0;
}

static int walk_dir(struct walk *w, dfs_obj_t *dir, uint16_t ino);

static int see_one(struct walk *w, dfs_obj_t *obj, const struct stat *st, uint16_t parent,
                   uint8_t name, uint16_t *ino)
{
    struct spec_node node = {0}, *n;
    daos_obj_id_t oid;
    int rc = dfs_obj2id(obj, &oid);

    node.parent = parent;
    node.name = name;
    node.type = dfs_type_of(st->st_mode);
    node.mode = st->st_mode & 07777;
    if (rc == 0 && node.type == SPEC_LINK)
        rc = dfs_read_target(obj, &node.target);
    if (rc == 0)
        rc = see_attrs(w, obj, &node);
    if (rc == 0 && node.type == SPEC_FILE)
        rc = see_cells(w, obj, st, &node);
    if (rc != 0)
        return rc;
    node.ino = dfs_ids_of(w->ids, oid, node.type, node.mode, node.target);
    if (node.ino == 0)
        strange(w, "nobody made it");
    else if (spec_find(w->out, node.ino) != NULL)
        strange(w, "it has two names");
    else if (spec_nodes(w->out) == SPEC_NODES)
        strange(w, "there is more than was ever made");
    if (w->why[0] != '\0')
        return 0;
    n = spec_add(w->out, node.ino);
    *n = node;
    *ino = node.ino;
    return 0;
}

static int walk_one(struct walk *w, dfs_obj_t *dir, uint16_t parent, uint8_t name)
{
    char text[2] = {(char)('a' + name), '\0'};
    size_t end = strlen(w->path);
    dfs_obj_t *obj;
    struct stat st;
    uint16_t ino = 0;
    int rc = dfs_lookup_rel(w->dfs, dir, text, O_RDONLY | O_NOFOLLOW, &obj, NULL, &st);

    snprintf(w->path + end, sizeof(w->path) - end, "/%s", text);
    if (rc == ENOENT)
        strange(w, "listed, and not there");
    if (rc != 0)
        return rc == ENOENT ? 0 : rc;
    rc = see_one(w, obj, &st, parent, name, &ino);
    if (rc == 0 && ino != 0 && S_ISDIR(st.st_mode))
        rc = walk_dir(w, obj, ino);
    dfs_release(obj);
    w->path[end] = '\0';
    return rc;
}

static int walk_dir(struct walk *w, dfs_obj_t *dir, uint16_t ino)
{
    uint8_t bits = 0;
    int rc = dfs_read_names(w->dfs, dir, 2, &bits); /* a listing of several requests */

    if (bits & 0x80)
        strange(w, "it lists a name twice, or one that nobody made");
    if (++w->depth == DEPTH_MAX) {
        strange(w, "directories go round in a circle");
        return rc;
    }
    for (uint8_t i = 0; rc == 0 && w->why[0] == '\0' && i < SPEC_NAMES; i++)
        if (bits & 1 << i)
            rc = walk_one(w, dir, ino, i);
    w->depth--;
    return rc;
}

int dfs_act_walk(dfs_t *dfs, struct dfs_ids *ids, struct spec_tree *out, char *why, size_t len)
{
    struct walk w = {.dfs = dfs, .ids = ids, .out = out, .why = why, .len = len};
    dfs_obj_t *root;
    int rc = dfs_lookup(dfs, "/", O_RDONLY, &root, NULL, NULL);

    memset(out, 0, sizeof(*out));
    why[0] = '\0';
    if (rc != 0)
        return rc;
    rc = walk_dir(&w, root, SPEC_ROOT);
    dfs_release(root);
    return rc;
}
