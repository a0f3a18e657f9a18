/*
 * Reading back all of a shared name space, and looking for what it has left behind: the container
 * may hold no object that no name leads to.
 */
#include "work_share.h"
#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 4096u
#define DEPTH_MAX   (SHARE_NODES + 1)

struct walk {
    struct work_client *c;
    struct share_work *w;
    dfs_t *dfs;
    struct share_tree *out;
    uint32_t depth;
};

static void strange(struct walk *k, uint16_t dir, uint8_t name, const char *what)
{
    work_wrong(k->c->work, "%u/%s: %s\n%s", dir, share_name(name), what, hist_story(k->w->h));
}

static int see_cells(struct walk *k, dfs_obj_t *obj, const struct stat *st, struct share_node *n)
{
    daos_size_t size = 0;
    int rc = dfs_get_size(k->dfs, obj, &size);

    for (uint8_t i = 0; rc == 0 && i < SHARE_CELLS; i++)
        rc = share_cell_read(k->dfs, obj, i, &n->cell[i]);
    if (rc == 0 && size != (daos_size_t)st->st_size)
        strange(k, n->parent, n->name, "has two sizes");
    if (rc == 0 && st->st_nlink != 1)
        strange(k, n->parent, n->name, "has not one link");
    return rc;
}

static int walk_dir(struct walk *k, dfs_obj_t *dir, uint16_t ino);

static int see_node(struct walk *k, dfs_obj_t *obj, const struct stat *st, uint16_t parent,
                    uint8_t name)
{
    struct share_node node = {.parent = parent,
                              .name = name,
                              .type = share_type(st->st_mode),
                              .mode = st->st_mode & 07777};
    struct share_node *n;
    uint16_t ino;
    int rc = share_ino(k->w, obj, st, &ino);

    node.ino = ino;
    if (rc == 0)
        rc = share_xattr_read(k->dfs, obj, &node.xattr);
    if (rc == ENODATA)
        rc = 0;
    if (rc == 0 && node.type == SHARE_FILE)
        rc = see_cells(k, obj, st, &node);
    if (rc != 0)
        return rc;
    if (ino == SHARE_STRANGE || share_find(k->out, ino) != NULL) {
        strange(k, parent, name, ino == SHARE_STRANGE ? "nobody made it" : "has two names");
        return 0;
    }
    n = share_add(k->out, ino);
    if (n == NULL)
        strange(k, parent, name, "there is more than was ever made");
    else
        *n = node;
    return n != NULL && node.type == SHARE_DIR ? walk_dir(k, obj, ino) : 0;
}

static int walk_dir(struct walk *k, dfs_obj_t *dir, uint16_t ino)
{
    uint32_t shown[SHARE_NAMES];
    bool odd;
    int rc = share_names(k->dfs, dir, shown, &odd);

    if (++k->depth > DEPTH_MAX)
        return ELOOP;
    if (rc == 0 && odd)
        strange(k, ino, 0, "a name beside it that nobody made");
    for (uint8_t i = 0; rc == 0 && i < SHARE_NAMES && !k->c->work->failed; i++) {
        struct stat st;
        dfs_obj_t *obj;

        if (shown[i] == 0)
            continue;
        rc = dfs_lookup_rel(k->dfs, dir, share_name(i), O_RDONLY | O_NOFOLLOW, &obj, NULL, &st);
        if (rc != 0)
            break;
        rc = see_node(k, obj, &st, ino, i);
        dfs_release(obj);
    }
    k->depth--;
    return rc;
}

/* ---- What no name leads to ---- */

/* May it have been written to when it had no name any more? */
static bool written_late(const struct share_work *w, uint16_t ino)
{
    const struct share_made *m = &w->made[ino];

    if (m->removed != 0)
        return m->written > m->removed;
    return w->blind != 0 && m->written > w->blind;
}

static void judge_object(struct walk *k, daos_obj_id_t oid, daos_obj_id_t root)
{
    uint16_t ino = share_number(k->w, oid);

    if (oid.lo == 0 || (oid.lo == root.lo && oid.hi == root.hi)) /* the superblock's, the root's */
        return;
    if (ino != 0 && (share_find(k->out, ino) != NULL || written_late(k->w, ino)))
        return;
    work_wrong(k->c->work, "object %llx.%llx (%u) is stored, and no name leads to it\n%s",
               (unsigned long long)oid.hi, (unsigned long long)oid.lo, ino, hist_story(k->w->h));
}

static int list_objects(struct walk *k, daos_epoch_t epoch, daos_obj_id_t root)
{
    daos_obj_id_t *oid = malloc(OBJECTS_MAX * sizeof(*oid));
    daos_anchor_t anchor = {0};
    daos_handle_t oh;
    int rc;

    ASSERT(oid);
    rc = daos_oit_open(k->c->coh, epoch, &oh, NULL);
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = OBJECTS_MAX;

        rc = daos_oit_list(oh, oid, &nr, &anchor, NULL);
        for (uint32_t i = 0; rc == 0 && i < nr; i++)
            judge_object(k, oid[i], root);
    }
    if (rc == 0)
        rc = daos_oit_close(oh, NULL);
    free(oid);
    return rc;
}

/* Objects are listed as of a snapshot, made for that. */
static int judge_objects(struct walk *k, dfs_obj_t *root)
{
    daos_epoch_t epoch = 0;
    daos_obj_id_t oid;
    int rc = daos_cont_create_snap(k->c->coh, &epoch, NULL, NULL), rc2;

    if (rc != 0 || dfs_obj2id(root, &oid) != 0)
        return rc;
    rc = list_objects(k, epoch, oid);
    rc2 = daos_cont_destroy_snap(k->c->coh, (daos_epoch_range_t){epoch, epoch}, NULL);
    return rc ? rc : rc2;
}

int share_walk(struct work_client *c)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    struct share_op op = {.kind = SHARE_WALK};
    struct walk k = {.c = c, .w = w, .dfs = me->dfs, .out = &op.tree};
    uint32_t id = hist_call(w->h, c->index, &op);
    dfs_obj_t *root;
    int rc = dfs_lookup(me->dfs, "/", O_RDONLY, &root, NULL, NULL);

    if (rc == 0)
        rc = walk_dir(&k, root, SHARE_ROOT);
    op.rc = rc;
    work_end(c, w->h, id, &op, rc, work_verdict_errno(c->work, rc, false));
    if (rc != 0)
        return -DER_IO;
    if (!c->work->failed)
        rc = judge_objects(&k, root);
    dfs_release(root);
    return rc;
}
