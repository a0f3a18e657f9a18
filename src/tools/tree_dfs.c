/* A mounted container as a tree: small files go in one request (dfs/dfs_fast.h), everything else
 * through <daos_fs.h>. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fail.h"
#include "dfs/dfs_fast.h"
#include "tools/location.h"
#include "tools/tree.h"

#define LIST_BATCH 128u

/* A directory that is missing is made with its missing parents only at the top of the tree. */
static int open_top(struct tree *t, bool make, struct tree_dir *dir)
{
    char part[PATH_MAX];
    int rc = dfs_lookup(t->dfs, t->top, O_RDWR, &dir->obj, NULL, NULL);

    if (rc == EPERM || rc == EROFS)
        rc = dfs_lookup(t->dfs, t->top, O_RDONLY, &dir->obj, NULL, NULL);
    if (rc != ENOENT || !make)
        return rc;
    for (const char *end = t->top; rc == ENOENT && *end != '\0';) {
        char parent[PATH_MAX];
        const char *name;
        dfs_obj_t *above;
        int err;

        end += 1 + strcspn(end + 1, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - t->top), t->top);
        if (!location_split(part, parent, sizeof(parent), &name))
            return EINVAL;
        err = dfs_lookup(t->dfs, parent, O_RDWR, &above, NULL, NULL);
        if (err != 0)
            return err;
        err = dfs_mkdir(t->dfs, above, name, 0755, 0);
        dfs_release(above);
        if (err != 0 && err != EEXIST)
            return err;
        if (*end == '\0')
            rc = dfs_lookup(t->dfs, t->top, O_RDWR, &dir->obj, NULL, NULL);
    }
    return rc;
}

static int dir_open(struct tree *t, struct tree_dir *parent, const char *name, bool make,
                    struct tree_dir *dir)
{
    mode_t mode;
    int rc;

    memset(dir, 0, sizeof(*dir));
    if (name == NULL) {
        rc = open_top(t, make, dir);
        if (rc == 0)
            rc = dfs_get_mode(dir->obj, &mode);
    } else {
        if (make) {
            rc = dfs_mkdir(t->dfs, parent->obj, name, 0700, 0);
            if (rc != 0 && rc != EEXIST)
                return rc;
        }
        rc = dfs_lookup_rel(t->dfs, parent->obj, name, (make ? O_RDWR : O_RDONLY) | O_NOFOLLOW,
                            &dir->obj, &mode, NULL);
    }
    if (rc == 0 && !S_ISDIR(mode)) {
        dfs_release(dir->obj);
        dir->obj = NULL;
        rc = ENOTDIR;
    }
    return rc;
}

static void dir_close(struct tree *t, struct tree_dir *dir)
{
    if (dir->obj != NULL)
        dfs_release(dir->obj);
    dir->obj = NULL;
}

static void entry_more(struct entry *e, const struct dfs_more *more)
{
    e->oid = more->oid;
    e->chunk = more->chunk_size;
    e->xattrs = more->xattrs;
}

static int dir_list(struct tree *t, struct tree_dir *dir, uint32_t max, struct listing *l)
{
    uint32_t room = MIN(max, LIST_BATCH);
    struct dirent *dirs = base_calloc(room, sizeof(*dirs));
    struct stat *sts = base_calloc(room, sizeof(*sts));
    struct dfs_more more[LIST_BATCH];
    uint32_t got = 0;
    int rc = dirs == NULL || sts == NULL ? ENOMEM : 0;

    while (rc == 0 && got < max && !dir->eof) {
        uint32_t nr = MIN(room, max - got);

        rc = dfs_readdir_more(t->dfs, dir->obj, &dir->anchor, &nr, dirs, sts, more);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            struct entry *e = listing_add(l, dirs[i].d_name);

            if (e == NULL) {
                rc = ENOMEM;
                break;
            }
            e->st = sts[i];
            entry_more(e, &more[i]);
        }
        got += nr;
        dir->eof = rc == 0 && daos_anchor_is_eof(&dir->anchor);
    }
    base_free(dirs);
    base_free(sts);
    return rc;
}

/* What dfs_osetattr() is to set: mode and modification time, and the owner if we may. */
static int set_attrs(struct tree *t, dfs_obj_t *obj, const struct stat *st)
{
    struct stat want = *st;
    int flags = DFS_SET_ATTR_MODE | DFS_SET_ATTR_MTIME;

    want.st_mode = tree_mode(t, st);
    if (t->superuser)
        flags |= DFS_SET_ATTR_UID | DFS_SET_ATTR_GID;
    return dfs_osetattr_sticky(t->dfs, obj, &want, flags);
}

static int dir_finish(struct tree *t, struct tree_dir *parent, const char *name,
                      struct tree_dir *dir, const struct stat *st)
{
    return set_attrs(t, dir->obj, st);
}

static int stat_one(struct tree *t, struct tree_dir *dir, const char *name, struct entry *e)
{
    struct dfs_more more;
    int rc = dfs_stat_name(t->dfs, dir->obj, name, &e->st, &more);

    if (rc == 0)
        entry_more(e, &more);
    return rc;
}

static int get(struct tree *t, struct tree_dir *dir, struct entry *e, void *buf, size_t cap,
               daos_size_t *len, daos_event_t *ev, bool *pending)
{
    size_t want = MIN(cap, (size_t)e->st.st_size);

    *pending = false;
    *len = 0;
    if (want == 0)
        return 0;
    int rc = dfs_get_small(t->dfs, e->oid, e->chunk, buf, want, len, ev);
    *pending = rc == 0 && ev != NULL;
    return rc;
}

static int get_many(struct tree *t, uint32_t nr, struct dfs_get *gets, daos_event_t *ev)
{
    return dfs_get_files(t->dfs, nr, gets, ev);
}

/* What a copy of e is to have. */
static struct stat put_stat(const struct tree *t, const struct entry *e)
{
    struct stat st = e->st;

    st.st_mode = tree_mode(t, &e->st);
    if (!t->superuser) {
        st.st_uid = geteuid();
        st.st_gid = getegid();
    }
    return st;
}

static int put(struct tree *t, struct tree_dir *dir, const struct entry *e, d_sg_list_t *sgl,
               daos_event_t *ev, bool *pending)
{
    struct stat st = put_stat(t, e);
    int rc = dfs_put_file(t->dfs, dir->obj, e->name, &st, sgl, ev == NULL, NULL, ev);
    *pending = rc == 0 && ev != NULL;
    return rc;
}

static int put_many(struct tree *t, uint32_t nr, const struct tree_put *puts, daos_event_t *ev)
{
    struct dfs_put files[TREE_PUT_MAX];

    _Static_assert(TREE_PUT_MAX <= DFS_PUT_MAX, "one request");
    for (uint32_t i = 0; i < nr; i++)
        files[i] = (struct dfs_put){.parent = puts[i].dir->obj,
                                    .name = puts[i].e->name,
                                    .st = put_stat(t, puts[i].e),
                                    .sgl = puts[i].sgl};
    return dfs_put_files(t->dfs, nr, files, ev);
}

static int file_open(struct tree *t, struct tree_dir *dir, struct entry *e, bool write,
                     struct tree_file *f)
{
    memset(f, 0, sizeof(*f));
    f->entry = e;
    f->write = write;
    if (!write)
        return dfs_lookup_rel(t->dfs, dir->obj, e->name, O_RDONLY | O_NOFOLLOW, &f->obj, NULL,
                              NULL);
    mode_t mode = S_IFREG | (e->st.st_mode & 0777);
    int rc =
        dfs_open(t->dfs, dir->obj, e->name, mode, O_RDWR | O_CREAT | O_EXCL, 0, 0, NULL, &f->obj);
    if (rc != EEXIST)
        return rc;
    rc = dfs_remove(t->dfs, dir->obj, e->name, false, NULL);
    if (rc != 0 && rc != ENOENT)
        return rc;
    return dfs_open(t->dfs, dir->obj, e->name, mode, O_RDWR | O_CREAT | O_EXCL, 0, 0, NULL,
                    &f->obj);
}

static int file_read(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                     daos_size_t *len, daos_event_t *ev, bool *pending)
{
    int rc = dfs_read(t->dfs, f->obj, sgl, off, len, ev);

    *pending = rc == 0 && ev != NULL;
    return rc;
}

static int file_write(struct tree *t, struct tree_file *f, uint64_t off, d_sg_list_t *sgl,
                      daos_event_t *ev, bool *pending)
{
    int rc = dfs_write(t->dfs, f->obj, sgl, off, ev);

    *pending = rc == 0 && ev != NULL;
    return rc;
}

static int file_close(struct tree *t, struct tree_file *f, const struct stat *st)
{
    daos_size_t size;
    int rc = 0;

    if (st != NULL) {
        /* a file that ends with a hole: its size has to be set */
        rc = dfs_get_size(t->dfs, f->obj, &size);
        if (rc == 0 && size != (daos_size_t)st->st_size)
            rc = dfs_punch(t->dfs, f->obj, (daos_off_t)st->st_size, DFS_MAX_FSIZE);
        if (rc == 0)
            rc = set_attrs(t, f->obj, st);
    }
    dfs_release(f->obj);
    f->obj = NULL;
    return rc;
}

static int file_next_data(struct tree *t, struct tree_file *f, uint64_t off, uint64_t size,
                          uint64_t *next)
{
    *next = off;
    return 0;
}

static int read_link(struct tree *t, struct tree_dir *dir, const struct entry *e,
                     char target[PATH_MAX])
{
    daos_size_t size = PATH_MAX;
    dfs_obj_t *obj;
    int rc = dfs_lookup_rel(t->dfs, dir->obj, e->name, O_RDONLY | O_NOFOLLOW, &obj, NULL, NULL);

    if (rc != 0)
        return rc;
    rc = dfs_get_symlink_value(obj, target, &size);
    dfs_release(obj);
    return rc;
}

static int make_link(struct tree *t, struct tree_dir *dir, const struct entry *e,
                     const char *target)
{
    dfs_obj_t *obj;
    int rc = dfs_open(t->dfs, dir->obj, e->name, S_IFLNK | 0777, O_RDWR | O_CREAT | O_EXCL, 0, 0,
                      target, &obj);

    if (rc == EEXIST) {
        rc = dfs_remove(t->dfs, dir->obj, e->name, false, NULL);
        if (rc == 0 || rc == ENOENT)
            rc = dfs_open(t->dfs, dir->obj, e->name, S_IFLNK | 0777, O_RDWR | O_CREAT | O_EXCL, 0,
                          0, target, &obj);
    }
    if (rc != 0)
        return rc;
    struct stat st = e->st;
    int flags = DFS_SET_ATTR_MTIME | (t->superuser ? DFS_SET_ATTR_UID | DFS_SET_ATTR_GID : 0);
    rc = dfs_osetattr(t->dfs, obj, &st, flags);
    dfs_release(obj);
    return rc;
}

static int remove_one(struct tree *t, struct tree_dir *dir, const char *name)
{
    return dfs_remove(t->dfs, dir->obj, name, false, NULL);
}

/* name NULL: dir itself. */
static int xattr_obj(struct tree *t, struct tree_dir *dir, const char *name, bool write,
                     dfs_obj_t **obj)
{
    if (name == NULL) {
        *obj = dir->obj;
        return 0;
    }
    return dfs_lookup_rel(t->dfs, dir->obj, name, (write ? O_RDWR : O_RDONLY) | O_NOFOLLOW, obj,
                          NULL, NULL);
}

static int xattr_list(struct tree *t, struct tree_dir *dir, const char *name, char *buf,
                      size_t *len)
{
    daos_size_t size = *len;
    int rc = name == NULL ? dfs_listxattr(t->dfs, dir->obj, buf, &size)
                          : dfs_listxattr_name(t->dfs, dir->obj, name, buf, &size);

    if (rc == 0 && size > *len)
        rc = E2BIG;
    if (rc == 0)
        *len = size;
    return rc;
}

static int xattr_get(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     void *buf, size_t *len)
{
    daos_size_t size = *len;
    dfs_obj_t *obj;
    int rc = xattr_obj(t, dir, name, false, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_getxattr(t->dfs, obj, attr, buf, &size);
    if (rc == 0)
        *len = size;
    if (name != NULL)
        dfs_release(obj);
    return rc;
}

static int xattr_set(struct tree *t, struct tree_dir *dir, const char *name, const char *attr,
                     const void *buf, size_t len)
{
    dfs_obj_t *obj;
    int rc = xattr_obj(t, dir, name, true, &obj);

    if (rc != 0)
        return rc;
    rc = dfs_setxattr(t->dfs, obj, attr, buf, len, 0);
    if (name != NULL)
        dfs_release(obj);
    return rc;
}

static const struct tree_ops dfs_ops = {
    .dir_open = dir_open,
    .dir_close = dir_close,
    .dir_list = dir_list,
    .dir_finish = dir_finish,
    .stat = stat_one,
    .get = get,
    .get_many = get_many,
    .put = put,
    .put_many = put_many,
    .file_open = file_open,
    .file_read = file_read,
    .file_write = file_write,
    .file_close = file_close,
    .file_next_data = file_next_data,
    .readlink = read_link,
    .symlink = make_link,
    .remove = remove_one,
    .xattr_list = xattr_list,
    .xattr_get = xattr_get,
    .xattr_set = xattr_set,
};

void tree_dfs_init(struct tree *t, dfs_t *dfs, const char *top)
{
    memset(t, 0, sizeof(*t));
    t->ops = &dfs_ops;
    t->top = top;
    t->dfs = dfs;
    t->is_dfs = true;
    t->superuser = geteuid() == 0;
}
