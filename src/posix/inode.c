/* The table of inodes, their places, and what is known about one. */
#include "posix/dfuse.h"

uint64_t dfuse_st_ino(daos_obj_id_t oid)
{
    /* lo numbers an allocator's block, the low half of hi the object in it: mixed so that both
     * count */
    uint64_t x =
        oid.lo * 0x9e3779b97f4a7c15ull ^ (uint64_t)(uint32_t)oid.hi * 0xff51afd7ed558ccdull;

    x ^= x >> 32;
    return x <= FUSE_ROOT_ID ? x + 2 : x;
}

uint64_t dfuse_st_ino_of(struct dfuse *d, const struct inode *i)
{
    return i == &d->root ? FUSE_ROOT_ID : dfuse_st_ino(i->oid);
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

/* ---- Places ---- */

struct place *dfuse_place_new(dfs_obj_t *obj)
{
    struct place *place = calloc(1, sizeof(*place));

    if (place == NULL) {
        dfs_release(obj);
        return NULL;
    }
    place->obj = obj;
    place->refs = 1;
    return place;
}

struct place *dfuse_place_get(struct dfuse *d, struct inode *i)
{
    struct place *place;

    pthread_mutex_lock(&d->lock);
    place = i->place;
    place->refs++;
    pthread_mutex_unlock(&d->lock);
    return place;
}

void dfuse_place_put(struct dfuse *d, struct place *place)
{
    bool last;

    pthread_mutex_lock(&d->lock);
    last = --place->refs == 0;
    pthread_mutex_unlock(&d->lock);
    if (!last)
        return;
    dfs_release(place->obj);
    free(place);
}

uint64_t dfuse_moves(struct dfuse *d)
{
    uint64_t moves;

    pthread_mutex_lock(&d->lock);
    moves = d->moves;
    pthread_mutex_unlock(&d->lock);
    return moves;
}

/* ---- The table ---- */

struct inode *dfuse_inode_get(struct dfuse *d, dfs_obj_t *obj, const struct stat *st,
                              uint64_t moves)
{
    struct inode *i, *fresh = calloc(1, sizeof(*fresh));
    struct place *spare = dfuse_place_new(obj);
    daos_obj_id_t oid;
    size_t b;

    if (fresh == NULL || spare == NULL) {
        if (spare != NULL)
            dfuse_place_put(d, spare);
        free(fresh);
        return NULL;
    }
    dfs_obj2id(obj, &oid);
    b = bucket_of(oid);
    pthread_mutex_lock(&d->lock);
    i = dfuse_inode_find(d, oid);
    if (i == NULL) {
        i = fresh;
        fresh = NULL;
        i->oid = oid;
        i->place = spare;
        spare = NULL;
        i->next = d->bucket[b];
        d->bucket[b] = i;
        d->inodes++;
    } else if (i->moved <= moves && i->busy == 0) {
        /* found under this name now, whatever it was called before; not if a rename knows better */
        struct place *old = i->place;

        i->place = spare;
        spare = old;
    }
    i->mode = st->st_mode;
    i->gid = st->st_gid;
    i->nlookup++;
    pthread_mutex_unlock(&d->lock);
    free(fresh);
    if (spare != NULL)
        dfuse_place_put(d, spare);
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

/* Nobody holds it: data that was kept for those who did goes. */
static void inode_free(struct dfuse *d, struct inode *i)
{
    if (i->unlinked && !i->dead)
        dfs_drop(d->dfs, i->oid);
    dfuse_place_put(d, i->place);
    free(i);
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
    if (gone)
        inode_free(d, i);
}

void dfuse_inodes_free(struct dfuse *d)
{
    for (size_t b = 0; b < DFUSE_BUCKETS; b++)
        while (d->bucket[b] != NULL) {
            struct inode *i = d->bucket[b];

            d->bucket[b] = i->next;
            inode_free(d, i);
        }
}

/* ---- What is known about one ---- */

/* After ENOENT at a place of `moved` moves: waits for who is changing the name. May it be there
 * now? */
static bool settle(struct dfuse *d, struct inode *i, uint64_t moved)
{
    bool again;

    pthread_mutex_lock(&d->lock);
    while (i->busy > 0)
        pthread_cond_wait(&d->settled, &d->lock);
    again = i->moved != moved && !i->unlinked;
    pthread_mutex_unlock(&d->lock);
    return again;
}

int dfuse_by_name(struct dfuse *d, struct inode *i,
                  int (*op)(struct dfuse *d, dfs_obj_t *obj, void *arg), void *arg)
{
    for (;;) {
        struct place *place;
        uint64_t moved;
        int rc;

        pthread_mutex_lock(&d->lock);
        place = i->place;
        place->refs++;
        moved = i->moved;
        pthread_mutex_unlock(&d->lock);
        rc = op(d, place->obj, arg);
        dfuse_place_put(d, place);
        if (rc != ENOENT)
            return rc;
        if (!settle(d, i, moved))
            return ESTALE;
    }
}

static int stat_op(struct dfuse *d, dfs_obj_t *obj, void *arg)
{
    return dfs_ostat(d->dfs, obj, arg);
}

/* What is remembered of a file without a name; its size is asked for. False: it has a name. */
static bool stat_unlinked(struct dfuse *d, struct inode *i, struct stat *st, int *rc)
{
    struct place *place;
    daos_size_t size;
    bool sized;

    pthread_mutex_lock(&d->lock);
    if (!i->unlinked) {
        pthread_mutex_unlock(&d->lock);
        return false;
    }
    *st = i->st;
    if (i->st.st_mode ==
        0) { /* nobody had it open: nothing is remembered, and the kernel looks again */
        pthread_mutex_unlock(&d->lock);
        *rc = ESTALE;
        return true;
    }
    sized = !i->dead && S_ISREG(i->mode);
    place = i->place;
    place->refs++;
    pthread_mutex_unlock(&d->lock);
    st->st_nlink = 0;
    *rc = sized ? dfs_get_size(d->dfs, place->obj, &size) : 0;
    if (sized && *rc == 0) {
        st->st_size = (off_t)size;
        st->st_blocks = (blkcnt_t)((size + 511) / 512);
    }
    dfuse_place_put(d, place);
    return true;
}

int dfuse_stat(struct dfuse *d, struct inode *i, struct stat *st)
{
    int rc;

    if (stat_unlinked(d, i, st, &rc))
        return rc;
    rc = dfuse_by_name(d, i, stat_op, st);
    if (rc == ESTALE && stat_unlinked(d, i, st, &rc)) /* lost its name just now */
        return rc;
    if (rc != 0)
        return rc;
    st->st_ino = dfuse_st_ino_of(d, i);
    pthread_mutex_lock(&d->lock);
    i->mode = st->st_mode;
    i->gid = st->st_gid;
    pthread_mutex_unlock(&d->lock);
    return 0;
}

double dfuse_dentry_time(const struct dfuse *d, mode_t mode)
{
    return S_ISDIR(mode) ? d->conf.dentry_dir_s : d->conf.dentry_s;
}
