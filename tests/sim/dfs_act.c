/* Operations of the model done with libdfs. */
#include "dfs_act_int.h"
#include "base/assert.h"
#include "dfs/dfs_fast.h"
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *const names[SPEC_NAMES] = {"a", "b", "c"};

/* ---- Finding what the operation is done with ---- */

static int known(struct dfs_act *act, dfs_obj_t *obj, mode_t mode, uint16_t *ino)
{
    daos_obj_id_t oid;
    uint8_t target = 0;
    int rc = dfs_obj2id(obj, &oid);

    if (rc == 0 && S_ISLNK(mode))
        rc = dfs_read_target(obj, &target);
    if (rc == 0)
        *ino = dfs_ids_of(act->ids, oid, dfs_type_of(mode), mode & 07777, target);
    return rc;
}

static int open_node(struct dfs_act *act, const struct spec_tree *t, uint16_t ino, dfs_obj_t **out)
{
    uint16_t found = SPEC_ROOT;
    char path[128];
    mode_t mode;
    int rc;

    spec_path(t, ino, path, sizeof(path));
    rc = dfs_lookup(act->dfs, path, O_RDWR | O_NOFOLLOW, out, &mode, NULL);
    if (rc == 0 && ino != SPEC_ROOT)
        rc = known(act, *out, mode, &found);
    if (rc == 0 && found != ino)
        rc = DFS_LOST;
    return rc == ENOENT || rc == ENOTDIR || rc == ELOOP ? DFS_LOST : rc;
}

static int open_dir(struct dfs_act *act, const struct spec_tree *t, uint16_t ino, dfs_obj_t **out)
{
    return ino == SPEC_ROOT || ino == 0 ? 0 : open_node(act, t, ino, out);
}

/* Looks at what a name leads to, so that it is known when it is gone or has another mode. */
static int meet(struct dfs_act *act, dfs_obj_t *dir, uint8_t name, int flags)
{
    dfs_obj_t *obj;
    uint16_t ino;
    mode_t mode;
    int rc = dfs_lookup_rel(act->dfs, dir, names[name], O_RDONLY | flags, &obj, &mode, NULL);

    if (rc == ENOENT || rc == ENOTDIR || rc == ELOOP || rc == ENOTSUP)
        return 0;
    if (rc == 0) {
        rc = known(act, obj, mode, &ino);
        dfs_release(obj);
    }
    return rc;
}

static bool by_node(uint8_t kind)
{
    return kind == SPEC_READ || kind == SPEC_SIZE || kind == SPEC_READDIR ||
           kind == SPEC_WRITE_RANGE || kind == SPEC_PUNCH_RANGE || kind == SPEC_SET_SIZE;
}

int dfs_act_prepare(struct dfs_act *act, const struct spec_tree *t, const struct spec_op *op)
{
    int rc = open_dir(act, t, op->dir, &act->dir);

    if (rc == 0)
        rc = open_dir(act, t, op->dir2, &act->dir2);
    if (rc == 0 && by_node(op->kind))
        rc = open_node(act, t, op->ino, &act->obj);
    if (rc != 0)
        return rc;
    switch (op->kind) {
    case SPEC_SETXATTR:
    case SPEC_RMXATTR:
    case SPEC_GETXATTR:
    case SPEC_LISTXATTR:
        rc = open_node(act, t, op->ino, &act->obj);
        break;
    case SPEC_REMOVE:
    case SPEC_REMOVE_FORCE:
        rc = meet(act, act->dir, op->name, O_NOFOLLOW);
        break;
    case SPEC_MOVE:
        rc = meet(act, act->dir2, op->name2, O_NOFOLLOW);
        break;
    case SPEC_CHMOD:
        rc = meet(act, act->dir, op->name, 0);
        break;
    default:
        break;
    }
    return rc;
}

void dfs_act_done(struct dfs_act *act)
{
    if (act->dir != NULL)
        dfs_release(act->dir);
    if (act->dir2 != NULL)
        dfs_release(act->dir2);
    if (act->obj != NULL)
        dfs_release(act->obj);
    act->dir = act->dir2 = act->obj = NULL;
}

/* ---- Making ---- */

static void made(struct dfs_act *act, const struct spec_op *op, uint8_t type)
{
    act->ids->fresh[act->ids->fresh_at++ % DFS_FRESH] =
        (struct dfs_fresh){.ino = op->ino,
                           .mode = op->mode,
                           .type = type,
                           .target = type == SPEC_LINK ? (uint8_t)op->val : 0};
}

static int run_open(struct dfs_act *act, struct spec_op *op)
{
    bool link = op->kind == SPEC_SYMLINK;
    mode_t mode = link ? S_IFLNK : S_IFREG | (mode_t)op->mode;
    int flags = O_CREAT | O_RDWR | (op->flags & SPEC_EXCL || link ? O_EXCL : 0);
    uint16_t ino = 0;
    dfs_obj_t *obj;
    int rc;

    made(act, op, link ? SPEC_LINK : SPEC_FILE);
    rc = dfs_open(act->dfs, act->dir, names[op->name], mode, flags, 0, DFS_CHUNK_BYTES,
                  link ? spec_target(op->val) : NULL, &obj);
    if (rc != 0)
        return rc;
    rc = dfs_get_mode(obj, &mode);
    if (rc == 0)
        rc = known(act, obj, mode, &ino);
    ASSERT(rc == 0);
    if (!link) {
        op->seen.ino = ino;
        op->seen.mode = mode & 07777;
    }
    dfs_release(obj);
    return 0;
}

static int run_put(struct dfs_act *act, struct spec_op *op)
{
    struct stat st = {.st_mode = S_IFREG | (mode_t)op->mode};
    uint8_t buf[SPEC_CHUNK_CELLS * DFS_CELL_BYTES];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    ASSERT(op->nr <= SPEC_CHUNK_CELLS);
    for (uint32_t i = 0; i < op->nr; i++)
        dfs_cell_fill(op->val, i, buf + (size_t)i * DFS_CELL_BYTES);
    d_iov_set(&iov, buf, (size_t)op->nr * DFS_CELL_BYTES);
    made(act, op, SPEC_FILE);
    return dfs_put_file(act->dfs, act->dir, names[op->name], &st, op->nr > 0 ? &sgl : NULL,
                        op->flags & SPEC_REPLACE, NULL, NULL);
}

/* ---- Changing names ---- */

static uint16_t gone(struct dfs_act *act, const struct spec_op *op, daos_obj_id_t oid)
{
    uint16_t ino;

    if (op->flags & SPEC_BLIND || (oid.lo == 0 && oid.hi == 0))
        return 0;
    ino = dfs_ids_of(act->ids, oid, SPEC_NONE, 0, 0);
    return ino != 0 ? ino : SPEC_STRANGE;
}

static int run_remove(struct dfs_act *act, struct spec_op *op)
{
    daos_obj_id_t oid = {0};
    int rc = dfs_remove(act->dfs, act->dir, names[op->name], op->kind == SPEC_REMOVE_FORCE, &oid);

    if (rc == 0)
        op->seen.ino = gone(act, op, oid);
    return rc;
}

static int run_move(struct dfs_act *act, struct spec_op *op)
{
    daos_obj_id_t oid = {0};
    int rc = dfs_move(act->dfs, act->dir, names[op->name], act->dir2, names[op->name2], &oid);

    if (rc == 0)
        op->seen.ino = gone(act, op, oid);
    return rc;
}

/* ---- Changing contents and attributes ---- */

static int run_write(struct dfs_act *act, const struct spec_op *op)
{
    uint8_t buf[SPEC_CELLS * DFS_CELL_BYTES];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    for (uint32_t i = 0; i < op->nr; i++)
        dfs_cell_fill(op->val, op->off + i, buf + (size_t)i * DFS_CELL_BYTES);
    d_iov_set(&iov, buf, (size_t)op->nr * DFS_CELL_BYTES);
    return dfs_write(act->dfs, act->obj, &sgl, (daos_off_t)op->off * DFS_CELL_BYTES, NULL);
}

static int run_setxattr(struct dfs_act *act, const struct spec_op *op)
{
    uint8_t buf[DFS_XATTR_MAX];
    size_t len = dfs_xattr_value(op->val, buf);
    int flags =
        (op->flags & SPEC_EXCL ? XATTR_CREATE : 0) | (op->flags & SPEC_REPLACE ? XATTR_REPLACE : 0);

    return dfs_setxattr(act->dfs, act->obj, dfs_xattr_name(op->which), buf, len, flags);
}

/* ---- Looking ---- */

static int run_stat(struct dfs_act *act, struct spec_op *op)
{
    struct stat st;
    int rc = dfs_stat(act->dfs, act->dir, names[op->name], &st);

    if (rc != 0)
        return rc;
    op->seen.type = dfs_type_of(st.st_mode);
    op->seen.mode = st.st_mode & 07777;
    if (S_ISREG(st.st_mode))
        op->seen.size = dfs_cells_of((uint64_t)st.st_size);
    else if (S_ISLNK(st.st_mode))
        op->seen.size = (uint8_t)st.st_size;
    return 0;
}

static int see_node(struct dfs_act *act, struct spec_op *op, dfs_obj_t *obj, mode_t mode)
{
    uint16_t ino = 0;
    int rc = known(act, obj, mode, &ino);

    op->seen.ino = ino != 0 ? ino : SPEC_STRANGE;
    op->seen.type = dfs_type_of(mode);
    op->seen.mode = mode & 07777;
    if (rc == 0 && S_ISLNK(mode) && op->kind == SPEC_ENTRY)
        rc = dfs_read_target(obj, &op->seen.target);
    dfs_release(obj);
    return rc;
}

static int run_entry(struct dfs_act *act, struct spec_op *op)
{
    dfs_obj_t *obj;
    mode_t mode;
    int rc = dfs_lookup_rel(act->dfs, act->dir, names[op->name], O_RDONLY | O_NOFOLLOW, &obj, &mode,
                            NULL);

    return rc != 0 ? rc : see_node(act, op, obj, mode);
}

static int run_lookup(struct dfs_act *act, struct spec_op *op)
{
    int flags = O_RDONLY | (op->flags & SPEC_NOFOLLOW ? O_NOFOLLOW : 0);
    char path[64] = "";
    dfs_obj_t *obj;
    mode_t mode;
    int rc;

    for (uint32_t i = 0; i < op->path_nr; i++) {
        strcat(path, "/");
        strcat(path, op->path[i] == SPEC_NAMES ? ".." : names[op->path[i]]);
    }
    rc = dfs_lookup(act->dfs, path, flags, &obj, &mode, NULL);
    return rc != 0 ? rc : see_node(act, op, obj, mode);
}

static int run_size(struct dfs_act *act, struct spec_op *op)
{
    daos_size_t size = 0;
    int rc = dfs_get_size(act->dfs, act->obj, &size);

    if (rc == 0)
        op->seen.size = dfs_cells_of(size);
    return rc;
}

static int run(struct dfs_act *act, struct spec_op *op)
{
    const char *name = names[op->name];

    switch (op->kind) {
    case SPEC_MKDIR:
        made(act, op, SPEC_DIR);
        return dfs_mkdir(act->dfs, act->dir, name, op->mode, 0);
    case SPEC_CREATE:
    case SPEC_SYMLINK:
        return run_open(act, op);
    case SPEC_PUT:
        return run_put(act, op);
    case SPEC_REMOVE:
    case SPEC_REMOVE_FORCE:
        return run_remove(act, op);
    case SPEC_MOVE:
        return run_move(act, op);
    case SPEC_EXCHANGE:
        return dfs_exchange(act->dfs, act->dir, name, act->dir2, names[op->name2]);
    case SPEC_CHMOD:
        return dfs_chmod(act->dfs, act->dir, name, op->mode);
    case SPEC_SETXATTR:
        return run_setxattr(act, op);
    case SPEC_RMXATTR:
        return dfs_removexattr(act->dfs, act->obj, dfs_xattr_name(op->which));
    case SPEC_WRITE_RANGE:
        return run_write(act, op);
    case SPEC_PUNCH_RANGE:
        return dfs_punch(act->dfs, act->obj, (daos_off_t)op->off * DFS_CELL_BYTES,
                         (daos_size_t)op->nr * DFS_CELL_BYTES);
    case SPEC_SET_SIZE:
        return dfs_punch(act->dfs, act->obj, (daos_off_t)op->nr * DFS_CELL_BYTES, DFS_MAX_FSIZE);
    case SPEC_STAT:
        return run_stat(act, op);
    case SPEC_ENTRY:
        return run_entry(act, op);
    case SPEC_LOOKUP:
        return run_lookup(act, op);
    case SPEC_ACCESS:
        return dfs_access(act->dfs, act->dir, name, op->val);
    case SPEC_READ:
        return dfs_read_cells(act->dfs, act->obj, &op->seen.size, op->seen.cell);
    case SPEC_SIZE:
        return run_size(act, op);
    case SPEC_READDIR:
        return dfs_read_names(act->dfs, act->obj, 8, &op->seen.names);
    case SPEC_GETXATTR:
        return dfs_read_xattr(act->dfs, act->obj, op->which, &op->seen.val);
    case SPEC_LISTXATTR:
        return dfs_read_xattr_names(act->dfs, act->obj, &op->seen.names);
    default:
        ASSERT(false); /* a step, no call */
        return EINVAL;
    }
}

void dfs_act_run(struct dfs_act *act, struct spec_op *op)
{
    memset(&op->seen, 0, sizeof(op->seen));
    op->rc = run(act, op);
    if (op->rc != 0)
        memset(&op->seen, 0, sizeof(op->seen));
}
