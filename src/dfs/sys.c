/*
 * Paths instead of parents and names: finding the directory a path's last name is in. What each
 * call then does to it: sys_ops.c.
 *
 * The cache keeps open directories by their path ("/a/b"; links in it resolved where they led to),
 * so that work on many files of one directory looks it up once. It can be wrong when others rename
 * or remove directories: whoever shares a tree like that mounts with DFS_SYS_NO_CACHE. This mount's
 * own removals of directories drop what they touch, under whatever path it was found. At most
 * DIRS_MAX directories are kept, the longest unused goes first; one in use (refs) is closed by the
 * last user.
 */
#include "dfs/dfs_sys.h"

static uint32_t bucket_of(const char *path)
{
    uint64_t h = 14695981039346656037ull;

    for (; *path != '\0'; path++)
        h = (h ^ (unsigned char)*path) * 1099511628211ull;
    return (uint32_t)(h % SYS_BUCKETS);
}

static void dir_free(struct sys_dir *d)
{
    dfs_release(d->obj);
    base_free(d->path);
    base_free(d);
}

/* Takes d out of the cache; its last user closes it. Under the lock. */
static void dir_drop(struct dfs_sys *s, struct sys_dir *d)
{
    list_del(&d->hash);
    list_del(&d->lru);
    d->cached = false;
    s->dirs--;
    if (d->refs == 0)
        dir_free(d);
}

static void lock(struct dfs_sys *s)
{
    if (!(s->flags & DFS_SYS_NO_LOCK))
        rt_mutex_lock(&s->lock);
}

static void unlock(struct dfs_sys *s)
{
    if (!(s->flags & DFS_SYS_NO_LOCK))
        rt_mutex_unlock(&s->lock);
}

static struct sys_dir *cache_find(struct dfs_sys *s, const char *path)
{
    struct list *l, *head = &s->buckets[bucket_of(path)];

    LIST_FOREACH(l, head)
    {
        struct sys_dir *d = LIST_ENTRY(l, struct sys_dir, hash);

        if (strcmp(d->path, path) == 0) {
            list_del(&d->lru);
            list_add_tail(&s->lru, &d->lru);
            d->refs++;
            return d;
        }
    }
    return NULL;
}

static void cache_add(struct dfs_sys *s, struct sys_dir *d)
{
    struct sys_dir *other = cache_find(s, d->path);

    if (other != NULL) { /* another thread looked it up meanwhile: ours goes with its user */
        other->refs--;
        return;
    }
    list_add(&s->buckets[bucket_of(d->path)], &d->hash);
    list_add_tail(&s->lru, &d->lru);
    d->cached = true;
    if (++s->dirs > SYS_DIRS_MAX)
        dir_drop(s, LIST_ENTRY(list_first(&s->lru), struct sys_dir, lru));
}

void sys_forget(struct dfs_sys *s, daos_obj_id_t oid)
{
    struct list *l, *next;

    lock(s);
    LIST_FOREACH_SAFE(l, next, &s->lru)
    {
        struct sys_dir *d = LIST_ENTRY(l, struct sys_dir, lru);

        if (d->obj->oid.lo == oid.lo && d->obj->oid.hi == oid.hi)
            dir_drop(s, d);
    }
    unlock(s);
}

void sys_forget_all(struct dfs_sys *s)
{
    while (!list_empty(&s->lru))
        dir_drop(s, LIST_ENTRY(list_first(&s->lru), struct sys_dir, lru));
}

static int dir_get(struct dfs_sys *s, const char *path, struct sys_dir **out)
{
    bool cache = !(s->flags & DFS_SYS_NO_CACHE);
    struct sys_dir *d;
    mode_t mode;
    int rc;

    if (cache) {
        lock(s);
        *out = cache_find(s, path);
        unlock(s);
        if (*out != NULL)
            return 0;
    }
    d = base_calloc(1, sizeof(*d));
    if (d == NULL || (d->path = base_strdup(path)) == NULL) {
        base_free(d);
        return ENOMEM;
    }
    list_init(&d->hash);
    list_init(&d->lru);
    d->refs = 1;
    rc = dfs_lookup_at_root(s->dfs, path[0] == '\0' ? "/" : path,
                            s->dfs->readonly ? O_RDONLY : O_RDWR, &d->obj, &mode);
    if (rc == 0 && !S_ISDIR(mode)) {
        dfs_release(d->obj);
        rc = ENOTDIR;
    }
    if (rc != 0) {
        base_free(d->path);
        base_free(d);
        return rc;
    }
    if (cache) {
        lock(s);
        cache_add(s, d);
        unlock(s);
    }
    *out = d;
    return 0;
}

/* Copies path without doubled and trailing slashes and without the mount's prefix; the root becomes
 * "". */
static int path_clean(struct dfs_sys *s, const char *path, char *out)
{
    size_t n = 0;
    int rc;

    if (path == NULL || path[0] != '/')
        return EINVAL;
    if (strnlen(path, DFS_MAX_PATH) >= DFS_MAX_PATH)
        return ENAMETOOLONG;
    rc = dfs_prefix_strip(s->dfs, &path);
    if (rc != 0)
        return rc;
    for (; *path != '\0'; path++)
        if (*path != '/' || (n > 0 ? out[n - 1] != '/' : true))
            out[n++] = *path;
    while (n > 0 && out[n - 1] == '/')
        n--;
    out[n] = '\0';
    return 0;
}

int sys_at(struct dfs_sys *s, const char *path, struct sys_at *at)
{
    char *slash;
    int rc;

    memset(at, 0, sizeof(*at));
    if (s == NULL)
        return EINVAL;
    at->path = base_alloc(2 * DFS_MAX_PATH);
    if (at->path == NULL)
        return ENOMEM;
    rc = path_clean(s, path, at->path);
    if (rc != 0 || at->path[0] == '\0') /* the root is in no directory: name NULL */
        goto out;
    slash = strrchr(at->path, '/');
    at->name = slash + 1;
    if (strcmp(at->name, ".") == 0 || strcmp(at->name, "..") == 0) {
        rc = ENOTSUP;
        goto out;
    }
    if (strlen(at->name) > DFS_MAX_NAME) {
        rc = ENAMETOOLONG;
        goto out;
    }
    memcpy(at->path + DFS_MAX_PATH, at->path, (size_t)(slash - at->path));
    at->path[DFS_MAX_PATH + (slash - at->path)] = '\0';
    rc = dir_get(s, at->path + DFS_MAX_PATH, &at->dir);
    if (rc == 0)
        at->parent = at->dir->obj;
out:
    if (rc != 0)
        base_free(at->path);
    return rc;
}

void sys_done(struct dfs_sys *s, struct sys_at *at)
{
    if (at->dir != NULL) {
        bool last;

        lock(s);
        last = --at->dir->refs == 0 && !at->dir->cached;
        unlock(s);
        if (last)
            dir_free(at->dir);
    }
    base_free(at->path);
}

/* ---- Mounting ---- */

int dfs_sys_wrap(struct dfs *dfs, int sflags, dfs_sys_t **out)
{
    struct dfs_sys *s = base_calloc(1, sizeof(*s));

    if (s == NULL)
        return ENOMEM;
    s->dfs = dfs;
    s->flags = sflags;
    rt_mutex_init(&s->lock);
    list_init(&s->lru);
    for (size_t i = 0; i < SYS_BUCKETS; i++)
        list_init(&s->buckets[i]);
    *out = s;
    return 0;
}

static int sys_flags_check(int sflags, dfs_sys_t **out)
{
    return out == NULL || (sflags & ~(DFS_SYS_NO_CACHE | DFS_SYS_NO_LOCK)) ? EINVAL : 0;
}

int dfs_sys_mount(daos_handle_t poh, daos_handle_t coh, int mflags, int sflags, dfs_sys_t **dfs_sys)
{
    dfs_t *dfs;
    int rc = sys_flags_check(sflags, dfs_sys);

    if (rc == 0)
        rc = dfs_mount(poh, coh, mflags, &dfs);
    if (rc != 0)
        return rc;
    rc = dfs_sys_wrap(dfs, sflags, dfs_sys);
    if (rc != 0)
        dfs_umount(dfs);
    return rc;
}

int dfs_sys_connect(const char *pool, const char *sys, const char *cont, int mflags, int sflags,
                    dfs_attr_t *attr, dfs_sys_t **dfs_sys)
{
    dfs_t *dfs;
    int rc = sys_flags_check(sflags, dfs_sys);

    if (rc == 0)
        rc = dfs_connect(pool, sys, cont, mflags, attr, &dfs);
    if (rc != 0)
        return rc;
    rc = dfs_sys_wrap(dfs, sflags, dfs_sys);
    if (rc != 0)
        dfs_disconnect(dfs);
    return rc;
}

int dfs_sys_global2local(daos_handle_t poh, daos_handle_t coh, int mflags, int sflags, d_iov_t glob,
                         dfs_sys_t **dfs_sys)
{
    dfs_t *dfs;
    int rc = sys_flags_check(sflags, dfs_sys);

    if (rc == 0)
        rc = dfs_global2local(poh, coh, mflags, glob, &dfs);
    if (rc != 0)
        return rc;
    rc = dfs_sys_wrap(dfs, sflags, dfs_sys);
    if (rc != 0)
        dfs_umount(dfs);
    return rc;
}

int dfs_sys_global2local_all(int mflags, int sflags, d_iov_t glob, dfs_sys_t **dfs_sys)
{
    dfs_t *dfs;
    int rc = sys_flags_check(sflags, dfs_sys);

    if (rc == 0)
        rc = dfs_global2local_all(mflags, glob, &dfs);
    if (rc != 0)
        return rc;
    rc = dfs_sys_wrap(dfs, sflags, dfs_sys);
    if (rc != 0)
        dfs_disconnect(dfs);
    return rc;
}

/* Ends the layer if the mount below can end. */
static int sys_end(dfs_sys_t *s, bool connected)
{
    int rc;

    if (s == NULL || (s->dfs->owner != NULL) != connected)
        return EINVAL;
    if (dfs_borrowed(s->dfs))
        return EBUSY;
    sys_forget_all(s);
    rc = connected ? dfs_disconnect(s->dfs) : dfs_umount(s->dfs);
    if (rc == 0)
        base_free(s);
    return rc;
}

int dfs_sys_umount(dfs_sys_t *dfs_sys)
{
    return sys_end(dfs_sys, false);
}

int dfs_sys_disconnect(dfs_sys_t *dfs_sys)
{
    return sys_end(dfs_sys, true);
}

int dfs_sys_local2global(dfs_sys_t *dfs_sys, d_iov_t *glob)
{
    return dfs_sys == NULL ? EINVAL : dfs_local2global(dfs_sys->dfs, glob);
}

int dfs_sys_local2global_all(dfs_sys_t *dfs_sys, d_iov_t *glob)
{
    return dfs_sys == NULL ? EINVAL : dfs_local2global_all(dfs_sys->dfs, glob);
}

int dfs_sys_set_prefix(dfs_sys_t *dfs_sys, const char *prefix)
{
    return dfs_sys == NULL ? EINVAL : dfs_set_prefix(dfs_sys->dfs, prefix);
}

int dfs_sys2base(dfs_sys_t *dfs_sys, dfs_t **dfs)
{
    if (dfs_sys == NULL || dfs == NULL)
        return EINVAL;
    *dfs = dfs_sys->dfs;
    return 0;
}
