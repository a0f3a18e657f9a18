/* Reading directories. A directory's names are the dkeys of its object; positions are anchors. */
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

#define DIR_BATCH 256u /* names asked for at once */

/* Room for one batch of names as daos_obj_list_dkey() packs them. */
struct batch {
    daos_key_desc_t kds[DIR_BATCH];
    char buf[DIR_BATCH * (DFS_MAX_NAME + 1)];
    uint32_t nr;
};

static int dir_check(struct dfs *dfs, struct dfs_obj *obj)
{
    if (dfs == NULL || obj == NULL)
        return EINVAL;
    return S_ISDIR(obj->mode) ? 0 : ENOTDIR;
}

static int list_batch(struct dfs *dfs, struct dfs_obj *obj, daos_anchor_t *anchor, uint32_t max,
                      struct batch *b)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    b->nr = MIN(max, DIR_BATCH);
    d_iov_set(&iov, b->buf, (size_t)b->nr * (DFS_MAX_NAME + 1));
    rc = daos_obj_list_dkey(obj->oh, dfs->th, &b->nr, b->kds, &sgl, anchor, NULL);
    return dfs_errno(rc);
}

static void dirent_set(struct dirent *d, const char *name, size_t len)
{
    memset(d, 0, offsetof(struct dirent, d_name));
    len = MIN(len, sizeof(d->d_name) - 1);
    memcpy(d->d_name, name, len);
    d->d_name[len] = '\0';
    d->d_type = DT_UNKNOWN;
    d->d_reclen = sizeof(*d);
}

static unsigned char type_of(mode_t mode)
{
    return S_ISDIR(mode) ? DT_DIR : S_ISLNK(mode) ? DT_LNK : S_ISREG(mode) ? DT_REG : DT_UNKNOWN;
}

/* What names [from, from + nr) of the batch say, which begin at p; the directory's own "." is left
 * out, and entries that vanished since they were listed. */
static int entries_out(struct dfs *dfs, struct dfs_obj *obj, const struct batch *b, uint32_t from,
                       uint32_t nr, const char *p, struct dirent *dirs, struct stat *stbufs,
                       struct dfs_more *more, uint32_t *n)
{
    struct dfs_entry e[DFS_ENTRIES_MAX];
    daos_key_t names[DFS_ENTRIES_MAX];
    uint32_t k = 0;
    int rc;

    for (uint32_t i = 0; i < nr; p += b->kds[from + i].kd_key_len, i++)
        if (!dfs_dot_is(p, b->kds[from + i].kd_key_len))
            d_iov_set(&names[k++], (void *)p, b->kds[from + i].kd_key_len);
    rc = k > 0 ? dfs_entries_fetch(dfs, obj->oid, k, names, e) : 0;
    for (uint32_t i = 0; i < k && rc == 0; i++) {
        struct dirent *d = &dirs[*n];

        if (e[i].mode == 0)
            continue;
        dirent_set(d, names[i].iov_buf, names[i].iov_len);
        rc = dfs_entry_stat_name(dfs, obj->oid, d->d_name, &e[i], &stbufs[*n]);
        if (rc == ENOENT) {
            rc = 0;
            continue;
        }
        d->d_type = type_of(e[i].mode);
        if (more != NULL)
            more[*n] = dfs_entry_more(&e[i]);
        (*n)++;
    }
    return rc;
}

/* Appends a batch to dirs, the directory's own "." left out. */
static int batch_out(struct dfs *dfs, struct dfs_obj *obj, const struct batch *b,
                     struct dirent *dirs, struct stat *stbufs, struct dfs_more *more, uint32_t *n)
{
    const char *p = b->buf;
    int rc = 0;

    for (uint32_t i = 0, nr; i < b->nr && rc == 0; i += nr) {
        nr = stbufs != NULL ? MIN(b->nr - i, DFS_ENTRIES_MAX) : 1;
        if (stbufs != NULL)
            rc = entries_out(dfs, obj, b, i, nr, p, dirs, stbufs, more, n);
        else if (!dfs_dot_is(p, b->kds[i].kd_key_len))
            dirent_set(&dirs[(*n)++], p, b->kds[i].kd_key_len);
        for (uint32_t k = 0; k < nr; k++)
            p += b->kds[i + k].kd_key_len;
    }
    return rc;
}

int dfs_readdir_more(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                     struct dirent *dirs, struct stat *stbufs, struct dfs_more *more)
{
    struct batch *b;
    uint32_t n = 0;
    int rc = dir_check(dfs, obj);

    if (rc != 0)
        return rc;
    if (anchor == NULL || nr == NULL || dirs == NULL || *nr == 0)
        return EINVAL;
    b = base_alloc(sizeof(*b));
    if (b == NULL)
        return ENOMEM;
    while (rc == 0 && n < *nr && !daos_anchor_is_eof(anchor)) {
        rc = list_batch(dfs, obj, anchor, *nr - n, b);
        if (rc == 0)
            rc = batch_out(dfs, obj, b, dirs, stbufs, more, &n);
    }
    base_free(b);
    if (MUTANT(DFS_READDIR_PAGE) && n > 1 && n == *nr)
        n--;
    if (rc == 0)
        *nr = n;
    return rc;
}

int dfs_readdirplus(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                    struct dirent *dirs, struct stat *stbufs)
{
    return dfs_readdir_more(dfs, obj, anchor, nr, dirs, stbufs, NULL);
}

int dfs_readdir(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr,
                struct dirent *dirs)
{
    return dfs_readdirplus(dfs, obj, anchor, nr, dirs, NULL);
}

int dfs_iterate(dfs_t *dfs, dfs_obj_t *obj, daos_anchor_t *anchor, uint32_t *nr, size_t size,
                dfs_filler_cb_t op, void *arg)
{
    struct batch *b;
    uint32_t n = 0;
    int rc = dir_check(dfs, obj);

    if (rc != 0)
        return rc;
    if (anchor == NULL || nr == NULL || *nr == 0 || size == 0)
        return EINVAL;
    b = base_alloc(sizeof(*b));
    if (b == NULL)
        return ENOMEM;
    while (rc == 0 && n < *nr && !daos_anchor_is_eof(anchor)) {
        const char *p = b->buf;

        rc = list_batch(dfs, obj, anchor, *nr - n, b);
        for (uint32_t i = 0; rc == 0 && i < b->nr; p += b->kds[i].kd_key_len, i++) {
            char name[DFS_MAX_NAME + 1];
            size_t len = MIN(b->kds[i].kd_key_len, (daos_size_t)DFS_MAX_NAME);

            if (dfs_dot_is(p, len))
                continue;
            memcpy(name, p, len);
            name[len] = '\0';
            if (op != NULL)
                rc = op(dfs, obj, name, arg);
            n++;
        }
    }
    base_free(b);
    *nr = n;
    return rc;
}

int dfs_dir_anchor_set(dfs_obj_t *obj, const char *name, daos_anchor_t *anchor)
{
    daos_key_t dkey;
    size_t len;
    int rc;

    if (obj == NULL || anchor == NULL)
        return EINVAL;
    if (!S_ISDIR(obj->mode))
        return ENOTDIR;
    rc = dfs_name_check(name, &len);
    if (rc != 0)
        return rc;
    d_iov_set(&dkey, (void *)name, len);
    return dfs_errno(daos_obj_key2anchor(obj->oh, obj->dfs->th, &dkey, NULL, anchor, NULL));
}

int dfs_obj_anchor_split(dfs_obj_t *obj, uint32_t *nr, daos_anchor_t *anchors)
{
    if (obj == NULL || nr == NULL || !S_ISDIR(obj->mode))
        return obj != NULL && nr != NULL ? ENOTDIR : EINVAL;
    return dfs_errno(daos_obj_anchor_split(obj->oh, nr, anchors));
}

int dfs_obj_anchor_set(dfs_obj_t *obj, uint32_t index, daos_anchor_t *anchor)
{
    if (obj == NULL || anchor == NULL || !S_ISDIR(obj->mode))
        return obj != NULL && anchor != NULL ? ENOTDIR : EINVAL;
    return dfs_errno(daos_obj_anchor_set(obj->oh, index, anchor));
}
