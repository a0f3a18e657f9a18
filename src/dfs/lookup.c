/* Finding objects by name and by path. */
#include "dfs/dfs_int.h"

int dfs_name_check(const char *name, size_t *len)
{
    size_t n;

    if (name == NULL || strchr(name, '/') != NULL)
        return EINVAL;
    n = strnlen(name, DFS_MAX_NAME + 1);
    if (n > DFS_MAX_NAME)
        return EINVAL;
    /* "." and ".." are the kernel's or the caller's business, never entries */
    if (n == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return EINVAL;
    if (len != NULL)
        *len = n;
    return 0;
}

int dfs_parent(struct dfs *dfs, struct dfs_obj *parent, bool write, struct dfs_obj **dir)
{
    if (dfs == NULL)
        return EINVAL;
    if (write && dfs->readonly)
        return EPERM;
    if (parent == NULL)
        parent = &dfs->root;
    if (!S_ISDIR(parent->mode))
        return ENOTDIR;
    *dir = parent;
    return 0;
}

int dfs_obj_open_handle(struct dfs *dfs, struct dfs_obj *obj, int flags)
{
    unsigned int mode = (flags & O_ACCMODE) == O_RDONLY ? DAOS_OO_RO : DAOS_OO_RW;

    if (S_ISREG(obj->mode))
        return dfs_errno(daos_array_open_with_attr(dfs->coh, obj->oid, DAOS_TX_NONE, mode, 1,
                                                   obj->chunk_size, &obj->oh, NULL));
    if (S_ISDIR(obj->mode))
        return dfs_errno(daos_obj_open(dfs->coh, obj->oid, mode, &obj->oh, NULL));
    obj->oh = DAOS_HDL_INVAL;
    return 0;
}

/* The target of link e. ESTALE: the name has changed hands since e was read (entry and target are
 * written together, so a target newer than e, or of another length, is not e's). */
static int read_link(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                     const struct dfs_entry *e, char **value)
{
    uint64_t size = e->size;
    daos_epoch_t epoch = 0;
    daos_key_t dkey;
    daos_iod_t iod = {0};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    char *buf;
    int rc;

    if (size > DFS_MAX_PATH)
        return EIO;
    buf = base_calloc(1, size + 1);
    if (buf == NULL)
        return ENOMEM;
    d_iov_set(&dkey, (void *)name, strlen(name));
    d_iov_set(&iod.iod_name, (void *)DFS_SLINK_KEY, sizeof(DFS_SLINK_KEY) - 1);
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_nr = 1;
    iod.iod_size = DAOS_REC_ANY;
    d_iov_set(&iov, buf, size);
    rc = client_fetch_oid(dfs->coh, dfs->th, parent, 0, &dkey, 1, &iod, &sgl, &epoch, NULL);
    if (rc != 0 || iod.iod_size != size || (epoch > e->epoch && !MUTANT(DFS_LINK_TORN))) {
        base_free(buf);
        return rc == 0 || rc == -DER_REC2BIG ? ESTALE : dfs_errno(rc);
    }
    *value = buf;
    return 0;
}

/* The same, reading e again while the name changes hands: e may be no link any more then, and
 * *value NULL. An entry that has not changed has a target that is not its own for good: EIO. */
static int link_target(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                       char **value)
{
    uint32_t attempt = 0;
    int rc;

    *value = NULL;
    while (S_ISLNK(e->mode)) {
        daos_epoch_t seen = e->epoch;

        rc = read_link(dfs, parent, name, e, value);
        if (rc != ESTALE || !dfs_retry(&attempt))
            return rc;
        rc = dfs_entry_fetch(dfs, parent, name, e);
        if (rc == 0 && e->epoch == seen)
            rc = EIO;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int dfs_obj_new(struct dfs *dfs, daos_obj_id_t parent, const char *name, const struct dfs_entry *e,
                int flags, char *value, struct dfs_obj **out)
{
    struct dfs_obj *obj = base_calloc(1, sizeof(*obj));
    int rc;

    if (obj == NULL) {
        base_free(value);
        return ENOMEM;
    }
    obj->dfs = dfs;
    obj->mode = e->mode;
    obj->flags = flags;
    obj->oid = e->oid;
    obj->parent_oid = parent;
    obj->chunk_size = e->chunk_size ? e->chunk_size : dfs->sb.chunk_size;
    obj->oclass = e->oclass;
    obj->refs = 1;
    strncpy(obj->name, name, DFS_MAX_NAME);
    obj->value = value;
    rc = dfs_obj_open_handle(dfs, obj, flags); /* of a link: none */
    if (rc != 0) {
        base_free(value);
        base_free(obj);
        return rc;
    }
    *out = obj;
    return 0;
}

int dfs_obj_from_entry(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                       int flags, struct dfs_obj **out)
{
    char *value;
    int rc = link_target(dfs, parent, name, e, &value);

    return rc != 0 ? rc : dfs_obj_new(dfs, parent, name, e, flags, value, out);
}

int dfs_obj_set_up(struct dfs_obj *obj, const daos_obj_id_t *above, uint32_t nr,
                   const daos_obj_id_t *dir)
{
    if (!S_ISDIR(obj->mode))
        return 0;
    obj->up = base_calloc((size_t)nr + 1, sizeof(*obj->up));
    if (obj->up == NULL)
        return ENOMEM;
    if (nr > 0)
        memcpy(obj->up, above, nr * sizeof(*above));
    obj->up_nr = nr;
    if (dir != NULL)
        obj->up[obj->up_nr++] = *dir;
    return 0;
}

/*
 * Where a walk stands: a directory, and how it was reached.
 *
 * In a path that a program gives, "." and a ".." that is the last or not the first in a row are
 * ENOTSUP. In the targets of links, which people write, they mean what they always do.
 */
struct walk {
    struct dfs *dfs;
    daos_obj_id_t up[DFS_MAX_PATH / 2]; /* directories from the root down, for ".." */
    uint32_t name_at[DFS_MAX_PATH / 2]; /* their names, in names; NAME_UNKNOWN */
    uint32_t depth;                     /* up[depth - 1] is where we stand */
    uint32_t links;                     /* symlinks followed so far */
    uint32_t in_links;                  /* targets of links that we are within */
    bool looks;                         /* it is asked what is at the end, too */
    bool last_was_up;
    uint32_t names_len;
    char names[4 * DFS_MAX_PATH]; /* each with its NUL */
};

#define NAME_UNKNOWN UINT32_MAX

/* What a path leads to: an entry of a directory, or the directory where the walk stands (here). */
struct found {
    struct dfs_entry e;
    struct client_seen seen; /* of its object, if it was looked at */
    daos_obj_id_t parent;
    char name[DFS_MAX_NAME + 1];
    bool here;
};

/* In the root, without a step taken. */
static struct walk *walk_new(struct dfs *dfs, bool looks)
{
    struct walk *w = base_alloc(sizeof(*w));

    if (w == NULL)
        return NULL;
    w->dfs = dfs;
    w->up[0] = dfs->root.oid;
    w->name_at[0] = NAME_UNKNOWN;
    w->depth = 1;
    w->links = w->in_links = w->names_len = 0;
    w->last_was_up = false;
    w->looks = looks;
    return w;
}

/* One step down. name NULL: it is not known. */
static int walk_down(struct walk *w, const char *name, daos_obj_id_t oid)
{
    size_t len = name == NULL ? 0 : strlen(name) + 1;

    if (w->depth == ARRAY_LEN(w->up) || len > sizeof(w->names) - w->names_len)
        return ENAMETOOLONG;
    w->up[w->depth] = oid;
    w->name_at[w->depth++] = name == NULL ? NAME_UNKNOWN : w->names_len;
    if (len > 0)
        memcpy(w->names + w->names_len, name, len);
    w->names_len += (uint32_t)len;
    return 0;
}

static void walk_up(struct walk *w)
{
    if (w->depth > 1 && w->name_at[--w->depth] != NAME_UNKNOWN)
        w->names_len = w->name_at[w->depth];
}

static int walk_path(struct walk *w, const char *path, bool follow_last, struct found *f);

/* Goes on along a link's target. */
static int walk_link(struct walk *w, struct found *f, const char *target)
{
    int rc;

    if (++w->links > DFS_SYMLINK_MAX)
        return ELOOP;
    if (target[0] == '/') {
        w->depth = 1;
        w->names_len = 0;
    }
    w->in_links++;
    rc = walk_path(w, target, true, f);
    w->in_links--;
    return rc;
}

/* The entry f->name of f->parent, and what there is to see of its object. */
static int entry_read(const struct walk *w, struct found *f, bool last)
{
    if (w->looks && last)
        return dfs_entry_look(w->dfs, f->parent, f->name, &f->e, &f->seen);
    f->seen.known = false;
    return dfs_entry_fetch(w->dfs, f->parent, f->name, &f->e);
}

/* The same and, with follow, its target if it is a link (else NULL; the caller frees it). */
static int entry_and_target(const struct walk *w, struct found *f, bool last, bool follow,
                            char **target)
{
    int rc = entry_read(w, f, last);

    *target = NULL;
    if (rc == 0 && follow)
        rc = link_target(w->dfs, f->parent, f->name, &f->e, target);
    return rc;
}

/* One component. last: nothing follows it. */
static int walk_one(struct walk *w, const char *name, bool last, bool follow_last, struct found *f)
{
    bool in_link = w->in_links > 0;
    char *target;
    int rc;

    if (strcmp(name, ".") == 0) {
        f->here = true;
        return in_link ? 0 : ENOTSUP;
    }
    if (strcmp(name, "..") == 0) {
        if (!in_link && (last || w->last_was_up))
            return ENOTSUP;
        w->last_was_up = !in_link;
        walk_up(w);
        f->here = true;
        return 0;
    }
    w->last_was_up = false;
    f->parent = w->up[w->depth - 1];
    f->here = false;
    if (strlen(name) > DFS_MAX_NAME)
        return ENAMETOOLONG;
    strcpy(f->name, name);
    rc = entry_and_target(w, f, last, !last || follow_last, &target);
    if (rc != 0)
        return rc;
    if (target != NULL) {
        rc = walk_link(w, f, target);
        base_free(target);
        if (rc != 0 || last)
            return rc;
        if (f->here)
            return 0;
    }
    if (last)
        return 0;
    return S_ISDIR(f->e.mode) ? walk_down(w, f->name, f->e.oid) : ENOTDIR;
}

static int walk_path(struct walk *w, const char *path, bool follow_last, struct found *f)
{
    char name[DFS_MAX_NAME + 1]; /* small: links within links are walked by recursion */
    int rc = 0;

    path += strspn(path, "/");
    if (*path == '\0') {
        f->here = true;
        return 0;
    }
    while (rc == 0 && *path != '\0') {
        size_t len = strcspn(path, "/");

        if (len >= sizeof(name))
            return ENAMETOOLONG;
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        path += strspn(path, "/");
        rc = walk_one(w, name, *path == '\0', follow_last, f);
    }
    return rc;
}

/* The entry of the directory where the walk stands. *nr: directories above it. */
static int found_here(struct walk *w, struct found *f, uint32_t *nr)
{
    uint32_t i = w->depth - 1;
    int rc;

    *nr = i;
    /* at or above an open directory: nobody knows its name */
    if (i > 0 ? w->name_at[i] == NAME_UNKNOWN : !dfs_same_oid(w->up[0], w->dfs->root.oid))
        return ENOTSUP;
    f->parent = i == 0 ? w->dfs->sb_oid : w->up[i - 1];
    strcpy(f->name, i == 0 ? "/" : w->names + w->name_at[i]);
    rc = entry_read(w, f, true);
    if (rc == 0 && !dfs_same_oid(f->e.oid, w->up[i]))
        rc = ENOENT; /* moved away meanwhile */
    return rc;
}

/* Opens what a walk has led to. */
static int found_open(struct walk *w, struct found *f, int flags, dfs_obj_t **out, mode_t *mode,
                      struct stat *st)
{
    struct dfs *dfs = w->dfs;
    struct dfs_obj *obj;
    uint32_t nr = w->depth;
    int rc = f->here ? found_here(w, f, &nr) : 0;

    if (rc == 0)
        rc = dfs_obj_from_entry(dfs, f->parent, f->name, &f->e, flags, &obj);
    if (rc != 0)
        return rc;
    rc = dfs_obj_set_up(obj, w->up, nr, NULL);
    if (rc == 0 && st != NULL)
        rc = dfs_entry_stat_seen(dfs, &f->e, obj->oh, &f->seen, st);
    if (rc != 0) {
        dfs_release(obj);
        return rc;
    }
    if (mode != NULL)
        *mode = f->e.mode;
    *out = obj;
    return 0;
}

int dfs_prefix_strip(const struct dfs *dfs, const char **path)
{
    size_t len = dfs->prefix == NULL ? 0 : strlen(dfs->prefix);

    if (len == 0)
        return 0;
    if (strncmp(*path, dfs->prefix, len) != 0 || ((*path)[len] != '/' && (*path)[len] != '\0'))
        return EINVAL;
    *path += len;
    return 0;
}

static int lookup_path(struct dfs *dfs, const char *path, int flags, dfs_obj_t **obj, mode_t *mode,
                       struct stat *st)
{
    struct walk *w = walk_new(dfs, st != NULL);
    struct found *f = base_calloc(1, sizeof(*f));
    int rc = ENOMEM;

    if (w != NULL && f != NULL) {
        rc = walk_path(w, path, !(flags & O_NOFOLLOW), f);
        if (rc == 0)
            rc = found_open(w, f, flags, obj, mode, st);
    }
    base_free(w);
    base_free(f);
    return rc;
}

int dfs_lookup_at_root(struct dfs *dfs, const char *path, int flags, dfs_obj_t **obj, mode_t *mode)
{
    return lookup_path(dfs, path, flags, obj, mode, NULL);
}

int dfs_lookup(dfs_t *dfs, const char *path, int flags, dfs_obj_t **obj, mode_t *mode,
               struct stat *stbuf)
{
    int rc;

    if (dfs == NULL || obj == NULL || path == NULL || path[0] != '/')
        return EINVAL;
    if (strnlen(path, DFS_MAX_PATH) >= DFS_MAX_PATH)
        return ENAMETOOLONG;
    if (dfs->readonly && (flags & O_ACCMODE) != O_RDONLY)
        return EPERM;
    rc = dfs_prefix_strip(dfs, &path);
    return rc ? rc : lookup_path(dfs, path, flags, obj, mode, stbuf);
}

/* The entry called name in dir was a link a moment ago: opens what it leads to. */
static int open_linked(struct dfs_obj *dir, const char *name, int flags, dfs_obj_t **obj,
                       mode_t *mode, struct stat *st)
{
    struct walk *w = walk_new(dir->dfs, st != NULL);
    struct found *f = base_calloc(1, sizeof(*f));
    int rc = w == NULL || f == NULL ? ENOMEM : 0;

    if (rc == 0 && dir->up_nr == 0)
        w->up[0] = dir->oid; /* the root, or a directory of which the way there is not known */
    /* the first directory above it is the root; of the others only the ids are known */
    for (uint32_t i = 1; rc == 0 && i < dir->up_nr; i++)
        rc = walk_down(w, NULL, dir->up[i]);
    if (rc == 0 && dir->up_nr > 0)
        rc = walk_down(w, dir->name, dir->oid);
    if (rc != 0)
        goto out;
    rc = walk_one(w, name, true, true, f);
    if (rc == 0)
        rc = found_open(w, f, flags, obj, mode, st);
out:
    base_free(w);
    base_free(f);
    return rc;
}

int dfs_lookup_rel(dfs_t *dfs, dfs_obj_t *parent, const char *name, int flags, dfs_obj_t **out,
                   mode_t *mode, struct stat *stbuf)
{
    struct dfs_obj *dir, *obj;
    struct client_seen seen = {.known = false};
    struct dfs_entry e;
    int rc;

    if (out == NULL)
        return EINVAL;
    rc = dfs_parent(dfs, parent, false, &dir);
    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc == 0 && dfs->readonly && (flags & O_ACCMODE) != O_RDONLY)
        rc = EPERM;
    if (rc == 0)
        rc = stbuf != NULL ? dfs_entry_look(dfs, dir->oid, name, &e, &seen)
                           : dfs_entry_fetch(dfs, dir->oid, name, &e);
    if (rc != 0)
        return rc;
    if (S_ISLNK(e.mode) && !(flags & O_NOFOLLOW))
        return open_linked(dir, name, flags, out, mode, stbuf);
    rc = dfs_obj_from_entry(dfs, dir->oid, name, &e, flags, &obj);
    if (rc != 0)
        return rc;
    rc = dfs_obj_set_up(obj, dir->up, dir->up_nr, &dir->oid);
    if (rc == 0 && stbuf != NULL)
        rc = dfs_entry_stat_seen(dfs, &e, obj->oh, &seen, stbuf);
    if (rc != 0) {
        dfs_release(obj);
        return rc;
    }
    if (mode != NULL)
        *mode = e.mode;
    *out = obj;
    return 0;
}
