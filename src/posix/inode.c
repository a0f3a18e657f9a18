#include "posix/dfuse.h"

uint64_t dfuse_st_ino(daos_obj_id_t oid)
{
    /* lo numbers an allocator's block, the low half of hi the object in it: mixed so that both count */
    uint64_t x = oid.lo * 0x9e3779b97f4a7c15ull ^ (uint64_t)(uint32_t)oid.hi * 0xff51afd7ed558ccdull;

    x ^= x >> 32;
    return x <= FUSE_ROOT_ID ? x + 2 : x;
}

static size_t bucket_of(daos_obj_id_t oid)
{
    return (size_t)(dfuse_st_ino(oid) % DFUSE_BUCKETS);
}

struct inode *dfuse_inode(struct dfuse *d, fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? &d->root : (struct inode *)(uintptr_t)ino;
}

fuse_ino_t dfuse_ino(struct dfuse *d, const struct inode *i)
{
    return i == &d->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)i;
}

struct inode *dfuse_inode_find(struct dfuse *d, daos_obj_id_t oid)
{
    struct inode *i;

    for (i = d->bucket[bucket_of(oid)]; i != NULL; i = i->next)
        if (i->oid.lo == oid.lo && i->oid.hi == oid.hi)
            return i;
    return NULL;
}

struct inode *dfuse_inode_get(struct dfuse *d, dfs_obj_t *obj, const struct stat *st)
{
    struct inode *i, *fresh = calloc(1, sizeof(*fresh));
    dfs_obj_t *drop = obj;
    daos_obj_id_t oid;
    size_t b;

    dfs_obj2id(obj, &oid);
    b = bucket_of(oid);
    if (fresh == NULL) {
        dfs_release(obj);
        return NULL;
    }
    pthread_mutex_lock(&d->lock);
    i = dfuse_inode_find(d, oid);
    if (i == NULL) {
        i = fresh;
        fresh = NULL;
        i->oid = oid;
        i->mode = st->st_mode;
        i->obj = obj;
        drop = NULL;
        i->next = d->bucket[b];
        d->bucket[b] = i;
        d->inodes++;
    } else {
        /* found under this name now, whatever it was called before */
        dfs_update_parent(i->obj, obj, NULL);
    }
    i->nlookup++;
    pthread_mutex_unlock(&d->lock);
    free(fresh);
    if (drop != NULL)
        dfs_release(drop);
    return i;
}

/* Out of the table; the caller frees it without the lock. */
static void unhash(struct dfuse *d, struct inode *i)
{
    struct inode **p = &d->bucket[bucket_of(i->oid)];

    while (*p != i)
        p = &(*p)->next;
    *p = i->next;
    d->inodes--;
}

void dfuse_inode_forget(struct dfuse *d, struct inode *i, uint64_t nlookup)
{
    bool gone = false;

    if (i == &d->root)
        return;
    pthread_mutex_lock(&d->lock);
    ASSERT(i->nlookup >= nlookup);
    i->nlookup -= nlookup;
    if (i->nlookup == 0) {
        unhash(d, i);
        gone = true;
    }
    pthread_mutex_unlock(&d->lock);
    if (!gone)
        return;
    dfs_release(i->obj);
    free(i);
}

void dfuse_inodes_free(struct dfuse *d)
{
    for (size_t b = 0; b < DFUSE_BUCKETS; b++)
        while (d->bucket[b] != NULL) {
            struct inode *i = d->bucket[b];

            d->bucket[b] = i->next;
            /* still open and without a name: nobody can reach it after us */
            if (i->unlinked && !i->dead)
                dfs_drop(d->dfs, i->oid);
            dfs_release(i->obj);
            free(i);
        }
}

int dfuse_stat(struct dfuse *d, struct inode *i, struct stat *st)
{
    daos_size_t size;
    int rc;

    if (!i->unlinked) {
        rc = dfs_ostat(d->dfs, i->obj, st);
        if (rc == 0)
            st->st_ino = i == &d->root ? FUSE_ROOT_ID : dfuse_st_ino(i->oid);
        return rc;
    }
    *st = i->st;
    st->st_nlink = 0;
    if (i->dead || !S_ISREG(i->mode))
        return 0;
    rc = dfs_get_size(d->dfs, i->obj, &size);
    st->st_size = (off_t)size;
    st->st_blocks = (blkcnt_t)((size + 511) / 512);
    return rc;
}

double dfuse_dentry_time(const struct dfuse *d, mode_t mode)
{
    return S_ISDIR(mode) ? d->conf.dentry_dir_s : d->conf.dentry_s;
}
