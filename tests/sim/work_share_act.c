/*
 * Operations of the shared name space done with libdfs.
 *
 * Every node carries its number where nobody changes it: a file or directory as its chunk size, a
 * file that was put with its contents as its owner, a link in its target. So whoever meets one
 * knows it, also if its maker never heard that it was made.
 */
#include "work_share.h"
#include "base/assert.h"
#include "dfs/dfs_fast.h"
#include "dfs/dfs_int.h"
#include "dfs_act_int.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK_0 16384u /* of node 0 */
#define OWNER_0 100000u

const char *share_name(uint8_t name)
{
    static const char *const names[SHARE_NAMES] = {"a", "b", "c", "d"};

    return names[name];
}

uint8_t share_type(mode_t mode)
{
    return S_ISREG(mode)   ? SHARE_FILE
           : S_ISDIR(mode) ? SHARE_DIR
           : S_ISLNK(mode) ? SHARE_LINK
                           : SHARE_NONE;
}

void share_close(struct share_obj *o)
{
    if (o->obj != NULL)
        dfs_release(o->obj);
    *o = (struct share_obj){0};
}

/* ---- Who is it ---- */

/* All are equally long: only their bytes tell them apart. */
static void target_of(uint16_t ino, char buf[8])
{
    snprintf(buf, 8, "t%05u", ino);
}

static uint32_t number_of(dfs_obj_t *obj, const struct stat *st)
{
    char text[8];
    daos_size_t size = sizeof(text);

    if (!S_ISLNK(st->st_mode))
        return st->st_uid != geteuid() ? st->st_uid - OWNER_0 : (uint32_t)st->st_blksize - CHUNK_0;
    if (dfs_get_symlink_value(obj, text, &size) != 0 || size != 7 || text[0] != 't')
        return SHARE_STRANGE;
    return (uint32_t)strtoul(text + 1, NULL, 10);
}

/* The node this object was made for; 0: nobody knows. */
uint16_t share_number(const struct share_work *w, daos_obj_id_t oid)
{
    for (uint32_t i = w->next_ino; i-- > SHARE_ROOT + 1;)
        if (w->made[i].oid.lo == oid.lo && w->made[i].oid.hi == oid.hi)
            return (uint16_t)i;
    return 0;
}

int share_ino(struct share_work *w, dfs_obj_t *obj, const struct stat *st, uint16_t *ino)
{
    uint32_t nr = number_of(obj, st);
    daos_obj_id_t oid, *made;
    int rc = dfs_obj2id(obj, &oid);

    if (rc != 0)
        return rc;
    *ino = SHARE_STRANGE;
    if (nr <= SHARE_ROOT || nr >= w->next_ino)
        return 0;
    made = &w->made[nr].oid;
    if (daos_obj_id_is_nil(*made) && share_number(w, oid) == 0)
        *made = oid;
    if (made->lo == oid.lo && made->hi == oid.hi)
        *ino = (uint16_t)nr;
    return 0;
}

/* ---- What stays open ---- */

static void keep(struct work_client *c, dfs_obj_t *obj, const struct share_op *op, uint16_t ino,
                 uint8_t type)
{
    struct share_client *me = c->priv;
    struct share_obj *o = type == SHARE_DIR ? &me->dir[sim_rng_below(&c->rng, SHARE_DIRS)]
                                            : &me->obj[sim_rng_below(&c->rng, SHARE_OBJS)];

    share_close(o);
    *o = (struct share_obj){.obj = obj, .ino = ino, .dir = op->dir, .type = type, .name = op->name};
}

/* ---- Making ---- */

static int run_make(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    mode_t type = op->kind == SHARE_MKDIR ? S_IFDIR : op->kind == SHARE_SYMLINK ? S_IFLNK : S_IFREG;
    int flags = O_CREAT | O_RDWR | (type != S_IFREG || (op->flags & SHARE_EXCL) ? O_EXCL : 0);
    char target[8];
    struct stat st;
    dfs_obj_t *obj;
    uint16_t ino;
    int rc;

    target_of(op->ino, target);
    rc = dfs_open_stat(me->dfs, call->dir, share_name(op->name),
                       type | (type == S_IFLNK ? 0 : (mode_t)op->mode), flags, 0,
                       type == S_IFLNK ? 0 : CHUNK_0 + op->ino, type == S_IFLNK ? target : NULL,
                       &obj, &st);
    if (rc != 0)
        return rc;
    rc = share_ino(w, obj, &st, &ino);
    if (op->kind == SHARE_CREATE)
        op->seen.ino = ino;
    else if (ino != op->ino)
        op->seen.ino = SHARE_STRANGE;
    keep(c, obj, op, ino, share_type(st.st_mode));
    return rc;
}

static int run_put(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    struct stat st = {.st_mode = S_IFREG | (mode_t)op->mode, .st_uid = OWNER_0 + op->ino};
    uint8_t buf[DFS_CELL_BYTES];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    dfs_cell_fill(op->val, 0, buf);
    d_iov_set(&iov, buf, sizeof(buf));
    return dfs_put_file(me->dfs, call->dir, share_name(op->name), &st, &sgl,
                        op->flags & SHARE_REPLACE, &w->made[op->ino].oid, NULL);
}

/* ---- Changing names ---- */

/* Somebody's name was taken away by a call that began at `began`. */
static void gone(struct share_work *w, struct share_op *op, daos_obj_id_t oid, uint64_t began)
{
    if (daos_obj_id_is_nil(oid))
        return;
    op->seen.ino = share_number(w, oid);
    if (op->seen.ino == 0)
        op->flags |= SHARE_BLIND;
    else
        w->made[op->seen.ino].removed = began;
    if (op->seen.ino == 0 && w->blind == 0)
        w->blind = began;
}

static int run_remove(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    uint64_t began = ++w->seq;
    daos_obj_id_t oid = {0};
    int rc = dfs_remove(me->dfs, call->dir, share_name(op->name), op->val != 0, &oid);

    if (rc == 0)
        gone(w, op, oid, began);
    return rc;
}

static int run_move(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct share_work *w = share_work_of(c);
    const char *name = share_name(op->name), *name2 = share_name(op->name2);
    uint64_t began = ++w->seq;
    daos_obj_id_t oid = {0};
    int rc;

    if (op->flags & SHARE_NOREPLACE)
        rc = dfs_move_flags(me->dfs, call->dir, name, call->dir2, name2, DFS_NOREPLACE, &oid);
    else
        rc = dfs_move(me->dfs, call->dir, name, call->dir2, name2, &oid);
    if (rc == 0)
        gone(w, op, oid, began);
    return rc;
}

/* ---- Attributes and contents ---- */

static int run_setattr(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct stat st = {.st_mode = op->mode, .st_mtim = {.tv_sec = op->val}};
    int what = DFS_SET_ATTR_MODE | (op->val % 2 ? DFS_SET_ATTR_MTIME : 0);

    return dfs_osetattr(me->dfs, call->obj->obj, &st, what);
}

static int run_setxattr(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    uint8_t buf[DFS_XATTR_MAX];
    size_t len = dfs_xattr_value(op->val, buf);
    int flags = (op->flags & SHARE_EXCL ? XATTR_CREATE : 0) |
                (op->flags & SHARE_REPLACE ? XATTR_REPLACE : 0);

    return dfs_setxattr(me->dfs, call->obj->obj, dfs_xattr_name(0), buf, len, flags);
}

int share_xattr_read(dfs_t *dfs, dfs_obj_t *obj, uint16_t *val)
{
    uint8_t buf[DFS_XATTR_MAX];
    daos_size_t size = sizeof(buf);
    int rc = dfs_getxattr(dfs, obj, dfs_xattr_name(0), buf, &size);

    if (rc == 0)
        *val = dfs_xattr_number(buf, size);
    return rc;
}

int share_cell_read(dfs_t *dfs, dfs_obj_t *obj, uint8_t cell, uint16_t *val)
{
    uint8_t buf[DFS_CELL_BYTES];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t got = 0;
    int rc;

    memset(buf, 0, sizeof(buf));
    d_iov_set(&iov, buf, sizeof(buf));
    rc = dfs_read(dfs, obj, &sgl, (daos_off_t)cell * DFS_CELL_BYTES, &got, NULL);
    if (rc == 0)
        *val = got == 0 ? 0 : got == DFS_CELL_BYTES ? dfs_cell_number(cell, buf) : SHARE_STRANGE;
    return rc;
}

static int run_write(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    daos_range_t range = {(daos_off_t)op->cell * DFS_CELL_BYTES, DFS_CELL_BYTES};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    uint8_t buf[DFS_CELL_BYTES];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_handle_t oh;
    int rc;

    if (op->kind == SHARE_PUNCH) { /* dfs_punch() looks at the size first: two steps */
        rc = dfs_get_file_oh(call->obj->obj, &oh);
        return rc ? rc : dfs_errno(daos_array_punch(oh, DAOS_TX_NONE, &iod, NULL));
    }
    dfs_cell_fill(op->val, op->cell, buf);
    d_iov_set(&iov, buf, sizeof(buf));
    return dfs_write(me->dfs, call->obj->obj, &sgl, range.rg_idx, NULL);
}

/* When the change is over is noted: what is written after its file has lost its name stays. */
static int run_change(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_work *w = share_work_of(c);
    struct share_made *made = &w->made[op->ino];
    int rc;

    made->writing++;
    rc = run_write(c, call, op);
    made->writing--;
    if (rc != 0)
        made->written = UINT64_MAX;
    else if (made->written != UINT64_MAX)
        made->written = ++w->seq;
    return rc;
}

/* ---- Looking ---- */

static int run_lookup(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct stat st;
    dfs_obj_t *obj;
    int rc = dfs_lookup_rel(me->dfs, call->dir, share_name(op->name), O_RDWR | O_NOFOLLOW, &obj,
                            NULL, &st);

    if (rc != 0)
        return rc;
    rc = share_ino(share_work_of(c), obj, &st, &op->seen.ino);
    op->seen.type = share_type(st.st_mode);
    op->seen.mode = st.st_mode & 07777;
    keep(c, obj, op, op->seen.ino, op->seen.type);
    return rc;
}

static int run_stat(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    struct stat st;
    int rc = dfs_stat(me->dfs, call->dir, share_name(op->name), &st);

    if (rc != 0)
        return rc;
    op->seen.ino = S_ISLNK(st.st_mode) ? 0 : (uint16_t)number_of(NULL, &st);
    op->seen.type = share_type(st.st_mode);
    op->seen.mode = st.st_mode & 07777;
    return 0;
}

static int run_size(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;
    daos_size_t size = 0;
    int rc = dfs_get_size(me->dfs, call->obj->obj, &size);

    if (rc == 0)
        op->seen.val = size % DFS_CELL_BYTES ? SHARE_STRANGE : (uint16_t)(size / DFS_CELL_BYTES);
    return rc;
}

int share_names(dfs_t *dfs, dfs_obj_t *dir, uint32_t shown[SHARE_NAMES], bool *strange)
{
    struct dirent ents[3];
    daos_anchor_t anchor = {0};
    int rc = 0;

    memset(shown, 0, SHARE_NAMES * sizeof(shown[0]));
    *strange = false;
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = ARRAY_LEN(ents);

        rc = dfs_readdir(dfs, dir, &anchor, &nr, ents);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            const char *name = ents[i].d_name;

            if (name[0] >= 'a' && name[0] < (char)('a' + SHARE_NAMES) && name[1] == '\0')
                shown[name[0] - 'a']++;
            else
                *strange = true;
        }
    }
    return rc;
}

static int run(struct work_client *c, const struct share_call *call, struct share_op *op)
{
    struct share_client *me = c->priv;

    switch (op->kind) {
    case SHARE_CREATE:
    case SHARE_MKDIR:
    case SHARE_SYMLINK:
        return run_make(c, call, op);
    case SHARE_PUT:
        return run_put(c, call, op);
    case SHARE_REMOVE:
        return run_remove(c, call, op);
    case SHARE_MOVE:
        return run_move(c, call, op);
    case SHARE_EXCHANGE:
        return dfs_exchange(me->dfs, call->dir, share_name(op->name), call->dir2,
                            share_name(op->name2));
    case SHARE_CHMOD:
        return dfs_chmod(me->dfs, call->dir, share_name(op->name), op->mode);
    case SHARE_SETATTR:
        return run_setattr(c, call, op);
    case SHARE_SETXATTR:
        return run_setxattr(c, call, op);
    case SHARE_RMXATTR:
        return dfs_removexattr(me->dfs, call->obj->obj, dfs_xattr_name(0));
    case SHARE_WRITE:
    case SHARE_PUNCH:
        return run_change(c, call, op);
    case SHARE_LOOKUP:
        return run_lookup(c, call, op);
    case SHARE_STAT:
        return run_stat(c, call, op);
    case SHARE_GETXATTR:
        return share_xattr_read(me->dfs, call->obj->obj, &op->seen.val);
    case SHARE_READ:
        return share_cell_read(me->dfs, call->obj->obj, op->cell, &op->seen.val);
    default:
        ASSERT(op->kind == SHARE_SIZE);
        return run_size(c, call, op);
    }
}

void share_act(struct work_client *c, struct share_call *call)
{
    struct share_op *op = &call->op;

    op->rc = run(c, call, op);
    if (op->rc != 0)
        op->seen = (struct share_seen){0};
}
